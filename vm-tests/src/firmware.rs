//! A machine's UEFI variables while it is off: its Secure Boot keys, and whether the firmware
//! enforces them.
//!
//! The store has EDK II's format (MdeModulePkg/Include/Guid/VariableFormat.h, "Authenticated
//! variable"): a firmware volume's header, the store's header, and one variable after the other at
//! multiples of 4.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// GUIDs, as in memory: the first three parts have the lowest byte first.
type Guid = [u8; 16];

const STORE: Guid = guid(0xaaf3_2c78_947b_439a_a180_2e14_4ec3_7792);
const GLOBAL: Guid = guid(0x8be4_df61_93ca_11d2_aa0d_00e0_9803_2b8c);
const DATABASES: Guid = guid(0xd719_b2cb_3d3a_4596_a3bc_dad0_0e67_656f);
const SWITCH: Guid = guid(0xf0a3_0bc7_af08_4556_99c4_0010_09c9_3a44);
const CERTIFICATE: Guid = guid(0xa5c0_59a1_94e4_4aa7_87b5_ab15_5c2b_f072);
const SHA256: Guid = guid(0xc1c4_1626_504c_4092_aca9_41f9_3693_4328);
/// `SHIM_LOCK_GUID`, of the variables of shim (its `lib/guid.c`).
const SHIM: Guid = guid(0x605d_ab50_e046_4300_abb6_3dd8_10dd_8b23);
/// The owner in a signature list. Any value will do.
const OWNER: Guid = guid(0x7061_7474_6572_6e20_7661_7269_6162_6c65);

/// The state of a valid variable: added, and not deleted.
const ADDED: u8 = 0x3f;
const HEADER: usize = 60;
/// Attributes. `FIRMWARE_ONLY` is non-volatile and visible to firmware. `SIGNED` is also visible to
/// the system, and only signed updates can write it.
const FIRMWARE_ONLY: u32 = 0x03;
const SIGNED: u32 = 0x27;
/// Any time before present updates: 2020-01-01 as an EFI_TIME.
const TIMESTAMP: [u8; 16] = [0xe4, 0x07, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The four key variables of Secure Boot.
const KEYS: [(&str, Guid); 4] = [("PK", GLOBAL), ("KEK", GLOBAL), ("db", DATABASES), ("dbx", DATABASES)];

/// The firmware's settings of a machine that is off. Anyone who has the machine can change them in
/// its setup menu.
#[derive(Debug)]
pub struct Firmware {
    path: PathBuf,
}

#[derive(Clone, Debug)]
struct Variable {
    attributes: u32,
    timestamp: [u8; 16],
    vendor: Guid,
    name: String,
    data: Vec<u8>,
}

impl Firmware {
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns whether it starts only what its keys signed.
    #[must_use]
    pub fn enforces_secure_boot(&self) -> bool {
        // A store that firmware with Secure Boot never used has no switch yet. The firmware makes
        // it as on.
        let is_on = self.value("SecureBootEnable", SWITCH).is_none_or(|value| value == [1]);
        self.has_keys() && is_on
    }

    /// Returns whether it has a platform key. Without one it is in Setup Mode, and anybody may
    /// enroll keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.value("PK", GLOBAL).is_some()
    }

    /// Switches Secure Boot off or on, like the setup menu. The keys stay.
    pub fn switch_secure_boot(&self, on: bool) {
        self.set("SecureBootEnable", SWITCH, FIRMWARE_ONLY, Some(vec![u8::from(on)]));
    }

    /// Removes all keys, like "reset to Setup Mode".
    pub fn remove_keys(&self) {
        for (name, vendor) in KEYS {
            self.set(name, vendor, SIGNED, None);
        }
    }

    /// Enrolls a certificate (PEM) as platform key, exchange key and signer, and removes all other
    /// keys.
    pub fn enroll(&self, certificate: &Path) {
        self.remove_keys();
        let list = list_of(certificate);
        for (name, vendor) in &KEYS[..3] {
            self.set(name, *vendor, SIGNED, Some(list.clone()));
        }
    }

    /// Enrolls a certificate (PEM) as the machine owner's key, like shim's MokManager.
    pub fn trust_by_shim(&self, certificate: &Path) {
        self.set("MokList", SHIM, FIRMWARE_ONLY, Some(list_of(certificate)));
    }

    /// Forbids the program with this digest, like an update of `dbx` by the owner or by fwupd.
    pub fn forbid(&self, digest: [u8; 32]) {
        let mut lists = self.value("dbx", DATABASES).unwrap_or_default();
        lists.extend(list(SHA256, &digest));
        self.set("dbx", DATABASES, SIGNED, Some(lists));
    }

    /// Returns a signature list with one hash of a program, to be signed and appended.
    #[must_use]
    pub fn list_of_hash(digest: [u8; 32]) -> Vec<u8> {
        list(SHA256, &digest)
    }

    /// Returns a signature list with one certificate in DER.
    #[must_use]
    pub fn list_of_certificate(der: &[u8]) -> Vec<u8> {
        list(CERTIFICATE, der)
    }

    /// Returns the content of `PK`, `KEK`, `db` or `dbx`: signature lists (UEFI 2.10, 32.4.1
    /// "Signature Database").
    #[must_use]
    pub fn key(&self, name: &str) -> Option<Vec<u8>> {
        let (name, vendor) = KEYS.iter().find(|(known, _)| *known == name).expect("PK, KEK, db or dbx");
        self.value(name, *vendor)
    }

    fn value(&self, name: &str, vendor: Guid) -> Option<Vec<u8>> {
        let store = fs::read(&self.path).expect("reading the UEFI variables");
        let all = variables(&store[start(&store)..]);
        all.into_iter().find(|each| each.name == name && each.vendor == vendor).map(|each| each.data)
    }

    fn set(&self, name: &str, vendor: Guid, attributes: u32, data: Option<Vec<u8>>) {
        let mut store = fs::read(&self.path).expect("reading the UEFI variables");
        let start = start(&store);
        let mut all = variables(&store[start..]);
        all.retain(|each| each.name != name || each.vendor != vendor);
        let timestamp = if attributes == SIGNED { TIMESTAMP } else { [0; 16] };
        let new = data.map(|data| Variable { attributes, timestamp, vendor, name: name.to_owned(), data });
        all.extend(new);
        write(&mut store[start..], &all);
        fs::write(&self.path, store).expect("writing the UEFI variables");
    }
}

