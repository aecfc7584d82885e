//! Firmware's strings, which whoever flashes a board or starts a virtual machine writes.

use pattern::firmware::credential::choose;
use pattern::firmware::smbios::oem_strings;

const LISTED: [&str; 2] = ["home.create.*", "login.issue"];

/// Takes the bytes of an SMBIOS table.
///
/// # Panics
/// When a string comes from nowhere, or a credential is taken that is not listed or would lie elsewhere.
pub fn smbios(input: &[u8]) {
    let strings = oem_strings(input);
    let length = strings.iter().map(|string| string.len() + 1).sum::<usize>();
    assert!(length <= input.len(), "{length} of {}", input.len());
    assert!(strings.iter().all(|string| !string.is_empty() && !string.contains(&0)), "{strings:?}");
    let Ok((chosen, others)) = choose(&strings, &LISTED.map(str::to_owned)) else { return };
    assert!(chosen.len() + others <= strings.len());
    for name in chosen.keys() {
        assert!(name.starts_with("home.create.") || name == "login.issue", "{name:?}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') && name.len() < 256,
            "{name:?}"
        );
    }
}
