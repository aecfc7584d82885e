//! A machine for the real systemd-sysupdate without a machine: a folder in place of the EFI system partition, a
//! file with a partition table in place of the disk, and a signed release on a web server.

pub mod disk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use pattern::config;
use pattern::update::entry::{Entry, Tries};
use pattern::update::release::Part;
use pattern::update::setting::Settings;
use pattern::update::{Installed, transfers, with_usr};
use pattern_vm_tests::{Server, Tls};

/// Of a partition in bytes, and of what a release has for it, unless it is a real one.
const SLOT: u64 = 1 << 20;
/// Of a hash tree and a `/usr` of a real release.
const REAL: [u64; 2] = [200 << 20, 1 << 30];

/// How many machines there were.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Since systemd 258, and before.
const KEYRINGS: [&str; 2] = ["import-pubring.pgp", "import-pubring.gpg"];

/// Shows a tree's `/usr`, the keyring where systemd looks first, the certificates of authorities and the names of hosts.
const MOUNT: &str = r#"
mount --bind "$0" /usr && mkdir -p /etc/systemd /etc/ssl/certs && mount --bind "$1" /etc/systemd &&
mount --bind "$2" /etc/ssl/certs && mount --bind "$3" /etc/hosts && shift 3 && exec "$@"
"#;

/// The machine. Its folder is removed at the end.
pub struct Rig {
    folder: PathBuf,
    running: &'static str,
    server: Server,
    /// Of the two partitions of a slot, in bytes.
    sizes: [u64; 2],
}

impl Rig {
    /// A machine that runs a version, with these files in `EFI/Linux` and these versions in its two slots.
    pub fn new(running: &'static str, files: &[&str], slots: [&str; 2]) -> Self {
        Self::of(None, running, files, slots)
    }

    /// A machine that runs the demonstration's 0.0.1, has room for real versions, and is offered a real release.
    pub fn real(release: &Path) -> Self {
        Self::of(Some(release), "0.0.1", &["demo_0.0.1.efi"], ["0.0.1", ""])
    }

    fn of(release: Option<&Path>, running: &'static str, files: &[&str], slots: [&str; 2]) -> Self {
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("pattern-sysupdate-{}-{number}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        for name in ["esp/EFI/Linux", "release", "keyring", "definitions", "certificates"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let server = Server::start(release.unwrap_or(&folder.join("release")));
        let sizes = if release.is_some() { REAL } else { [SLOT; 2] };
        if release.is_some() {
            let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo-pubring.pgp");
            for name in KEYRINGS {
                fs::copy(&keys, folder.join("keyring").join(name)).unwrap();
            }
        }
        let rig = Self { folder, running, server, sizes };
        files.iter().for_each(|name| fs::write(rig.entry(name), name).unwrap());
        fs::write(rig.hosts(), "").unwrap();
        rig.partition(slots);
        rig.define(&format!("http://127.0.0.1:{}/", rig.server.port()));
        rig
    }

    /// The server of the release.
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.folder.join("esp/EFI/Linux").join(name)
    }

    /// The definitions of an image whose updates are there, but for the places that only a machine has.
    pub fn define(&self, url: &str) {
        self.define_as(&transfers::definitions(&self.config(url)));
    }

    /// Those of what pattern-fetch offers on the loopback.
    pub fn define_loopback(&self, port: u16) {
        self.define_as(&transfers::on_the_loopback(&self.config("http://127.0.0.1/"), port));
    }

    fn config(&self, url: &str) -> config::Config {
        let text = format!(
            "[image]\nid = \"demo\"\nversion = \"{}\"\nupdates = {{ url = \"{url}\", pubring = \"demo.pgp\" }}\n\
             [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n",
            self.running
        );
        config::parse("pattern.toml", &text).unwrap()
    }

