//! The key of a volume, and the right to write what the TPM knows of it, asked of the machine's own TPM by a system of the
//! attacker's. It has what everybody has who has the disk: the volume's header, and the kernel image with the signatures
//! for PCR 11.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pattern::record::nv::{EARLIER_IDENTITY, IDENTITIES};
use pattern::token::{Bank, Pcrs, Signatures, Signed, Token, Tpm2Token, policy_digest};
use pattern::uki;
use pattern_vm_tests::{Chip, Computer, pcr11};

use super::header;

/// Another value of a register than it has in the owner's system.
pub(crate) const ANOTHER: [u8; 32] = [0xe1; 32];
/// Where every TPM of the field has its storage root key.
const SRK: &str = "0x81000001";
const SESSION: &str = "session.ctx";

/// What the attacker has read from the disk.
pub(crate) struct Loot<'a> {
    computer: &'a Computer,
    image: Vec<u8>,
    pub(crate) token: Tpm2Token,
}

impl<'a> Loot<'a> {
    pub(crate) fn of(computer: &'a Computer) -> Self {
        let image = fs::read(computer.kernel_image()).expect("reading the kernel image");
        let disk = computer.disk();
        let (_, metadata) = header::read(&disk, disk.partition("persist"));
        let tokens = metadata["tokens"].as_object().expect("tokens").values();
        let token = tokens.into_iter().find_map(|token| match Token::parse(&token.to_string()) {
            Ok(Token::Tpm2(token)) => Some(*token),
            _ => None,
        });
        Self { computer, image, token: token.expect("a token for the TPM") }
    }

    /// Switches the TPM on, and extends PCR 7 with this, PCR 11 with what the kernel image would, and PCR 12 with that.
    pub(crate) fn start(&self, seven: &[[u8; 32]], twelve: &[[u8; 32]]) -> Chip<'a> {
        let chip = Chip::of(self.computer);
        chip.extend(7, seven);
        chip.extend(11, &pcr11::extends(&self.image));
        chip.extend(12, twelve);
        chip
    }

    /// Has the TPM unseal the key, and opens the volume with it.
    pub(crate) fn open(&self, chip: &Chip<'_>) -> Result<(), String> {
        let secret = self.unseal(chip)?;
        let key = self.put("theirs.key", STANDARD.encode(secret).as_bytes());
        let volume = self.computer.folder().join("theirs.volume");
        let disk = self.computer.disk();
        disk.extract(disk.partition("persist"), &volume);
        let mut open = self.computer.command("cryptsetup");
        open.args(["open", "--test-passphrase", "--key-file"]).arg(key).arg(&volume);
        let output = open.output().expect("starting cryptsetup");
        fs::remove_file(volume).ok();
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn unseal(&self, chip: &Chip<'_>) -> Result<Vec<u8>, String> {
        self.session(chip, self.token.literal)?;
        let sealed = &self.token.sealed;
        self.put("sealed.private", &sized(&sealed.private));
        self.put("sealed.public", &sized(&sealed.public));
        let load = ["-C", SRK, "-r", "sealed.private", "-u", "sealed.public", "-c", "sealed.ctx"];
        chip.run("tpm2_load", &load)?;
        let unseal = ["-c", "sealed.ctx", "-p", "session:session.ctx", "-o", "secret"];
        chip.run("tpm2_unseal", &unseal)?;
        Ok(fs::read(chip.file("secret")).expect("reading the secret"))
    }

    /// Writes something else into each NV index that a policy lets one write, whatever registers that policy is over:
    /// returns the handle of the first that was written.
    pub(crate) fn write_identity(&self, chip: &Chip<'_>) -> Result<String, String> {
        self.put("theirs.tag", &[0x5a; 32]);
        let mut refused = String::from("there is no NV index");
        for handle in indices(chip) {
            for literal in [&[15][..], &[12, 15], &[7, 15], &[7, 12, 15]] {
                self.session(chip, Pcrs::new(literal.iter().copied()).ok())?;
                let words = ["-C", &handle, "-P", "session:session.ctx", "-i", "theirs.tag", &handle];
                match chip.run("tpm2_nvwrite", &words) {
                    Ok(_) => return Ok(handle),
                    Err(complaint) => refused = complaint,
                }
                chip.run("tpm2_flushcontext", &[SESSION]).ok();
            }
        }
        Err(refused)
    }

    /// Starts a session and takes it through what the owner's initrd says of the registers.
    pub(crate) fn session(&self, chip: &Chip<'_>, literal: Option<Pcrs>) -> Result<(), String> {
        chip.run("tpm2_startauthsession", &["--policy-session", "-S", SESSION])?;
        if let Some(signed) = &self.token.signed {
            self.authorize(chip, signed)?;
        }
        let Some(literal) = literal else { return Ok(()) };
        chip.run("tpm2_policypcr", &["-S", SESSION, "-l", &list(literal)]).map(drop)
    }

    /// By the signature that comes with the kernel image.
    fn authorize(&self, chip: &Chip<'_>, signed: &Signed) -> Result<(), String> {
        let section = uki::section(&self.image, ".pcrsig").expect("a kernel image with signatures");
        let text = String::from_utf8_lossy(section);
        let signatures = Signatures::parse(text.trim_end_matches('\0')).expect("signatures for PCR 11");
        let value = pcr11::value(&pcr11::extends(&self.image)).to_vec();
        let policy = policy_digest(signed.pcrs, Bank::Sha256, &[value]);
        let approved = signatures.by(signed, Bank::Sha256).into_iter().find(|one| one.policy == policy);
        let approved = approved.expect("what was worked out from the kernel image is what was signed");
        self.put("approved", &policy);
        self.put("signature", &approved.signature);
        self.put("signer.public", &sized(&signed.key.area()));
        for (program, words) in [
            ("tpm2_policypcr", &["-S", SESSION, "-l", &list(signed.pcrs)][..]),
            (
                "tpm2_loadexternal",
                &["-C", "o", "-u", "signer.public", "-c", "signer.ctx", "-n", "signer.name"],
            ),
            (
                "tpm2_verifysignature",
                &[
                    "-c",
                    "signer.ctx",
                    "-g",
                    "sha256",
                    "-f",
                    "rsassa",
                    "-m",
                    "approved",
                    "-s",
                    "signature",
                    "-t",
                    "ticket",
                ],
            ),
            ("tpm2_policyauthorize", &["-S", SESSION, "-i", "approved", "-n", "signer.name", "-t", "ticket"]),
        ] {
            chip.run(program, words)?;
        }
        Ok(())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.computer.folder().join(name);
        fs::write(&path, bytes).expect("writing a file for tpm2-tools");
        path
    }
}

/// The NV indices in which the owner's system keeps what it knows of volumes.
pub(crate) fn indices(chip: &Chip<'_>) -> Vec<String> {
    let listed = chip.run("tpm2_getcap", &["handles-nv-index"]).expect("listing NV indices");
    let handles = listed.lines().filter_map(|line| line.trim().strip_prefix("- "));
    handles.filter(|handle| is_a_record(handle)).map(str::to_owned).collect()
}

fn is_a_record(handle: &str) -> bool {
    let number = handle.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.is_some_and(|handle| IDENTITIES.contains(&handle) || handle == EARLIER_IDENTITY.handle)
}

fn list(pcrs: Pcrs) -> String {
    let numbers: Vec<_> = pcrs.iter().map(|pcr| pcr.to_string()).collect();
    format!("sha256:{}", numbers.join(","))
}

/// As the TPM's structures are written: their length first.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short structure");
    [&length.to_be_bytes()[..], bytes].concat()
}
