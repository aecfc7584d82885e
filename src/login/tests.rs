use std::collections::BTreeMap;

use super::*;

const MODULES: &str = "/usr/lib/x/security";
/// As Debian's pam-auth-update writes it.
const COMMON_AUTH: &str = "auth\t[success=2 default=ignore]\tpam_systemd_home.so\n\
                           auth\t[success=1 default=ignore]\tpam_unix.so nullok\n\
                           auth\trequisite\tpam_deny.so\nauth\trequired\tpam_permit.so\n";

/// A system with these files. What is empty is only there.
struct System(BTreeMap<String, String>);

impl System {
    /// One where people log in at a console.
    fn new() -> Self {
        Self(BTreeMap::new())
            .with("/usr/bin/login", "")
            .with("/bin/sh", "")
            .with("/etc/passwd", "root:x:0:0::/root:/bin/sh\nx:x:9:9::/:/usr/sbin/nologin\n")
            .with("/etc/nsswitch.conf", "passwd: files systemd # users\n")
            .with("/etc/pam.d/login", "@include common-auth\naccount required pam_unix.so\nsession required pam_permit.so\nsession optional pam_gone.so\n-session optional pam_gone.so\n")
            .with("/etc/pam.d/common-auth", COMMON_AUTH)
            .with("/etc/pam.d/other", "auth required pam_deny.so\n")
            .modules(&["deny", "permit", "unix", "systemd_home", "env"])
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.0.remove(path);
        self
    }

    fn modules(self, names: &[&str]) -> Self {
        names.iter().fold(self, |system, name| system.with(&format!("{MODULES}/pam_{name}.so"), ""))
    }

    fn without_module(self, name: &str) -> Self {
        self.without(&format!("{MODULES}/pam_{name}.so"))
    }

    fn faults(&self) -> Vec<String> {
        faults(&Files {
            read: &|path| self.0.get(path).cloned(),
            exists: &|path| self.0.contains_key(path),
            modules: &[MODULES.to_owned()],
            libraries: &["/usr/lib/x".to_owned()],
        })
    }
}

fn service(lines: &str) -> Vec<String> {
    System::new().with("/etc/pam.d/login", lines).faults()
}

#[test]
fn a_system_where_one_can_log_in_has_no_fault() {
    assert_eq!(System::new().faults(), [""; 0]);
    // One of two ways to authenticate is enough.
    assert_eq!(System::new().without_module("systemd_home").faults(), [""; 0]);
    assert_eq!(System::new().without("/etc/nsswitch.conf").without("/etc/passwd").faults(), [""; 0]);
}

/// Debian took pam_lastlog.so and pam_tally.so out of a release.
#[test]
fn a_module_that_is_gone_and_has_to_agree_is_named() {
    for line in [
        "auth required pam_gone.so",
        "auth requisite pam_gone.so nodelay",
        "auth [success=ok default=bad] pam_gone.so",
        "auth [success=ok default=ignore module_unknown=die] pam_gone.so",
        "auth [success=ok default=bad perm_denied=ignore] pam_gone.so",
        "auth [success = ok default = bad] pam_gone.so",
        "auth [default=ignore success=ok default=bad module_unknown=bad] pam_gone.so",
        "auth [success=ok] pam_gone.so",
        "auth \\\n  required \\\n pam_gone.so",
        "auth required /usr/lib/y/pam_gone.so",
        "AUTH Required pam_gone.so # a comment",
        "# a comment \\\nauth required pam_gone.so",
        "auth \\ \n required pam_gone.so",
        // The sign keeps PAM from logging it.
        "-auth required pam_gone.so",
        "auth include below",
        "auth Include below",
        "auth substack below",
        "@include below",
    ] {
        let system = System::new()
            .with(
                "/etc/pam.d/login",
                &format!("{line}\nauth required pam_unix.so\naccount required pam_unix.so\n"),
            )
            .with("/usr/lib/pam.d/below", "auth required pam_gone.so\n");
        let faults = system.faults();
        let name = if line.contains("/usr/lib/y") { "/usr/lib/y/pam_gone.so" } else { "pam_gone.so" };
        assert_eq!(
            faults,
            [format!("nobody can log in by login (PAM, auth): this version does not have {name}")],
            "{line}"
        );
        assert_eq!(system.modules(&["gone"]).with("/usr/lib/y/pam_gone.so", "").faults(), [""; 0], "{line}");
    }
}

