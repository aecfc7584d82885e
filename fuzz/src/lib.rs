//! What must hold for every input that a stranger can write: one function for each kind of input, which panics when it
//! does not hold.
//!
//! That a parser does not panic is the least. Each function also states what an accepted input promises.

mod cmdline;
mod delta;
mod firmware;
mod header;
mod policy;
mod smbios;
mod start;
mod superblock;
mod table;
mod token;

pub use cmdline::cmdline;
pub use delta::delta;
pub use firmware::firmware;
pub use header::header;
pub use policy::policy;
pub use smbios::smbios;
pub use start::start;
pub use superblock::superblock;
pub use table::table;
pub use token::token;

/// Takes an input, and panics when what must hold does not.
pub type Target = fn(&[u8]);

/// The inputs by their names, which are those of the archives in `corpus/`.
pub const TARGETS: [(&str, Target); 10] = [
    ("cmdline", cmdline),
    ("delta", delta),
    ("firmware", firmware),
    ("header", header),
    ("policy", policy),
    ("smbios", smbios),
    ("start", start),
    ("superblock", superblock),
    ("table", table),
    ("token", token),
];
