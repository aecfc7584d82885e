//! The image pipeline, rehearsed: what NixOS's definitions and scripts make of files that stand for packages, with the
//! systemd-repart and the file systems' programs of the tools tree of `pattern build`. Needs root, and `PATTERN_NIXPKGS`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::program::{FETCH, Program};
use serde_json::Value;

use super::store::{Store, write};
use super::{text, top, whole, words};

/// Larger than what else is in `/usr` by far.
const PROGRAM: usize = 3 << 20;

/// The programs of the tree, and none that the host has somewhere else.
pub(super) const PATH: &str = "/usr/bin:/usr/sbin:/bin:/sbin";

/// Mounts the /usr of the tools tree, and runs what follows.
pub(super) const WITHIN: &str = r#"mount --bind "$0" /usr && exec "$@""#;

pub(super) struct Rehearsal {
    store: Store,
    pub(super) evaluation: Value,
    pub(super) tools: PathBuf,
}

impl Deref for Rehearsal {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Rehearsal {
    /// With packages and a way to ukify, if there are a tools tree and a checkout of nixpkgs.
    pub(super) fn new() -> Option<Self> {
        let tools = top().join("build/tools/tree/usr");
        if !tools.join("bin/systemd-repart").exists() {
            println!("skipped: build/tools has no tree, which `make image` makes");
            return None;
        }
        let evaluation = whole::evaluate("check/reference-demo.nix", "", "x86_64-linux")?;
        let rehearsal = Self { store: Store::new(), evaluation, tools };
        rehearsal.ukify();
        rehearsal.packages();
        Some(rehearsal)
    }

