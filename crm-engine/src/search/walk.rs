//! The way through the index.
//!
//! Words are walked group by group under each holder in reach, or once for those who see all. The
//! entries of a group are in the order of hits, so a group is left at the first entry that comes
//! behind all hits that are kept. Values are looked up among everybody's and each record is
//! decided on; where too many begin like that, the caller's own values are walked instead. Which
//! of the two ways was taken cannot be told from the answer.

use std::collections::BTreeSet;

use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::RecordId;
use crate::index::search::{
    PartKind, Posting, Way, is_title, parts_at, read_part, tier, values_at, words_at,
};
use crate::limits::{QUERY_ROWS_TOUCHED_MAX, SEARCH_POSTINGS_MAX, SEARCH_RECORDS_MAX};
use crate::schema::keys::{self, Holder};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{HEAD_LETTERS, RecordView, head};

use super::best::{Best, Found};
use super::fit::{self, Fit, How};
use super::scope::Scope;
use super::text::{NATIONAL_DIGITS, Token, Word};

/// Entries of everybody's values that are decided on one by one. With more of them the caller's
/// own values are walked.
const EVERYBODYS_VALUES: usize = 16;

/// How much of what the caller may see one search looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) postings: u64,
    pub(super) records: u64,
}

impl Bounds {
    pub(super) const USUAL: Bounds = Bounds {
        postings: SEARCH_POSTINGS_MAX,
        records: SEARCH_RECORDS_MAX,
    };
}

/// One search on its way.
pub(super) struct Walk<'r> {
    read: &'r dyn Read,
    bounds: Bounds,
    pub(super) best: Best,
    postings: u64,
    records: u64,
    /// A bound was met. Only what the caller may see counts against one.
    pub(super) truncated: bool,
}

/// What is looked for where: one reading in one scope.
#[derive(Clone, Copy)]
struct Task<'t> {
    scope: &'t Scope<'t>,
    scope_at: usize,
    tokens: &'t [Token],
    /// The token by which candidates are found.
    by: &'t Token,
    /// Whether the entries of a group are in the order of hits, and the caller may see that.
    is_ordered: bool,
}

/// A record that may be a hit.
struct Candidate<'c> {
    id: RecordId,
    /// How it fits, if that is all there is to know.
    fit: Option<Fit>,
    /// The order of the record and its parent, where an entry has told them.
    place: Option<(&'c [u8], Option<RecordId>)>,
    /// Whether it counts against the bounds.
    counts: bool,
}

