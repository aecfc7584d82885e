//! The image pipeline, rehearsed: what NixOS's definitions and scripts make of files that stand for packages, with the
//! systemd-repart and the file systems' programs of the tools tree of `pattern build`. Needs root, and `PATTERN_NIXPKGS`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::program::Program;
use serde_json::Value;

use super::{text, top, whole};

/// Larger than what else is in `/usr` by far.
const PROGRAM: usize = 3 << 20;

/// The programs of the tree, and none that the host has somewhere else.
const PATH: &str = "/usr/bin:/usr/sbin:/bin:/sbin";

/// Mounts the /usr of the tools tree, and runs what follows.
const WITHIN: &str = r#"mount --bind "$0" /usr && exec "$@""#;

struct Rehearsal {
    folder: tempfile::TempDir,
    evaluation: Value,
    tools: PathBuf,
}

impl Rehearsal {
    fn new() -> Option<Self> {
        let tools = top().join("build/tools/tree/usr");
        if !tools.join("bin/systemd-repart").exists() {
            println!("skipped: build/tools has no tree, which `make image` makes");
            return None;
        }
        let evaluation = whole::evaluate("check/reference-demo.nix", "", "x86_64-linux")?;
        Some(Self { folder: tempfile::tempdir().unwrap(), evaluation, tools })
    }

