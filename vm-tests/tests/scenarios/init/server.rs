//! A server asks at its console for the first user, who logs in there and by SSH, becomes root and updates it.

use super::ssh::Ssh;
use super::{Made, update_by_its_user};
use crate::userspace::{NAME, PASSWORD, log_in, make_first_user};

#[test]
#[ignore = "long; `make check-init` runs it"]
fn server() {
    let mut made = Made::of("server");
    let (port, folder) = (made.computer.reached_by_ssh(), made.computer.folder().to_owned());
    let mut guest = made.computer.start();
    make_first_user(&mut guest);
    log_in(&mut guest);
    assert_eq!(guest.must("systemctl is-active ssh.service"), "active");
    guest.must_fail("cat /etc/shadow");
    assert_eq!(Ssh::by_password(port, NAME, PASSWORD, &folder).must("whoami"), format!("{NAME}\n"));
    for user in [NAME, "root"] {
        let other = Ssh::by_password(port, user, "another", &folder).run("true");
        assert!(!other.status.success(), "{user} is let in by a wrong password");
    }
    update_by_its_user(&mut guest);
    made.wait_for_the_end_of_the_trial();
}
