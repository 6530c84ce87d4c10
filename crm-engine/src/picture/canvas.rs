//! The document that pictures are drawn on.

use svg::node::element::{Definitions, Group, Line, Path, Pattern, Rectangle, Text, Title};
use svg::{Document, Node};

use super::Caption;
use super::text::{clean, shortened, width};

/// Ink for texts.
pub(super) const INK: &str = "#1b1b1b";
/// Ink for what stands behind: axes, the names of columns.
pub(super) const PALE_INK: &str = "#555555";
/// Ink for lines that guide the eye.
pub(super) const GUIDE: &str = "#dddddd";
/// From the edge to what is drawn.
pub(super) const MARGIN: f64 = 20.0;
/// The size of labels and figures.
pub(super) const SIZE: f64 = 13.0;
/// The size of what is read second: marks of axes.
pub(super) const SMALL: f64 = 11.0;
const TITLE_SIZE: f64 = 18.0;
/// The height taken by the title.
pub(super) const TITLE_HEIGHT: f64 = 52.0;

/// The inks of series, in their order.
const COLOURS: [&str; 6] = [
    "#2d6cb5", "#c8701a", "#2f7d4f", "#7b4aa0", "#5f6b76", "#a83a3a",
];
/// What is drawn over an ink, so that bars differ without it; the first is the ink itself.
const PATTERNS: [&str; 6] = [
    "",
    "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4",
    "M2,2 h2 v2 h-2 z M6,6 h2 v2 h-2 z",
    "M0,0 l8,8 M0,8 l8,-8",
    "M0,2 h8 M0,6 h8",
    "M2,0 v8 M6,0 v8",
];

