//! Requests to the kernel that have no safe wrapper. This is the only module with unsafe code.
//! Every request is one `ioctl` on an open file, with an argument that lives longer than the call.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc::{c_char, c_int, c_long, c_longlong, c_void};

/// `struct blkpg_partition` of linux/blkpg.h. Positions are in bytes.
#[repr(C)]
struct Partition {
    start: c_longlong,
    length: c_longlong,
    number: c_int,
    device_name: [c_char; 64],
    volume_name: [c_char; 64],
}

/// `struct blkpg_ioctl_arg` of linux/blkpg.h.
#[repr(C)]
pub struct Request {
    operation: c_int,
    flags: c_int,
    length: c_int,
    data: *mut c_void,
}

/// What to do with a partition of the kernel's (linux/blkpg.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Blkpg {
    Add = 1,
    Delete = 2,
    Resize = 3,
}

/// `FS_IMMUTABLE_FL` of linux/fs.h.
const IMMUTABLE: c_long = 0x10;
/// `FS_APPEND_FL`.
const APPEND: c_long = 0x20;

/// Flags of a file that keep root from changing or removing it, see chattr(1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Lasting(c_long);

impl Lasting {
    /// Returns whether the file can be changed and removed.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

mod request {
    use super::{Request, c_int, c_long};

    nix::ioctl_read_bad!(sector_size, nix::request_code_none!(0x12, 104), c_int);
    nix::ioctl_write_ptr_bad!(blkpg, nix::request_code_none!(0x12, 105), Request);
    nix::ioctl_write_ptr_bad!(discard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_read!(flags, b'f', 1, c_long);
    nix::ioctl_write_ptr!(set_flags, b'f', 2, c_long);
    nix::ioctl_write_int_bad!(clone, nix::request_code_write!(0x94, 9, size_of::<c_int>()));
}

/// Returns the bytes of a block device's logical sector (`BLKSSZGET`).
///
/// # Errors
/// The kernel's error, for example if the file is not a block device.
pub fn sector_size(device: &File) -> io::Result<u64> {
    let mut size = 0;
    // SAFETY: the kernel writes one int.
    unsafe { request::sector_size(device.as_raw_fd(), &raw mut size) }?;
    u64::try_from(size).map_err(io::Error::other)
}

/// Tells the kernel of one partition of a disk (`BLKPG`), in bytes. The kernel does not read the
/// table.
///
/// # Errors
/// The kernel's error: EBUSY for a partition that is in use or overlaps another.
pub fn partition(disk: &File, operation: Blkpg, number: u32, start: u64, length: u64) -> io::Result<()> {
    let mut data = Partition {
        start: c_longlong::try_from(start).map_err(io::Error::other)?,
        length: c_longlong::try_from(length).map_err(io::Error::other)?,
        number: c_int::try_from(number).map_err(io::Error::other)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let request = Request {
        operation: operation as c_int,
        flags: 0,
        length: c_int::try_from(size_of::<Partition>()).map_err(io::Error::other)?,
        data: (&raw mut data).cast(),
    };
    // SAFETY: the kernel reads the request and the partition that it points to; both live until it returns.
    unsafe { request::blkpg(disk.as_raw_fd(), &raw const request) }?;
    Ok(())
}

/// Tells a disk that `length` bytes from `start` are no longer needed (`BLKDISCARD`).
///
/// # Errors
/// The kernel's error: EOPNOTSUPP for a disk without discard, ENOTTY for a file.
pub fn discard(device: &File, start: u64, length: u64) -> io::Result<()> {
    let range = [start, length];
    // SAFETY: the kernel reads two numbers.
    unsafe { request::discard(device.as_raw_fd(), &raw const range) }?;
    Ok(())
}

/// Sets or clears the immutable flag of a file (`FS_IOC_SETFLAGS`). efivarfs sets it on most
/// variables.
///
/// # Errors
/// The kernel's error.
pub fn set_immutable(file: &File, immutable: bool) -> io::Result<()> {
    let found = flags(file)?;
    let wanted = if immutable { found | IMMUTABLE } else { found & !IMMUTABLE };
    if wanted != found {
        set_flags(file, wanted)?;
    }
    Ok(())
}

/// Has a new, empty file share the blocks of another (`FICLONE`).
///
/// # Errors
/// The kernel's error, for example if the file system can't share, or the other file is on another one.
pub fn clone(file: &File, source: &File) -> io::Result<()> {
    // SAFETY: the argument is a number, the descriptor of an open file.
    unsafe { request::clone(file.as_raw_fd(), source.as_raw_fd()) }?;
    Ok(())
}

/// Returns the flags of a file or a directory. A file system without flags has none.
pub fn lasting(file: &impl AsFd) -> Lasting {
    Lasting(flags(file).unwrap_or_default() & (IMMUTABLE | APPEND))
}

/// Sets these flags of a file or a directory, and clears the other ones of their kind.
///
/// # Errors
/// The kernel's error.
pub fn set_lasting(file: &impl AsFd, lasting: Lasting) -> io::Result<()> {
    set_flags(file, flags(file)? & !(IMMUTABLE | APPEND) | lasting.0)
}

fn set_flags(file: &impl AsFd, flags: c_long) -> io::Result<()> {
    // SAFETY: the kernel reads an int, the low half of the long: both architectures are little-endian.
    unsafe { request::set_flags(file.as_fd().as_raw_fd(), &raw const flags) }?;
    Ok(())
}

fn flags(file: &impl AsFd) -> io::Result<c_long> {
    let mut flags: c_long = 0;
    // SAFETY: the kernel writes an int into the long, which is zero and at least as large.
    unsafe { request::flags(file.as_fd().as_raw_fd(), &raw mut flags) }?;
    Ok(flags)
}
