//! The Rust API as a host of scenarios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crm_engine::{Engine, Login, ManualClock, Options, RecordId, Result, Session, Version};
use serde::Deserialize;
use serde_json::Value as Json;

use super::host::{Answer, Host, Refusal};

struct RustHost {
    path: PathBuf,
    clock: Arc<ManualClock>,
    engine: Engine,
    sessions: BTreeMap<String, Session>,
}

/// Creates a store at `path`.
pub(super) fn open(path: &Path) -> Box<dyn Host> {
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let engine = Engine::create(path, options(&clock)).unwrap();
    Box::new(RustHost {
        path: path.to_owned(),
        clock,
        engine,
        sessions: BTreeMap::new(),
    })
}

fn options(clock: &Arc<ManualClock>) -> Options {
    Options {
        clock: Arc::clone(clock) as _,
        ..Options::default()
    }
}

fn answer<T>(result: Result<T>) -> Answer<T> {
    result.map_err(|error| Refusal::from_json(&error.to_json()))
}

fn id(id: u64) -> Answer<RecordId> {
    answer(RecordId::new(id))
}

impl RustHost {
    fn session(&mut self, who: &str) -> Answer<&Session> {
        if !self.sessions.contains_key(who) {
            let session = match who {
                "system" => self.engine.system(),
                login => answer(self.engine.login(login))?,
            };
            self.sessions.insert(who.to_owned(), session);
        }
        Ok(&self.sessions[who])
    }
}

impl Host for RustHost {
    fn set_time(&mut self, moment: &str) {
        self.clock.set(moment.parse().unwrap());
    }

    fn reopen(&mut self) {
        for session in std::mem::take(&mut self.sessions).into_values() {
            session.end().unwrap();
        }
        self.engine.close().unwrap();
        self.engine = Engine::open(&self.path, options(&self.clock)).unwrap();
    }

    fn enter(&mut self, who: &str, login: &Json) -> Answer<()> {
        let login = Login::deserialize(login).unwrap();
        let session = answer(self.engine.open_session(&login))?;
        self.leave(who);
        self.sessions.insert(who.to_owned(), session);
        Ok(())
    }

    fn leave(&mut self, who: &str) {
        if let Some(session) = self.sessions.remove(who) {
            session.end().unwrap();
        }
    }

    fn login(&mut self, who: &str) -> Answer<()> {
        answer(self.engine.login(who).and_then(|session| session.end()))
    }

    fn create(&mut self, who: &str, object: &str, fields: &Json) -> Answer<u64> {
        answer(self.session(who)?.create(object, fields)).map(RecordId::get)
    }

    fn get(&mut self, who: &str, object: &str, record: u64) -> Answer<Option<Json>> {
        answer(self.session(who)?.get(object, id(record)?))
    }

    fn update(
        &mut self,
        who: &str,
        object: &str,
        record: u64,
        fields: &Json,
        expected: Option<u64>,
    ) -> Answer<()> {
        let expected = expected.map(Version);
        answer(
            self.session(who)?
                .update(object, id(record)?, fields, expected),
        )
        .map(drop)
    }

    fn delete(&mut self, who: &str, object: &str, record: u64) -> Answer<()> {
        answer(self.session(who)?.delete(object, id(record)?, None))
    }

    fn call(&mut self, who: &str, operation: &str, arguments: &Json) -> Answer<Json> {
        answer(self.session(who)?.call(operation, arguments, &mut |_| true))
    }

    fn query(&mut self, who: &str, sql: &str) -> Answer<Vec<Vec<String>>> {
        let mut statement = answer(self.session(who)?.prepare(sql))?;
        let mut rows = answer(statement.run())?;
        let columns = statement.columns();
        let mut table = Vec::new();
        while let Some(row) = answer(rows.next())? {
            table.push(
                columns
                    .iter()
                    .zip(row)
                    .map(|(column, value)| column.text(value))
                    .collect(),
            );
        }
        Ok(table)
    }
}
