//! Writes archives that the kernel unpacks as an initrd: cpio's "newc" format (Linux,
//! Documentation/driver-api/early-userspace/buffer-format.rst).

const REGULAR: u32 = 0o100_000;

/// A file, with its path from the root. Its folder must exist.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    path: String,
    mode: u32,
    content: Vec<u8>,
}

impl Entry {
    pub(crate) fn program(path: &str, content: Vec<u8>) -> Self {
        Self { mode: REGULAR | 0o755, ..Self::file(path, content) }
    }

    pub(crate) fn file(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.trim_start_matches('/').to_owned(), mode: REGULAR | 0o644, content }
    }
}

/// Returns the archive of these entries, in this order. Everything belongs to root.
pub(crate) fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        add(&mut archive, index + 1, entry);
    }
    let trailer = Entry { path: "TRAILER!!!".to_owned(), mode: 0, content: Vec::new() };
    add(&mut archive, 0, &trailer);
    archive
}

fn add(archive: &mut Vec<u8>, inode: usize, entry: &Entry) {
    let (size, name) = (entry.content.len(), entry.path.len() + 1);
    // inode, mode, uid, gid, links, time, size, device, device of a device file, name's length, checksum
    let fields = [inode, entry.mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(entry.path.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(&entry.content);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_headers_names_contents_and_an_end() {
        let archive = pack(&[Entry::file("a", Vec::new()), Entry::program("b", b"hello".to_vec())]);
        let text = String::from_utf8(archive).unwrap();
        assert_eq!(text.len() % 4, 0);
        assert!(text.starts_with("07070100000001000081a4"), "{text:?}");
        // Header of 110 bytes, and name "a" with its zero: 112, a multiple of 4.
        assert_eq!(text.get(112..118), Some("070701"));
        assert_eq!(text.get(112 + 112..112 + 117), Some("hello"));
        assert!(text.trim_end_matches('\0').ends_with("TRAILER!!!"), "{text:?}");
    }
}