#[test]
fn the_only_module_that_lets_people_in_may_be_ignored_when_it_is_gone() {
    let gone = System::new().without_module("unix").without_module("systemd_home");
    let faults = gone.faults();
    assert_eq!(
        faults[0],
        "nobody can log in by login (PAM, auth): this version does not have pam_systemd_home.so, pam_unix.so"
    );
    for kind in ["account", "session"] {
        let faults = service(&format!("auth required pam_unix.so\n{kind} required pam_gone.so\n"));
        assert_eq!(
            faults,
            [format!("nobody can log in by login (PAM, {kind}): this version does not have pam_gone.so")]
        );
    }
}

#[test]
fn what_may_be_missing_is_no_fault() {
    for line in [
        "-auth optional pam_gone.so",
        "-auth sufficient pam_gone.so",
        // Debian has this in login and sshd.
        "auth [success=ok ignore=ignore module_unknown=ignore default=bad] pam_gone.so",
        "auth optional pam_gone.so",
        "auth sufficient pam_gone.so",
        "auth [success=done default=ignore] pam_gone.so",
        "password required pam_gone.so",
        "# auth required pam_gone.so",
        "auth required \\\npam_unix.so # auth required \\\n",
    ] {
        assert_eq!(service(&format!("{line}\nauth required pam_unix.so\n")), [""; 0], "{line}");
    }
}

/// An owner's file may include one that the image took away.
#[test]
fn a_file_that_is_included_and_gone_is_named() {
    for line in ["auth include gone", "auth substack gone", "@include gone", "auth include /etc/pam.d/gone"] {
        let name = line.split(' ').next_back().unwrap();
        let lines = format!("{line}\nauth sufficient pam_unix.so\naccount required pam_unix.so\n");
        let faults = service(&lines);
        assert_eq!(
            faults,
            [format!("nobody can log in by login (PAM, auth): this version does not have {name}")]
        );
        let system = System::new().with("/etc/pam.d/login", &lines);
        assert_eq!(system.with("/etc/pam.d/gone", "").faults(), [""; 0], "{line}");
    }
}

/// `_pam_dispatch_aux`: a reset goes back to what was said before the substack.
#[test]
fn a_substack_forgets_only_what_was_said_in_it() {
    let system = |required| {
        System::new()
            .with("/etc/pam.d/login", &format!("{required}\nauth substack below\n"))
            .with("/etc/pam.d/below", "auth [default=reset] pam_permit.so\nauth required pam_permit.so\n")
    };
    assert_eq!(system("auth required pam_gone.so").faults().len(), 1);
    assert_eq!(system("auth optional pam_gone.so").faults(), [""; 0]);
    let reset =
        "auth required pam_gone.so\nauth [default=reset] pam_permit.so\nauth required pam_permit.so\n";
    assert_eq!(service(reset), [""; 0]);
}

/// Each of 16 files has the next one in it, and enters it with all that can have been said.
#[test]
fn stacks_in_each_other_are_looked_at_once() {
    let all = "auth [success=ok default=reset] pam_unix.so\nauth [success=ok default=ignore] pam_unix.so\n\
               auth [success=ignore default=bad] pam_unix.so\n";
    let file = |next: usize| format!("{all}auth substack s{next}\n{all}");
    let system = (1..=16).fold(System::new().with("/etc/pam.d/login", &file(1)), |system, number| {
        let text = if number == 16 { all.to_owned() } else { file(number + 1) };
        system.with(&format!("/etc/pam.d/s{number}"), &text)
    });
    assert_eq!(system.faults(), [""; 0]);
}

