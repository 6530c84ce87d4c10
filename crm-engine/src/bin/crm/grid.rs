//! Rows of texts in aligned columns.

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide a column becomes; longer cells are cut where somebody reads them on a screen.
const CELL_WIDTH_MAX: usize = 60;
/// Rows whose widths decide how wide the columns are; later ones come as they are read.
pub(crate) const ROWS_MEASURED: usize = 1_000;

/// A column's name, and whether its cells stand to the right, as numbers do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) right: bool,
}

impl Head {
    /// A column of texts.
    pub(crate) fn left(name: impl Into<String>) -> Head {
        Head {
            name: name.into(),
            right: false,
        }
    }

    /// A column of numbers.
    pub(crate) fn right(name: impl Into<String>) -> Head {
        Head {
            name: name.into(),
            right: true,
        }
    }
}

/// Rows in columns as wide as they need to be.
pub(crate) struct Grid {
    heads: Vec<Head>,
    waiting: Vec<Vec<String>>,
    /// How wide each column is, once the first rows are written.
    widths: Option<Vec<usize>>,
    /// Long cells are cut.
    cut: bool,
    indent: &'static str,
}

impl Grid {
    /// A grid without rows. `cut`: long cells are shortened to fit a screen.
    pub(crate) fn new(heads: Vec<Head>, cut: bool) -> Grid {
        Grid {
            heads,
            waiting: Vec::new(),
            widths: None,
            cut,
            indent: "",
        }
    }

    /// The same grid, set in.
    pub(crate) fn indented(mut self, indent: &'static str) -> Grid {
        self.indent = indent;
        self
    }

    /// Adds a row; writes when enough are known to tell how wide the columns are.
    pub(crate) fn row(&mut self, cells: Vec<String>, out: &mut dyn Write) -> io::Result<()> {
        let cells = cells.iter().map(|cell| one_line(cell, self.cut));
        let cells: Vec<String> = cells.collect();
        match &self.widths {
            Some(widths) => self.line(&cells, widths, out),
            None => {
                self.waiting.push(cells);
                match self.waiting.len() < ROWS_MEASURED {
                    true => Ok(()),
                    false => self.flush(out),
                }
            }
        }
    }

    /// Writes the rows that wait; without any, the names of the columns alone.
    pub(crate) fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_some() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let cells = cells.map(|cell| cell.width()).max().unwrap_or(0);
            cells.max(self.heads[at].name.width())
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let names: Vec<String> = self.heads.iter().map(|head| head.name.clone()).collect();
        self.line(&names, &widths, out)?;
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(
            out,
            "{}",
            format!("{}{}", self.indent, rules.join("  ")).trim_end()
        )?;
        for row in &rows {
            self.line(row, &widths, out)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize], out: &mut dyn Write) -> io::Result<()> {
        let mut line = self.indent.to_owned();
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            if at > 0 {
                line.push_str("  ");
            }
            match self.heads[at].right {
                true => line.extend([space.as_str(), cell]),
                false => line.extend([cell.as_str(), &space]),
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// A cell on one line, control characters shown as what they are not.
fn one_line(cell: &str, cut: bool) -> String {
    let cell: String = cell
        .chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    match cut && cell.width() > CELL_WIDTH_MAX {
        true => shortened(&cell, CELL_WIDTH_MAX),
        false => cell,
    }
}

/// As much of a text as fits, with a sign that there is more.
fn shortened(text: &str, width_max: usize) -> String {
    let mut width = 1;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width <= width_max
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(grid: &mut Grid, rows: &[[&str; 2]]) -> String {
        let mut out = Vec::new();
        for row in rows {
            let row = row.map(str::to_owned).to_vec();
            grid.row(row, &mut out).unwrap();
        }
        grid.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen_not_by_bytes() {
        let mut grid = Grid::new(vec![Head::left("имя"), Head::right("n")], false);
        let told = lines(&mut grid, &[["Вега", "1200"], ["日本", "7"], ["a\nb", ""]]);
        assert_eq!(
            told,
            "имя      n\n────  ────\nВега  1200\n日本     7\na⏎b\n"
        );
    }

    #[test]
    fn without_rows_the_names_are_shown() {
        let mut grid = Grid::new(vec![Head::left("a"), Head::right("bb")], true);
        assert_eq!(lines(&mut grid, &[]), "a  bb\n─  ──\n");
    }

    #[test]
    fn long_cells_are_cut_on_screens_only() {
        let long = "я".repeat(100);
        assert_eq!(one_line(&long, false), long);
        assert_eq!(one_line(&long, true).width(), CELL_WIDTH_MAX);
    }
}
