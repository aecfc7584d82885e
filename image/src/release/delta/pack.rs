//! Packs pieces with zstd. The library is part of this program, so every host packs the same content to the same bytes, and
//! thousands of pieces are packed without starting a program for each.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow, bail};
use pattern::delta::frame::unpack;
use zstd::zstd_safe::{CCtx, CParameter, compress_bound, get_error_name};

use crate::host::signals;

/// Packed once, and fetched by each machine.
const LEVEL: i32 = 19;

/// Packs content, with older material before it. What does not become smaller stays as it is.
///
/// # Errors
/// When zstd fails, or a machine could not unpack it.
pub(super) fn pack(content: &[u8], old: &[u8]) -> Result<Vec<u8>> {
    let failed = |code| anyhow!("packing with zstd: {}", get_error_name(code));
    let mut context = CCtx::create();
    // A frame has only what machines read: each piece has a sum of its own.
    let mut parameters = vec![
        CParameter::CompressionLevel(LEVEL),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ];
    if !old.is_empty() {
        let window = (old.len() + content.len()).next_power_of_two().ilog2();
        parameters.extend([CParameter::WindowLog(window), CParameter::EnableLongDistanceMatching(true)]);
    }
    for parameter in parameters {
        context.set_parameter(parameter).map_err(failed)?;
    }
    context.ref_prefix(old).map_err(failed)?;
    let mut packed = Vec::with_capacity(compress_bound(content.len()));
    context.compress2(&mut packed, content).map_err(failed)?;
    if packed.len() >= content.len() {
        return Ok(content.to_vec());
    }
    if unpack(&packed, old, content.len()).as_deref() != Ok(content) {
        bail!("what was packed with zstd does not unpack to the same: is the memory broken?");
    }
    Ok(packed)
}

/// Does something with each item, on all processors. The results have the order of the items.
///
/// # Errors
/// When it fails for one of them, or a signal came.
pub(super) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            signals::refuse_to_go_on()?;
            done.push((index, act(item)?));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let done = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect::<Vec<Result<Vec<(usize, R)>>>>()
    });
    let mut done: Vec<_> = done.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_has_one_form() {
        let old: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let new = [&old[5..50_000], b"else", &old[50_100..]].concat();
        let (alone, with) = (pack(&new, &[]).unwrap(), pack(&new, &old).unwrap());
        assert!(with.len() * 100 < alone.len(), "{} and {} bytes", with.len(), alone.len());
        assert_eq!(pack(&new, &old).unwrap(), with);
        assert_eq!(pack(b"abc", &[]).unwrap(), b"abc");
    }

    #[test]
    fn results_have_the_order_of_what_is_done() {
        let items: Vec<u32> = (0..500).collect();
        assert_eq!(
            each(&items, |item| Ok(item * 2)).unwrap(),
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        let failed = each(&items, |item| if *item == 77 { bail!("seventy-seven") } else { Ok(()) });
        assert_eq!(failed.unwrap_err().to_string(), "seventy-seven");
    }
}
