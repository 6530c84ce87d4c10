//! What the patterns, dashes and markers of a picture mean.

use super::canvas::{Anchor, Canvas, MARGIN, SIZE};
use super::text::width;

/// The height of a line of a legend.
const LINE: f64 = 22.0;
const SAMPLE: f64 = 30.0;
/// Names of series longer than this are shortened.
const NAME_MAX: f64 = 220.0;

/// Where each name of a legend stands.
pub(super) struct Legend {
    places: Vec<(f64, f64)>,
    pub(super) height: f64,
}

impl Legend {
    /// A legend for these names within a width; none for a single one, which the title names.
    pub(super) fn of(names: &[&str], width_max: f64) -> Legend {
        let (mut x, mut y) = (MARGIN, 0.0);
        let mut places = Vec::with_capacity(names.len());
        if names.len() < 2 {
            return Legend {
                places,
                height: 0.0,
            };
        }
        for name in names {
            let room = SAMPLE + 8.0 + width(name, SIZE).min(NAME_MAX) + 20.0;
            if x > MARGIN && x + room > width_max - MARGIN {
                x = MARGIN;
                y += LINE;
            }
            places.push((x, y));
            x += room;
        }
        Legend {
            places,
            height: y + LINE + 8.0,
        }
    }

    /// Draws the names, and by `sample` what stands before each: its number, and the middle of its
    /// left end.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        names: &[&str],
        top: f64,
        mut sample: impl FnMut(&mut Canvas, usize, (f64, f64), f64),
    ) {
        for (number, ((x, y), name)) in self.places.iter().zip(names).enumerate() {
            let middle = top + y + LINE / 2.0;
            sample(canvas, number, (*x, middle), SAMPLE);
            let at = (x + SAMPLE + 8.0, middle + SIZE * 0.36);
            canvas.text(name, at, Anchor::Start, NAME_MAX);
        }
    }
}
