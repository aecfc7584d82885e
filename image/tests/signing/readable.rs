//! A web server can read a release.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::place::{Place, mode};

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_web_server_can_read_a_release_or_a_warning_says_why_not() {
    let place = Place::with_keys();
    place.build("1");
    place.succeeds_by("umask 077", &["sign-release", "x_1", "x-gpg", "--output", "a/b/c"]);
    for folder in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&place.path(folder)), 0o755, "{folder}");
    }
    for (folder, change) in [("a/b/c", "a+rx"), ("a", "a+x")] {
        set_permissions(place.path(folder), Permissions::from_mode(0o700)).unwrap();
        let warning = place.warns(&["sign-release", "x_1", "x-gpg", "--output", "a/b/c"]);
        let wanted = format!(
            "warning: only its owner can read {folder}, so a web server can't give a/b/c to systems: chmod {change} {folder}\n"
        );
        assert_eq!(warning, wanted);
        set_permissions(place.path(folder), Permissions::from_mode(0o755)).unwrap();
    }
}