    /// Runs a program of the tools tree.
    pub(super) fn tool(&self, words: &[&str]) -> String {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", WITHIN])
            .arg(&self.tools)
            .args(words)
            .current_dir(self.folder())
            .env("PATH", PATH);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the host's tool.
    pub(super) fn pattern(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        let output = command.args(words).current_dir(self.folder()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has scripts find the tree's ukify.
    fn ukify(&self) {
        let file = self.path("bin/ukify");
        let within = format!(
            "PATH={PATH} exec unshare --mount sh -c '{WITHIN}' {} /usr/bin/ukify \"$@\"",
            self.tools.display()
        );
        write(&file, format!("#!/bin/sh\n{within}\n").as_bytes());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lays out the packages: a program that stands for ours, and a file for every other source.
    fn packages(&self) {
        self.package(&self.evaluation, &vec![b'x'; PROGRAM]);
        let script = text(&self.evaluation["scripts"], "usr");
        for word in script.split_whitespace().filter(|word| word.starts_with("/nix/store/")) {
            let file = self.here(word);
            if !file.exists() {
                write(&file, whole::toml("", &self.evaluation["settings"]).as_bytes());
            }
        }
        let sources = self.sources();
        let usr = sources.iter().find_map(|source| source.strip_suffix("/lib/pattern")).unwrap();
        self.script(script, self.folder(), &self.here(usr));
        let loader = fs::read(self.tools.join("lib/systemd/boot/efi/systemd-bootx64.efi")).unwrap();
        for source in sources.iter().filter(|source| !self.here(source).exists()) {
            write(&self.here(source), if source.ends_with(".efi") { &loader } else { b"something" });
        }
    }

    fn sources(&self) -> Vec<&str> {
        let partitions = self.evaluation["partitions"].as_object().unwrap().values();
        let contents = partitions.flat_map(|each| each["contents"].as_object().unwrap().values());
        contents.filter_map(Value::as_str).collect()
    }

    /// Writes the definitions as NixOS's builder does. The EFI system partition of the image itself has more than that of the first
    /// one.
    fn definitions(&self, esp: &Value) {
        for (name, partition) in self.evaluation["partitions"].as_object().unwrap() {
            let mut lines = vec!["[Partition]".to_owned()];
            for (key, value) in partition["repartConfig"].as_object().unwrap() {
                lines.push(format!(
                    "{key}={}",
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                ));
            }
            let contents = if name == "00-esp" { esp } else { &partition["contents"] };
            for (target, source) in contents.as_object().unwrap() {
                lines.push(format!("CopyFiles={}:{target}", self.here(source.as_str().unwrap()).display()));
            }
            write(&self.path(&format!("repart.d/{name}.conf")), lines.join("\n").as_bytes());
        }
    }

    /// Makes an image with NixOS's own options. Returns what systemd-repart says of it.
    fn image(&self, which: &str, esp: &Value, image: &Path) -> Vec<Value> {
        self.definitions(esp);
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        let flags = words(&self.evaluation["repart"][which]);
        let said = self
            .tool(&[&["systemd-repart", "--offline=yes"], &flags[..], &[image.to_str().unwrap()]].concat());
        serde_json::from_str(&said).unwrap()
    }

    /// Makes the kernel image with the root hash of this image, and looks at both its profiles.
    fn kernel_image(&self, partitions: &[Value], hash: &str) {
        let script = text(&self.evaluation["scripts"], "kernelImage");
        let word = |end: &str| script.split([' ', '\n', '=', ')']).find(|word| word.ends_with(end)).unwrap();
        write(&self.here(word("/repart-output.json")), &serde_json::to_vec(partitions).unwrap());
        write(&self.here(word("/addonx64.efi.stub")), &self.stub("addonx64"));
        let settings = self.evaluation["ukify"].as_object().unwrap();
        let mut lines = vec!["[UKI]".to_owned()];
        for (key, value) in settings {
            let value = value.as_str().unwrap();
            let (at, path) = value.strip_prefix('@').map_or(("", value), |path| ("@", path));
            match key.as_str() {
                "Linux" | "Stub" => write(&self.here(path), &self.stub("linuxx64")),
                "Initrd" | "OSRelease" => write(&self.here(path), b"ID=demo\n"),
                _ => {}
            }
            let here = path.starts_with("/nix/").then(|| self.here(path).display().to_string());
            lines.push(format!("{key}={at}{}", here.as_deref().unwrap_or(path)));
        }
        write(&self.here(word("-ukify.conf")), lines.join("\n").as_bytes());
        let release = text(&self.evaluation["scripts"], "release");
        let efi = self.here(release.split(' ').find(|word| word.ends_with("/demo_0.0.1.efi")).unwrap());
        self.script(script, self.folder(), efi.parent().unwrap());

        let said = self.tool(&["ukify", "inspect", efi.to_str().unwrap()]);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| line.contains("usrhash=")).collect();
        let starts = lines.iter().all(|line| line.contains("/init ") && line.contains(hash));
        assert!(lines.len() == 2 && starts && lines[1].ends_with(" pattern.reset"), "{said}");
        assert!(lines[0].ends_with(hash) && said.contains("ID=factory-reset"), "{said}");
    }

    /// Returns a stub of systemd. That of kernel images stands for a kernel, too.
    fn stub(&self, name: &str) -> Vec<u8> {
        fs::read(self.tools.join(format!("lib/systemd/boot/efi/{name}.efi.stub"))).unwrap()
    }

    /// Makes the image and its release as NixOS's derivations do: an image for the root hash, the kernel image, the image itself.
    pub(super) fn release(&self) {
        let script = text(&self.evaluation["scripts"], "release");
        let folder = script.split_whitespace().find_map(|word| word.strip_suffix("/demo_0.0.1.raw")).unwrap();
        let (first, image) = (self.path("first/demo_0.0.1.raw"), self.here(folder).join("demo_0.0.1.raw"));
        let partitions =
            self.image("intermediate", &self.evaluation["partitions"]["00-esp"]["contents"], &first);
        let hash = root_hash(&partitions);
        self.kernel_image(&partitions, &hash);
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        fs::copy(&first, &image).unwrap();
        let last = self.image("final", &self.evaluation["repart"]["esp"], &image);
        let hash_of_last =
            last.iter().find(|each| each["type"] == "usr-x86-64-verity").map(|each| &each["uuid"]);
        assert!(hash.ends_with(&hash_of_last.unwrap().as_str().unwrap().replace('-', "")), "{last:?}");
        usr_is_as_pattern_build_lays_it_out(self, image.parent().unwrap());
        self.pattern(&["gen-keyring", "demo"]);
        let keyring =
            self.sources().into_iter().find(|source| source.ends_with("-demo-pubring.pgp")).unwrap();
        fs::copy(self.path("demo-pubring.pgp"), self.here(keyring)).unwrap();
        self.script(script, self.folder(), &self.path("release"));
        let sums = fs::read_to_string(self.path("release/SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count(), 5, "{sums}");
        let usr = sums.lines().find(|line| line.ends_with(".usr.raw")).unwrap();
        assert!(usr.contains(&format!("  demo_0.0.1_{}_", &hash[..32])), "{usr} of {hash}");
    }
}

/// Returns the root hash of an image's /usr. pattern-usr finds both partitions by its halves.
fn root_hash(partitions: &[Value]) -> String {
    let labels: BTreeMap<_, _> =
        partitions.iter().map(|each| (text(each, "type"), text(each, "label"))).collect();
    assert_eq!((labels["usr-x86-64"], labels["usr-x86-64-verity"]), ("usr-0.0.1", "verity-0.0.1"));
    let verity = partitions.iter().find(|each| each["type"] == "usr-x86-64-verity").unwrap();
    let (hash, uuid) = (text(verity, "roothash"), text(verity, "uuid").replace('-', ""));
    assert!(hash.len() == 64 && hash.ends_with(&uuid), "{hash} {uuid}");
    hash.to_owned()
}

fn usr_is_as_pattern_build_lays_it_out(rehearsal: &Rehearsal, image: &Path) {
    let split = fs::read_dir(image).unwrap().map(|entry| entry.unwrap().path());
    let split = split.into_iter().find(|path| path.to_str().unwrap().contains(".usr.")).unwrap();
    // Of one compressed program, not of thirteen whole ones.
    assert!(fs::metadata(&split).unwrap().len() < PROGRAM as u64, "{}", split.display());
    let extract = format!("--extract={}", rehearsal.path("usr").display());
    rehearsal.tool(&["fsck.erofs", &extract, split.to_str().unwrap()]);
    let usr = rehearsal.path("usr");
    for program in Program::ALL {
        let link = usr.join(program.path().strip_prefix("/usr/").unwrap());
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("pattern-initrd"), "{}", link.display());
    }
    for name in ["bin/pattern", "lib/systemd/system-generators/pattern-generator"] {
        let link = usr.join(name);
        assert!(link.is_symlink() && fs::metadata(&link).unwrap().len() == PROGRAM as u64, "{name}");
    }
    let fetch = rehearsal.here(text(&rehearsal.evaluation, "fetch")).join("libexec/pattern-fetch");
    assert_eq!(fs::read_link(usr.join(FETCH.strip_prefix("/usr/").unwrap())).unwrap(), fetch);
    for name in ["bin/env", "lib/systemd/import-pubring.pgp", "lib/sysupdate.d/30-uki.transfer"] {
        assert!(fs::metadata(usr.join(name)).unwrap().len() > 0, "{name}");
    }
}
