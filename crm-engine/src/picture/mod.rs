//! Pictures: numbers and texts drawn as SVG. Knows no schema and no rights: it draws what it is
//! given.
//!
//! Every picture is one self-contained document. Nothing is told by colour alone: bars and lines of
//! a series have a pattern, a dash and a marker of their own, lights have a shape and a word, and
//! every figure stands as text or as the `<title>` that is shown over its point. Labels that do not
//! fit are shortened, with their whole text as `<title>`. A picture without data says so.
//!
//! | File | Draws |
//! |---|---|
//! | `funnel` | one bar below the other, widest first as a rule |
//! | `bars` | bars of several series side by side, negative ones too |
//! | `lines` | lines of several series over time |
//! | `lights` | a table with a traffic light in each row |
//! | `canvas`, `legend` | the document they draw on, what its patterns mean |
//! | `scale`, `text` | round numbers for axes; how long a text is; digits in groups |

mod bars;
mod canvas;
mod funnel;
mod legend;
mod lights;
mod lines;
mod scale;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use bars::bars;
use canvas::{Canvas, SAYS_HEIGHT};
pub(crate) use funnel::{Bar, Tone, funnel};
pub(crate) use lights::{Head, Light, LightRow, lights};
pub(crate) use lines::lines;
pub(crate) use text::{grouped, in_groups};

/// What a picture is called, and the language of the words it adds by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caption<'a> {
    pub(crate) title: &'a str,
    pub(crate) language: &'a str,
}

/// Values of one kind, one for each label of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

/// A value: how long a bar or how high a point is, and how it reads. Without a value the text says
/// why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) value: Option<f64>,
    pub(crate) text: String,
}

/// What of a picture's labels and series is drawn.
struct Shown<'a> {
    labels: &'a [String],
    series: &'a [Series],
    names: Vec<&'a str>,
    /// Labels and series that are left out.
    more: usize,
    others: usize,
}

impl<'a> Shown<'a> {
    /// At most so many of each; none where there is nothing to draw.
    fn of(
        (labels, labels_max): (&'a [String], usize),
        (series, series_max): (&'a [Series], usize),
    ) -> Option<Shown<'a>> {
        let drawn = (
            &labels[..labels.len().min(labels_max)],
            &series[..series.len().min(series_max)],
        );
        (!drawn.0.is_empty() && !drawn.1.is_empty()).then(|| Shown {
            labels: drawn.0,
            series: drawn.1,
            names: drawn.1.iter().map(|one| one.name.as_str()).collect(),
            more: labels.len() - drawn.0.len(),
            others: series.len() - drawn.1.len(),
        })
    }
}

/// Words of a picture's own.
struct Words {
    no_data: &'static str,
    more: &'static str,
}

impl Caption<'_> {
    fn words(&self) -> Words {
        match self.language {
            "ru" => Words {
                no_data: "нет данных",
                more: "и ещё",
            },
            _ => Words {
                no_data: "no data",
                more: "and more:",
            },
        }
    }

    /// The picture of nothing.
    fn no_data(self, width: f64) -> String {
        let canvas = Canvas::new(self, width, SAYS_HEIGHT, 0);
        canvas.says(self.words().no_data)
    }

    /// What is told of rows that are not drawn.
    fn more(&self, rows: usize) -> String {
        format!("{} {rows}", self.words().more)
    }
}