/// Returns where the store begins: after the firmware volume's header, which states its own length.
fn start(volume: &[u8]) -> usize {
    let start = usize::from(u16::from_le_bytes([volume[48], volume[49]]));
    assert_eq!(volume[start..start + 16], STORE, "a store of authenticated variables");
    start
}

/// Returns the valid variables.
fn variables(store: &[u8]) -> Vec<Variable> {
    let (mut at, mut all) = (28, Vec::new());
    while store[at..at + 2] == [0xaa, 0x55] {
        let number = |from: usize| {
            let bytes = store[at + from..at + from + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        let (name, data) = (number(36) as usize, number(40) as usize);
        let name_at = at + HEADER;
        let units = store[name_at..name_at + name].chunks_exact(2);
        let units = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect::<Vec<_>>();
        if store[at + 2] == ADDED {
            all.push(Variable {
                attributes: number(4),
                timestamp: store[at + 16..at + 32].try_into().expect("sixteen bytes"),
                vendor: store[at + 44..at + HEADER].try_into().expect("sixteen bytes"),
                name: String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned(),
                data: store[name_at + name..name_at + name + data].to_vec(),
            });
        }
        at = (name_at + name + data).next_multiple_of(4);
    }
    all
}

/// Writes these variables to the store, and removes all others.
fn write(store: &mut [u8], all: &[Variable]) {
    let size = u32::from_le_bytes(store[16..20].try_into().expect("four bytes")) as usize;
    store[28..size].fill(0xff);
    let mut at = 28;
    for each in all {
        let name = each.name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a short value").to_le_bytes();
        let parts: [&[u8]; 10] = [
            &[0xaa, 0x55, ADDED, 0],
            &each.attributes.to_le_bytes(),
            &[0; 8],
            &each.timestamp,
            &[0; 4],
            &length(&name),
            &length(&each.data),
            &each.vendor,
            &name,
            &each.data,
        ];
        let bytes = parts.concat();
        store[at..at + bytes.len()].copy_from_slice(&bytes);
        at = (at + bytes.len()).next_multiple_of(4);
    }
}

/// Returns a list with one certificate in PEM.
fn list_of(certificate: &Path) -> Vec<u8> {
    let text = fs::read_to_string(certificate).expect("reading the certificate");
    let base64 = text.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    list(CERTIFICATE, &STANDARD.decode(base64).expect("a certificate in PEM"))
}

/// Returns a list with one signature.
fn list(kind: Guid, data: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).expect("a short list").to_le_bytes();
    let one = data.len() + 16;
    [&kind[..], &length(28 + one), &length(0), &length(one), &OWNER, data].concat()
}

const fn guid(value: u128) -> Guid {
    let mut bytes = value.to_be_bytes();
    (bytes[0], bytes[1], bytes[2], bytes[3]) = (bytes[3], bytes[2], bytes[1], bytes[0]);
    (bytes[4], bytes[5]) = (bytes[5], bytes[4]);
    (bytes[6], bytes[7]) = (bytes[7], bytes[6]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting;

    /// A copy of the empty store, or of one with other keys. It is removed at the end.
    struct Copy(Firmware);

    impl Copy {
        fn of(from: &Path, name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}.fd", std::process::id()));
            fs::copy(from, &path).unwrap();
            Self(Firmware::of(path))
        }
    }

    impl Drop for Copy {
        fn drop(&mut self) {
            fs::remove_file(&self.0.path).ok();
        }
    }

    #[test]
    fn a_certificate_is_enrolled_switched_off_and_removed() {
        let copy = Copy::of(&setting::programs().firmware.variables, "empty");
        let firmware = &copy.0;
        assert!(!firmware.has_keys() && !firmware.enforces_secure_boot());
        firmware.enroll(&setting::certificate());
        assert!(firmware.has_keys() && firmware.enforces_secure_boot());
        firmware.switch_secure_boot(false);
        assert!(firmware.has_keys() && !firmware.enforces_secure_boot());
        firmware.switch_secure_boot(true);
        let before = firmware.key("dbx").map_or(0, |lists| lists.len());
        firmware.forbid([7; 32]);
        firmware.forbid([8; 32]);
        assert_eq!(firmware.key("dbx").unwrap().len(), before + 2 * (28 + 48));
        assert!(firmware.enforces_secure_boot());
        firmware.remove_keys();
        assert!(!firmware.has_keys() && !firmware.enforces_secure_boot());
    }

    /// A store that EDK II's own tools wrote.
    #[test]
    fn keys_that_others_have_enrolled_are_read() {
        let empty = setting::programs().firmware.variables;
        let copy = Copy::of(&empty.with_file_name("OVMF_VARS_4M.ms.fd"), "others");
        assert!(copy.0.enforces_secure_boot());
        let name = b"Microsoft Corporation KEK";
        assert!(copy.0.key("KEK").unwrap().windows(name.len()).any(|part| part == name));
    }
}