    /// Where a path of the store is here.
    fn here(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.strip_prefix('/').unwrap())
    }

    /// Runs a script of a derivation on the store of this rehearsal.
    fn script(&self, script: &str, at: &Path, out: &Path) {
        let store = self.here("/nix/store");
        let script = script.replace("/nix/store", store.to_str().unwrap());
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euc", &script]).current_dir(at).env("out", out).env("PATH", path);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a program of the tools tree.
    fn tool(&self, words: &[&str]) -> String {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", WITHIN])
            .arg(&self.tools)
            .args(words)
            .current_dir(&self.folder)
            .env("PATH", PATH);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the host's tool.
    fn pattern(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        let output = command.args(words).current_dir(&self.folder).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Has scripts find the tree's ukify.
    fn ukify(&self) {
        let file = self.folder.path().join("bin/ukify");
        let within = format!(
            "PATH={PATH} exec unshare --mount sh -c '{WITHIN}' {} /usr/bin/ukify \"$@\"",
            self.tools.display()
        );
        write(&file, format!("#!/bin/sh\n{within}\n").as_bytes());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lays out the packages: a program that stands for ours, and a file for every other source.
    fn packages(&self) {
        let package = self.here(text(&self.evaluation["package"], "name"));
        write(&package.join("bin/pattern-initrd"), &vec![b'x'; PROGRAM]);
        let scripts = &self.evaluation["scripts"];
        self.script(text(scripts, "package"), &top(), &package);
        let script = text(scripts, "usr");
        for word in script.split_whitespace().filter(|word| word.starts_with("/nix/store/")) {
            let file = self.here(word);
            if !file.exists() {
                write(&file, b"debug = true");
            }
        }
        let sources = self.sources();
        let usr = sources.iter().find_map(|source| source.strip_suffix("/lib/pattern")).unwrap();
        self.script(script, self.folder.path(), &self.here(usr));
        for source in sources.iter().filter(|source| !self.here(source).exists()) {
            write(&self.here(source), b"something");
        }
    }

    fn sources(&self) -> Vec<&str> {
        let partitions = self.evaluation["partitions"].as_object().unwrap().values();
        let contents = partitions.flat_map(|each| each["contents"].as_object().unwrap().values());
        contents.filter_map(Value::as_str).collect()
    }

    /// Writes the definitions as NixOS's builder does, and makes the image. Returns what systemd-repart says of it.
    fn image(&self, folder: &str) -> Vec<Value> {
        for (name, partition) in self.evaluation["partitions"].as_object().unwrap() {
            let mut lines = vec!["[Partition]".to_owned()];
            for (key, value) in partition["repartConfig"].as_object().unwrap() {
                lines.push(format!(
                    "{key}={}",
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                ));
            }
            for (target, source) in partition["contents"].as_object().unwrap() {
                lines.push(format!("CopyFiles={}:{target}", self.here(source.as_str().unwrap()).display()));
            }
            write(&self.folder.path().join(format!("repart.d/{name}.conf")), lines.join("\n").as_bytes());
        }
        let image = self.here(folder);
        fs::create_dir_all(&image).unwrap();
        let (seed, image) = (text(&self.evaluation, "seed"), image.join("demo_0.0.1.raw"));
        let (seed, image) = (format!("--seed={seed}"), image.to_str().unwrap());
        let flags = [
            "--dry-run=no",
            "--size=auto",
            "--empty=create",
            "--split=true",
            "--json=short",
            "--sector-size=512",
            "--offline=yes",
        ];
        let said =
            self.tool(&[&["systemd-repart", "--definitions=repart.d", &seed], &flags[..], &[image]].concat());
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
        self.script(script, self.folder.path(), efi.parent().unwrap());

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
}

fn write(file: &Path, contents: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, contents).unwrap();
}

#[test]
#[ignore = "needs root and the tools tree, and evaluates all of NixOS; `make nix` runs it"]
fn an_image_has_the_program_once_and_gives_a_release() {
    let Some(rehearsal) = Rehearsal::new() else { return };
    rehearsal.ukify();
    rehearsal.packages();
    let script = text(&rehearsal.evaluation["scripts"], "release");
    let image = script.split_whitespace().find_map(|word| word.strip_suffix("/demo_0.0.1.raw")).unwrap();
    let partitions = rehearsal.image(image);
    let labels: BTreeMap<_, _> =
        partitions.iter().map(|each| (text(each, "type"), text(each, "label"))).collect();
    assert_eq!((labels["usr-x86-64"], labels["usr-x86-64-verity"]), ("usr-0.0.1", "verity-0.0.1"));
    let verity = partitions.iter().find(|each| each["type"] == "usr-x86-64-verity").unwrap();
    let (hash, uuid) = (text(verity, "roothash"), text(verity, "uuid").replace('-', ""));
    // pattern-usr finds both partitions by the halves of the root hash.
    assert!(hash.len() == 64 && hash.ends_with(&uuid), "{hash} {uuid}");

    usr_is_as_pattern_build_lays_it_out(&rehearsal, &rehearsal.here(image));
    rehearsal.kernel_image(&partitions, hash);
    rehearsal.pattern(&["gen-keyring", "demo"]);
    let keyring =
        rehearsal.sources().into_iter().find(|source| source.ends_with("-demo-pubring.pgp")).unwrap();
    fs::copy(rehearsal.folder.path().join("demo-pubring.pgp"), rehearsal.here(keyring)).unwrap();
    let release = rehearsal.folder.path().join("release");
    rehearsal.script(script, rehearsal.folder.path(), &release);
    let sums = fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 5, "{sums}");
    let usr = sums.lines().find(|line| line.ends_with(".usr.raw")).unwrap();
    assert!(usr.contains(&format!("  demo_0.0.1_{}_", &hash[..32])), "{usr} of {hash}");
    rehearsal.pattern(&["sign-release", "release", "demo-gpg", "--output", "published"]);
    assert!(rehearsal.folder.path().join("published/SHA256SUMS.gpg").exists());
}

fn usr_is_as_pattern_build_lays_it_out(rehearsal: &Rehearsal, image: &Path) {
    let split = fs::read_dir(image).unwrap().map(|entry| entry.unwrap().path());
    let split = split.into_iter().find(|path| path.to_str().unwrap().contains(".usr.")).unwrap();
    // Of one compressed program, not of thirteen whole ones.
    assert!(fs::metadata(&split).unwrap().len() < PROGRAM as u64, "{}", split.display());
    let extract = format!("--extract={}", rehearsal.folder.path().join("usr").display());
    rehearsal.tool(&["fsck.erofs", &extract, split.to_str().unwrap()]);
    let usr = rehearsal.folder.path().join("usr");
    for program in Program::ALL {
        let link = usr.join(program.path().strip_prefix("/usr/").unwrap());
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("pattern-initrd"), "{}", link.display());
    }
    for name in ["bin/pattern", "lib/systemd/system-generators/pattern-generator"] {
        let link = usr.join(name);
        assert!(link.is_symlink() && fs::metadata(&link).unwrap().len() == PROGRAM as u64, "{name}");
    }
    for name in ["bin/env", "lib/systemd/import-pubring.pgp", "lib/sysupdate.d/30-uki.transfer"] {
        assert!(fs::metadata(usr.join(name)).unwrap().len() > 0, "{name}");
    }
}
