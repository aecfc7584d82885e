//! Draws the stages of each boot, one below the other, on the same scale.

use std::fmt::Write as _;

use super::Pair;
use super::figures::median;
use super::machine::{BOOTS, STAGES};

const WIDTH: f64 = 860.0;
/// Where the bars begin, right of their names.
const LEFT: f64 = 110.0;
const ROW: f64 = 34.0;
const BAR: f64 = 22.0;
/// One for each stage: apart in brightness, too, for those who do not see colours.
const COLOURS: [&str; STAGES.len() + 1] =
    ["#555a60", "#9e9e9e", "#5e7fb1", "#e0a030", "#2f6d4f", "#c9b8d8", "#8a5a9e", "#dfe3e6"];

/// Returns a picture with the medians of all pairs.
pub(crate) fn draw(pairs: &[Pair]) -> String {
    let rows: Vec<(String, Vec<f64>)> = BOOTS
        .iter()
        .enumerate()
        .flat_map(|(boot, name)| {
            ["ours", "stock"]
                .iter()
                .enumerate()
                .map(move |(system, of)| (boot, system, format!("{name}, {of}")))
        })
        .map(|(boot, system, name)| (name, lengths(pairs, system, boot)))
        .collect();
    let longest = rows.iter().map(|(_, lengths)| lengths.iter().sum::<f64>()).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 60.0) / longest;
    let legend = ROW * rows.len() as f64 + 14.0;
    let height = legend + 20.0 * COLOURS.len() as f64 + 6.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<title>The stages of a boot, in seconds</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (index, (name, lengths)) in rows.iter().enumerate() {
        row(&mut text, ROW * index as f64 + 8.0, name, lengths, scale);
    }
    for (index, name) in names().enumerate() {
        let y = legend + 20.0 * index as f64;
        piece(&mut text, LEFT, y, 14.0, 14.0, COLOURS[index]);
        label(&mut text, LEFT + 22.0, y + 12.0, name);
    }
    text + "</svg>\n"
}

/// The names of all stages, from power on.
fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once("firmware and boot loader").chain(STAGES.iter().map(|(name, _)| *name))
}

/// The seconds of each stage.
fn lengths(pairs: &[Pair], system: usize, boot: usize) -> Vec<f64> {
    let firmware = median(pairs.iter().map(|pair| pair[system].boots[boot].firmware));
    let stage = |index: usize| {
        median(pairs.iter().map(|pair| {
            let ends = &pair[system].boots[boot].ends;
            ends[index] - index.checked_sub(1).map_or(0.0, |before| ends[before])
        }))
    };
    std::iter::once(firmware).chain((0..STAGES.len()).map(stage)).collect()
}

fn row(text: &mut String, y: f64, name: &str, lengths: &[f64], scale: f64) {
    label(text, 4.0, y + 16.0, name);
    let mut x = LEFT;
    for (length, colour) in lengths.iter().zip(COLOURS) {
        piece(text, x, y, length * scale, BAR, colour);
        x += length * scale;
    }
    label(text, x + 6.0, y + 16.0, &format!("{:.1} s", lengths.iter().sum::<f64>()));
}

fn piece(text: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
    )
    .expect("writing to memory");
}

fn label(text: &mut String, x: f64, y: f64, words: &str) {
    writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>").expect("writing to memory");
}
