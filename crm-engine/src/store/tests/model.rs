//! The transactions of the crash tests, and what a store holds after any number of them.

use std::collections::BTreeMap;

use super::*;
use crate::store::fault::Random;

pub(super) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const COUNT: &[u8] = b"count";

/// The operations of transaction number `n`, which follow from the number alone: some keys of a
/// small set, so that they are written again and again, and one that tells of the transaction.
fn operations(n: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut random = Random::new(n);
    let mut operations = vec![
        (COUNT.to_vec(), Some(n.to_be_bytes().to_vec())),
        (
            format!("log/{n:06}").into_bytes(),
            Some(vec![n as u8; random.below(2_000) as usize]),
        ),
    ];
    for _ in 0..1 + random.below(6) {
        let key = format!("key/{:03}", random.below(120)).into_bytes();
        let length = if random.below(8) == 0 {
            random.below(6_000)
        } else {
            random.below(200)
        };
        let byte = random.next_number() as u8;
        let value = (random.below(5) != 0).then(|| vec![byte; length as usize]);
        operations.push((key, value));
    }
    operations
}

/// Runs the next transaction and gives its number. It reads the number of the last one, so it
/// stands on its neighbours.
pub(super) fn run_next(store: &Store) -> Result<u64> {
    store.write(|txn| {
        let n = number(txn)? + 1;
        for (key, value) in operations(n) {
            match value {
                Some(value) => txn.put(&key, &value)?,
                None => txn.delete(&key)?,
            }
        }
        Ok(n)
    })
}

/// The number of the last transaction in a store.
pub(super) fn number(source: &impl Read) -> Result<u64> {
    let count = source.get(COUNT)?;
    Ok(count.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

/// What a store holds after transactions 1 to `n`.
pub(super) fn after(n: u64) -> Model {
    let mut model = Model::new();
    for (key, value) in (1..=n).flat_map(operations) {
        match value {
            Some(value) => drop(model.insert(key, value)),
            None => drop(model.remove(&key)),
        }
    }
    model
}

/// Checks that a store holds exactly what some number of whole transactions left, at least
/// `acknowledged` and at most `begun`. Gives the number.
pub(super) fn check(store: &Store, acknowledged: u64, begun: u64) -> Result<u64, String> {
    let snapshot = store.snapshot().map_err(|error| format!("{error:?}"))?;
    let n = number(&snapshot).map_err(|error| format!("{error:?}"))?;
    if n < acknowledged {
        return Err(format!(
            "transaction {acknowledged} was acknowledged, the last one is {n}"
        ));
    }
    if n > begun {
        return Err(format!(
            "there is transaction {n}, but only {begun} were begun"
        ));
    }
    let found: Model = entries(&snapshot, KeyRange::all(), ScanOptions::FORWARD)
        .into_iter()
        .collect();
    if found != after(n) {
        return Err(format!("the store is not what transactions 1 to {n} leave"));
    }
    Ok(n)
}
