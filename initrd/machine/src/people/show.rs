//! Shows the recovery key once, to whoever sits at the machine. It never goes to the log, because
//! journals are kept.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::volume::recovery::RecoveryKey;
use zeroize::Zeroizing;

use crate::people::qr;

/// The terminal of a boot.
pub const CONSOLE: &str = "/dev/console";
/// The terminal of the person who runs a command.
pub const TERMINAL: &str = "/dev/tty";

/// Writes the key to a terminal.
///
/// # Errors
/// When the terminal can't be written to.
pub fn show(key: &RecoveryKey, device: &Path, terminal: &str) -> Result<()> {
    let page = page(key, device)?;
    let shown = open(terminal).and_then(|mut shown| Ok(shown.write_all(page.as_bytes())?));
    shown.with_context(|| format!("showing the recovery key on {terminal}"))
}

/// Writes lines to the console of the boot, whatever the kernel's log level.
///
/// # Errors
/// When the console can't be written to.
pub fn tell(lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("\r\n{line}")).collect();
    let told = open(CONSOLE).and_then(|mut console| Ok(console.write_all(format!("{text}\r\n").as_bytes())?));
    told.with_context(|| format!("showing on {CONSOLE} what was added to this boot"))
}

/// Opens a terminal. Called early, so that a missing one is noticed before anything is done.
///
/// # Errors
/// When there is no such terminal.
pub fn open(terminal: &str) -> Result<File> {
    let opened = OpenOptions::new().write(true).open(terminal);
    opened.with_context(|| format!("opening {terminal}"))
}

/// Returns what the console shows. Lines end in CR LF, because the terminal may not be set up yet.
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
