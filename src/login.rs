//! Whether anybody could log in with a kept `/etc`: it may name modules and shells that the version that runs no longer has.
//!
//! Only what is missing counts. An owner who closed a way on purpose, such as with `pam_deny.so`, meant it.

mod accounts;
mod control;
mod pam;
mod stack;

use pam::Services;

/// What is looked at, below the root directory.
pub struct Files<'a> {
    /// Returns the text of a file, or nothing if it is not there.
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// Returns whether something is there. Links are followed.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// The directories in which PAM looks for modules.
    pub modules: &'a [String],
    /// The directories in which the C library looks for its modules.
    pub libraries: &'a [String],
}

/// The services of PAM that people log in by, and the programs that ask for them.
const WAYS: [(&str, &[&str]); 6] = [
    ("login", &["/usr/bin/login"]),
    ("sshd", &["/usr/sbin/sshd", "/usr/bin/sshd"]),
    ("gdm-password", &["/usr/sbin/gdm3", "/usr/sbin/gdm", "/usr/bin/gdm"]),
    ("sddm", &["/usr/bin/sddm"]),
    ("lightdm", &["/usr/sbin/lightdm", "/usr/bin/lightdm"]),
    ("greetd", &["/usr/sbin/greetd", "/usr/bin/greetd"]),
];

/// Returns what keeps everybody from logging in by one of the ways that there are, each in a sentence.
#[must_use]
pub fn faults(files: &Files<'_>) -> Vec<String> {
    let services = Services::new(files);
    let ways = WAYS.iter().filter(|(_, programs)| programs.iter().any(|program| (files.exists)(program)));
    let mut faults: Vec<String> = ways.filter_map(|(service, _)| services.fault(service)).collect();
    faults.extend(accounts::names(files));
    faults.extend(accounts::shells(files));
    faults
}

#[cfg(test)]
mod tests;
