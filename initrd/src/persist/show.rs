//! Showing the recovery key, once, to whoever sits at the machine. Never through the log: journals are kept.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use pattern::recovery::RecoveryKey;
use zeroize::Zeroizing;

use crate::qr;

const CONSOLE: &str = "/dev/console";

/// Writes the key to the console. Not being able to is only worth a warning: the volume is whole, and another key
/// is easily made.
///
/// # Errors
/// None that has to do with the console.
pub(super) fn show(key: &RecoveryKey, device: &Path) -> Result<()> {
    let page = page(key, device)?;
    let console = OpenOptions::new().write(true).open(CONSOLE);
    if let Err(error) = console.and_then(|mut console| console.write_all(page.as_bytes())) {
        let device = device.display();
        log::warn!(
            "the recovery key could not be shown on {CONSOLE}: {error}; make another with \
             systemd-cryptenroll --wipe-slot=recovery --recovery-key {device}"
        );
    }
    Ok(())
}

/// What the console shows. Lines end in CR LF: nobody may have set the terminal up yet.
fn page(key: &RecoveryKey, device: &Path) -> Result<Zeroizing<String>> {
    let code = Zeroizing::new(qr::lines(key.as_str())?);
    let text = format!(
        "\n\x1b[40;37;1m{}\x1b[0m\n\n\
         Recovery key of {}, for when the TPM does not open it. It is shown this once: keep it safe.\n\n\
         \x1b[1m    {}\x1b[0m\n\n",
        *code,
        device.display(),
        key.as_str()
    );
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.replace('\n', "\r\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_key_as_text_and_as_a_code() {
        let key = RecoveryKey::from_bytes(&[7; 32]);
        let page = page(&key, Path::new("/dev/vda6")).unwrap();
        assert!(page.contains(key.as_str()));
        assert!(page.contains("Recovery key of /dev/vda6"));
        assert_eq!(page.matches('\n').count(), page.matches("\r\n").count());
        assert!(page.contains("█▀▄") || page.contains("▄▀█"), "no code in {}", *page);
    }
}
