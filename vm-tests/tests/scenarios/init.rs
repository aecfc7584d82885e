//! What `pattern init` makes works as it is, for each kind: the image builds, boots, lets its owner in, and updates. Its own keys are
//! enrolled by its own boot loader.

mod appliance;
mod desktop;
mod server;
mod ssh;

use pattern_vm_tests::{Computer, Guest, Release, Server};

use crate::userspace::{as_root, log_in, must_as_root};

/// A machine of `vm-tests/scripts/build-init`, and the server that has its next version.
struct Made {
    id: String,
    computer: Computer,
    _release: Release,
    _server: Server,
}

impl Made {
    fn of(kind: &str) -> Self {
        let (id, name) = (format!("my-{kind}"), format!("init-{kind}"));
        let release = Release::copy(&id, &name);
        let server = Server::start(release.path());
        let mut computer = Computer::of_image(&id, &name);
        computer.secure_boot();
        computer.serve(&server);
        Self { id, computer, _release: release, _server: server }
    }

    /// Waits until the new version is no longer on trial.
    fn wait_for_the_end_of_the_trial(&self) {
        self.computer.wait_for_file_on_esp(&format!("::/EFI/Linux/{}_0.0.2.efi", self.id));
    }
}

/// The first user, who is logged in, installs the next version, restarts, and logs in again.
fn update_by_its_user(guest: &mut Guest) {
    assert_eq!(version(guest), "0.0.1");
    guest.must("echo kept >kept && sync");
    // The link may not be up yet.
    must_as_root(guest, "for each in $(seq 60); do pattern update && break; sleep 2; done", None);
    as_root(guest, "systemctl reboot");
    log_in(guest);
    assert_eq!(version(guest), "0.0.2");
    assert_eq!(guest.must("cat kept"), "kept");
}

fn version(guest: &mut Guest) -> String {
    guest.must(". /etc/os-release && echo $IMAGE_VERSION")
}
