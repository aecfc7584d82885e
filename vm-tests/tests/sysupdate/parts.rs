//! A folder with indexes, blocks and patches serves a stock systemd-sysupdate as before, and both ways lead to the same bytes on the
//! disk: the whole files from the server, and what pattern-fetch makes of parts. On a real release, which `make release` makes.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pattern_vm_tests::{Fetcher, Slots, fetcher};

use crate::rig::disk::Left;
use crate::rig::{Rig, ok};

const RUNS: &str = "demo_0.0.1.efi";
const ENTRY: &str = "demo_0.0.2+3-0.efi";

fn release() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/releases/delta");
    assert!(folder.is_dir(), "{} is missing: `make build/releases/delta` makes it", folder.display());
    folder
}

fn left(rig: &Rig, slots: &Slots) -> Left {
    let sizes = [&slots.new.verity, &slots.new.usr].map(|path| path.metadata().unwrap().len());
    rig.left(ENTRY, sizes)
}

/// What is too long to print is only compared.
fn is_the_new_version(left: &Left, slots: &Slots) {
    let read = |path| fs::read(path).unwrap();
    assert_eq!([0, 1].map(|part: usize| &*left.table[part].0), ["verity-0.0.2", "usr-0.0.2"]);
    assert!(left.verity == read(&slots.new.verity), "the hash tree");
    assert!(left.usr == read(&slots.new.usr), "/usr");
    assert!(left.kernel == read(&slots.new.kernel), "the kernel image");
}

#[test]
fn the_same_folder_serves_stock_machines_and_both_ways_end_with_the_same_bytes() {
    let (stock, parts, slots) = (Rig::real(&release()), Rig::real(&release()), Slots::new("stock"));
    assert_eq!(stock.newest().as_deref(), Some("0.0.2"));
    ok(&stock.sysupdate(&["update", "0.0.2"]));
    let asked = stock.requests();
    assert!(!asked.iter().any(|path| path.contains(".usr.") && !path.contains(".usr.raw")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains(".patch")), "{asked:?}");

    let fetcher = Fetcher::start(&slots.order(&parts.server().url()));
    parts.define_loopback(fetcher.ready().port);
    assert_eq!(parts.newest().as_deref(), Some("0.0.2"));
    ok(&parts.sysupdate(&["update", "0.0.2"]));
    let asked = parts.requests();
    assert!(!asked.iter().any(|path| path.ends_with(".raw") || path.ends_with(".efi")), "{asked:?}");

    let [one, other] = [&stock, &parts].map(|rig| left(rig, &slots));
    is_the_new_version(&one, &slots);
    assert_eq!(one.table, other.table);
    assert!(one == other, "{}", fetcher.said());
    for rig in [&stock, &parts] {
        assert_eq!(rig.files(), [RUNS, ENTRY]);
    }
}

#[test]
fn a_cut_leaves_nothing_that_starts_and_the_next_update_goes_on_from_the_slot() {
    let (rig, slots) = (Rig::real(&release()), Slots::new("stock-cut"));
    let order = slots.order_without_patch(&rig.server().url());
    let fetcher = Fetcher::start(&order);
    let (all, process) = (fetcher.ready().left, fetcher.process());
    rig.define_loopback(fetcher.ready().port);
    // In the middle of the blocks.
    let stopped = rig.server().stop_after(100);
    let killer = thread::spawn(move || {
        stopped.recv_timeout(Duration::from_secs(120)).expect("the request");
        fetcher::kill(process);
    });
    assert!(!rig.sysupdate(&["update", "0.0.2"]).status.success());
    killer.join().unwrap();
    drop(fetcher);
    let cut = left(&rig, &slots);
    assert_eq!((rig.files(), cut.kernel), (vec![RUNS.to_owned()], vec![]));
    assert!(!cut.table.iter().any(|(name, _)| name == "usr-0.0.2"), "{:?}", cut.table);

    // pattern-fetch reads the partition, here a copy of it.
    slots.target.write_all_at(&cut.usr, 0).unwrap();
    let again = Fetcher::start(&order);
    println!("{all} bytes of /usr were to be fetched, after the cut {}", again.ready().left);
    assert!(again.ready().left < all * 9 / 10, "{} of {all}", again.ready().left);
    rig.define_loopback(again.ready().port);
    ok(&rig.sysupdate(&["update", "0.0.2"]));
    is_the_new_version(&left(&rig, &slots), &slots);
    assert_eq!(rig.files(), [RUNS, ENTRY]);
}
