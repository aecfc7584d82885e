//! Scenarios on whole machines: a test configures a [`Computer`] that is off, and uses a [`Guest`]
//! that runs.
//!
//! Everything panics if the result is not what a scenario requires, because a panic is how a test
//! fails. The end of the console is printed then. The full console, and the machine, stay in
//! `build/vm/NAME/`.

mod age;
mod chip;
mod computer;
mod cpio;
mod desk;
mod direct;
mod disk;
mod ear;
pub mod fetcher;
mod firmware;
mod foresight;
mod gpt;
mod guest;
mod installed;
mod judge;
mod loader;
mod page;
pub mod pcr11;
mod proxy;
mod release;
mod scratch;
mod screen;
mod server;
mod setting;
mod slots;
mod small;
mod tls;
mod turncoat;
mod writes;

pub use age::AgeKey;
pub use chip::Chip;
pub use computer::{Computer, recovery_key_in};
pub use desk::Desk;
pub use disk::Disk;
pub use ear::{Ear, Heard, Play, Player};
pub use fetcher::Fetcher;
pub use firmware::Firmware;
pub use foresight::Foresight;
pub use gpt::Partition;
pub use guest::{Guest, Output};
pub use installed::Stock;
pub use judge::{Bootable, Judge};
pub use page::Page;
pub use proxy::Proxy;
pub use release::{OTHER_KEYRING, Release};
pub use screen::Screen;
pub use server::{Asked, Server};
pub use slots::{Slots, Version};
pub use small::Small;
pub use tls::Tls;
pub use turncoat::Turncoat;
pub use writes::{Cuts, Each, Writes};
