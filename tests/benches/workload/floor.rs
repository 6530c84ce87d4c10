//! The floor: the engine's own bytes, read and written by direct calls of redb, with no rights, no
//! rules and nobody looking at them. What lies between is what the engine adds.

use std::collections::BTreeMap;
use std::path::Path;

use crm_engine::value::put_uint;
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, Result, TableDefinition,
};

use crate::data;
use crate::engine::{Ids, Layout};
use crate::work::{PAGE_ROWS, Question, Sink, System};

/// The one table of a store.
const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
/// Key spaces of the store: records, lists by owner, lists of all.
const SPACES: [u8; 3] = [0x02, 0x03, 0x04];
/// Keys copied in one transaction.
const BATCH: usize = 100_000;

/// Keys with their new values; none of what is removed.
pub type Change = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The records of companies and their lists, read without rights.
pub struct Floor {
    /// Closes with its last handle.
    _database: Database,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    ids: Ids,
    layout: Layout,
}

impl Floor {
    /// Copies what is read from a store that nobody has open.
    pub fn load(store: &Path, to: &Path, layout: Layout) -> Result<(), redb::Error> {
        let source = Database::open(store)?;
        let from = source.begin_read()?.open_table(ENTRIES)?;
        let database = Database::create(to)?;
        for space in SPACES {
            let mut begin = key(space, &[layout.object.into()]);
            let end = key(space, &[u64::from(layout.object) + 1]);
            loop {
                let transaction = database.begin_write()?;
                let (mut copied, mut last) = (0, Vec::new());
                {
                    let mut table = transaction.open_table(ENTRIES)?;
                    let rows = from.range::<&[u8]>(begin.as_slice()..end.as_slice())?;
                    for row in rows.take(BATCH) {
                        let (key, value) = row?;
                        table.insert(key.value(), value.value())?;
                        last = key.value().to_vec();
                        copied += 1;
                    }
                }
                transaction.commit()?;
                if copied < BATCH {
                    break;
                }
                last.push(0);
                begin = last;
            }
        }
        Ok(())
    }

    pub fn open(path: &Path, ids: Ids, layout: Layout) -> Result<Floor, redb::Error> {
        let database = Database::open(path)?;
        Ok(Floor {
            table: database.begin_read()?.open_table(ENTRIES)?,
            _database: database,
            ids,
            layout,
        })
    }

    fn answer(&self, question: &Question, sink: &mut impl Sink) -> Result<(), redb::Error> {
        let (object, list) = (u64::from(self.layout.object), u64::from(self.layout.list));
        match question {
            Question::Open { company, .. } => {
                let id = self.ids.company + *company as u64;
                match self.table.get(key(SPACES[0], &[object, id]).as_slice())? {
                    Some(value) => sink.int(sum(value.value())),
                    None => sink.null(),
                }
            }
            Question::Latest { user } => {
                let prefix = match *user < data::EMPLOYEES {
                    true => key(SPACES[1], &[object, list, self.ids.users[*user]]),
                    false => key(SPACES[2], &[object, list]),
                };
                let rows = self.table.range::<&[u8]>(prefix.as_slice()..)?;
                for row in rows.take(PAGE_ROWS) {
                    let (key, value) = row?;
                    if !key.value().starts_with(&prefix) {
                        break;
                    }
                    sink.int(sum(key.value()));
                    sink.int(sum(value.value()));
                }
            }
            other => panic!("nobody asks this of bytes: {other:?}"),
        }
        Ok(())
    }
}

impl System for Floor {
    fn name(&self) -> &'static str {
        "redb alone"
    }

    fn ask<S: Sink>(&mut self, question: &Question, sink: &mut S) {
        if let Err(error) = self.answer(question, sink) {
            panic!("{question:?}: {error}");
        }
    }
}

/// Looks at every byte.
fn sum(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(*byte)).sum()
}

fn key(space: u8, numbers: &[u64]) -> Vec<u8> {
    let mut key = vec![space];
    for number in numbers {
        put_uint(&mut key, *number);
    }
    key
}

/// Writes changes into a copy of a store.
pub struct Writer(Database);

impl Writer {
    pub fn open(path: &Path) -> Result<Writer, redb::Error> {
        Ok(Writer(Database::open(path)?))
    }

    /// One durable transaction.
    pub fn write(&self, change: &Change) -> Result<(), redb::Error> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for (key, value) in change {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

/// The bytes of keys and values.
pub fn bytes(change: &Change) -> usize {
    let value = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
    change.iter().map(|(key, new)| key.len() + value(new)).sum()
}

/// Everything in a store that nobody has open.
pub fn pairs(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, redb::Error> {
    let database = Database::open(path)?;
    let table = database.begin_read()?.open_table(ENTRIES)?;
    let mut pairs = BTreeMap::new();
    for row in table.iter()? {
        let (key, value) = row?;
        pairs.insert(key.value().to_vec(), value.value().to_vec());
    }
    Ok(pairs)
}
