//! Writes with the guarantees of the engine: rights stand in each statement, old values and what was
//! made are kept by triggers, a row tells who did it, and a commit is durable.

use std::path::Path;

use rusqlite::{Connection, Error, Params, Result, params};

use super::load::company;
use super::{connect, id};
use crate::data;
use crate::engine::{Ids, moment};
use crate::writes::{Added, Write};

/// How long a connection waits for another one's transaction.
const BUSY_MS: i64 = 60_000;
/// Statements kept prepared.
const STATEMENTS: usize = 64;

/// The right of an employee to a company, where `?1` is the user.
const MAY: &str = "(company.owner = ?1 \
    OR EXISTS (SELECT 1 FROM share WHERE user = ?1 AND share.company = company.id))";

/// A connection that writes.
pub struct Writer {
    connection: Connection,
    ids: Ids,
}

impl Writer {
    pub fn open(path: &Path, ids: Ids) -> Result<Writer> {
        let connection = connect(path)?;
        connection.pragma_update(None, "busy_timeout", BUSY_MS)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Writer { connection, ids })
    }

    /// One write in one durable transaction.
    pub fn write(&self, write: &Write) -> Result<()> {
        self.run("BEGIN IMMEDIATE", [])?;
        self.apply(write)?;
        self.run("COMMIT", []).map(drop)
    }

    /// Several in one durable transaction, each of which may fail alone.
    pub fn write_together<'w>(
        &self,
        writes: impl Iterator<Item = &'w Write>,
    ) -> Result<Vec<Result<()>>> {
        self.run("BEGIN IMMEDIATE", [])?;
        let mut done = Vec::new();
        for write in writes {
            self.run("SAVEPOINT request", [])?;
            let result = self.apply(write);
            if result.is_err() {
                self.run("ROLLBACK TO request", [])?;
            }
            self.run("RELEASE request", [])?;
            done.push(result);
        }
        self.run("COMMIT", [])?;
        Ok(done)
    }

    /// How many companies there are.
    pub fn companies(&self) -> Result<i64> {
        self.connection
            .query_row("SELECT count(*) FROM company", [], |row| row.get(0))
    }

    fn apply(&self, write: &Write) -> Result<()> {
        match write {
            Write::Add { user, added } => self.add(self.user(*user), added),
            Write::Touch {
                user,
                company,
                at_ms,
            } => self.touch(self.user(*user), id(self.ids.company, *company), *at_ms),
            Write::HandOver {
                head,
                from,
                to,
                companies,
            } => self.hand_over(
                self.user(*head),
                self.user(*from),
                self.user(*to),
                companies,
            ),
        }
    }

    fn user(&self, number: usize) -> i64 {
        self.ids.users[number] as i64
    }

    /// The rows that a statement changed.
    fn run(&self, sql: &str, values: impl Params) -> Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// A statement that changes one row, or its author has no right to.
    fn expect_one(&self, sql: &str, values: impl Params) -> Result<()> {
        match self.run(sql, values)? {
            1 => Ok(()),
            _ => Err(Error::QueryReturnedNoRows),
        }
    }

    fn audit(&self, user: i64, action: &str) -> Result<()> {
        let sql = "INSERT INTO audit VALUES (NULL, ?, ?, ?)";
        self.run(sql, params![user, moment(data::epoch()), action])
            .map(drop)
    }

    /// A company with a contact and a task.
    fn add(&self, user: i64, added: &Added) -> Result<()> {
        self.audit(user, "create")?;
        // Employees create for themselves.
        let may = "SELECT 1 FROM users WHERE id = ? AND role = 'employee'";
        if !self.connection.prepare_cached(may)?.exists([user])? {
            return Err(Error::QueryReturnedNoRows);
        }
        let next = "SELECT coalesce(max(id), 0) + 1 FROM company";
        let company_id: i64 = self
            .connection
            .prepare_cached(next)?
            .query_row([], |row| row.get(0))?;
        company(&self.connection, &self.ids, company_id, &added.company)?;
        let (contact, task) = (&added.contact, &added.task);
        self.expect_one(
            &format!(
                "INSERT INTO contact SELECT NULL, ?2, ?3, ?4, ?5, ?6 \
                 WHERE EXISTS (SELECT 1 FROM company WHERE id = ?2 AND {MAY})"
            ),
            params![
                user,
                company_id,
                contact.name,
                contact.phone,
                contact.email,
                contact.decision_maker
            ],
        )?;
        self.expect_one(
            &format!(
                "INSERT INTO activity SELECT NULL, ?2, ?3, ?4, ?5, ?6 \
                 WHERE EXISTS (SELECT 1 FROM company WHERE id = ?2 AND {MAY})"
            ),
            params![
                user,
                company_id,
                task.kind as i64 + 1,
                task.subject,
                moment(task.due),
                task.done
            ],
        )
    }

    fn touch(&self, user: i64, company: i64, at_ms: i64) -> Result<()> {
        self.audit(user, "update")?;
        self.expect_one(
            &format!(
                "UPDATE company SET last_activity = ?3, version = version + 1, updated_at = ?4, \
                 updated_by = ?1 WHERE id = ?2 AND {MAY}"
            ),
            params![user, company, at_ms, moment(data::epoch())],
        )
    }

    /// Companies, the owner in their deals and the words they are found by.
    fn hand_over(&self, head: i64, from: i64, to: i64, companies: &[usize]) -> Result<()> {
        self.audit(head, "hand over")?;
        for number in companies {
            let company = id(self.ids.company, *number);
            self.expect_one(
                "UPDATE company SET owner = ?3, version = version + 1, updated_at = ?4, \
                 updated_by = ?1 WHERE id = ?2 AND owner = ?5 \
                 AND EXISTS (SELECT 1 FROM reach WHERE viewer = ?1 AND owner = company.owner) \
                 AND EXISTS (SELECT 1 FROM users WHERE id = ?3)",
                params![head, company, to, moment(data::epoch()), from],
            )?;
            self.run(
                "UPDATE deal SET owner = ? WHERE company = ?",
                params![to, company],
            )?;
            let key: String = self
                .connection
                .prepare_cached("SELECT name_key FROM company WHERE id = ?")?
                .query_row([company], |row| row.get(0))?;
            for word in key.split(' ') {
                // Two words of a name may be equal, and the new owner may have had a share.
                self.run(
                    "UPDATE OR REPLACE word SET holder = ? \
                     WHERE holder = ? AND word = ? AND company = ?",
                    params![to, from, word, company],
                )?;
            }
        }
        Ok(())
    }
}