    fn define_as(&self, definitions: &[(&'static str, String)]) {
        for (name, text) in definitions {
            let text = text
                .replace("ProtectVersion=%A", &format!("ProtectVersion={}", self.running))
                .replace("Path=auto", &format!("Path={}", self.disk().display()))
                .replace("PathRelativeTo=boot\n", "")
                .replace("Path=/EFI/Linux", &format!("Path={}", self.folder.join("esp/EFI/Linux").display()));
            fs::write(self.folder.join("definitions").join(name), text).unwrap();
        }
    }

    /// Has a server by HTTPS, too, with this name. Its authority is not known to the machine.
    pub fn secure(&self, name: &str) -> Tls {
        Tls::start(&self.server, name, &self.folder.join("tls"), |program| self.within(&tools(), &[program]))
    }

    /// Tells the machine where the name of a server leads, and whom to trust.
    pub fn know(&self, name: Option<&str>, tls: Option<&Tls>) {
        let hosts = name.map(|name| format!("127.0.0.1 {name}\n"));
        fs::write(self.hosts(), hosts.unwrap_or_default()).unwrap();
        if let Some(tls) = tls {
            fs::copy(tls.authority(), self.folder.join("certificates/ca-certificates.crt")).unwrap();
        }
    }

    fn hosts(&self) -> PathBuf {
        self.folder.join("hosts")
    }

    /// Publishes versions in place of what was published, signed with a key that the image has.
    pub fn publish(&self, versions: &[&str]) {
        let release = self.folder.join("release");
        fs::remove_dir_all(&release).unwrap();
        fs::create_dir_all(&release).unwrap();
        for version in versions {
            for (index, part) in Part::ALL.into_iter().enumerate() {
                let uuid = format!("{index:08x}{:0>24}", version.replace(|c: char| !c.is_ascii_digit(), "0"));
                let name = part.file_name(&format!("demo_{version}"), &uuid, SLOT);
                let mut bytes = name.clone().into_bytes();
                bytes.resize(SLOT as usize, 0);
                fs::write(release.join(name), bytes).unwrap();
            }
            fs::write(release.join(format!("demo_{version}.efi")), [b'M'; 4096]).unwrap();
            // Published with a version, and not for machines.
            fs::write(release.join(format!("demo_{version}.spdx.json")), "{}").unwrap();
        }
        let sum = "cd \"$0\" && sha256sum -- * >../sums && mv ../sums SHA256SUMS";
        ok(&Command::new("sh").args(["-c", sum]).arg(&release).output().unwrap());
        self.sign(&release.join("SHA256SUMS"));
    }

    /// Changes the list after it was signed.
    pub fn change_list(&self) {
        let list = self.folder.join("release/SHA256SUMS");
        let text = fs::read_to_string(&list).unwrap();
        fs::write(list, text.replace("demo_2.efi", "demo_3.efi")).unwrap();
    }

    /// Changes the end of a version's `/usr` after its sum was signed.
    pub fn change_usr(&self, version: &str) {
        let entries = fs::read_dir(self.folder.join("release")).unwrap().map(|entry| entry.unwrap().path());
        let is_usr = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("demo_{version}_")) && name.contains(".usr.raw")
        };
        let file = entries.into_iter().find(is_usr).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }

    fn sign(&self, list: &Path) {
        let home = self.folder.join("gpg");
        let gpg = |words: &[&str]| {
            let mut command = Command::new("gpg");
            command
                .arg("--homedir")
                .arg(&home)
                .args(["--batch", "--yes", "--quiet", "--passphrase", ""])
                .args(words);
            command
        };
        if !home.exists() {
            ok(&Command::new("install").args(["-d", "-m", "700"]).arg(&home).output().unwrap());
            ok(&gpg(&["--quick-gen-key", "test", "ed25519", "sign", "never"]).output().unwrap());
            for name in KEYRINGS {
                let keyring = self.folder.join("keyring").join(name);
                ok(&gpg(&["--output"]).arg(keyring).arg("--export").output().unwrap());
            }
        }
        let signature = list.with_extension("gpg");
        ok(&gpg(&["--output"]).arg(signature).arg("--detach-sign").arg(list).output().unwrap());
    }

    /// Runs a program of the tree whose systemd is tested, with that tree's `/usr` in place of the host's.
    fn tree(&self, words: &[&str]) -> Command {
        self.within(&std::env::var_os("PATTERN_SYSTEMD").map_or_else(tools, PathBuf::from), words)
    }

    /// Runs a program of a tree.
    fn within(&self, tree: &Path, words: &[&str]) -> Command {
        assert!(tree.join("usr").is_dir(), "{} is missing: `make build/tools` makes it", tree.display());
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["sh", "-c", MOUNT]).arg(tree.join("usr"));
        command.args(["keyring", "certificates", "hosts"].map(|name| self.folder.join(name))).args(words);
        command
    }

    /// Runs systemd-sysupdate.
    pub fn sysupdate(&self, words: &[&str]) -> Output {
        self.sysupdate_with(&[], words)
    }

    /// Runs systemd-sysupdate with these variables.
    pub fn sysupdate_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Output {
        let definitions = format!("--definitions={}", self.folder.join("definitions").display());
        let mut command = self.tree(&["/usr/lib/systemd/systemd-sysupdate", "--json=short", &definitions]);
        command.envs(variables.iter().copied()).args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// What is offered, as `pattern update` asks.
    pub fn newest(&self) -> Option<String> {
        let output = self.sysupdate(&["check-new"]);
        // systemd 262 says with status 1 that nothing is newer.
        let answer = serde_json::from_slice::<serde_json::Value>(&output.stdout);
        let answer = answer.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        answer["available"].as_str().map(str::to_owned)
    }

    /// The names in `EFI/Linux`, in order.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.entry("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Whether nobody may write to a file in `EFI/Linux`.
    pub fn is_read_only(&self, name: &str) -> bool {
        fs::metadata(self.entry(name)).unwrap().permissions().readonly()
    }

    /// Gives an entry other counters.
    pub fn count(&self, entry: &Entry, tries: Option<Tries>) {
        let to = Entry { tries, ..entry.clone() };
        fs::rename(self.entry(&entry.file_name("demo")), self.entry(&to.file_name("demo"))).unwrap();
    }

    /// The paths that were asked for since the last call.
    pub fn requests(&self) -> Vec<String> {
        self.server.requests()
    }

    /// What pattern sees of this machine.
    pub fn installed(&self, counted: bool) -> Installed {
        let entries = self.files().iter().filter_map(|name| Entry::parse("demo", name)).collect();
        Installed {
            id: "demo".to_owned(),
            running: self.running.to_owned(),
            counted,
            entries: with_usr(entries, &self.labels()),
            settings: Settings::default(),
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Returns the tree of Debian 13 that images are built with.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools/tree")
}

/// Fails with what a program printed.
pub fn ok(output: &Output) {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}
