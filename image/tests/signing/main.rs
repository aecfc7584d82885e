//! `pattern gen-keyring` and `pattern sign-release` with the real gpg, openssl and xz, as their users run them.

mod home;
mod interrupted;
mod keyring;
mod place;
mod release;
mod results;
mod trusted;
