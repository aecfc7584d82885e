//! A folder with an unsigned image of a small system `x`.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pattern::config;
use pattern::table::base;
use pattern::update::release::Part;
use tempfile::TempDir;

/// Seconds since 1970.
pub(crate) const DATE: &str = "1764000000";
/// Hides the machine ID, and runs what follows.
const UNNAMED: &str =
    "if [ -e /etc/machine-id ]; then mount --bind /dev/null /etc/machine-id; fi && exec \"$0\" \"$@\"";
/// Mounts the /usr of the tools tree, and runs what follows.
const WITHIN: &str = "mount --bind \"$0/tree/usr\" /usr && exec \"$@\"";

pub(crate) struct Place {
    folder: TempDir,
    pub(crate) tools: String,
}

impl Place {
    /// Makes the image in `made`, if there are tools for that, and keys `x`.
    pub(crate) fn new() -> Option<Self> {
        Self::of("")
    }

    /// With more in pattern.toml, behind its table `image`.
    pub(crate) fn of(of_image: &str) -> Option<Self> {
        Self::with(of_image, "")
    }

    /// With more of it, and more at its beginning.
    pub(crate) fn with(of_image: &str, first: &str) -> Option<Self> {
        let place = Self { folder: tempfile::tempdir().unwrap(), tools: tools()? };
        fs::create_dir(place.path("temporary")).unwrap();
        place.tells(&["gen-keyring", "x"]);
        place.kernel_image("unsigned.efi", &[]);
        place.lay_out(of_image, first);
        place.image();
        Some(place)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    /// Has ukify make a kernel image as mkosi does, by the same programs: with these options more, signed. The stub stands for a
    /// kernel, too.
    pub(crate) fn kernel_image(&self, name: &str, signing: &[&str]) {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("mkosi");
        let ukify = ours.join("ukify/ukify").display().to_string();
        for (name, text) in [
            ("osrel", "ID=x\nIMAGE_ID=x\n"),
            ("cmdline", "root=tmpfs usrhash=00 quiet\0"),
            ("reset", "root=tmpfs usrhash=00 quiet pattern.reset\0"),
            ("profile", "ID=factory-reset\nTITLE=\"Factory reset\"\n"),
            ("initrd", "an initrd"),
            ("ucode", "microcode"),
        ] {
            self.write(name, text);
        }
        let stub = |name: &str| format!("/usr/lib/systemd/boot/efi/{name}.efi.stub");
        let (addon, linux) = (format!("--stub={}", stub("addonx64")), stub("linuxx64"));
        let profile = ["--profile", "@profile", "--cmdline=@reset", "--output=reset.efi"];
        self.by(&[&["python3", &ukify, "build", &addon], &profile[..]].concat());
        let output = format!("--output={name}");
        let main = [
            "--os-release=@osrel",
            "--cmdline=@cmdline",
            "--initrd=initrd",
            "--uname=6.12.1",
            "--microcode=ucode",
        ];
        let rest = ["--join-profile=reset.efi", "--stub", &linux, "--linux", &linux, &output];
        self.by(&[&["python3", &ukify, "build"], signing, &main[..], &rest[..]].concat());
    }

    /// Lays the system out, and writes the definitions of `pattern build`.
    fn lay_out(&self, of_image: &str, first: &str) {
        let text = format!(
            "{first}partitions.sizes = {{ esp = \"40M\", verity = \"64M\", usr = \"64M\" }}\n[image]\nid = \"x\"\nversion = \"1\"\n\
             updates = {{ url = \"https://example.org/x\", pubring = \"x-pubring.pgp\" }}\n{of_image}"
        );
        let config = config::parse("pattern.toml", &text).unwrap_or_else(|errors| panic!("{errors:?}"));
        self.write("root/usr/lib/pattern/pattern.toml", text);
        for folder in ["root/boot", "root/efi/loader"] {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        self.write("root/efi/loader/loader.conf", "timeout 3\n");
        let loader = Path::new(&self.tools).join("tree/usr/lib/systemd/boot/efi/systemd-bootx64.efi");
        for name in ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"] {
            self.write(&format!("root/efi/{name}"), fs::read(&loader).unwrap());
        }
        self.write("root/efi/EFI/Linux/x_1.efi", self.read("unsigned.efi"));
        for (name, text) in base::definitions(&config) {
            self.write(&format!("repart.d/{name}"), text);
        }
    }

    /// Has systemd-repart make the image.
    pub(crate) fn image(&self) {
        fs::remove_dir_all(self.path("made")).ok();
        fs::create_dir(self.path("made")).unwrap();
        let source = format!("--copy-source={}", self.path("root").display());
        let flags = [
            "--dry-run=no",
            "--size=auto",
            "--empty=create",
            "--split=true",
            "--offline=yes",
            "--sector-size=512",
        ];
        let seed = "--seed=3f8e8a2c-5b1f-4a57-9d4c-0a5c1f9b7e11";
        self.by(&[
            &["systemd-repart", "--definitions=repart.d", &source, seed],
            &flags[..],
            &["made/x_1.raw"],
        ]
        .concat());
        self.finish();
    }

    /// Names the files as `pattern build` does.
    fn finish(&self) {
        for entry in fs::read_dir(self.path("made")).unwrap() {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            let name = name.to_str().unwrap();
            let words: Vec<_> = name.split('.').collect();
            if let ["x_1", kind, uuid, "raw"] = words[..] {
                let part = Part::ALL.into_iter().find(|part| part.name() == kind).unwrap();
                let bytes = fs::metadata(&path).unwrap().len();
                fs::rename(&path, self.path("made").join(part.file_name("x_1", uuid, bytes))).unwrap();
            }
        }
        self.write("made/x_1.efi", self.read("unsigned.efi"));
        self.write("made/x_1.pubring.pgp", self.read("x-pubring.pgp"));
        self.sum();
    }

    /// Writes the sums of what is in `made`.
    pub(crate) fn sum(&self) {
        let script = "cd made; rm -f SHA256SUMS; sha256sum -- * >../sums && mv ../sums SHA256SUMS";
        assert!(
            Command::new("sh")
                .args(["-c", script])
                .current_dir(self.folder.path())
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn pattern(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.args(words).current_dir(self.folder.path()).env_remove("SOURCE_DATE_EPOCH");
        command.env("TMPDIR", self.path("temporary")).output().unwrap()
    }

    /// Runs `pattern`, which must succeed, and returns what it prints.
    pub(crate) fn tells(&self, words: &[&str]) -> String {
        let output = self.pattern(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_dir(self.path("temporary")).unwrap().count(), 0, "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Signs the image, which must fail, and returns what is said. No result and no copy of a key is left.
    pub(crate) fn refuses(&self, words: &[&str]) -> String {
        let output = self.pattern(&[&["sign-image", "--quiet", "--tools", &self.tools], words].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{words:?}: {said}");
        assert!(!self.path("build/images/x_1").exists(), "{words:?}: {said}");
        assert_eq!(fs::read_dir(self.path("temporary")).unwrap().count(), 0, "{words:?}");
        said.replace(&format!("{}/", self.folder.path().canonicalize().unwrap().display()), "")
    }

    /// Runs a program of the tools tree.
    pub(crate) fn by(&self, words: &[&str]) -> Vec<u8> {
        let output = self.outcome(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs `pattern`, which must succeed, on a host that has no machine ID, such as a container.
    pub(crate) fn tells_without_machine_id(&self, words: &[&str]) {
        let mut command = self.unshared();
        command.args(["sh", "-c", UNNAMED, env!("CARGO_BIN_EXE_pattern")]).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts something with mounts of its own.
    fn unshared(&self) -> Command {
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let mut command = Command::new("unshare");
        command.arg("--mount").args((!root).then_some("--map-root-user")).current_dir(self.folder.path());
        command
    }

    pub(crate) fn outcome(&self, words: &[&str]) -> Output {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("mkosi/sbsign");
        let mut command = self.unshared();
        command.args(["sh", "-c", WITHIN, &self.tools]).args(words);
        command.env("PATH", format!("{}:/usr/bin:/usr/sbin:/bin:/sbin", ours.display()));
        command.env("SOURCE_DATE_EPOCH", DATE).output().unwrap()
    }
}

/// The tools tree, if `pattern build` has made one that has what images are signed with. `make vm` says that it has.
fn tools() -> Option<String> {
    let must_be_there = env::var_os("PATTERN_TOOLS").is_some();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools");
    let is_there = tools.join("tree/usr/lib/systemd/boot/efi/addonx64.efi.stub").exists();
    assert!(is_there || !must_be_there, "{} has nothing to sign images with", tools.display());
    if !is_there {
        println!("skipped: build/tools has nothing to sign images with; `make image` makes the tree anew");
    }
    is_there.then(|| tools.canonicalize().unwrap().display().to_string())
}
