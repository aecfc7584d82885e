//! `pattern build` keeps one tools tree for all folders, in the cache, and does not make it anew while another process uses it.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::host::{Host, said, wait_until};

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn all_folders_share_a_tree_unless_another_is_named() {
    let host = Host::with_mkosi();
    fs::create_dir(host.path("elsewhere")).unwrap();
    host.image_folder("elsewhere/y");
    host.succeeds(&["build", "x"]);
    let mut there = host.pattern(":", &["build", "y"]);
    let output = there.current_dir(host.path("elsewhere")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(host.names("cache/pattern"), ["tools"]);
    assert_eq!(
        (host.names("build"), host.names("elsewhere/build")),
        (vec!["images".to_owned()], vec!["images".to_owned()])
    );
    host.succeeds(&["build", "x", "--force", "--tools", "own"]);
    assert!(host.path("own/mkosi").exists());
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn where_no_tree_can_be_kept_the_option_is_named() {
    let host = Host::with_mkosi();
    let fails = |set: &dyn Fn(&mut std::process::Command)| {
        let mut build = host.pattern(":", &["build", "x"]);
        set(build.env_remove("XDG_CACHE_HOME"));
        let output = build.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        said(&output)
    };
    let error = fails(&|build| _ = build.env_remove("HOME"));
    let wanted = "no folder for the tools tree (name one with --tools DIR): the environment has neither HOME nor XDG_CACHE_HOME\n";
    assert!(error.ends_with(wanted), "{error}");
    let error = fails(&|build| _ = build.env("HOME", "/dev/null"));
    let wanted = "keeping the tools tree in /dev/null/.cache/pattern/tools (another folder: --tools DIR): Not a directory";
    assert!(error.contains(wanted), "{error}");
    assert!(!host.path("stubs/initrd").exists(), "mkosi was started");
}

/// The script that makes the tree is the real one; what it fetches is here already, and apt has nothing to do.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_tree_by_another_version_is_made_anew_when_nobody_uses_it() {
    let host = Host::with_mkosi();
    let tools = host.path("data/share/pattern/tools");
    fs::remove_file(&tools).unwrap();
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools"), tools).unwrap();
    host.program(
        "stubs/bin/apt-get",
        "#!/bin/sh\n[ \"$1\" != indextargets ] || echo 'Debian http://deb.example'\n",
    );
    let cache = host.path("cache/pattern/tools");
    let mkosi = cache.join("deb/mkosi/usr/lib/python3/dist-packages/mkosi");
    for folder in [mkosi.as_path(), &cache.join("tree"), &host.path("data/share/pattern/mkosi/tools")] {
        fs::create_dir_all(folder).unwrap();
    }
    let script = "import os, sys\nprogram = os.environ['STUBS'] + '/bin/mkosi'\nos.execv(program, [program] + sys.argv[1:])\n";
    fs::write(mkosi.join("__main__.py"), script).unwrap();
    fs::write(host.path("data/share/pattern/mkosi/tools/mkosi.conf"), "new").unwrap();
    let (conf, log) = (cache.join("tree.conf"), cache.join("tools.log"));
    fs::write(&conf, "old").unwrap();

    let used = File::open(&conf).unwrap();
    used.lock_shared().unwrap();
    let mut build = host.pattern(":", &["build", "x"]).spawn().unwrap();
    let told = host.path("build/images/.work/x_1/tools.log");
    let waits =
        || fs::read_to_string(&told).is_ok_and(|text| text.contains("‣ waiting: another pattern process"));
    wait_until("it waits", waits);
    assert_eq!(fs::read_to_string(&conf).unwrap(), "old");
    assert!(!host.path("stubs/initrd").exists(), "mkosi was started");
    drop(used);
    assert!(build.wait().unwrap().success(), "{}", fs::read_to_string(log).unwrap());
    assert_eq!(fs::read_to_string(&conf).unwrap(), "new");

    // One that is as it should be is only used, also by two at once.
    let used = File::open(&conf).unwrap();
    used.lock_shared().unwrap();
    host.succeeds(&["build", "x", "--force"]);
}

/// A tree must not change under the image that is made with it.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_build_uses_the_tree_until_its_end() {
    let host = Host::with_mkosi();
    fs::create_dir_all(host.path("cache/pattern/tools")).unwrap();
    fs::write(host.path("cache/pattern/tools/tree.conf"), "").unwrap();
    let does = format!("[ $step = initrd ] || {{ {}; }}", crate::host::WAITS);
    let mut build = host.starts(host.pattern(&does, &["build", "x"]), "image");
    let conf = File::open(host.path("cache/pattern/tools/tree.conf")).unwrap();
    assert!(conf.try_lock().is_err());
    fs::write(host.path("stubs/go"), "").unwrap();
    assert!(build.wait().unwrap().success());
    conf.lock().unwrap();
}

/// It is not a package that apt-get could install.
#[test]
fn a_host_without_apt_is_told_where_images_are_built() {
    let host = Host::new();
    let (tools, bin) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("tools"), host.path("bin"));
    let script =
        "mkdir $0; for name in bash mkdir cat flock sha256sum cut; do ln -s $(command -v $name) $0; done";
    assert!(Command::new("sh").args(["-ec", script]).arg(&bin).status().unwrap().success());
    let output = Command::new(tools).arg(host.path("t")).env("PATH", bin).output().unwrap();
    let wanted = "tools: this host has no apt-get: images are built on Debian 12 or newer, which may be in a container\n";
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(1), wanted));
}
