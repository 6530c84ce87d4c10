//! Tables as pictures, as CSV and as workbooks.
//!
//! What stands in a table was given under the rights of whoever asked for it, and is drawn as it
//! is. Taking records out is a right of its own (C51): whoever makes a file of a table for a user
//! makes the table of what he may take out.

use crate::error::{Error, Result};
use crate::picture::{self, Bar, Caption, Head, Light, LightRow, Point, Series, Tone, in_groups};
use crate::tabular::CsvForm;
#[cfg(feature = "xlsx")]
use crate::tabular::Sheet;
use crate::value::{Value, ValueType};

use super::{Chart, Table, TableColumn};

impl Table {
    /// The table as a self-contained SVG document, drawn as its `chart` says; none without one, or
    /// when the chart names columns that the table does not have. Labels and figures are written
    /// in the custom of the language (`en`, `ru`); nothing is told by colour alone.
    ///
    /// ```
    /// use crm_engine::{Chart, Table, TableColumn, Value, ValueType};
    ///
    /// let column = |name: &str, value_type| TableColumn {
    ///     name: name.to_owned(),
    ///     label: name.to_owned(),
    ///     value_type,
    ///     field: None,
    /// };
    /// let table = Table {
    ///     title: "Items by month".to_owned(),
    ///     columns: vec![column("month", ValueType::Text), column("items", ValueType::Integer)],
    ///     rows: vec![vec![Value::Text("May".to_owned()), Value::Integer(1_200)]],
    ///     chart: Some(Chart::Bars { label: 0, group: None, values: vec![1] }),
    /// };
    /// let svg = table.svg("en").expect("it has a chart");
    /// assert!(svg.starts_with("<svg") && svg.contains("1\u{2009}200"));
    /// ```
    #[must_use]
    pub fn svg(&self, language: &str) -> Option<String> {
        let caption = Caption {
            title: &self.title,
            language,
        };
        match self.chart.as_ref()? {
            Chart::Funnel { label, value } => {
                let (label, value) = (self.column(*label)?, self.column(*value)?);
                let bar = |row: &Vec<Value>| Bar {
                    label: label.text(row),
                    value: value.number(row).unwrap_or(0.0),
                    figures: value.figure(row, language),
                    tone: Tone::Open,
                };
                let bars: Vec<Bar> = self.rows.iter().map(bar).collect();
                Some(picture::funnel(caption, &bars))
            }
            Chart::Bars {
                label,
                group,
                values,
            } => {
                let (mut labels, series) = self.series(*label, values, language)?;
                if let Some(group) = group {
                    let group = self.column(*group)?;
                    for (label, row) in labels.iter_mut().zip(&self.rows) {
                        *label = format!("{}: {label}", group.text(row));
                    }
                }
                Some(picture::bars(caption, &labels, &series))
            }
            Chart::Lines { label, values } => {
                let (labels, series) = self.series(*label, values, language)?;
                Some(picture::lines(caption, &labels, &series))
            }
            Chart::Lights { label, light } => self.lights(caption, *label, *light),
        }
    }

    /// The table as CSV (RFC 4180) under the labels of its columns. `delimiter` stands between two
    /// cells; `byte_order_mark` begins the text as some programs need it. Texts that a spreadsheet
    /// would take for a formula are written with a `'` before them.
    ///
    /// ```
    /// use crm_engine::{Table, TableColumn, Value, ValueType};
    ///
    /// let name = TableColumn {
    ///     name: "name".to_owned(),
    ///     label: "Name".to_owned(),
    ///     value_type: ValueType::Text,
    ///     field: None,
    /// };
    /// let rows = vec![vec![Value::Text("=1+1".to_owned())], vec![Value::Text("a;b".to_owned())]];
    /// let table = Table { title: "Names".to_owned(), columns: vec![name], rows, chart: None };
    /// assert_eq!(table.csv(';', false)?, "Name\r\n'=1+1\r\n\"a;b\"\r\n");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a delimiter that is none.
    pub fn csv(&self, delimiter: char, byte_order_mark: bool) -> Result<String> {
        let form = CsvForm {
            delimiter,
            byte_order_mark,
            guard: true,
        };
        let mut bytes = Vec::new();
        let mut table = form.open(&mut bytes)?;
        table.heads(self.columns.iter().map(|column| column.label.as_str()))?;
        for row in &self.rows {
            let cells = self.columns.iter().zip(row);
            table.row(cells.map(|(column, value)| (value, column.text(value))))?;
        }
        table.end()?;
        drop(table);
        String::from_utf8(bytes).map_err(|_| Error::internal("a table that is not UTF-8"))
    }

    /// The table as a workbook with one sheet: numbers as numbers, days as days, amounts with
    /// their currency.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded) for more than a sheet takes.
    #[cfg(feature = "xlsx")]
    pub fn xlsx(&self) -> Result<Vec<u8>> {
        let labels = self.columns.iter().map(|column| column.label.as_str());
        let mut sheet = Sheet::new(&self.title, labels)?;
        for row in &self.rows {
            let cells = self.columns.iter().zip(row);
            sheet.row(cells.map(|(column, value)| (value, column.text(value))))?;
        }
        sheet.finish()
    }

