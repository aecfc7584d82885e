//! Blocks that the running slot lost are fetched, and nothing else is fetched for their sake.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use pattern::delta::index::Index;
use pattern::delta::patch::{self, Patch};
use pattern_vm_tests::{Asked, Fetcher, Server, Slots};

use crate::release;

/// A block that the new version has as it is, and that no other block of the old one could replace.
struct Kept {
    old: u64,
    /// The group that has it, and where that lies.
    group: usize,
    place: Range<u64>,
}

/// Finds such blocks, far from each other. No patch was packed with them.
fn kept(slots: &Slots) -> Vec<Kept> {
    let read = |name: &str| fs::read(release("delta").join(name)).unwrap();
    let index = Index::parse(&read("demo_0.0.2.usr.index")).unwrap();
    let name = patch::name(&slots.new.base, &slots.old.base, patch::INDEX);
    let table = Patch::parse(&read(&name)).unwrap().usr.unwrap();
    let [old, new] = [&slots.old, &slots.new].map(|version| fs::read(&version.usr).unwrap());
    let count = |bytes: &[u8]| {
        let mut count: BTreeMap<[u8; 4096], u32> = BTreeMap::new();
        bytes.as_chunks().0.iter().for_each(|block| *count.entry(*block).or_default() += 1);
        count
    };
    let (in_old, in_new) = (count(&old), count(&new));
    let is_material =
        |block: u32| table.segments.iter().flat_map(|one| &one.old).any(|old| old.contains(&block));
    let candidates = table.copied.iter().filter_map(|copied| {
        let block = copied.old + copied.count / 2;
        let bytes = old.as_chunks::<4096>().0[block as usize];
        let is_alone = in_old[&bytes] == 1 && in_new.get(&bytes) == Some(&1);
        let group = index.group_of((copied.new + copied.count / 2) as usize).0;
        let place = &index.groups[group].place;
        (is_alone && !is_material(block)).then(|| Kept { old: block.into(), group, place: place.clone() })
    });
    let mut found: Vec<Kept> = candidates.collect();
    found.dedup_by_key(|kept| kept.group);
    let far = found.len() / 5;
    found.into_iter().step_by(far.max(1)).collect()
}

/// Updates, and returns the bytes of the packed blocks that came.
fn blocks_of(asked: &[Asked]) -> u64 {
    asked.iter().filter(|asked| asked.path.ends_with(".usr.blocks")).map(Asked::bytes).sum()
}

/// Counts what `/usr` takes, with these blocks damaged.
fn fetched(server: &Server, slots: &Slots, by_patch: bool) -> Vec<Asked> {
    let order = if by_patch { slots.order(&server.url()) } else { slots.order_without_patch(&server.url()) };
    let fetcher = Fetcher::start(&order);
    assert_eq!(fetcher.ready().patched, by_patch, "{}", fetcher.said());
    fetcher.makes_the_new_version(slots);
    server.asked()
}

#[test]
fn exactly_the_damaged_blocks_are_fetched_more() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("damage"));
    let kept = kept(&slots);
    assert!(kept.len() > 3, "{}", kept.len());
    let before = [false, true].map(|by_patch| fetched(&server, &slots, by_patch));
    for block in &kept {
        slots.usr.write_all_at(&[0x5a; 4096], block.old * 4096).unwrap();
    }
    let [by_blocks, by_patch] = [false, true].map(|by_patch| fetched(&server, &slots, by_patch));
    let more: u64 = kept.iter().map(|kept| kept.place.end - kept.place.start).sum();
    println!("{} blocks of the running slot are damaged: {more} bytes more", kept.len());
    // By blocks, a group may be fetched for another block already.
    let is_there = |kept: &&Kept| {
        let mut places = before[0].iter().filter(|asked| asked.path.ends_with(".usr.blocks"));
        places.any(|asked| asked.place().is_some_and(|place| place.contains(&kept.place.start)))
    };
    let there: u64 = kept.iter().filter(is_there).map(|kept| kept.place.end - kept.place.start).sum();
    assert!(there < more);
    assert_eq!(blocks_of(&by_blocks), blocks_of(&before[0]) + more - there);
    // With a patch nothing else of the packed blocks is needed, but for the tree, which the old blocks do not make any more.
    assert_eq!(blocks_of(&before[1]), 0);
    let tree = Index::parse(&fs::read(release("delta").join("demo_0.0.2.usr.index")).unwrap()).unwrap().tree;
    assert_eq!(blocks_of(&by_patch), more + tree.last().unwrap().place.end);
}

/// Wherever the damage is, the new version is whole.
#[test]
fn damage_at_any_place_is_repaired() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("damage-anywhere"));
    for at in [0, 5 << 20, 40 << 20, 100 << 20] {
        slots.usr.write_all_at(&[0x5a; 9000], at).unwrap();
    }
    Fetcher::start(&slots.order(&server.url())).makes_the_new_version(&slots);
    Fetcher::start(&slots.order_without_patch(&server.url())).makes_the_new_version(&slots);
}
