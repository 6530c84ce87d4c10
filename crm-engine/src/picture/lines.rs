//! Lines of several series over labels that stand in an order, time as a rule.

use std::fmt::Write as _;

use super::canvas::{
    Anchor, Canvas, GUIDE, MARGIN, PALE_INK, SMALL, TITLE_HEIGHT, ink, round, widest,
};
use super::legend::Legend;
use super::scale::Scale;
use super::text::in_groups;
use super::{Caption, Series, Shown};
use crate::limits::{PICTURE_LINES_MAX, PICTURE_POINTS_MAX};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const LABEL_MAX: f64 = 110.0;
const LAST_MAX: f64 = 150.0;
const GAP: f64 = 10.0;
/// Lines of figures stand at least so far from one another.
const FIGURE: f64 = 14.0;

/// How lines are broken.
const DASHES: [&str; 6] = ["", "8 4", "2 4", "10 4 2 4", "4 2", "14 5"];

struct Plot {
    left: f64,
    right: f64,
    top: f64,
    scale: Scale,
    /// How many places there are.
    places: usize,
}

/// Draws a line for each series, with a marker at each value and the last value as text. A place
/// without a value breaks the line.
pub(crate) fn lines(caption: Caption<'_>, labels: &[String], series: &[Series]) -> String {
    let (labels, series) = ((labels, PICTURE_POINTS_MAX), (series, PICTURE_LINES_MAX));
    let Some(shown) = Shown::of(labels, series) else {
        return caption.no_data(WIDTH);
    };
    let Shown {
        labels: drawn,
        series,
        names,
        more,
        others,
    } = shown;
    let legend = Legend::of(&names, WIDTH);
    let plot = Plot::of(caption, drawn, series, TITLE_HEIGHT + legend.height + 6.0);
    let note = if more > 0 { 20.0 } else { 0.0 };
    let mut canvas = Canvas::new(caption, WIDTH, plot.bottom() + 36.0 + note, 0);
    legend.draw(
        &mut canvas,
        &names,
        TITLE_HEIGHT,
        |canvas, number, (x, y), w| {
            let ink = ink(number);
            canvas.stroke(&format!("M{x},{y} h{w}"), ink, dash(number));
            canvas.shape(&marker(number, (x + w / 2.0, y)), ink, ink, "");
        },
    );
    canvas.others(caption, others);
    plot.draw_axes(&mut canvas, caption, drawn);
    for (number, one) in series.iter().enumerate() {
        plot.draw_line(&mut canvas, number, one, drawn);
    }
    plot.draw_last(&mut canvas, series);
    if more > 0 {
        let at = (plot.left, plot.bottom() + 44.0);
        canvas.note(&caption.more(more), at, Anchor::Start);
    }
    canvas.finish()
}

impl Plot {
    fn of(caption: Caption<'_>, labels: &[String], series: &[Series], top: f64) -> Plot {
        let points = || {
            series
                .iter()
                .flat_map(|one| one.points.iter().take(labels.len()))
        };
        let scale = Scale::of(points().filter_map(|point| point.value));
        let marks = scale.marks().into_iter();
        let marks: Vec<String> = marks
            .map(|(_, text)| in_groups(&text, caption.language))
            .collect();
        let marks = widest(marks.iter().map(String::as_str), SMALL);
        let ends = [labels.first(), labels.last()].map(|label| label.map_or("", String::as_str));
        let half = widest(ends, SMALL).min(LABEL_MAX) / 2.0;
        let last = series.iter().filter_map(|one| last(one, labels.len()));
        let last = widest(last.map(|(_, _, text)| text), SMALL).min(LAST_MAX);
        Plot {
            left: (MARGIN + marks + GAP).max(MARGIN + half),
            right: WIDTH - MARGIN - half.max(last + GAP),
            top,
            scale,
            places: labels.len(),
        }
    }

    fn bottom(&self) -> f64 {
        self.top + HEIGHT
    }

    /// How far two places stand from one another.
    fn step(&self) -> f64 {
        (self.right - self.left) / (self.places.max(2) - 1) as f64
    }

    fn x(&self, place: usize) -> f64 {
        match self.places {
            1 => (self.left + self.right) / 2.0,
            _ => self.left + self.step() * place as f64,
        }
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - HEIGHT * self.scale.place(value)
    }

