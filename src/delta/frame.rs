//! Unpacks what was packed with zstd, with or without older material before it (RFC 8878; `zstd --patch-from`).
//!
//! The older material is shown to the decoder as blocks that are not packed, at the start of the same frame: that is what the
//! format means by material before a frame. So the decoder has to know nothing of dictionaries, and keeps one copy of it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The most bytes that the older material and what is unpacked may have together: they are kept in memory.
pub const WINDOW_MAX: usize = 16 << 20;

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// One segment, whose size is in 4 bytes; neither a checksum nor a dictionary follows.
const ONE_SEGMENT: u8 = 0b1010_0000;
/// The most bytes of a block that is not packed.
const RAW_MAX: usize = 128 << 10;
/// The least window of a frame.
const WINDOW_MIN: usize = 1 << 10;

/// Unpacks one frame that has `length` bytes, packed with `old` before it. Memory stays below three times [`WINDOW_MAX`],
/// whatever the bytes are.
///
/// # Errors
/// When it is not such a frame, or has another length.
pub fn unpack(frame: &[u8], old: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let all = old.len().saturating_add(length);
    if all > WINDOW_MAX {
        return Err(format!("{all} bytes would be kept in memory, and at most {WINDOW_MAX} are allowed"));
    }
    let heads: Vec<[u8; 3]> = old.chunks(RAW_MAX).map(|chunk| raw_head(chunk.len())).collect();
    let start = head(all);
    let raw = heads.iter().zip(old.chunks(RAW_MAX)).flat_map(|(head, chunk)| [&head[..], chunk]);
    let mut input = Slices([&start[..]].into_iter().chain(raw).chain([blocks(frame)?]).collect());
    let mut decoder = FrameDecoder::new();
    decoder.init(&mut input).map_err(text)?;
    while !decoder.is_finished() {
        decoder.decode_blocks(&mut input, BlockDecodingStrategy::UptoBlocks(1)).map_err(text)?;
        // Before the end this is what exceeds the window.
        if decoder.can_collect() > if decoder.is_finished() { all } else { all.max(WINDOW_MIN) - all } {
            return Err(format!("it unpacks to more than {length} bytes"));
        }
    }
    let mut output = Behind { left: old.len(), content: Vec::with_capacity(length) };
    decoder.collect_to_writer(&mut output).map_err(text)?;
    match (output.content.len(), input.left()) {
        (found, 0) if found == length => Ok(output.content),
        (found, 0) => Err(format!("it unpacks to {found} bytes, not to {length}")),
        (_, more) => Err(format!("{more} bytes follow its end")),
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// Returns the start of a frame whose window is this large.
fn head(window: usize) -> [u8; 9] {
    let [a, b, c, d] = u32::try_from(window.max(WINDOW_MIN)).unwrap_or_default().to_le_bytes();
    let [m, a_, g, i] = MAGIC;
    [m, a_, g, i, ONE_SEGMENT, a, b, c, d]
}

/// Returns the start of a block that is not packed, and not the last one.
fn raw_head(length: usize) -> [u8; 3] {
    let [a, b, c, _] = u32::try_from(length << 3).unwrap_or_default().to_le_bytes();
    [a, b, c]
}

/// Returns the blocks of a frame: what follows its head.
fn blocks(frame: &[u8]) -> Result<&[u8], String> {
    let rest = frame.strip_prefix(&MAGIC).ok_or("it is not packed with zstd")?;
    let (descriptor, rest) = rest.split_first().ok_or("it is cut short")?;
    if descriptor & 0b0001_1111 != 0 {
        return Err("it has a checksum or a dictionary, which sign-release never writes".to_owned());
    }
    let one_segment = descriptor & 0b0010_0000 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(one_segment),
        more => 1 << more,
    };
    rest.get(usize::from(!one_segment) + size..).ok_or_else(|| "it is cut short".to_owned())
}

/// Several slices, read as one.
struct Slices<'a>(VecDeque<&'a [u8]>);

impl Slices<'_> {
    fn left(&self) -> usize {
        self.0.iter().map(|slice| slice.len()).sum()
    }
}

impl Read for Slices<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.retain(|slice| !slice.is_empty());
        self.0.front_mut().map_or(Ok(0), |slice| slice.read(buffer))
    }
}

/// Keeps what is written behind the first bytes.
struct Behind {
    left: usize,
    content: Vec<u8>,
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.left.min(bytes.len());
        self.left -= skipped;
        self.content.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
