//! Tables written as workbooks: one sheet, its cells typed.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use rust_decimal::Decimal;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::error::{Code, Error, Result};
use crate::limits::{WORKBOOK_CELLS_MAX, WORKBOOK_ROWS_MAX};
use crate::value::{Currency, Money, Value};

/// Digits that a spreadsheet keeps of a number; more stand as text, so that none is lost.
const DIGITS_MAX: u32 = 15;
/// The longest name of a sheet.
const SHEET_NAME_MAX: usize = 31;
/// How wide a column becomes by itself, in pixels.
const COLUMN_PIXELS_MAX: u32 = 400;
const MILLISECONDS_PER_DAY: f64 = 86_400_000.0;
/// The first year that spreadsheets know.
const YEAR_MIN: i32 = 1_900;

/// A sheet being filled. Its bytes depend on nothing but what it is filled with.
pub(crate) struct Sheet {
    workbook: Workbook,
    sheet: Worksheet,
    day: Format,
    moment: Format,
    length: Format,
    rows: u64,
    cells: u64,
}

impl Sheet {
    /// A sheet of this title with the names of its columns.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] for more columns than a sheet has.
    pub(crate) fn new<'a>(title: &str, heads: impl Iterator<Item = &'a str>) -> Result<Sheet> {
        let mut workbook = Workbook::new();
        // Of the clock nothing is told: the same table makes the same file.
        let dawn = ExcelDateTime::from_ymd(2_000, 1, 1).map_err(failed)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&dawn));
        let mut sheet = Worksheet::new();
        sheet.set_name(sheet_name(title)).map_err(failed)?;
        let bold = Format::new().set_bold();
        for (column, head) in heads.enumerate() {
            let column = number(column)?;
            let written = sheet.write_string_with_format(0, column, head, &bold);
            written.map_err(failed)?;
        }
        sheet.set_freeze_panes(1, 0).map_err(failed)?;
        let form = |text: &str| Format::new().set_num_format(text);
        Ok(Sheet {
            workbook,
            sheet,
            day: form("yyyy-mm-dd"),
            moment: form("yyyy-mm-dd hh:mm:ss"),
            length: form("[h]:mm:ss"),
            rows: 1,
            cells: 0,
        })
    }

    /// Adds a row: each value with its text, which stands where a spreadsheet has no such value.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] for more than a sheet takes.
    pub(crate) fn row<'a>(
        &mut self,
        cells: impl Iterator<Item = (&'a Value, String)>,
    ) -> Result<()> {
        if self.rows >= WORKBOOK_ROWS_MAX || self.cells >= WORKBOOK_CELLS_MAX {
            let message = "the table has more rows or cells than a workbook takes; CSV takes more";
            return Err(Error::new(Code::LimitExceeded, message));
        }
        let row =
            u32::try_from(self.rows).map_err(|_| Error::internal("a row beyond the limit"))?;
        for (column, (value, text)) in cells.enumerate() {
            self.cell(row, number(column)?, value, &text)
                .map_err(failed)?;
            self.cells += 1;
        }
        self.rows += 1;
        Ok(())
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`].
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        self.sheet
            .set_autofit_max_width(COLUMN_PIXELS_MAX)
            .autofit();
        self.workbook.push_worksheet(self.sheet);
        self.workbook.save_to_buffer().map_err(failed)
    }

    fn cell(&mut self, row: u32, column: u16, value: &Value, text: &str) -> Result<(), XlsxError> {
        let sheet = &mut self.sheet;
        match value {
            Value::Null => return Ok(()),
            Value::Integer(number) => {
                if let Some(number) = exact(&Decimal::from(*number)) {
                    return sheet.write_number(row, column, number).map(drop);
                }
            }
            Value::Decimal(decimal) => {
                if let Some(number) = exact(decimal) {
                    return sheet.write_number(row, column, number).map(drop);
                }
            }
            Value::Money(money) => {
                if let Some(number) = exact(&money.amount) {
                    let form = amount_format(money);
                    let written = sheet.write_number_with_format(row, column, number, &form);
                    return written.map(drop);
                }
            }
            Value::Reference(id) => {
                return sheet.write_number(row, column, id.get() as f64).map(drop);
            }
            Value::Checkbox(checked) => {
                return sheet.write_boolean(row, column, *checked).map(drop);
            }
            Value::Date(day) if day.year() >= YEAR_MIN => {
                let written = sheet.write_datetime_with_format(row, column, date(*day)?, &self.day);
                return written.map(drop);
            }
            Value::DateTime(at) if at.year() >= YEAR_MIN => {
                let at = moment(at.naive_utc())?;
                let written = sheet.write_datetime_with_format(row, column, at, &self.moment);
                return written.map(drop);
            }
            // Spreadsheets show no negative lengths of time.
            Value::Duration(length) if *length >= 0 => {
                let days = *length as f64 / MILLISECONDS_PER_DAY;
                let written = sheet.write_number_with_format(row, column, days, &self.length);
                return written.map(drop);
            }
            _ => {}
        }
        // A string stays a string, whatever it begins with.
        sheet.write_string(row, column, text).map(drop)
    }
}

/// A number that a spreadsheet keeps digit by digit.
fn exact(number: &Decimal) -> Option<f64> {
    let digits = number
        .normalize()
        .mantissa()
        .unsigned_abs()
        .checked_ilog10();
    match digits.is_none_or(|digits| digits < DIGITS_MAX) {
        true => number.to_string().parse().ok(),
        false => None,
    }
}

/// Amounts are shown with as many digits as they have, at least those of the currency, and with
/// its code.
fn amount_format(money: &Money) -> Format {
    let Money { currency, amount } = money;
    let digits = amount
        .normalize()
        .scale()
        .max(Currency::minor_units(currency));
    let fraction = match digits {
        0 => String::new(),
        digits => format!(".{}", "0".repeat(digits as usize)),
    };
    Format::new().set_num_format(format!("#,##0{fraction} \"{currency}\""))
}

fn date(day: NaiveDate) -> Result<ExcelDateTime, XlsxError> {
    // Within the years that are asked for before, numbers fit.
    let year = u16::try_from(day.year()).unwrap_or(u16::MAX);
    ExcelDateTime::from_ymd(year, day.month() as u8, day.day() as u8)
}

fn moment(at: NaiveDateTime) -> Result<ExcelDateTime, XlsxError> {
    date(at.date())?.and_hms(at.hour() as u16, at.minute() as u8, f64::from(at.second()))
}

fn number(column: usize) -> Result<u16> {
    u16::try_from(column).map_err(|_| {
        Error::new(
            Code::LimitExceeded,
            "the table has more columns than a workbook takes",
        )
    })
}

/// A title as the name of a sheet, which takes neither all signs nor every length.
fn sheet_name(title: &str) -> String {
    let fit = |c: char| match c {
        '[' | ']' | ':' | '*' | '?' | '/' | '\\' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let name: String = title.chars().map(fit).take(SHEET_NAME_MAX).collect();
    match name.trim().trim_matches('\'') {
        "" => "Table".to_owned(),
        name => name.to_owned(),
    }
}

fn failed(error: XlsxError) -> Error {
    let code = match error {
        XlsxError::RowColumnLimitError | XlsxError::MaxStringLengthExceeded => Code::LimitExceeded,
        _ => Code::Internal,
    };
    Error::new(code, format!("the workbook: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{ValueType, parse};

    fn sheet() -> Vec<u8> {
        let mut sheet = Sheet::new("A/B: totals", ["a", "b"].into_iter()).unwrap();
        let cells = [
            (ValueType::Money, "1200.50 EUR"),
            (ValueType::Decimal, "1234567890.123456789"),
            (ValueType::Integer, "-7"),
            (ValueType::Date, "2026-03-01"),
            (ValueType::Date, "1812-03-01"),
            (ValueType::DateTime, "2026-03-01T09:00:00Z"),
            (ValueType::Text, "=1+1"),
            (ValueType::Checkbox, "true"),
        ];
        for (kind, text) in cells {
            let value = parse(kind, text).unwrap();
            let text = value.to_string();
            sheet
                .row([(&value, text), (&Value::Null, String::new())].into_iter())
                .unwrap();
        }
        sheet.finish().unwrap()
    }

    #[test]
    fn the_same_table_makes_the_same_file() {
        let bytes = sheet();
        assert!(bytes.starts_with(b"PK"));
        assert_eq!(bytes, sheet());
    }

    #[test]
    fn numbers_too_long_for_spreadsheets_are_not_numbers_there() {
        let number = |text: &str| exact(&text.parse().unwrap());
        assert_eq!(number("123456789012345"), Some(123_456_789_012_345.0));
        assert_eq!(number("1234567890123456"), None);
        assert_eq!(number("1000000000000000000"), None);
        assert_eq!(number("-0.1"), Some(-0.1));
        assert_eq!(number("0"), Some(0.0));
    }

    #[test]
    fn titles_become_names_of_sheets() {
        assert_eq!(sheet_name("a/b"), "a b");
        assert_eq!(sheet_name("''"), "Table");
        assert_eq!(sheet_name(&"я".repeat(50)).chars().count(), SHEET_NAME_MAX);
    }
}
