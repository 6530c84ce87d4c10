//! What one user did in one hour.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::stored::{self, Counters};
use super::{Deed, Opening};
use crate::error::Result;
use crate::ids::{ObjectId, RecordId, UserId};
use crate::limits::WATCH_OPENED_KNOWN_MAX;
use crate::store::Read;

/// An hour of a user, as far as it is known in memory.
#[derive(Debug)]
pub(super) struct Hour {
    number: u64,
    /// The records opened in it, those written down among them.
    known: HashSet<RecordId>,
    /// Openings beyond those that are known one by one.
    beyond: u64,
    /// Whether what was written down of the hour before is known.
    recalled: bool,
    alarmed: bool,
    /// Those that are not written down.
    opened: Vec<(ObjectId, RecordId)>,
    counters: Counters,
}

/// What is to be written down of an hour.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) user: UserId,
    pub(super) hour: u64,
    pub(super) opened: Vec<(ObjectId, RecordId)>,
    pub(super) counters: Counters,
}

/// What comes of an opening.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was opened in this hour before.
    Known,
    Opened,
    /// It is one more than the limit.
    Alarm,
    /// It would be one more than this limit, which stops.
    Stopped(u64),
}

impl Hour {
    pub(super) fn new(number: u64) -> Hour {
        Hour {
            number,
            known: HashSet::new(),
            beyond: 0,
            recalled: false,
            alarmed: false,
            opened: Vec::new(),
            counters: Counters::default(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_written(&self) -> bool {
        self.opened.is_empty() && self.counters == Counters::default()
    }

    /// What was written down of the hour by whoever had the store open before.
    pub(super) fn recall(&mut self, user: UserId, read: &dyn Read) -> Result<()> {
        if self.recalled {
            return Ok(());
        }
        let before = stored::counters(read, user, self.number)?;
        self.beyond += before.beyond;
        self.alarmed |= before.alarm.is_some();
        stored::each_opened(read, user, self.number, &mut |_, id| {
            self.known.insert(id);
            Ok(())
        })?;
        self.recalled = true;
        Ok(())
    }

    pub(super) fn open(&mut self, opening: &Opening) -> Outcome {
        if self.known.contains(&opening.id) {
            return Outcome::Known;
        }
        let before = self.known.len() as u64 + self.beyond;
        let over = opening.limit.filter(|limit| before >= limit.per_hour);
        if let Some(limit) = over
            && limit.stop
        {
            self.counters.refused += 1;
            return Outcome::Stopped(limit.per_hour);
        }
        if self.known.len() < WATCH_OPENED_KNOWN_MAX {
            self.known.insert(opening.id);
            self.opened.push((opening.object, opening.id));
        } else {
            self.beyond += 1;
            self.counters.beyond += 1;
        }
        match over {
            Some(_) if !self.alarmed => {
                self.alarm(opening.at);
                Outcome::Alarm
            }
            _ => Outcome::Opened,
        }
    }

    fn alarm(&mut self, at: DateTime<Utc>) {
        self.alarmed = true;
        self.counters.alarm = Some(at);
    }

    pub(super) fn count(&mut self, deed: Deed) {
        match deed {
            Deed::Listed(rows) => self.counters.listed += rows,
            Deed::Exported(rows) => self.counters.exported += rows,
            Deed::Refused => self.counters.refused += 1,
        }
    }

    /// What is to be written down, with at most so many records opened.
    pub(super) fn portion(&mut self, user: UserId, most: usize) -> Option<Portion> {
        if self.is_written() {
            return None;
        }
        let later = self.opened.split_off(most.min(self.opened.len()));
        Some(Portion {
            user,
            hour: self.number,
            opened: std::mem::replace(&mut self.opened, later),
            counters: std::mem::take(&mut self.counters),
        })
    }
}

impl Portion {
    /// As much of it as has at most so many records opened, and the rest.
    pub(super) fn split(mut self, most: usize) -> (Portion, Option<Portion>) {
        if self.opened.len() <= most {
            return (self, None);
        }
        let opened = self.opened.split_off(most);
        let rest = Portion {
            user: self.user,
            hour: self.hour,
            opened,
            counters: Counters::default(),
        };
        (self, Some(rest))
    }
}
