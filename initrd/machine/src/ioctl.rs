//! Requests to the kernel that have no safe wrapper. This is the only module with unsafe code.
//! Every request is one `ioctl` on an open file, with an argument that lives longer than the call.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

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

mod request {
    use super::{Request, c_int, c_long};

    nix::ioctl_read_bad!(sector_size, nix::request_code_none!(0x12, 104), c_int);
    nix::ioctl_write_ptr_bad!(blkpg, nix::request_code_none!(0x12, 105), Request);
    nix::ioctl_write_ptr_bad!(discard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_read!(flags, b'f', 1, c_long);
    nix::ioctl_write_ptr!(set_flags, b'f', 2, c_long);
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
    let mut flags: c_long = 0;
    // SAFETY: the kernel writes an int into the long, which is zero and at least as large.
    unsafe { request::flags(file.as_raw_fd(), &raw mut flags) }?;
    let wanted = if immutable { flags | IMMUTABLE } else { flags & !IMMUTABLE };
    if wanted != flags {
        // SAFETY: the kernel reads an int, the low half of the long: both architectures are little-endian.
        unsafe { request::set_flags(file.as_raw_fd(), &raw const wanted) }?;
    }
    Ok(())
}