    fn column(&self, at: usize) -> Option<Cells<'_>> {
        let column = self.columns.get(at)?;
        Some(Cells { at, column })
    }

    fn series(
        &self,
        label: usize,
        values: &[usize],
        language: &str,
    ) -> Option<(Vec<String>, Vec<Series>)> {
        let label = self.column(label)?;
        let labels = self.rows.iter().map(|row| label.text(row)).collect();
        let mut series = Vec::with_capacity(values.len());
        for value in values {
            let cells = self.column(*value)?;
            let point = |row: &Vec<Value>| Point {
                value: cells.number(row),
                text: cells.figure(row, language),
            };
            series.push(Series {
                name: cells.column.label.clone(),
                points: self.rows.iter().map(point).collect(),
            });
        }
        Some((labels, series))
    }

    /// The label and the light first, then all other columns.
    fn lights(&self, caption: Caption<'_>, label: usize, light: usize) -> Option<String> {
        let (label, light) = (self.column(label)?, self.column(light)?);
        let others = (0..self.columns.len()).filter(|at| ![label.at, light.at].contains(at));
        let others: Vec<Cells<'_>> = others.filter_map(|at| self.column(at)).collect();
        let heads = [&label, &light].into_iter().chain(&others);
        let heads: Vec<Head> = heads
            .map(|cells| Head {
                label: cells.column.label.clone(),
                right: cells.is_number(),
            })
            .collect();
        let row = |row: &Vec<Value>| {
            let name = light.text(row);
            let lit = Light::named(&name);
            LightRow {
                label: label.text(row),
                light: lit,
                word: lit.map_or(name, |lit| lit.word(caption.language).to_owned()),
                cells: others
                    .iter()
                    .map(|cells| cells.figure(row, caption.language))
                    .collect(),
            }
        };
        let rows: Vec<LightRow> = self.rows.iter().map(row).collect();
        Some(picture::lights(caption, &heads, &rows))
    }
}

/// The values of one column, row by row.
struct Cells<'a> {
    at: usize,
    column: &'a TableColumn,
}

impl Cells<'_> {
    fn text(&self, row: &[Value]) -> String {
        let value = row.get(self.at);
        value.map_or_else(String::new, |value| self.column.text(value))
    }

    fn is_number(&self) -> bool {
        use ValueType::{Decimal, Duration, Integer, Money};
        matches!(self.column.value_type, Integer | Decimal | Money | Duration)
    }

    /// The value as a length; a word that stands in its place has none.
    fn number(&self, row: &[Value]) -> Option<f64> {
        let exact = match row.get(self.at)? {
            Value::Integer(number) | Value::Duration(number) => return Some(*number as f64),
            Value::Decimal(number) => number,
            Value::Money(money) => &money.amount,
            _ => return None,
        };
        exact.to_string().parse().ok()
    }

    /// The value as it reads: numbers in groups of digits, other texts as they are.
    fn figure(&self, row: &[Value], language: &str) -> String {
        let text = self.text(row);
        match row.get(self.at) {
            Some(Value::Integer(_) | Value::Decimal(_) | Value::Money(_)) => {
                in_groups(&text, language)
            }
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::parse;

    fn table(chart: Option<Chart>) -> Table {
        let column = |name: &str, value_type| TableColumn {
            name: name.to_owned(),
            label: name.to_uppercase(),
            value_type,
            field: None,
        };
        let money = |text: &str| parse(ValueType::Money, text).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        Table {
            title: "T".to_owned(),
            columns: vec![
                column("who", ValueType::Text),
                column("worth", ValueType::Money),
                column("light", ValueType::Text),
            ],
            rows: vec![
                vec![text("Анна"), money("12345.50 EUR"), text("red")],
                vec![text("=cmd()"), text("undefined"), text("odd")],
                vec![text("+7 495"), Value::Null, Value::Null],
            ],
            chart,
        }
    }

    #[test]
    fn charts_draw_the_columns_they_name() {
        let values = vec![1];
        let charts = [
            Chart::Funnel { label: 0, value: 1 },
            Chart::Bars {
                label: 0,
                group: Some(2),
                values: values.clone(),
            },
            Chart::Lines { label: 0, values },
            Chart::Lights { label: 0, light: 2 },
        ];
        for chart in charts {
            let svg = table(Some(chart.clone())).svg("ru").unwrap();
            assert!(svg.contains("Анна"), "{chart:?} {svg}");
            assert!(svg.contains("12\u{2009}345,50 EUR"), "{chart:?} {svg}");
        }
        let svg = table(Some(Chart::Lights { label: 0, light: 2 }))
            .svg("ru")
            .unwrap();
        assert!(svg.contains("красный") && svg.contains("odd") && svg.contains("undefined"));
    }

    #[test]
    fn a_chart_of_columns_that_are_not_there_draws_nothing() {
        assert_eq!(table(None).svg("en"), None);
        let wrong = Chart::Bars {
            label: 0,
            group: None,
            values: vec![9],
        };
        assert_eq!(table(Some(wrong)).svg("en"), None);
    }

    #[test]
    fn csv_is_for_people_with_spreadsheets() {
        let csv = table(None).csv(';', true).unwrap();
        let expected = "\u{feff}WHO;WORTH;LIGHT\r\nАнна;12345.50 EUR;red\r\n'=cmd();undefined;odd\r\n+7 495;;\r\n";
        assert_eq!(csv, expected);
        assert!(table(None).csv('я', false).is_err());
    }
}
