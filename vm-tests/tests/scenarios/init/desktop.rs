//! A desktop shows its login screen, reaches its network, and is updated by its user. The user comes from a credential: the first start
//! asks on the screen, where a scenario can't read.

use super::{Made, update_by_its_user};
use crate::userspace::{RECORD, log_in, until};

#[test]
#[ignore = "very long; `make check-init` runs it"]
fn desktop() {
    let mut made = Made::of("desktop");
    made.computer.credential("home.create.owner", RECORD);
    made.computer.enlarge("+10G");
    made.computer.with_a_display();
    let mut guest = made.computer.start();
    log_in(&mut guest);
    until(&mut guest, "loginctl list-sessions -j | grep -q '\"class\":\"greeter\"'");
    assert_eq!(guest.must("systemctl is-active NetworkManager.service"), "active");
    update_by_its_user(&mut guest);
    made.wait_for_the_end_of_the_trial();
}
