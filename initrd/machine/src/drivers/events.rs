//! The kernel's events of devices: a netlink socket of the family `NETLINK_KOBJECT_UEVENT`, group 1
//! (netlink(7)).

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

/// The group of the kernel's own events. udev sends to another.
const KERNEL: u32 = 1;
/// More than one event has.
const LONGEST: usize = 8192;

/// A socket that gets the kernel's events.
#[derive(Debug)]
pub(super) struct Events(OwnedFd);

impl Events {
    pub(super) fn listen() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket =
            socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkKObjectUEvent)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL))?;
        Ok(Self(socket))
    }

    /// Waits for events, and takes all that came. Returns whether there was one.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<bool> {
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let mut sockets = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sockets, patience) {
            Ok(0) => Ok(false),
            Ok(_) => self.take_all().map(|()| true),
            // A signal, of a child that ended.
            Err(Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn take_all(&self) -> io::Result<()> {
        let mut event = [0; LONGEST];
        loop {
            match recv(self.0.as_raw_fd(), &mut event, MsgFlags::empty()) {
                // Too many came at once and some are lost. It is time to look again all the same.
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_events_the_wait_ends() {
        let Ok(events) = Events::listen() else { return };
        // Other programs of this host may make devices, so that either answer is right.
        events.wait(Duration::from_millis(1)).unwrap();
    }
}
