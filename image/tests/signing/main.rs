//! `pattern gen-keyring`, `pattern sign-release` and `pattern burn` with the real gpg, openssl and xz, as their users run them.

mod burned;
mod deltas;
mod fifo;
mod full;
mod home;
#[path = "../burn/image.rs"]
mod image;
mod interrupted;
mod keyring;
mod place;
mod readable;
mod release;
mod results;
mod trusted;