/// pam.d(5): "the success or failure of this module is only important if it is the only module in the stack".
#[test]
fn an_optional_module_counts_if_it_is_the_only_one() {
    assert_eq!(service("auth required pam_unix.so\nsession optional pam_gone.so\n").len(), 1);
    assert_eq!(
        service("auth required pam_unix.so\nsession optional pam_gone.so\nsession optional pam_env.so\n"),
        [""; 0]
    );
}

/// It was the owner who closed it, or the service has nothing to be asked.
#[test]
fn a_way_that_is_closed_on_purpose_is_no_fault() {
    for lines in [
        "auth required pam_deny.so\nauth required pam_gone.so\n",
        "auth requisite pam_deny.so\n",
        "",
        "auth include login\n",
        "auth include login\nauth include login\nauth substack login\n",
        "auth [success=9 default=ignore] pam_unix.so\n",
        "auth wrong pam_unix.so\nauth optional pam_gone.so\n",
        "auth required\nauth optional pam_gone.so\n",
        "auth [success=ok,default=bad] pam_unix.so\n",
    ] {
        assert_eq!(service(lines), [""; 0], "{lines}");
    }
    // Files of a program that the image does not have.
    let system = System::new().with("/etc/pam.d/sshd", "auth required pam_gone.so\n");
    assert_eq!(system.faults(), [""; 0]);
    assert_eq!(system.with("/usr/sbin/sshd", "").faults().len(), 1);
}

#[test]
fn users_have_to_be_known_and_one_needs_a_shell() {
    let names = |line: &str| System::new().with("/etc/nsswitch.conf", line).faults();
    let unknown = "no user is known: /etc/nsswitch.conf has sss, ldap, and this version has none of it";
    assert_eq!(names("passwd: sss [NOTFOUND=return] ldap\n"), [unknown]);
    for line in ["passwd:\n", "passwd: sss files\n", "group: sss\n", "#passwd: sss\n"] {
        assert_eq!(names(line), [""; 0], "{line}");
    }
    assert_eq!(
        System::new()
            .with("/etc/nsswitch.conf", "passwd: sss\n")
            .with("/usr/lib/x/libnss_sss.so.2", "")
            .faults(),
        [""; 0]
    );
    let shells = |text: &str| System::new().with("/etc/passwd", text).faults();
    assert_eq!(
        shells("root:x:0:0::/root:/usr/bin/zsh\nme:x:1:1::/:/usr/bin/fish\nx:x:2:2::/:/bin/false\n"),
        ["no user of /etc/passwd has a shell that this version has: /usr/bin/zsh, /usr/bin/fish"]
    );
    let debian = "root:x:0:0::/root:/usr/bin/zsh\nsync:x:4:65534:sync:/bin:/bin/sync\n";
    let system = System::new().with("/bin/sync", "").with("/etc/passwd", debian);
    assert_eq!(system.faults(), ["no user of /etc/passwd has a shell that this version has: /usr/bin/zsh"]);
    // Nobody has root's password, and a service is not a person.
    let people =
        "root:x:0:0::/root:/bin/sh\npostgres:x:100:100::/:/bin/sh\nme:x:1000:1000::/home/me:/usr/bin/zsh\n";
    let system = |root: &str| {
        System::new().with("/etc/passwd", people).with("/etc/shadow", &format!("root:{root}:1::::::\n"))
    };
    assert_eq!(
        system("!*").faults(),
        ["no user of /etc/passwd has a shell that this version has: /usr/bin/zsh"]
    );
    assert_eq!(system("!*").with("/usr/bin/zsh", "").faults(), [""; 0]);
    // Root has a password, or comes by a key.
    assert_eq!((system("$6$x").faults(), system("*").faults()), (vec![], vec![]));
    for text in ["root:x:0:0::/root:/usr/bin/zsh\nme:x:1:1::/:\n", "x:x:2:2::/:/bin/false\n", "short:x\n", ""]
    {
        assert_eq!(shells(text), [""; 0], "{text}");
    }
}