    /// Lines at round numbers, and as many labels as have room.
    fn draw_axes(&self, canvas: &mut Canvas, caption: Caption<'_>, labels: &[String]) {
        for (value, text) in self.scale.marks() {
            let y = self.y(value);
            let ink = if value == 0.0 { PALE_INK } else { GUIDE };
            canvas.line((self.left, y), (self.right, y), ink);
            let text = in_groups(&text, caption.language);
            canvas.note(&text, (self.left - GAP, y + SMALL * 0.36), Anchor::End);
        }
        let room = widest(labels.iter().map(String::as_str), SMALL).min(LABEL_MAX);
        let every = ((room + GAP) / self.step()).ceil().max(1.0) as usize;
        for (place, label) in labels.iter().enumerate().step_by(every) {
            let at = (self.x(place), self.bottom() + 18.0);
            canvas.line((at.0, self.bottom()), (at.0, self.bottom() + 4.0), PALE_INK);
            canvas.sized_text(label, at, Anchor::Middle, SMALL, PALE_INK, LABEL_MAX);
        }
    }

    fn draw_line(&self, canvas: &mut Canvas, number: usize, series: &Series, labels: &[String]) {
        let ink = ink(number);
        let mut path = String::new();
        let mut joined = false;
        for (place, point) in series.points.iter().take(self.places).enumerate() {
            let Some(value) = point.value else {
                joined = false;
                continue;
            };
            let letter = if joined { 'L' } else { 'M' };
            // Writing to a string cannot fail.
            let _ = write!(
                path,
                "{letter}{},{} ",
                round(self.x(place)),
                round(self.y(value))
            );
            joined = true;
        }
        if !path.is_empty() {
            canvas.stroke(path.trim_end(), ink, dash(number));
        }
        for (place, point) in series.points.iter().take(self.places).enumerate() {
            if let Some(value) = point.value {
                let title = format!("{} · {}: {}", labels[place], series.name, point.text);
                let at = (self.x(place), self.y(value));
                canvas.shape(&marker(number, at), ink, "#ffffff", &title);
            }
        }
    }

    /// The last value of each line as text, moved apart where lines end close to one another.
    fn draw_last(&self, canvas: &mut Canvas, series: &[Series]) {
        let ends = series.iter().enumerate();
        let mut ends: Vec<(f64, f64, usize, &str)> = ends
            .filter_map(|(number, one)| {
                let (place, value, text) = last(one, self.places)?;
                Some((self.y(value), self.x(place), number, text))
            })
            .collect();
        ends.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut free = self.top - FIGURE;
        for (y, x, number, text) in ends {
            let y = y.max(free);
            free = y + FIGURE;
            let ink = ink(number);
            let at = (x + GAP, y + SMALL * 0.36);
            canvas.sized_text(text, at, Anchor::Start, SMALL, ink, LAST_MAX);
        }
    }
}

/// The last value of a series: its place, itself, and how it reads.
fn last(series: &Series, places: usize) -> Option<(usize, f64, &str)> {
    let points = series.points.iter().take(places).enumerate();
    let mut filled = points.filter_map(|(at, point)| Some((at, point.value?, point.text.as_str())));
    filled.next_back()
}

/// How the line of a series is broken. Where the markers begin anew, the dashes are moved by one, so
/// that no two lines of a picture have both the same.
pub(super) fn dash(number: usize) -> &'static str {
    DASHES[(number + number / DASHES.len()) % DASHES.len()]
}

/// The marker of a series at a place, as a path.
pub(super) fn marker(number: usize, (x, y): (f64, f64)) -> String {
    let (x, y) = (round(x), round(y));
    match number % 6 {
        0 => format!("M{x},{y} m-4,0 a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0 z"),
        1 => format!("M{x},{y} m-4,-4 h8 v8 h-8 z"),
        2 => format!("M{x},{y} m0,-5 l5,9 h-10 z"),
        3 => format!("M{x},{y} m0,-6 l5,6 l-5,6 l-5,-6 z"),
        4 => format!("M{x},{y} m-2,-5 h4 v3 h3 v4 h-3 v3 h-4 v-3 h-3 v-4 h3 z"),
        _ => format!("M{x},{y} m0,5 l5,-9 h-10 z"),
    }
}
