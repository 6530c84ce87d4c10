//! Tests of the store room. What holds on every engine runs on every engine.

mod concurrency;
mod conformance;
mod crash;
mod files;
mod model;
mod snapshots;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redb::backends::InMemoryBackend;

use super::redb_engine::RedbEngine;
use super::*;

/// A store on each engine, with a name for failure messages. The directory lives as long.
fn stores() -> Vec<(&'static str, Store, Option<tempfile::TempDir>)> {
    let options = StoreOptions::default();
    let directory = tempfile::tempdir().unwrap();
    let file = Store::create(directory.path().join("base.crm"), &options).unwrap();
    let pages = RedbEngine::create(InMemoryBackend::new(), &options).unwrap();
    let pages = Store::with_engine(Box::new(pages), &options).unwrap();
    vec![
        ("memory", Store::memory(), None),
        ("redb in memory", pages, None),
        ("redb on a file", file, Some(directory)),
    ]
}

/// Runs a test on each engine.
fn on_each_engine(test: impl Fn(&str, Store)) {
    for (name, store, _directory) in stores() {
        test(name, store);
    }
}

fn value(store: &impl Read, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key).unwrap().map(Bytes::into_vec)
}

fn entries(source: &impl Read, range: KeyRange, options: ScanOptions) -> Vec<(Vec<u8>, Vec<u8>)> {
    collect(source.scan(range, options).unwrap())
}

fn collect(mut scan: Scan<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    while let Some((key, value)) = scan.next().unwrap() {
        entries.push((key.to_vec(), value.to_vec()));
    }
    entries
}

/// An engine in memory that counts its commits and fails when it is told to.
struct Scripted {
    engine: MemoryEngine,
    commits: Arc<AtomicUsize>,
    answer: Box<dyn Fn(usize) -> Option<CommitError> + Send + Sync>,
}

impl Scripted {
    /// `answer` gets the number of the commit, from 1, and may refuse it.
    fn store(
        answer: impl Fn(usize) -> Option<CommitError> + Send + Sync + 'static,
    ) -> (Store, Arc<AtomicUsize>) {
        let commits = Arc::new(AtomicUsize::new(0));
        let engine = Scripted {
            engine: MemoryEngine::default(),
            commits: commits.clone(),
            answer: Box::new(answer),
        };
        (
            Store::with_engine(Box::new(engine), &StoreOptions::default()).unwrap(),
            commits,
        )
    }
}

impl Engine for Scripted {
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>> {
        self.engine.snapshot()
    }

    fn commit(&self, batch: &Arc<Batch>) -> Result<CommitSequence, CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        match (self.answer)(number) {
            Some(error) => Err(error),
            None => self.engine.commit(batch),
        }
    }

    fn check(&self) -> Result<Soundness> {
        self.engine.check()
    }

    fn close(&self) -> Result<()> {
        self.engine.close()
    }
}
