//! Shows the recovery key once, to whoever sits at the machine. It never goes to the log, because
//! journals are kept.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pattern::volume::recovery::RecoveryKey;
use zeroize::Zeroizing;

use crate::drivers;
use crate::people::ask::PATIENCE;
use crate::people::consoles::Consoles;
use crate::people::qr;

/// The terminal of the person who runs a command.
const TERMINAL: &str = "/dev/tty";

/// Where a key is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// On all consoles of this boot, which goes on when somebody presses Enter, or after 2 minutes.
    Boot,
    /// On the terminal of the person who runs a command.
    Terminal,
}

/// Shows the key.
///
/// # Errors
/// When no console, or not the terminal, can be written to.
pub fn show(key: &RecoveryKey, device: &Path, place: Place) -> Result<()> {
    match place {
        Place::Boot => at_boot(key, device).context("showing the recovery key on the consoles"),
        Place::Terminal => {
            let page = page(key, device, "It is shown this once: keep it safe.")?;
            let shown = open_terminal().and_then(|mut shown| Ok(shown.write_all(page.as_bytes())?));
            shown.with_context(|| format!("showing the recovery key on {TERMINAL}"))
        }
    }
}

fn at_boot(key: &RecoveryKey, device: &Path) -> Result<()> {
    let minutes = PATIENCE / 60;
    let wait =
        format!("It is shown this once. Press Enter when you have kept it, or wait {minutes} minutes.");
    let mut consoles = Consoles::open()?;
    consoles.drop_input();
    consoles.show(&page(key, device, &wait)?)?;
    // A keyboard may be plugged in now.
    let _keyboards = drivers::follow();
    if !consoles.wait_for_enter(Duration::from_secs(PATIENCE.into())) {
        log::info!("nobody pressed Enter below the recovery key in {minutes} minutes");
    }
    Ok(())
}

/// Writes lines to all consoles of the boot, whatever the kernel's log level.
///
/// # Errors
/// When no console can be written to.
pub fn tell(lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("\r\n{line}")).collect();
    let told = Consoles::open().and_then(|mut consoles| consoles.show(&format!("{text}\r\n")));
    told.context("showing a message on the consoles")
}

/// Opens the terminal of the person who runs a command. Called early, so that a missing one is noticed before
/// anything is done.
///
/// # Errors
/// When there is no such terminal.
pub fn open_terminal() -> Result<File> {
    let opened = OpenOptions::new().write(true).open(TERMINAL);
    opened.with_context(|| format!("opening {TERMINAL}"))
}

/// Returns what a terminal of 80 by 25 can show at once, and ends with these words. Lines end in CR LF, because the
/// terminal may not be set up yet.
fn page(key: &RecoveryKey, device: &Path, words: &str) -> Result<Zeroizing<String>> {
    // In capitals it is the same key, and a smaller code: QR has a denser set of signs without small letters.
    let code = Zeroizing::new(qr::lines(&Zeroizing::new(key.as_str().to_ascii_uppercase()))?);
    let text = format!(
        "\r\x1b[K\x1b[40;37;1m{}\x1b[0m\n\
         Recovery key of {}, for when the TPM does not open it:\n\
         \x1b[1m    {}\x1b[0m\n\
         {words}\n",
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
        let page = page(&key, Path::new("/dev/vda6"), "Keep it.").unwrap();
        assert!(page.contains(key.as_str()));
        assert!(page.contains("Recovery key of /dev/vda6"));
        assert_eq!(page.matches('\n').count(), page.matches("\r\n").count());
        // An empty line comes behind it, and the cursor is in the last one.
        assert!(page.matches('\n').count() < 25, "{}", *page);
        assert!(page.contains("█▀▄") || page.contains("▄▀█"), "no code in {}", *page);
    }
}
