//! An appliance does its task, and updates and restarts by itself. Its owner has the SSH key that the image was made with. What
//! docs/userspace.md says about a restart is true: of an image that keeps `/var`, only `/var` is kept.

use super::Made;
use super::ssh::Ssh;

const UNITS: &str = "appliance.service ssh.service systemd-sysupdate.timer systemd-sysupdate-reboot.timer";
/// Folders, of which only one is kept.
const NOTES: &str =
    "for each in etc home mnt opt root srv tmp var; do mkdir -p /$each; echo note >/$each/note; done";

#[test]
#[ignore = "long; `make check-init` runs it"]
fn appliance() {
    let mut made = Made::of("appliance");
    let owner = Ssh::Key(made.computer.reached_by_ssh());
    let mut guest = made.computer.start();
    owner.wait_for("0.0.1");
    owner.must("until systemctl is-active pattern-host.service; do sleep 1; done");
    owner.must(&format!("systemctl is-active {UNITS}"));
    assert!(!guest.has_a_shell(), "somebody was let in at the console");
    owner.must(NOTES);
    assert!(!owner.run("touch /usr/local/note").status.success(), "/usr can be written");
    let (boot, keys) = (owner.must("cat /proc/sys/kernel/random/boot_id"), owner.must("cat /etc/ssh/*.pub"));

    owner.must("systemctl start systemd-sysupdate-reboot.service");
    assert_eq!(owner.must("cat /proc/sys/kernel/random/boot_id"), boot, "it restarted for nothing");
    owner.must("systemctl start --wait systemd-sysupdate.service");
    // It restarts before it answers.
    owner.run("sync; systemctl start systemd-sysupdate-reboot.service");
    owner.wait_for("0.0.2");
    assert_eq!(owner.must("ls /*/note"), "/var/note\n");
    assert_eq!(owner.must("wc -l </var/lib/appliance/starts"), "2\n");
    assert_eq!(owner.must("cat /etc/ssh/*.pub"), keys, "it is another machine");
    made.wait_for_the_end_of_the_trial();
}
