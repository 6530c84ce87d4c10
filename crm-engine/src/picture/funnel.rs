//! One bar below the other.

use super::Caption;
use super::canvas::{Anchor, Canvas, MARGIN, SIZE, TITLE_HEIGHT, ink, widest};
use crate::limits::PICTURE_ROWS_MAX;

const WIDTH: f64 = 720.0;
const ROW: f64 = 44.0;
const BAR: f64 = 28.0;
const LABEL_MAX: f64 = 220.0;
const FIGURES_MAX: f64 = 300.0;
const GAP: f64 = 12.0;
const WON: &str = "#2f7d4f";
const LOST: &str = "#6f6f6f";

/// A bar of a funnel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// How long it is; below 0 is 0.
    pub(crate) value: f64,
    /// What stands behind it.
    pub(crate) figures: String,
    pub(crate) tone: Tone,
}

/// How a bar counts: under way, or ended well or badly, which are hatched against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Open,
    Won,
    Lost,
}

/// Draws bars as long as their values, one below the other, each with its label and figures.
pub(crate) fn funnel(caption: Caption<'_>, bars: &[Bar]) -> String {
    if bars.is_empty() {
        return caption.no_data(WIDTH);
    }
    let drawn = &bars[..bars.len().min(PICTURE_ROWS_MAX)];
    let more = bars.len() - drawn.len();
    let height = TITLE_HEIGHT + ROW * (drawn.len() + usize::from(more > 0)) as f64 + 12.0;
    let mut canvas = Canvas::new(caption, WIDTH, height, 0);
    canvas.define("won", WON, "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4");
    canvas.define("lost", LOST, "M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4");
    let labels = widest(drawn.iter().map(|bar| bar.label.as_str()), SIZE).min(LABEL_MAX);
    let figures = widest(drawn.iter().map(|bar| bar.figures.as_str()), SIZE).min(FIGURES_MAX);
    let left = MARGIN + labels + GAP;
    let length = WIDTH - MARGIN - figures - GAP - left;
    let longest = drawn.iter().map(|bar| bar.value).fold(0.0, f64::max);
    for (row, bar) in drawn.iter().enumerate() {
        let y = TITLE_HEIGHT + ROW * row as f64;
        let long = match longest > 0.0 {
            true => length * bar.value.max(0.0) / longest,
            false => 0.0,
        };
        let (paint, edge) = match bar.tone {
            Tone::Open => (ink(0), ink(0)),
            Tone::Won => ("url(#won)", WON),
            Tone::Lost => ("url(#lost)", LOST),
        };
        let base = y + BAR / 2.0 + SIZE * 0.36;
        canvas.text(&bar.label, (left - GAP, base), Anchor::End, labels + 1.0);
        canvas.painted((left, y), (long.max(1.0), BAR), paint, edge, "");
        let behind = (left + long + GAP, base);
        canvas.text(&bar.figures, behind, Anchor::Start, figures + 1.0);
    }
    if more > 0 {
        let y = TITLE_HEIGHT + ROW * drawn.len() as f64 + BAR / 2.0;
        canvas.note(&caption.more(more), (left, y), Anchor::Start);
    }
    canvas.finish()
}
