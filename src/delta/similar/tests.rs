use super::*;

/// Blocks of numbers that do not repeat, from a start.
fn noise(start: u64, bytes: usize) -> Vec<u8> {
    let mut state = start;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[6]
    };
    (0..bytes).map(|_| next()).collect()
}

fn similar(old: &[u8]) -> Similar {
    let mut similar = Similar::default();
    old.chunks(BLOCK).for_each(|block| similar.add(block));
    similar
}

#[test]
fn content_that_moved_is_found() {
    let old = noise(1, 100 * BLOCK);
    // Blocks 40 to 43, 1000 bytes further on.
    let moved = &old[40 * BLOCK + 1000..43 * BLOCK + 1000];
    let found = similar(&old).to(moved, 4);
    assert_eq!(found, [40..44]);
    assert_eq!(similar(&old).to(moved, 2).iter().map(ExactSizeIterator::len).sum::<usize>(), 2);
}

#[test]
fn content_that_is_new_has_no_older_material() {
    let old = noise(1, 100 * BLOCK);
    assert!(similar(&old).to(&noise(2, 4 * BLOCK), 50).is_empty());
    assert!(similar(&[]).to(&old, 50).is_empty());
}

#[test]
fn the_same_material_is_chosen_each_time() {
    let old = [noise(1, 50 * BLOCK), noise(1, 50 * BLOCK)].concat();
    let new = &old[10 * BLOCK + 5..20 * BLOCK + 5];
    let first = similar(&old).to(new, 3);
    (0..5).for_each(|_| assert_eq!(similar(&old).to(new, 3), first));
}
