//! An import by hand: every cell is checked before its row is stored.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::Connection;

use super::load::{BATCH, company, finish, keep_history, organisation};
use super::{connect, moment};
use crate::data::{self, Company};
use crate::engine::Ids;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// When indexes and triggers are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexes {
    Live,
    Afterwards,
}

/// A base that has users and no companies yet.
pub struct Empty {
    connection: Connection,
    ids: Ids,
    indexes: Indexes,
}

impl Empty {
    pub fn create(path: &Path, indexes: Indexes) -> Result<Empty> {
        let mut connection = connect(path)?;
        let ids = Ids {
            users: (1..=data::users().len() as u64).collect(),
            company: 1,
            contact: 1,
            deal: 1,
            activity: 1,
        };
        connection.execute_batch(include_str!("tables.sql"))?;
        organisation(&mut connection, &ids)?;
        if indexes == Indexes::Live {
            connection.execute_batch(include_str!("indexes.sql"))?;
            keep_history(&connection)?;
        }
        Ok(Empty {
            connection,
            ids,
            indexes,
        })
    }

    /// Imports a file, and gives the number of rows. They are durable then.
    pub fn import(&mut self, csv: &Path) -> Result<usize> {
        let rows = rows(&mut self.connection, &self.ids, csv)?;
        if self.indexes == Indexes::Afterwards {
            finish(&self.connection)?;
        }
        Ok(rows)
    }
}

fn rows(connection: &mut Connection, ids: &Ids, csv: &Path) -> Result<usize> {
    let logins = data::users().into_iter().enumerate();
    let logins: HashMap<String, usize> = logins.map(|(at, user)| (user.login, at)).collect();
    let mut file = csv::Reader::from_path(csv)?;
    let (mut record, mut number) = (csv::StringRecord::new(), 0);
    let mut more = true;
    while more {
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO audit VALUES (NULL, ?, ?, 'import')",
            [
                ids.users.last().copied().unwrap_or(0) as i64,
                moment(data::epoch()),
            ],
        )?;
        for _ in 0..BATCH {
            more = file.read_record(&mut record)?;
            if !more {
                break;
            }
            let row = checked(&record, &logins).ok_or("a row with a fault")?;
            number += 1;
            company(&transaction, ids, number, &row)?;
        }
        transaction.commit()?;
    }
    Ok(number as usize)
}

/// The company of a row; none where a cell is not what it should be.
fn checked(record: &csv::StringRecord, logins: &HashMap<String, usize>) -> Option<Company> {
    let cell = |at: usize| record.get(at);
    let given = |at: usize| cell(at).filter(|text| !text.is_empty());
    let place = |among: &[&str], text: &str| among.iter().position(|name| *name == text);
    let moment = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc));
    Some(Company {
        name: given(0)?.to_owned(),
        tax_number: given(1).filter(|text| is_digits(text))?.to_owned(),
        phone: given(2).filter(|text| is_phone(text))?.to_owned(),
        email: given(3).filter(|text| is_email(text))?.to_owned(),
        city: cell(4)?.to_owned(),
        segment: place(&data::SEGMENTS, cell(5)?)?,
        created: moment(cell(6)?)?,
        last_activity: moment(cell(7)?)?,
        note: given(8).map(str::to_owned),
        contract: optional(given(9), |text| is_digits(text).then(|| text.to_owned()))?,
        contract_date: optional(given(10), |text| text.parse::<NaiveDate>().ok())?,
        newsletter: optional(given(11), |text| text.parse::<bool>().ok())?,
        rating: optional(given(12), |text| place(&data::RATINGS, text))?,
        budget_cents: optional(given(13), cents)?,
        owner: *logins.get(cell(14)?)?,
        participants: Vec::new(),
    })
}

/// A cell that may be empty; the outer none is a fault.
fn optional<T>(cell: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match cell {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text
            .chars()
            .all(|c| "+-() ".contains(c) || c.is_ascii_digit())
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
}

fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.')?;
    Some(whole.parse::<i64>().ok()? * 100 + part.parse::<i64>().ok()?)
}
