//! Which records were merged into which: the past of a record is that of all of them.

use crate::error::Result;
use crate::ids::{RecordId, Sequence};
use crate::schema::keys;
use crate::store::{Read, ScanOptions, Txn};
use crate::value::{put_uint, take_uint};

/// The records merged into `id`, and those merged into them before, each once. Records that were
/// brought back since are not among them.
pub(crate) fn absorbed(read: &dyn Read, id: RecordId) -> Result<Vec<RecordId>> {
    let mut found: Vec<RecordId> = Vec::new();
    let mut next = Some(id);
    let mut done = 0;
    while let Some(into) = next {
        let start = keys::absorbed(into).done();
        let range = keys::absorbed(into).range();
        let mut rows = read.scan(range, ScanOptions::default())?;
        while let Some((key, _)) = rows.next()? {
            let from = RecordId::new(take_uint(&mut &key[start.len()..])?)?;
            if from != id && !found.contains(&from) {
                found.push(from);
            }
        }
        next = found.get(done).copied();
        done += 1;
    }
    Ok(found)
}

/// Notes that `from` was merged into `into`.
pub(crate) fn note_absorbed(
    txn: &mut Txn,
    into: RecordId,
    from: RecordId,
    sequence: Sequence,
) -> Result<()> {
    let mut value = Vec::new();
    put_uint(&mut value, sequence.0);
    txn.put(&keys::absorbed(into).id(from).done(), &value)
}

/// Forgets the merge of a record that is brought back.
pub(crate) fn forget_absorbed(txn: &mut Txn, into: RecordId, from: RecordId) -> Result<()> {
    txn.delete(&keys::absorbed(into).id(from).done())
}
