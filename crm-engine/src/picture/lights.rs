//! A table with a traffic light in each row: a shape and a word, besides the colour.

use super::Caption;
use super::canvas::{
    Anchor, Canvas, GUIDE, MARGIN, PALE_INK, SIZE, SMALL, TITLE_HEIGHT, round, widest,
};
use crate::limits::PICTURE_ROWS_MAX;

const WIDTH_MIN: f64 = 480.0;
const ROW: f64 = 30.0;
const CELL_MAX: f64 = 460.0;
const GAP: f64 = 22.0;
/// The room of the shape before its word.
const SHAPE: f64 = 24.0;

/// A light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Light {
    Red,
    Yellow,
    Green,
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) label: String,
    /// Its cells stand to the right, as numbers do.
    pub(crate) right: bool,
}

/// A row: what it is called, its light and the word for it, and the other cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LightRow {
    pub(crate) label: String,
    pub(crate) light: Option<Light>,
    pub(crate) word: String,
    pub(crate) cells: Vec<String>,
}

impl Light {
    /// The light of this name.
    pub(crate) fn named(name: &str) -> Option<Light> {
        match name {
            "red" => Some(Light::Red),
            "yellow" => Some(Light::Yellow),
            "green" => Some(Light::Green),
            _ => None,
        }
    }

    /// Its name for people.
    pub(crate) fn word(self, language: &str) -> &'static str {
        match (self, language) {
            (Light::Red, "ru") => "красный",
            (Light::Yellow, "ru") => "жёлтый",
            (Light::Green, "ru") => "зелёный",
            (Light::Red, _) => "red",
            (Light::Yellow, _) => "yellow",
            (Light::Green, _) => "green",
        }
    }
}

/// A column being drawn.
struct Column<'a> {
    head: &'a str,
    left: f64,
    width: f64,
    right: bool,
}

/// Draws a table of rows with their lights. `heads` names the label, the light, then the cells.
pub(crate) fn lights(caption: Caption<'_>, heads: &[Head], rows: &[LightRow]) -> String {
    let drawn = &rows[..rows.len().min(PICTURE_ROWS_MAX)];
    let more = rows.len() - drawn.len();
    if drawn.is_empty() || heads.len() < 2 {
        return caption.no_data(WIDTH_MIN);
    }
    let columns = columns(heads, drawn);
    let end = columns
        .last()
        .map_or(0.0, |column| column.left + column.width);
    let width = (end + MARGIN).max(WIDTH_MIN);
    let lines = drawn.len() + usize::from(more > 0);
    let height = TITLE_HEIGHT + ROW * (lines + 1) as f64 + 12.0;
    let mut canvas = Canvas::new(caption, width.ceil(), height, 0);
    for column in &columns {
        let at = (column.x(), TITLE_HEIGHT + ROW / 2.0);
        let room = column.width + 1.0;
        canvas.sized_text(column.head, at, column.anchor(), SMALL, PALE_INK, room);
    }
    for (number, row) in drawn.iter().enumerate() {
        let top = TITLE_HEIGHT + ROW * (number + 1) as f64;
        canvas.line((MARGIN, top - 4.0), (width - MARGIN, top - 4.0), GUIDE);
        draw_row(&mut canvas, &columns, row, top + ROW / 2.0 - 4.0);
    }
    if more > 0 {
        let y = TITLE_HEIGHT + ROW * (drawn.len() + 1) as f64 + 12.0;
        canvas.note(&caption.more(more), (MARGIN, y), Anchor::Start);
    }
    canvas.finish()
}

/// The columns as wide as what stands in them, one behind the other.
fn columns<'a>(heads: &'a [Head], rows: &[LightRow]) -> Vec<Column<'a>> {
    let mut left = MARGIN;
    let mut columns = Vec::with_capacity(heads.len());
    for (number, head) in heads.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.text(number));
        let shape = if number == 1 { SHAPE } else { 0.0 };
        let cells = widest(cells, SIZE) + shape;
        let width = cells
            .max(widest([head.label.as_str()], SMALL))
            .min(CELL_MAX + shape);
        columns.push(Column {
            head: &head.label,
            left,
            width,
            right: head.right,
        });
        left += width + GAP;
    }
    columns
}

impl Column<'_> {
    fn x(&self) -> f64 {
        match self.right {
            true => self.left + self.width,
            false => self.left,
        }
    }

    fn anchor(&self) -> Anchor {
        match self.right {
            true => Anchor::End,
            false => Anchor::Start,
        }
    }
}

impl LightRow {
    /// What stands in the column of this number.
    fn text(&self, column: usize) -> Option<&str> {
        match column {
            0 => Some(&self.label),
            1 => Some(&self.word),
            column => self.cells.get(column - 2).map(String::as_str),
        }
    }
}

fn draw_row(canvas: &mut Canvas, columns: &[Column<'_>], row: &LightRow, middle: f64) {
    let base = middle + SIZE * 0.36;
    for (number, column) in columns.iter().enumerate() {
        let Some(text) = row.text(number) else {
            continue;
        };
        if number == 1 {
            draw_light(canvas, row.light, (column.left + 8.0, middle));
            let at = (column.left + SHAPE, base);
            canvas.text(text, at, Anchor::Start, column.width - SHAPE + 1.0);
        } else {
            canvas.text(
                text,
                (column.x(), base),
                column.anchor(),
                column.width + 1.0,
            );
        }
    }
}

/// Red has the corners of a stop sign, yellow those of a warning, green none.
fn draw_light(canvas: &mut Canvas, light: Option<Light>, (x, y): (f64, f64)) {
    let (x, y) = (round(x), round(y));
    let (path, fill, edge) = match light {
        Some(Light::Red) => (
            format!("M{x},{y} m-3.3,-8 h6.6 l4.7,4.7 v6.6 l-4.7,4.7 h-6.6 l-4.7,-4.7 v-6.6 z"),
            "#c62828",
            "#7f1414",
        ),
        Some(Light::Yellow) => (format!("M{x},{y} m0,-8 l9,15 h-18 z"), "#f2b400", "#7a5a00"),
        Some(Light::Green) => (
            format!("M{x},{y} m-7.5,0 a7.5,7.5 0 1,0 15,0 a7.5,7.5 0 1,0 -15,0 z"),
            "#2e9e57",
            "#155c30",
        ),
        None => (format!("M{x},{y} m-7,0 h14"), "none", PALE_INK),
    };
    canvas.shape(&path, fill, edge, "");
}
