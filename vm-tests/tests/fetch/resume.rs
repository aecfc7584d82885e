//! An update goes on after a cut at any of its requests: the connection breaks off, or the machine loses its power. The slot ends
//! with the same bytes, and what was written before the cut is not fetched again. The server counts.

use std::fs;
use std::ops::Range;
use std::process::Command;
use std::thread;
use std::time::Duration;

use pattern::delta::index::Index;
use pattern::delta::order::Order;
use pattern::delta::patch::{self, Patch};
use pattern_vm_tests::{Asked, Fetcher, Server, Slots, fetcher};

use crate::release;

/// A request comes within this time, on a busy host, too.
const PATIENCE: Duration = Duration::from_secs(120);

/// A group, a segment or another piece of a file of the server.
struct Piece {
    place: Range<u64>,
    /// So many bytes of `/usr` have all that is made of it.
    end: u64,
}

impl Piece {
    /// One that a slot of `/usr` never spares: hashes, or a part of the kernel image.
    fn of_others(piece: pattern::delta::piece::Piece) -> Self {
        Self { place: piece.place, end: u64::MAX }
    }
}

/// An update of which every request is known.
struct Update<'a> {
    server: &'a Server,
    slots: &'a Slots,
    order: Order,
    /// What the file of the server is called that has the pieces.
    file: &'static str,
    pieces: Vec<Piece>,
    /// What an update fetches that is not cut.
    asked: Vec<Asked>,
}

impl<'a> Update<'a> {
    fn by_patch(server: &'a Server, slots: &'a Slots) -> Self {
        let name = patch::name(&slots.new.base, &slots.old.base, patch::INDEX);
        let patch = Patch::parse(&fs::read(release("delta").join(name)).unwrap()).unwrap();
        let (usr, kernel) = (patch.usr.unwrap(), patch.kernel.unwrap());
        let segments = usr.segments.into_iter().map(|segment| {
            let end = segment.new.iter().map(|range| range.end).max().unwrap();
            Piece { place: segment.piece.place, end: u64::from(end) * 4096 }
        });
        let others = usr.hashes.into_iter().chain(kernel.segments.into_iter().map(|segment| segment.piece));
        let pieces = segments.chain(others.map(Piece::of_others));
        Self::new(server, slots, slots.order(&server.url()), ".patch", pieces.collect())
    }

    fn by_blocks(server: &'a Server, slots: &'a Slots) -> Self {
        let index = fs::read(release("delta").join("demo_0.0.2.usr.index")).unwrap();
        let index = Index::parse(&index).unwrap();
        let group = index.per_group as u64 * 4096;
        let groups = (1..).zip(index.groups);
        let groups = groups.map(|(number, piece)| Piece { place: piece.place, end: number * group });
        let pieces = groups.chain(index.tree.into_iter().map(Piece::of_others));
        Self::new(server, slots, slots.order_without_patch(&server.url()), ".usr.blocks", pieces.collect())
    }

    fn new(
        server: &'a Server,
        slots: &'a Slots,
        order: Order,
        file: &'static str,
        pieces: Vec<Piece>,
    ) -> Self {
        Fetcher::start(&order).makes_the_new_version(slots);
        let asked = server.asked();
        Self { server, slots, order, file, pieces, asked }
    }

    /// Kills the program when it has half of the answer to a request, and updates again. Returns the bytes that came before and
    /// after.
    fn killed_after(&self, requests: usize) -> [u64; 2] {
        let stopped = self.server.stop_after(requests as u64);
        let mut first = Fetcher::spawn(Command::new(fetcher::program()), &self.order);
        let process = first.process();
        let killer = thread::spawn(move || {
            stopped.recv_timeout(PATIENCE).expect("the request");
            fetcher::kill(process);
        });
        first.listen();
        let (written, is_whole) = first.install(self.slots);
        killer.join().unwrap();
        drop(first);
        assert!(!is_whole, "nothing was cut at request {requests}");
        let before = self.server.asked();
        assert_eq!(before.len(), requests + 1);
        Fetcher::start(&self.order).makes_the_new_version(self.slots);
        let after = self.server.asked();
        self.is_spared(&after, written);
        [sum(&before), sum(&after)]
    }

