//! pattern-fetch makes a version of what a machine has and of what a server sends, on real releases: no machine is needed.
//! `make vm` builds them. Whatever the server or the disk does wrong, each block is right or none is passed on.

mod damage;
mod earlier;
mod proxy;
mod resume;

use std::fs;
use std::path::{Path, PathBuf};

use pattern_vm_tests::{Fetcher, Release, Server, Slots};

/// Percent of the whole that an update of the demo may fetch by a patch, and by blocks.
const MOST: [u64; 2] = [6, 12];

/// Where a release is that nobody changes.
fn release(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/releases").join(name);
    assert!(folder.is_dir(), "{} is missing: `make build/releases/{name}` makes it", folder.display());
    folder
}

fn server(name: &str) -> (Release, Server) {
    let release = Release::copy("delta", name);
    let server = Server::start(release.path());
    (release, server)
}

#[test]
fn a_patch_and_the_running_version_make_the_new_one() {
    let (_release, server) = server("fetch-patch");
    let slots = Slots::new("patch");
    let mut fetcher = Fetcher::start(&slots.order(&server.url()));
    let ready = fetcher.ready();
    println!("{ready}; the new /usr and kernel image have {} bytes", slots.new.whole());
    assert!(ready.patched && !ready.whole_kernel && ready.requests <= 300, "{ready:?}");
    assert!((ready.fetched + ready.left) * 100 <= slots.new.whole() * MOST[0], "{ready:?}");
    fetcher.makes_the_new_version(&slots);
    let asked = server.requests();
    assert!(asked.len() as u64 <= ready.requests, "{} requests, {ready:?}", asked.len());
    assert!(!asked.iter().any(|path| path.ends_with(".raw") || path.ends_with(".efi")), "{asked:?}");
    assert!(fetcher.peak_kib() < 64 << 10, "{} KiB of memory", fetcher.peak_kib());
    assert!(ready.running > ready.usr / 2 && ready.target == 0, "{ready:?}");
    assert_eq!(fetcher.end(), ready.bytes());
}

#[test]
fn without_a_patch_blocks_are_fetched() {
    let (_release, server) = server("fetch-blocks");
    let slots = Slots::new("blocks");
    // The list has no patch from this version.
    let fetcher = Fetcher::start(&slots.order_without_patch(&server.url()));
    let ready = fetcher.ready();
    println!("{ready}");
    assert!(!ready.patched && ready.whole_kernel && ready.requests <= 300, "{ready:?}");
    assert!((ready.fetched + ready.left) * 100 <= slots.new.whole() * MOST[1], "{ready:?}");
    fetcher.makes_the_new_version(&slots);
}

#[test]
fn a_server_that_lies_is_refused_before_anything_is_passed_on() {
    let (_release, server) = server("fetch-lie");
    let slots = Slots::new("lie");
    let fetcher = Fetcher::start(&slots.order_without_patch(&server.url()));
    // All that is fetched of the file now has another byte.
    server.lie(".usr.blocks");
    let got = fetcher.get(&fetcher.names().usr);
    let new = fs::read(&slots.new.usr).unwrap();
    assert!(got.len() < new.len() && new.starts_with(&got), "{} bytes", got.len());
    let said = fetcher.said();
    assert!(said.contains(" was refused, and not written: demo_0.0.2.usr.blocks: "), "{said}");
    assert!(said.contains("pattern: block "), "{said}");
}

/// Listed, and not uploaded, or not whole: what is wrong with a patch costs bytes, and not the update.
#[test]
fn a_patch_that_is_of_no_use_is_replaced_by_blocks() {
    let (release, server) = server("fetch-useless");
    let slots = Slots::new("useless");
    let (pieces, index) = (release.path().join("demo_0.0.2_0.0.1.patch"), "demo_0.0.2_0.0.1.patch.index");
    let good = fs::read(&pieces).unwrap();
    let damaged: Vec<u8> = good.iter().map(|byte| byte ^ 1).collect();
    fs::write(&pieces, &damaged).unwrap();
    let fetcher = Fetcher::start(&slots.order(&server.url()));
    assert!(!fetcher.ready().patched, "{}", fetcher.ready());
    // The kernel image has a table of its own, and takes from the server what its pieces do not make.
    assert!(!fetcher.ready().whole_kernel);
    fetcher.makes_the_new_version(&slots);
    assert!(fetcher.said().contains("pattern: the patch is not used: "), "{}", fetcher.said());
    drop(fetcher);

    // It breaks after it was begun with.
    fs::write(&pieces, &good).unwrap();
    let fetcher = Fetcher::start(&slots.order(&server.url()));
    assert!(fetcher.ready().patched);
    fs::write(&pieces, &damaged).unwrap();
    fetcher.makes_the_new_version(&slots);
    drop(fetcher);

    for name in ["demo_0.0.2_0.0.1.patch", index] {
        fs::remove_file(release.path().join(name)).unwrap();
        let fetcher = Fetcher::start(&slots.order(&server.url()));
        assert!(!fetcher.ready().patched, "{name}");
        fetcher.makes_the_new_version(&slots);
    }
}

#[test]
fn redirects_are_followed() {
    let (_release, there) = server("fetch-redirect");
    let here = Server::start(Path::new("/nonexistent"));
    here.redirect(&format!("http://127.0.0.1:{}", there.port()));
    let slots = Slots::new("redirect");
    let fetcher = Fetcher::start(&slots.order(&here.url()));
    assert!(fetcher.ready().patched);
    fetcher.makes_the_new_version(&slots);
}

#[test]
fn what_can_not_be_done_in_parts_is_fetched_as_a_whole_and_said() {
    let (release, server) = server("fetch-whole");
    let slots = Slots::new("whole");
    let mut unknown = slots.order(&server.url());
    unknown.new = "demo_9".to_owned();
    let why = |order| Fetcher::start(order).why_whole();
    assert!(why(&unknown).starts_with("the server has no demo_9"), "{}", why(&unknown));
    let mut stranger = slots.order(&server.url());
    stranger.keyrings = vec!["/dev/null".into()];
    assert!(why(&stranger).contains("the image has no keyring"), "{}", why(&stranger));
    server.without_ranges();
    let order = slots.order(&server.url());
    assert!(why(&order).ends_with("the server has no ranges"), "{}", why(&order));
    // As systemd-pull refuses them: an image knows whom it trusts, and until when.
    for sign in [Release::sign_with_another_key, Release::sign_expired] {
        release.replace("delta");
        sign(&release);
        assert!(why(&order).contains("verifying SHA256SUMS: gpg refuses the signature"), "{}", why(&order));
    }
    release.replace("delta");
    release.damage("SHA256SUMS.gpg");
    assert!(why(&order).contains("gpg refuses the signature"), "{}", why(&order));
    release.unsign();
    assert!(why(&order).contains("SHA256SUMS.gpg: the server says 404"), "{}", why(&order));
}