impl<'r> Walk<'r> {
    pub(super) fn new(read: &'r dyn Read, limit: usize, bounds: Bounds) -> Walk<'r> {
        Walk {
            read,
            bounds,
            best: Best::new(limit),
            postings: 0,
            records: 0,
            truncated: false,
        }
    }

    /// Finds what one reading of a text means in one scope.
    pub(super) fn reading(
        &mut self,
        scope: &Scope<'_>,
        scope_at: usize,
        tokens: &[Token],
    ) -> Result<()> {
        // Of equal weights the first.
        let by = tokens.iter().rev().max_by_key(|token| token.weight());
        let Some(by) = by else { return Ok(()) };
        let task = Task {
            scope,
            scope_at,
            tokens,
            by,
            is_ordered: !scope.is_detail() && scope.title().is_some(),
        };
        if let Some(word) = &by.word
            && scope.fields.iter().any(|(_, way)| *way == Way::Words)
        {
            let at = words_at(&word.text);
            match scope.plan.owners().listed() {
                None => {
                    self.words(&task, word, keys::words_all(scope.object.id).done(), &at)?;
                }
                Some(owners) => {
                    for holder in Holder::reached(owners, scope.plan.shared_with()) {
                        let base = keys::words_own(scope.object.id, holder).done();
                        self.words(&task, word, base, &at)?;
                    }
                }
            }
        }
        if self
            .best
            .admits(tier::rank(by.value_tier(), true), &[], None)
        {
            self.values(&task)?;
        }
        Ok(())
    }

    /// Walks the words under a holder or object that begin as the word does.
    fn words(&mut self, task: &Task<'_>, word: &Word, base: Vec<u8>, at: &[u8]) -> Result<()> {
        let wanted = WantedWord::new(word);
        let read = self.read;
        let whole = KeyRange::prefix(&[&base[..], at].concat());
        let mut range = whole.clone();
        let mut text = String::new();
        loop {
            let mut next_group = None;
            let mut rows = read.scan(range, ScanOptions::FORWARD)?;
            while let Some((key, value)) = rows.next()? {
                let tail = &key[base.len()..];
                let posting = Posting::read(task.scope.object, tail, value)?;
                let least = wanted.least(posting.head, posting.class);
                if !least.is_some_and(|rank| self.is_in_time(task, rank, &posting)) {
                    let mut group = key[..base.len() + posting.group_bytes].to_vec();
                    // Behind every entry of the group: a class is a small number.
                    if let Some(class) = group.last_mut() {
                        *class += 1;
                    }
                    next_group = Some(group);
                    break;
                }
                if task.scope.way(posting.field).is_none() {
                    continue;
                }
                if self.is_over(task)? {
                    return Ok(());
                }
                let Some((tier, how)) = wanted.fit(&posting, &mut text)? else {
                    continue;
                };
                let of_title = is_title(task.scope.object, posting.field);
                let fit = Fit {
                    rank: tier::rank(tier, of_title),
                    field: posting.field,
                    how,
                };
                self.candidate(task, Candidate::of(task, &posting, fit))?;
                if self.truncated {
                    return Ok(());
                }
            }
            drop(rows);
            match next_group {
                Some(group) => range = whole.clone().starting_at(&group),
                None => return Ok(()),
            }
        }
    }

    /// Whether an entry of at least this rank, or one behind it in its group, may yet be kept.
    fn is_in_time(&self, task: &Task<'_>, rank: u8, posting: &Posting<'_>) -> bool {
        match task.is_ordered {
            true => self.best.admits(rank, posting.title, Some(posting.id)),
            false => self.best.admits(rank, &[], None),
        }
    }

    /// Counts an entry the caller may see. Where he may not see what the entries are ordered by,
    /// to stop at one of them would tell.
    fn is_over(&mut self, task: &Task<'_>) -> Result<bool> {
        self.postings += 1;
        if self.postings > QUERY_ROWS_TOUCHED_MAX {
            let text = format!("the search looks at more than {QUERY_ROWS_TOUCHED_MAX} entries");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let bounded = task.is_ordered || task.scope.is_detail();
        self.truncated |= bounded && self.postings > self.bounds.postings;
        Ok(self.truncated)
    }

    /// Looks phones, addresses and numbers up.
    fn values(&mut self, task: &Task<'_>) -> Result<()> {
        let everybodys = task.scope.plan.owners().listed().is_none();
        let mut ids = BTreeSet::new();
        let mut looked_at = 0;
        for (kind, text, whole) in lookups(task) {
            let at = parts_at(task.scope.object, kind, &text, whole);
            let kind_bytes = at.len() - text.len() - usize::from(whole);
            let read = self.read;
            let mut rows = read.scan(KeyRange::prefix(&at), ScanOptions::FORWARD)?;
            while let Some((key, _)) = rows.next()? {
                let (id, field) = read_part(&key[kind_bytes..])?;
                looked_at += 1;
                if !everybodys && looked_at > EVERYBODYS_VALUES {
                    return self.own_values(task);
                }
                if task.scope.way(field).is_some() && ids.insert(id) && everybodys {
                    self.candidate(task, Candidate::unread(id))?;
                    if self.truncated {
                        return Ok(());
                    }
                }
            }
        }
        if !everybodys {
            for id in ids {
                self.candidate(task, Candidate::unread(id).uncounted())?;
            }
        }
        Ok(())
    }

    /// Walks the values of the holders in reach. They are the caller's own and none of them counts
    /// against the bounds, as on the other way: how many others begin like that must not show.
    fn own_values(&mut self, task: &Task<'_>) -> Result<()> {
        let Some(owners) = task.scope.plan.owners().listed() else {
            return Ok(());
        };
        let least = tier::rank(task.by.value_tier(), true);
        for holder in Holder::reached(owners, task.scope.plan.shared_with()) {
            let base = keys::words_own(task.scope.object.id, holder).done();
            let read = self.read;
            let range = KeyRange::prefix(&[&base[..], values_at()].concat());
            let mut rows = read.scan(range, ScanOptions::FORWARD)?;
            while let Some((key, value)) = rows.next()? {
                let posting = Posting::read(task.scope.object, &key[base.len()..], value)?;
                if !self.is_in_time(task, least, &posting) {
                    break;
                }
                let Some(way) = task.scope.way(posting.field) else {
                    continue;
                };
                let Some((tier, how)) = fit::value(task.by, way, posting.form()?) else {
                    continue;
                };
                let of_title = is_title(task.scope.object, posting.field);
                let fit = Fit {
                    rank: tier::rank(tier, of_title),
                    field: posting.field,
                    how,
                };
                let candidate = Candidate::of(task, &posting, fit);
                self.candidate(task, candidate.uncounted())?;
            }
        }
        Ok(())
    }

    /// Decides on a record: whether the caller may see it, whether everything fits, and where
    /// among the hits it stands.
    fn candidate(&mut self, task: &Task<'_>, candidate: Candidate<'_>) -> Result<()> {
        let scope = task.scope;
        let place = candidate.place.filter(|_| scope.owners_decide());
        if let (Some(fit), Some((title, parent))) = (candidate.fit, place) {
            return match (scope.is_detail(), parent) {
                (false, _) => {
                    self.offer(task, title, candidate.id, fit);
                    Ok(())
                }
                (true, Some(parent)) => self.through_detail(task, parent, fit, candidate.counts),
                (true, None) => Ok(()),
            };
        }
        let read = self.read;
        let Some(bytes) = read.get(&keys::record(scope.object.id, candidate.id))? else {
            return Ok(());
        };
        let record = RecordView::new(&bytes)?;
        if !facts::permits(read, &scope.plan, &record)? || (candidate.counts && self.is_enough()) {
            return Ok(());
        }
        // What was looked up by a value fits by a value or not at all: the caller's own values
        // would tell no more of it.
        let by_value = match candidate.place {
            Some(_) => None,
            None => match fit::values(scope, &record, task.by)? {
                None => return Ok(()),
                fit => fit,
            },
        };
        let fit = match by_value.filter(|_| task.tokens.len() == 1) {
            None => all_fit(task, &record)?,
            fit => fit,
        };
        let Some(fit) = fit else {
            return Ok(());
        };
        match scope.link() {
            None => {
                self.offer(task, &scope.sort_key(&record)?, candidate.id, fit);
                Ok(())
            }
            Some(link) => match record.field(link)?.as_reference() {
                Some(parent) => self.through_detail(task, parent, fit, candidate.counts),
                None => Ok(()),
            },
        }
    }

    fn through_detail(
        &mut self,
        task: &Task<'_>,
        parent: RecordId,
        fit: Fit,
        counts: bool,
    ) -> Result<()> {
        if let Some((root, title)) = task.scope.root_of(self.read, parent)?
            && !(counts && self.is_enough())
        {
            self.offer(task, &title, root, fit);
        }
        Ok(())
    }

    /// Counts a record that was read and may be seen.
    fn is_enough(&mut self) -> bool {
        self.records += 1;
        self.truncated |= self.records > self.bounds.records;
        self.truncated
    }

    fn offer(&mut self, task: &Task<'_>, title: &[u8], id: RecordId, fit: Fit) {
        let found = Found {
            fit,
            scope: task.scope_at,
        };
        self.best.offer(title, id, found);
    }
}

impl<'c> Candidate<'c> {
    /// A record as its entry tells it.
    fn of(task: &Task<'_>, posting: &Posting<'c>, fit: Fit) -> Candidate<'c> {
        let title = match task.is_ordered {
            true => posting.title,
            false => &[],
        };
        Candidate {
            id: posting.id,
            fit: (task.tokens.len() == 1).then_some(fit),
            place: Some((title, posting.parent)),
            counts: true,
        }
    }

    /// A record of which nothing but its id is known.
    fn unread(id: RecordId) -> Candidate<'c> {
        Candidate {
            id,
            fit: None,
            place: None,
            counts: true,
        }
    }

