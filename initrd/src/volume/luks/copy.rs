//! Headers in memory. The copy of a vetted header can't be changed by anybody.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use libcryptsetup_rs::{CryptDevice, CryptInit, Either};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use pattern::volume::Header;

use super::failed;

/// `MFD_NOEXEC_SEAL` of linux/memfd.h. Since version 6.3 the kernel logs a line about memfds
/// without it.
const NOT_EXECUTABLE: MFdFlags = MFdFlags::from_bits_retain(8);

/// Makes an empty file in memory.
pub(super) fn memory() -> nix::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let made = memfd_create("luks2-header", flags | NOT_EXECUTABLE);
    // A kernel before 6.3 rejects the flag.
    Ok(made.or_else(|_| memfd_create("luks2-header", flags))?.into())
}

/// Opens a device whose header is in a file in memory. libcryptsetup reads the file through its
/// descriptor, which has to stay open.
///
/// # Errors
/// When libcryptsetup refuses the device.
pub(super) fn attach(header: &File, device: &Path) -> Result<CryptDevice> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", header.as_raw_fd()));
    let device = CryptInit::init_with_data_device(Either::Right((&path, device)));
    device.map_err(failed("opening the device"))
}

/// Copies the header into memory, with its key slots at their places. The rest is holes, which cost
/// no memory.
///
/// # Errors
/// When the device can't be read, or memory is short.
pub(super) fn sealed(device: &Path, header: &Header) -> io::Result<File> {
    let copy = memory()?;
    copy.set_len(header.length())?;
    copy.write_all_at(header.bytes(), 0)?;
    let device = File::open(device)?;
    let mut block = [0; 64 << 10];
    for area in header.areas() {
        for start in area.clone().step_by(block.len()) {
            let part = &mut block[..(area.end - start).min(64 << 10) as usize];
            device.read_exact_at(part, start)?;
            copy.write_all_at(part, start)?;
        }
    }
    // From here on nobody can write to the copy, not even root.
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&copy, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(copy)
}
