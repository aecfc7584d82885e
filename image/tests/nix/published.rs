//! What becomes of a release by Nix on its owner's host: signed as `pattern build` signs, published, and found by systemd-sysupdate.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::pipeline::{PATH, Rehearsal};
use super::store::write;
use super::text;

/// Shows the keyring where systemd looks first, beside the /usr of the tools tree.
const MACHINE: &str = r#"mount --bind "$0" /usr && mkdir -p /etc/systemd && mount --bind "$1" /etc/systemd && shift && exec "$@""#;

#[test]
#[ignore = "needs root and the tools tree, and evaluates all of NixOS; `make nix` runs it"]
fn a_release_is_signed_published_and_offered_to_machines() {
    let Some(rehearsal) = Rehearsal::new() else { return };
    rehearsal.release();
    let tools = rehearsal.tools.parent().unwrap().parent().unwrap().display().to_string();
    rehearsal.pattern(&["sign-image", "release", "demo-keys", "--tools", &tools]);
    is_signed(&rehearsal, &tools);
    rehearsal.pattern(&["sign-release", "build/images/demo_0.0.1", "demo-gpg", "--output", "published"]);
    assert_eq!(offered(&rehearsal, "0.0.0").as_deref(), Some("0.0.1"));
    assert_eq!(offered(&rehearsal, "0.0.1"), None, "it runs already");
    // Whose signature is verified.
    let sums = rehearsal.path("published/SHA256SUMS");
    let changed = fs::read_to_string(&sums).unwrap().replace("demo_0.0.1.efi", "demo_0.0.2.efi");
    fs::write(&sums, changed).unwrap();
    assert_eq!(offered(&rehearsal, "0.0.0"), None, "somebody changed the list");
}

/// As firmware and the TPM see it.
fn is_signed(rehearsal: &Rehearsal, tools: &str) {
    let certificate = rehearsal.path("demo-keys/secure-boot.crt").display().to_string();
    let image = format!("{}@@1M", rehearsal.path("build/images/demo_0.0.1/demo_0.0.1.raw").display());
    for name in ["EFI/Linux/demo_0.0.1.efi", "EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"] {
        let file = rehearsal.path("program.efi").display().to_string();
        rehearsal.tool(&["mcopy", "-n", "-i", &image, &format!("::{name}"), &file]);
        rehearsal.tool(&["sbverify", "--cert", &certificate, &file]);
    }
    let said = rehearsal.pattern(&["show", "build/images/demo_0.0.1", "--json", "--tools", tools]);
    let shown: Value = serde_json::from_str(&said).unwrap();
    let kernel = &shown["image"]["kernel"];
    assert_eq!(kernel["pcr_signers"], Value::from(vec![kernel["pcr_key"].clone()]), "{said}");
    assert!(text(kernel, "command_line").contains(" gpt "), "{said}");
    let file = rehearsal.path("build/images/demo_0.0.1/demo_0.0.1.efi").display().to_string();
    let said = rehearsal.tool(&["ukify", "inspect", &file]);
    let profiles = said.lines().filter(|line| line.trim() == ".pcrsig:").count();
    assert!(profiles == 2 && said.contains("ID=factory-reset"), "{said}");
}

/// Returns the version that systemd-sysupdate would install on a machine that runs another one, by the module's transfers. What
/// only a machine has is replaced.
fn offered(rehearsal: &Rehearsal, running: &str) -> Option<String> {
    let machine = rehearsal.path("machine");
    fs::remove_dir_all(&machine).ok();
    let disk = machine.join("disk");
    write(&disk, b"");
    fs::File::options().write(true).open(&disk).unwrap().set_len(8 << 20).unwrap();
    write(&machine.join("script"), partitions(running).as_bytes());
    let table = format!("sfdisk --quiet {} <{}", disk.display(), machine.join("script").display());
    rehearsal.tool(&["sh", "-c", &table]);
    write(&machine.join(format!("esp/demo_{running}.efi")), b"MZ");
    for name in ["gpg", "pgp"] {
        let keyring = fs::read(rehearsal.path("demo-pubring.pgp")).unwrap();
        write(&machine.join(format!("keyring/import-pubring.{name}")), &keyring);
    }
    for (name, sections) in rehearsal.evaluation["transfers"].as_object().unwrap() {
        let text: String = sections.as_object().unwrap().iter().map(section).collect();
        let url = format!("file://{}", rehearsal.path("published").display());
        let text = text
            .replace("ProtectVersion=%A", &format!("ProtectVersion={running}"))
            .replace(
                "Path=https://github.com/sotormd/pattern/releases/latest/download",
                &format!("Path={url}"),
            )
            .replace("Path=auto", &format!("Path={}", disk.display()))
            .replace("PathRelativeTo=boot\n", "")
            .replace("Path=/EFI/Linux", &format!("Path={}", machine.join("esp").display()));
        write(&machine.join(format!("definitions/{name}.transfer")), text.as_bytes());
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", MACHINE]).args([&rehearsal.tools, &machine.join("keyring")]);
    command.args(["/usr/lib/systemd/systemd-sysupdate", "--json=short", "check-new"]);
    command.arg(format!("--definitions={}", machine.join("definitions").display())).env("PATH", PATH);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    println!("{running}: {answer} {said}");
    answer["available"].as_str().map(str::to_owned)
}

/// The slots of a machine: one of the version that runs, and an empty one.
fn partitions(running: &str) -> String {
    let kinds =
        [("verity", "77FF5F63-E7B6-4633-ACF4-1565B864C0E6"), ("usr", "8484680C-9521-48C6-9C11-B0720656F69E")];
    let mut script = "label: gpt\n".to_owned();
    for slot in [format!("-{running}"), String::new()] {
        for (part, kind) in kinds {
            let label = if slot.is_empty() { "_empty".to_owned() } else { format!("{part}{slot}") };
            script.push_str(&format!("size=1MiB, type={kind}, name=\"{label}\"\n"));
        }
    }
    script
}

fn section((name, settings): (&String, &Value)) -> String {
    let setting = |(key, value): (&String, &Value)| {
        format!("{key}={}\n", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let settings: String = settings.as_object().unwrap().iter().map(setting).collect();
    format!("[{name}]\n{settings}")
}
