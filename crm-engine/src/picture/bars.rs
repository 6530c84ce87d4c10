//! Bars of several series, grouped by label, from zero to the right or to the left.

use super::canvas::{Anchor, Canvas, GUIDE, MARGIN, PALE_INK, SIZE, SMALL, TITLE_HEIGHT, widest};
use super::legend::Legend;
use super::scale::Scale;
use super::text::{in_groups, width};
use super::{Caption, Point, Series, Shown};
use crate::limits::{PICTURE_BAR_SERIES_MAX, PICTURE_ROWS_MAX};

const WIDTH: f64 = 760.0;
const BAR: f64 = 18.0;
const GROUP_GAP: f64 = 14.0;
const LABEL_MAX: f64 = 220.0;
const FIGURE_MAX: f64 = 180.0;
const GAP: f64 = 8.0;
const AXIS: f64 = 30.0;

/// Where things stand across the picture.
struct Across {
    labels: f64,
    /// The place of the axis's low end.
    left: f64,
    length: f64,
    figures: f64,
    scale: Scale,
}

/// Draws a bar for each label and series, each with its figure.
pub(crate) fn bars(caption: Caption<'_>, labels: &[String], series: &[Series]) -> String {
    let (labels, series) = ((labels, PICTURE_ROWS_MAX), (series, PICTURE_BAR_SERIES_MAX));
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
    let group = BAR * series.len() as f64 + GROUP_GAP;
    let top = TITLE_HEIGHT + legend.height;
    let bottom = top + group * drawn.len() as f64;
    let note = if more > 0 { AXIS } else { 0.0 };
    let height = bottom + AXIS + note;
    let mut canvas = Canvas::new(caption, WIDTH, height, series.len());
    legend.draw(
        &mut canvas,
        &names,
        TITLE_HEIGHT,
        |canvas, number, (x, y), w| {
            canvas.bar((x, y - 7.0), (w, 14.0), number, "");
        },
    );
    canvas.others(caption, others);
    let across = Across::of(drawn, series);
    axis(&mut canvas, caption, &across, top, bottom);
    for (row, label) in drawn.iter().enumerate() {
        let y = top + group * row as f64;
        let middle = y + (group - GROUP_GAP) / 2.0 + SIZE * 0.36;
        let at = (MARGIN + across.labels, middle);
        canvas.text(label, at, Anchor::End, across.labels + 1.0);
        for (number, one) in series.iter().enumerate() {
            if let Some(point) = one.points.get(row) {
                let y = y + BAR * number as f64;
                bar(&mut canvas, &across, (number, one), label, point, y);
            }
        }
    }
    if more > 0 {
        let at = (across.left, bottom + AXIS + 10.0);
        canvas.note(&caption.more(more), at, Anchor::Start);
    }
    canvas.finish()
}

impl Across {
    fn of(labels: &[String], series: &[Series]) -> Across {
        let points = || {
            series
                .iter()
                .flat_map(|one| one.points.iter().take(labels.len()))
        };
        let scale = Scale::of(points().filter_map(|point| point.value));
        let figures = widest(points().map(|point| point.text.as_str()), SIZE).min(FIGURE_MAX);
        let labels = widest(labels.iter().map(String::as_str), SIZE).min(LABEL_MAX);
        let start = MARGIN + labels + GAP;
        let whole = WIDTH - MARGIN - start;
        // With room for all figures on both sides bars are shortest; beside such bars it is seen
        // how much room is needed, and longer ones need no more.
        let shortest = whole - 2.0 * (figures + GAP);
        let (mut before, mut behind) = (0.0_f64, 0.0_f64);
        for point in points() {
            let place = scale.place(point.value.unwrap_or(0.0));
            let long = width(&point.text, SIZE).min(figures) + GAP;
            match point.value.is_some_and(|value| value < 0.0) {
                true => before = before.max(long - shortest * place),
                false => behind = behind.max(long - shortest * (1.0 - place)),
            }
        }
        Across {
            labels,
            left: start + before,
            length: whole - before - behind,
            figures,
            scale,
        }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.length * self.scale.place(value)
    }
}

/// Lines at round numbers, as many of them named as have room, zero among them.
fn axis(canvas: &mut Canvas, caption: Caption<'_>, across: &Across, top: f64, bottom: f64) {
    let marks = across.scale.marks();
    let names = marks
        .iter()
        .map(|(_, text)| in_groups(text, caption.language));
    let names: Vec<String> = names.collect();
    let room = widest(names.iter().map(String::as_str), SMALL) + GAP;
    let step = across.length / (marks.len().max(2) - 1) as f64;
    let every = (room / step).ceil().max(1.0) as usize;
    let zero = marks
        .iter()
        .position(|(value, _)| *value == 0.0)
        .unwrap_or(0);
    for (at, ((value, _), name)) in marks.iter().zip(&names).enumerate() {
        let x = across.x(*value);
        let ink = if at == zero { PALE_INK } else { GUIDE };
        canvas.line((x, top - 4.0), (x, bottom), ink);
        if at.abs_diff(zero).is_multiple_of(every) {
            canvas.note(name, (x, bottom + 16.0), Anchor::Middle);
        }
    }
}

fn bar(
    canvas: &mut Canvas,
    across: &Across,
    (number, series): (usize, &Series),
    label: &str,
    point: &Point,
    y: f64,
) {
    let zero = across.x(0.0);
    let end = point.value.map_or(zero, |value| across.x(value));
    if point.value.is_some() {
        let title = format!("{label} · {}: {}", series.name, point.text);
        let from = zero.min(end);
        canvas.bar(
            (from, y + 1.0),
            ((end - zero).abs(), BAR - 3.0),
            number,
            &title,
        );
    }
    let base = y + BAR / 2.0 + SIZE * 0.36 - 0.5;
    match end < zero {
        true => canvas.figure(
            &point.text,
            (end - GAP, base),
            Anchor::End,
            across.figures + 1.0,
        ),
        false => canvas.figure(
            &point.text,
            (end + GAP, base),
            Anchor::Start,
            across.figures + 1.0,
        ),
    }
}
