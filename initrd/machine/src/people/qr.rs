//! Renders a text as a QR code on a text console.

use anyhow::{Context as _, Result};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Returns lines of half-block characters, with two rows of the code in each line. Consoles are
/// bright on dark, so the bright modules are drawn.
///
/// # Errors
/// When the text is too long for a QR code.
pub fn lines(text: &str) -> Result<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).context("making a QR code")?;
    let mut image = code.render::<Dense1x2>();
    Ok(image.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_fits_a_console_of_80_by_25() {
        let key = ["CBDEFGHI"; 8].join("-");
        let lines = lines(&key).unwrap();
        let rows: Vec<&str> = lines.lines().collect();
        let wide = rows[0].chars().count();
        assert!(rows.len() <= 20 && wide <= 80, "{wide} by {}", rows.len());
        assert!(rows.iter().all(|row| row.chars().count() == wide));
        // The quiet zone is bright, so it is drawn.
        assert!(rows[0].chars().all(|c| c == '█'), "{}", rows[0]);
        assert!(rows[2].starts_with("████ ▄▄▄▄▄ "), "{}", rows[2]);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(lines(&"x".repeat(4000)).unwrap_err().to_string().starts_with("making a QR code"));
    }
}