/// The ink of a series by its number.
pub(super) fn ink(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

/// On which side of its place a text stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A document with a title, things being drawn on it.
pub(super) struct Canvas {
    document: Document,
    definitions: Definitions,
    width: f64,
}

impl Canvas {
    /// A white sheet with its title. `fills`: so many series have bars on it.
    pub(super) fn new(caption: Caption<'_>, width: f64, height: f64, fills: usize) -> Canvas {
        let document = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .set("font-family", "system-ui, 'DejaVu Sans', Arial, sans-serif")
            .set("font-size", SIZE)
            .add(Title::new(clean(caption.title)));
        let mut definitions = Definitions::new();
        for number in 0..fills.min(PATTERNS.len()) {
            let lines = PATTERNS[number % PATTERNS.len()];
            if !lines.is_empty() {
                definitions.append(pattern(&format!("fill{number}"), ink(number), lines));
            }
        }
        let sheet = Rectangle::new()
            .set("width", width)
            .set("height", height)
            .set("fill", "#ffffff");
        let mut canvas = Canvas {
            document: document.add(sheet),
            definitions,
            width,
        };
        let room = width - 2.0 * MARGIN;
        canvas.sized_text(
            caption.title,
            (MARGIN, 32.0),
            Anchor::Start,
            TITLE_SIZE,
            INK,
            room,
        );
        canvas
    }

    /// Defines a pattern of lines on a colour.
    pub(super) fn define(&mut self, name: &str, colour: &str, lines: &str) {
        self.definitions.append(pattern(name, colour, lines));
    }

    /// A text of usual size, shortened to its room.
    pub(super) fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, room: f64) {
        self.sized_text(text, at, anchor, SIZE, INK, room);
    }

    /// A small pale text that has room.
    pub(super) fn note(&mut self, text: &str, at: (f64, f64), anchor: Anchor) {
        self.sized_text(text, at, anchor, SMALL, PALE_INK, f64::INFINITY);
    }

    pub(super) fn sized_text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        size: f64,
        ink: &str,
        room: f64,
    ) {
        let whole = clean(text);
        let short = shortened(&whole, size, room);
        let mut drawn = Text::new(short.as_deref().unwrap_or(&whole))
            .set("x", round(x))
            .set("y", round(y))
            .set("fill", ink);
        if size != SIZE {
            drawn = drawn.set("font-size", size);
        }
        drawn = match anchor {
            Anchor::Start => drawn,
            Anchor::Middle => drawn.set("text-anchor", "middle"),
            Anchor::End => drawn.set("text-anchor", "end"),
        };
        match short {
            Some(_) => self.add(Group::new().add(Title::new(whole)).add(drawn)),
            None => self.add(drawn),
        }
    }

    /// A bar filled by the series of this number; `title` is told over it.
    pub(super) fn bar(
        &mut self,
        (x, y): (f64, f64),
        (w, h): (f64, f64),
        series: usize,
        title: &str,
    ) {
        let paint = match PATTERNS[series % PATTERNS.len()] {
            "" => ink(series).to_owned(),
            _ => format!("url(#fill{})", series % PATTERNS.len()),
        };
        self.painted((x, y), (w, h), &paint, ink(series), title);
    }

    /// A text of usual size on white, over lines that guide the eye.
    pub(super) fn figure(&mut self, text: &str, (x, y): (f64, f64), anchor: Anchor, room: f64) {
        if text.is_empty() {
            return;
        }
        let long = width(text, SIZE).min(room);
        let left = if anchor == Anchor::End { x - long } else { x };
        let back = Rectangle::new()
            .set("x", round(left))
            .set("y", round(y - SIZE))
            .set("width", round(long))
            .set("height", SIZE + 2.0)
            .set("fill", "#ffffff");
        self.add(back);
        self.text(text, (x, y), anchor, room);
    }

    /// A rectangle in a paint, with an edge.
    pub(super) fn painted(
        &mut self,
        (x, y): (f64, f64),
        (w, h): (f64, f64),
        paint: &str,
        edge: &str,
        title: &str,
    ) {
        let mut drawn = Rectangle::new()
            .set("x", round(x))
            .set("y", round(y))
            .set("width", round(w.max(0.0)))
            .set("height", round(h))
            .set("fill", paint)
            .set("stroke", edge);
        if !title.is_empty() {
            drawn = drawn.add(Title::new(clean(title)));
        }
        self.add(drawn);
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: &str) {
        let drawn = Line::new()
            .set("x1", round(from.0))
            .set("y1", round(from.1))
            .set("x2", round(to.0))
            .set("y2", round(to.1))
            .set("stroke", ink);
        self.add(drawn);
    }

    /// A shape by its path; `title` is told over it.
    pub(super) fn shape(&mut self, path: &str, fill: &str, edge: &str, title: &str) {
        let mut drawn = Path::new()
            .set("d", path)
            .set("fill", fill)
            .set("stroke", edge);
        if !title.is_empty() {
            drawn = drawn.add(Title::new(clean(title)));
        }
        self.add(drawn);
    }

    /// A line through points, with dashes.
    pub(super) fn stroke(&mut self, path: &str, ink: &str, dash: &str) {
        let mut drawn = Path::new()
            .set("d", path)
            .set("fill", "none")
            .set("stroke", ink)
            .set("stroke-width", 2);
        if !dash.is_empty() {
            drawn = drawn.set("stroke-dasharray", dash);
        }
        self.add(drawn);
    }

    /// Tells of series that are not drawn.
    pub(super) fn others(&mut self, caption: Caption<'_>, series: usize) {
        if series > 0 {
            let at = (self.width - MARGIN, TITLE_HEIGHT - 4.0);
            self.note(&caption.more(series), at, Anchor::End);
        }
    }

    /// The sheet with a sentence instead of a picture.
    pub(super) fn says(mut self, text: &str) -> String {
        let middle = (self.width / 2.0, TITLE_HEIGHT + 32.0);
        self.sized_text(text, middle, Anchor::Middle, SIZE, PALE_INK, self.width);
        self.finish()
    }

    /// The document as text.
    pub(super) fn finish(self) -> String {
        format!("{}\n", self.document.add(self.definitions))
    }

    fn add(&mut self, node: impl Into<Box<dyn Node>>) {
        self.document.append(node);
    }
}

/// The height of a sheet that says something instead of a picture.
pub(super) const SAYS_HEIGHT: f64 = TITLE_HEIGHT + 64.0;

fn pattern(name: &str, colour: &str, lines: &str) -> Pattern {
    let ground = Rectangle::new()
        .set("width", 8)
        .set("height", 8)
        .set("fill", colour)
        .set("fill-opacity", 0.35);
    let drawn = Path::new()
        .set("d", lines)
        .set("stroke", colour)
        .set("stroke-width", 1.6)
        .set("fill", "none");
    Pattern::new()
        .set("id", name)
        .set("width", 8)
        .set("height", 8)
        .set("patternUnits", "userSpaceOnUse")
        .add(ground)
        .add(drawn)
}

/// Tenths are as fine as a picture needs.
pub(super) fn round(number: f64) -> f64 {
    let number = (number * 10.0).round() / 10.0;
    // Without a sign before zero.
    if number == 0.0 { 0.0 } else { number }
}

/// The widest of some texts.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    let widths = texts.into_iter().map(|text| width(text, size));
    widths.fold(0.0, f64::max)
}