    fn uncounted(self) -> Candidate<'c> {
        Candidate {
            counts: false,
            ..self
        }
    }
}

/// How well a record fits all tokens: as well as the worst, by the field of the first.
fn all_fit(task: &Task<'_>, record: &RecordView<'_>) -> Result<Option<Fit>> {
    let mut all: Option<Fit> = None;
    for token in task.tokens {
        let Some(fit) = fit::record(task.scope, record, token)? else {
            return Ok(None);
        };
        all = Some(match all {
            None => fit,
            Some(first) => Fit {
                rank: first.rank.max(fit.rank),
                ..first
            },
        });
    }
    Ok(all)
}

/// Where values that fit a token stand: everything [`fit::value`] may say yes to.
fn lookups(task: &Task<'_>) -> Vec<(PartKind, String, bool)> {
    let Token {
        phone,
        number,
        email,
        domain,
        whole,
        ..
    } = task.by;
    let has = |wanted: Way| task.scope.fields.iter().any(|(_, way)| *way == wanted);
    let mut lookups = Vec::new();
    if let Some(phone) = phone.as_ref().filter(|_| has(Way::Phone)) {
        let digits = &phone.digits;
        lookups.push((PartKind::Phone, digits.clone(), *whole));
        if let Some(national) = &phone.national {
            lookups.push((PartKind::Phone, national.clone(), false));
        }
        // Numbers stored without the country code that was typed.
        for length in NATIONAL_DIGITS..digits.len() {
            let ending = digits[digits.len() - length..].to_owned();
            lookups.push((PartKind::Phone, ending, true));
        }
    }
    if let Some(number) = number.as_ref().filter(|_| has(Way::Number)) {
        lookups.push((PartKind::Number, number.clone(), false));
    }
    if has(Way::Email) {
        if let Some(email) = email {
            lookups.push((PartKind::Email, email.clone(), *whole));
        }
        if let Some(domain) = domain {
            lookups.push((PartKind::Domain, domain.clone(), false));
        }
    }
    lookups
}

