//! Whether rows may still be read: the rights of their reader may end while he reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;

/// Refuses rows from the moment their reader may not read any more. A look costs one load, unless
/// something was committed since the last one or access depends on the time.
pub(crate) struct Watch {
    commits: Arc<AtomicU64>,
    seen: u64,
    timed: bool,
    check: Box<Check>,
}

/// Refuses, or tells whether the answer depends on the time.
pub(crate) type Check = dyn Fn() -> Result<bool> + Send + Sync;

impl Watch {
    /// A watch that checks again when `commits` has moved on; at every look where access is
    /// `timed`.
    pub(crate) fn new(commits: &Arc<AtomicU64>, timed: bool, check: Box<Check>) -> Watch {
        // What was committed since the rows were opened is looked at once too often at most.
        Watch {
            commits: Arc::clone(commits),
            seen: u64::MAX,
            timed,
            check,
        }
    }

    /// # Errors
    /// What the check has against it.
    pub(super) fn look(&mut self) -> Result<()> {
        let commits = self.commits.load(Ordering::Acquire);
        if commits != self.seen || self.timed {
            self.timed = (self.check)()?;
            self.seen = commits;
        }
        Ok(())
    }
}
