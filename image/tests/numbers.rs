//! Users keep their numbers from version to version: files in a kept /var would otherwise belong to somebody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mkosi/image/finalize/numbers");
const BUILT: &str = "root:x:0:0::/root:/bin/bash\nnew:x:101:102::/:/bin/false\none:x:102:103::/:/bin/false\n\
                     two:x:103:103::/:/bin/false\n";
const GROUPS: &str = "root:x:0:\nnew:x:102:\nboth:x:103:one,two\n";

/// The root of an image, as packages left it.
struct Root(TempDir);

impl Root {
    fn new(lock: &str) -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        for (name, text) in [
            ("etc/passwd", BUILT),
            ("etc/group", GROUPS),
            ("usr/lib/pattern/users.lock", lock),
            ("var/x", ""),
        ] {
            let file = root.path(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs shell commands with the script as `$1`, as root of a user namespace that has other users too.
    fn run(&self, commands: &str) -> Output {
        let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let mut command = Command::new(if root { "sh" } else { "unshare" });
        if !root {
            command.args(["--user", "--map-auto", "--map-root-user", "sh"]);
        }
        command.args(["-ec", commands, "sh", SCRIPT]).current_dir(self.0.path());
        command.env("BUILDROOT", self.0.path()).env("OUTPUTDIR", self.0.path()).output().unwrap()
    }
}

fn words(output: &Output) -> (Option<i32>, String, String) {
    let [out, error] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code(), out, error)
}

/// `one` and `two` were 101 and 102, now the new package's user has 101. Somebody who went away had 104.
const LOCK: &str = "# kept\nuser one 101\nuser two 102\ngroup both 102\nuser gone 999\n";

#[test]
fn a_new_user_does_not_take_the_number_of_another() {
    let root = Root::new(LOCK);
    let output = root.run("chown 102:103 var/x && python3 $1 && stat -c %u:%g var/x");
    let (status, out, error) = words(&output);
    assert_eq!((status, out.as_str()), (Some(0), "101:102\n"), "{error}");
    assert!(error.contains("users.lock: user one: 102 in this build, gets 101\n"), "{error}");
    assert_eq!(
        root.text("etc/passwd"),
        "root:x:0:0::/root:/bin/bash\nnew:x:997:998::/:/bin/false\none:x:101:102::/:/bin/false\n\
         two:x:102:102::/:/bin/false\n"
    );
    assert_eq!(root.text("etc/group"), "root:x:0:\nnew:x:998:\nboth:x:102:one,two\n");
}

#[test]
fn what_is_new_is_added_and_what_is_gone_stays_reserved() {
    let root = Root::new(LOCK);
    let (status, _, error) = words(&root.run("python3 $1"));
    assert_eq!(status, Some(0), "{error}");
    let lock = root.text("users.lock");
    let lines: Vec<_> = lock.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        ["group both 102", "group new 998", "user gone 999", "user new 997", "user one 101", "user two 102"]
    );
    assert_eq!(root.text("usr/lib/pattern/users.lock"), lock);
}

#[test]
fn the_same_build_again_changes_nothing() {
    let root = Root::new("");
    let (status, _, error) = words(&root.run("python3 $1"));
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert_eq!((root.text("etc/passwd"), root.text("etc/group")), (BUILT.to_owned(), GROUPS.to_owned()));
    let (first, output) = (root.text("users.lock"), root.run("python3 $1"));
    assert_eq!(words(&output), (Some(0), String::new(), String::new()));
    assert_eq!(root.text("users.lock"), first);
}

/// chown(2) takes away setuid, setgid and capabilities: without them, dbus or ping would fail.
#[test]
#[ignore = "needs Debian's packages acl and libcap2-bin"]
fn bits_capabilities_lists_and_links_go_along() {
    let root = Root::new(LOCK);
    let output = root.run(
        "cd var; ln -s nowhere link; mkdir folder; touch cap list; chown -h 102:103 x link folder cap\n\
         chmod 6754 x; chmod 2771 folder; setcap cap_net_raw+ep cap; setfacl -m u:102:r,g:103:w list\n\
         cd ..; python3 $1 2>/dev/null; cd var\n\
         stat -c '%n %a %u:%g' x folder; stat -c '%n %u:%g' link cap; getcap cap; getfacl -cnp list",
    );
    let (status, out, error) = words(&output);
    assert_eq!(status, Some(0), "{error}");
    assert_eq!(
        out,
        "x 6754 101:102\nfolder 2771 101:102\nlink 101:102\ncap 101:102\ncap cap_net_raw=ep\nuser::rw-\nuser:101:r--\n\
         group::r--\ngroup:102:-w-\nmask::rw-\nother::r--\n\n"
    );
}

#[test]
fn a_damaged_file_ends_the_build_and_names_the_line() {
    for (lock, wanted) in [
        ("user one\n", "users.lock:1: must be 'user NAME NUMBER' or 'group NAME NUMBER', not 'user one'\n"),
        ("\n<<<<<<< HEAD\n", "users.lock:2: must be 'user NAME NUMBER' or"),
        ("user one 0\n", "users.lock:1: 0 must be from 100 to 999\n"),
        ("user one 101\nuser two 101\n", "users.lock:2: this user or its number stands above already\n"),
        ("group one 101\ngroup one 102\n", "users.lock:2: this group or its number stands above already\n"),
    ] {
        let root = Root::new(lock);
        let (status, _, error) = words(&root.run("python3 $1"));
        assert_eq!(status, Some(1), "{lock}: {error}");
        assert!(error.starts_with(wanted), "{lock}: {error}");
        assert_eq!(root.text("etc/passwd"), BUILT);
        assert!(!Path::new(&root.path("users.lock")).exists());
    }
}
