//! Reads the text of a console from its picture.
//!
//! The kernel's own font (lib/fonts/font_8x16.c) has letters of 8 by 16 pixels, in two colours. The font `Ethiopian-Goha16` of Debian's
//! package `console-setup-linux` has the same shapes for ASCII.

use std::collections::HashMap;
use std::process::Command;
use std::sync::LazyLock;

const FONT: &str = "/usr/share/consolefonts/Ethiopian-Goha16.psf.gz";
const WIDTH: usize = 8;
const HEIGHT: usize = 16;

type Shape = [u8; HEIGHT];

/// The printable characters of ASCII, by their shapes. In the font they have their own numbers.
static LETTERS: LazyLock<HashMap<Shape, char>> = LazyLock::new(|| {
    let output = Command::new("gzip").args(["-dc", FONT]).output().expect("starting gzip");
    assert!(output.status.success(), "{FONT} is missing: install console-setup-linux");
    // PSF 1: two bytes of magic, mode, height; then the shapes.
    let shapes = output.stdout.get(4..).unwrap_or_default().chunks_exact(HEIGHT);
    let shapes = shapes.take(0x7f).enumerate().skip(0x20);
    shapes.map(|(number, shape)| (shape.try_into().unwrap_or_default(), char::from(number as u8))).collect()
});

/// Returns the lines. `pixels` has three bytes for each, in rows of `width`. What is not a letter is a space.
pub(super) fn read(pixels: &[u8], width: usize) -> String {
    let rows: Vec<&[u8]> = pixels.chunks_exact(width * 3).collect();
    let mut text = String::new();
    for line in rows.chunks_exact(HEIGHT) {
        let letters: String = (0..width / WIDTH).map(|column| letter(line, column * WIDTH)).collect();
        text.push_str(letters.trim_end());
        text.push('\n');
    }
    text
}

fn letter(rows: &[&[u8]], left: usize) -> char {
    let at =
        |row: usize, column: usize| rows.get(row).and_then(|row| row.get((left + column) * 3..)?.get(..3));
    // The last row of a letter is empty, but for a few that hang down.
    let ground = at(HEIGHT - 1, WIDTH - 1);
    let mut shape = [0; HEIGHT];
    for (row, bits) in shape.iter_mut().enumerate() {
        *bits = (0..WIDTH).fold(0, |bits, column| bits << 1 | u8::from(at(row, column) != ground));
    }
    LETTERS.get(&shape).copied().unwrap_or(' ')
}
