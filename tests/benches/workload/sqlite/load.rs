//! Loading: the rows of the data set, what is derived from them, indexes last.

use std::path::Path;

use chrono::Datelike;
use rusqlite::{Connection, Result, params};

use super::{Sqlite, connect, id};
use crate::data::{self, Data, Place, Role, phone_digits};
use crate::engine::{COLUMNS, Ids, moment};

/// Rows inserted in one transaction while loading.
pub(super) const BATCH: usize = 20_000;

impl Sqlite {
    /// Makes the file and loads the data set into it.
    pub fn load(path: &Path, data: Data, ids: &Ids) -> Result<()> {
        let mut connection = connect(path)?;
        connection.execute_batch(include_str!("tables.sql"))?;
        organisation(&mut connection, ids)?;
        batches(&mut connection, data.n, |connection, number| {
            let row = data.company(number);
            let key = row.name.to_lowercase();
            connection
                .prepare_cached("INSERT INTO names (rowid, name) VALUES (?, ?)")?
                .execute(params![id(ids.company, number), key])?;
            company(connection, ids, id(ids.company, number), &row)
        })?;
        batches(&mut connection, data.contacts(), |connection, number| {
            let contact = data.contact(number);
            connection
                .prepare_cached("INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.contact, number),
                    id(ids.company, contact.company),
                    contact.name,
                    contact.phone,
                    contact.email,
                    contact.decision_maker,
                ])
        })?;
        batches(&mut connection, data.deals(), |connection, number| {
            let deal = data.deal(number);
            connection
                .prepare_cached("INSERT INTO deal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.deal, number),
                    id(ids.company, deal.company),
                    ids.users[data.owner(deal.company)] as i64,
                    deal.title,
                    deal.stage as i64 + 1,
                    deal.amount_cents,
                    data::CURRENCY,
                    deal.margin_cents,
                    ids.users[deal.seller] as i64,
                ])
        })?;
        batches(&mut connection, data.activities(), |connection, number| {
            let activity = data.activity(number);
            connection
                .prepare_cached("INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.activity, number),
                    id(ids.company, activity.company),
                    activity.kind as i64 + 1,
                    activity.subject,
                    moment(activity.due),
                    activity.done,
                ])
        })?;
        finish(&connection)?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

/// What is left to the end of a load: the creations as history, indexes and triggers.
pub(super) fn finish(connection: &Connection) -> Result<()> {
    connection.execute(
        "INSERT INTO audit VALUES (NULL, NULL, ?, 'load')",
        [moment(data::epoch())],
    )?;
    for (table, object, _) in KEPT {
        connection.execute_batch(&format!(
            "INSERT INTO history SELECT {object}, id, (SELECT max(id) FROM audit), '', NULL FROM {table}"
        ))?;
    }
    connection.execute_batch(include_str!("indexes.sql"))?;
    keep_history(connection)
}

/// Tables, what they are called in the history, and the fields whose old values are kept. The owner
/// of a deal is that of its company, whose change is told.
const KEPT: [(&str, i64, &str); 4] = [
    (
        "company",
        1,
        "owner name tax_number phone email city segment created last_activity note contract \
         contract_date newsletter rating budget budget_currency",
    ),
    ("contact", 2, "company name phone email decision_maker"),
    (
        "deal",
        3,
        "company title stage amount currency margin seller",
    ),
    ("activity", 4, "company kind subject due done"),
];

/// Triggers that tell the history of what is made and of old values, in the transaction that does it.
pub(super) fn keep_history(connection: &Connection) -> Result<()> {
    let audit = "(SELECT max(id) FROM audit)";
    for (table, object, fields) in KEPT {
        connection.execute_batch(&format!(
            "CREATE TRIGGER {table}_made AFTER INSERT ON {table} BEGIN \
             INSERT INTO history VALUES ({object}, new.id, {audit}, '', NULL); END"
        ))?;
        for field in fields.split_whitespace() {
            connection.execute_batch(&format!(
                "CREATE TRIGGER {table}_{field}_kept AFTER UPDATE OF {field} ON {table} \
                 WHEN old.{field} IS NOT new.{field} BEGIN \
                 INSERT INTO history VALUES ({object}, new.id, {audit}, '{field}', old.{field}); END"
            ))?;
        }
    }
    Ok(())
}

