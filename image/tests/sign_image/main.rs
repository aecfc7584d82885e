//! `pattern sign-image`, by the real ukify, systemd-measure, systemd-sbsign, bootctl and mtools, on an image that the real
//! systemd-repart made. Needs the tools tree of `make image`.

mod place;
mod refused;
mod signed;