/// A word that is looked for, taken apart as entries are.
struct WantedWord<'w> {
    word: &'w Word,
    head: &'w str,
    rest: &'w str,
    letters: std::cmp::Ordering,
}

impl<'w> WantedWord<'w> {
    fn new(word: &'w Word) -> WantedWord<'w> {
        let head = head(&word.text);
        WantedWord {
            word,
            head,
            rest: &word.text[head.len()..],
            letters: word.text.chars().count().cmp(&HEAD_LETTERS),
        }
    }

    /// The best rank a word of a group may have; none where no word of it fits.
    fn least(&self, head: &[u8], class: u8) -> Option<u8> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let of_title = class.is_multiple_of(2);
        let is_head = class / 2 == tier::WHOLE;
        match self.letters {
            Equal => Some(class),
            Less if head == self.head.as_bytes() => Some(class),
            Less => Some(tier::rank(tier::BEGINNING, of_title)),
            Greater if !is_head => Some(tier::rank(tier::WHOLE, of_title)),
            Greater if self.word.stem == self.head => Some(tier::rank(tier::FORM, of_title)),
            Greater => None,
        }
    }

    /// How the words of an entry fit. `text` is room for them.
    fn fit(&self, posting: &Posting<'_>, text: &mut String) -> Result<Option<(u8, How)>> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self.letters {
            // The class is how the words fit just these letters.
            Equal => Ok(Some(match posting.class / 2 {
                tier::WHOLE => (tier::WHOLE, How::Whole),
                tier::FORM => (tier::FORM, How::Form),
                _ => (tier::BEGINNING, How::Beginning),
            })),
            Less if posting.head == self.head.as_bytes() => Ok(Some((tier::WHOLE, How::Whole))),
            Less => Ok(Some((tier::BEGINNING, How::Beginning))),
            Greater => {
                let mut best = None;
                for rest in posting.rests() {
                    let rest = rest?;
                    let found = if rest == self.rest {
                        Some((tier::WHOLE, How::Whole))
                    } else {
                        text.clear();
                        text.push_str(self.head);
                        text.push_str(rest);
                        fit::word(self.word, text)
                    };
                    best = match (best, found) {
                        (Some(best), Some(found)) => Some(std::cmp::min(best, found)),
                        (best, found) => best.or(found),
                    };
                }
                Ok(best)
            }
        }
    }
}