pub(super) fn organisation(connection: &mut Connection, ids: &Ids) -> Result<()> {
    let transaction = connection.transaction()?;
    for n in 0..data::REGIONS {
        let name = format!("Region {n}");
        transaction.execute(
            "INSERT INTO department VALUES (?, ?, NULL)",
            params![department(Place::Region(n)), name],
        )?;
    }
    for n in 0..data::DEPARTMENTS {
        let (name, region) = (
            format!("Department {n}"),
            department(Place::Region(data::region(n))),
        );
        transaction.execute(
            "INSERT INTO department VALUES (?, ?, ?)",
            params![n as i64, name, region],
        )?;
    }
    for (number, user) in data::users().iter().enumerate() {
        let viewer = ids.users[number] as i64;
        transaction.execute(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            params![
                viewer,
                user.login,
                user.role.name(),
                department(user.place),
                user.supervisor.map(|at| ids.users[at] as i64),
            ],
        )?;
        if user.role != Role::Administrator {
            for owner in data::reached(number) {
                let owner = ids.users[owner] as i64;
                transaction.execute("INSERT INTO reach VALUES (?, ?)", params![viewer, owner])?;
            }
        }
    }
    transaction.commit()
}

/// A company with what it is found by; of its names in FTS5 a load alone tells.
pub(super) fn company(
    connection: &Connection,
    ids: &Ids,
    company_id: i64,
    company: &data::Company,
) -> Result<usize> {
    let key = company.name.to_lowercase();
    let owner = ids.users[company.owner] as i64;
    let now = moment(data::epoch());
    let participants = company.participants.iter();
    let participants: Vec<i64> = participants.map(|user| ids.users[*user] as i64).collect();
    for holder in participants.iter().chain([&owner]) {
        for word in key.split(' ') {
            connection
                .prepare_cached("INSERT OR IGNORE INTO word VALUES (?, ?, ?)")?
                .execute(params![holder, word, company_id])?;
        }
    }
    for user in participants {
        connection
            .prepare_cached("INSERT INTO share VALUES (?, ?, ?, ?)")?
            .execute(params![
                user,
                company_id,
                owner,
                moment(company.last_activity)
            ])?;
    }
    let values = vec!["?"; COLUMNS.len() + 3].join(", ");
    connection
        .prepare_cached(&format!("INSERT INTO company VALUES ({values})"))?
        .execute(params![
            company_id,
            owner,
            1,
            now,
            None::<i64>,
            now,
            None::<i64>,
            company.name,
            company.tax_number,
            company.phone,
            company.email,
            company.city,
            company.segment as i64 + 1,
            moment(company.created),
            moment(company.last_activity),
            company.note,
            company.contract,
            company
                .contract_date
                .map(|date| i64::from(date.num_days_from_ce())),
            company.newsletter,
            company.rating.map(|rating| rating as i64 + 1),
            company.budget_cents,
            company.budget_cents.map(|_| data::CURRENCY),
            key,
            phone_digits(&company.phone),
        ])
}

/// Departments are numbered from 0 on, regions downwards from -1.
pub(super) fn department(place: Place) -> Option<i64> {
    match place {
        Place::Department(n) => Some(n as i64),
        Place::Region(n) => Some(-1 - n as i64),
        Place::Nowhere => None,
    }
}

/// Inserts `count` records in batches.
pub(super) fn batches(
    connection: &mut Connection,
    count: usize,
    insert: impl Fn(&Connection, usize) -> Result<usize>,
) -> Result<()> {
    for start in (0..count).step_by(BATCH) {
        let transaction = connection.transaction()?;
        for number in start..count.min(start + BATCH) {
            insert(&transaction, number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}