    /// What the slot had as a whole is not asked for again.
    fn is_spared(&self, after: &[Asked], written: u64) {
        let there = |piece: &&Piece| piece.end <= written;
        let of_file = |asked: &[Asked]| -> Vec<_> {
            asked.iter().filter(|asked| asked.path.ends_with(self.file)).filter_map(Asked::place).collect()
        };
        for asked in of_file(after) {
            let again = self.pieces.iter().filter(there).find(|piece| overlap(&piece.place, &asked));
            assert!(again.is_none(), "{asked:?}, of which {written} bytes of /usr were written");
        }
        let planned = of_file(&self.asked);
        let needed = |piece: &&Piece| planned.iter().any(|range| overlap(&piece.place, range));
        let spared: u64 =
            self.pieces.iter().filter(there).filter(needed).map(|piece| length(&piece.place)).sum();
        let (all, again) = (sum(&self.asked), sum(after));
        assert!(again <= all - spared, "{again} bytes again, of {all}, of which {spared} were written");
    }
}

fn sum(asked: &[Asked]) -> u64 {
    asked.iter().map(Asked::bytes).sum()
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

#[test]
fn by_a_patch_each_request_may_be_the_last_one() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("killed"));
    let update = Update::by_patch(&server, &slots);
    let (all, count) = (sum(&update.asked), update.asked.len());
    for number in 0..count {
        let [before, after] = update.killed_after(number);
        println!("killed in request {}: {before} bytes, then {after}, of {all}", number + 1);
    }
    println!("killed in {count} of {count} requests by a patch");
}

#[test]
#[ignore = "two minutes; `make check-all` runs it"]
fn by_blocks_requests_from_first_to_last_may_be_the_last_one() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("killed-blocks"));
    let update = Update::by_blocks(&server, &slots);
    let (all, count) = (sum(&update.asked), update.asked.len());
    // Those for what comes before the blocks, then evenly up to the kernel image.
    let chosen: Vec<_> = (0..5).chain((5..count - 1).step_by(count / 20)).chain([count - 1]).collect();
    for number in &chosen {
        let [before, after] = update.killed_after(*number);
        println!("killed in request {}: {before} bytes, then {after}, of {all}", number + 1);
    }
    println!("killed in {} of {count} requests by blocks", chosen.len());
}

/// What came of an answer before the connection broke off is not asked for again, but for the piece that was cut.
fn each_is_cut(update: &Update, of: u64) {
    update.server.cut_each(of);
    Fetcher::start(&update.order).makes_the_new_version(update.slots);
    let asked = update.server.asked();
    let cut = update.asked.len().div_ceil(usize::try_from(of).unwrap());
    assert_eq!(asked.len(), update.asked.len() + cut);
    for pair in asked.windows(2) {
        let [first, again] = pair else { unreachable!("windows of two") };
        let is_again = first.path == again.path
            && again.place().is_some_and(|again| {
                first.place().is_some_and(|first| first.end == again.end) || again.end == u64::MAX
            });
        if !is_again {
            continue;
        }
        let came = first.place().map_or(0, |range| range.start) + first.bytes();
        let start = again.place().unwrap().start;
        let cut = update.pieces.iter().find(|piece| piece.place.contains(&came));
        let lost = if first.path.ends_with(update.file) {
            cut.map_or(0, |piece| came - piece.place.start)
        } else {
            came
        };
        assert!(start <= came && came - start <= lost, "{first:?}, then {again:?}");
    }
    println!(
        "broke off in {cut} of {} requests: {} bytes, of {}",
        update.asked.len(),
        sum(&asked),
        sum(&update.asked)
    );
}

#[test]
fn a_connection_may_break_off_in_each_request_by_a_patch() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("cut"));
    each_is_cut(&Update::by_patch(&server, &slots), 1);
}

#[test]
fn a_connection_may_break_off_often_by_blocks() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("cut-blocks"));
    each_is_cut(&Update::by_blocks(&server, &slots), 8);
}
