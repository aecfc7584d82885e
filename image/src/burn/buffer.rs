//! Memory that a disk reads and writes without the kernel's cache: aligned to its sectors.

/// Bytes that are read or written at once.
pub(super) const CHUNK: usize = 1 << 20;
/// Bytes of the largest sector.
const ALIGNMENT: usize = 4096;

/// Zeros at first.
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    pub(super) fn new(length: usize) -> Self {
        let memory = vec![0; length + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, start, length }
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut buffer = Self::new(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }

    pub(super) fn is_zero(&self) -> bool {
        self.bytes().iter().all(|byte| *byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_keeps_its_content() {
        for length in [0, 512, CHUNK] {
            let mut buffer = Buffer::new(length);
            assert_eq!(buffer.bytes().as_ptr() as usize % ALIGNMENT, 0);
            assert!(buffer.is_zero() && buffer.bytes().len() == length);
            buffer.bytes_mut().fill(1);
            assert_eq!(buffer.is_zero(), length == 0);
        }
        assert_eq!(Buffer::of(b"abc").bytes(), b"abc");
    }
}
