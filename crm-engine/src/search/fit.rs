//! How well words and values fit what is searched for. This is the whole meaning of search: the
//! index only brings the records that this may say yes to.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ids::FieldId;
use crate::index::search::{Way, is_title, searched_form, searched_words, tier, words_text};
use crate::value::{RecordView, is_form};

use super::scope::Scope;
use super::text::{LOCAL_DIGITS, NATIONAL_DIGITS, Phone, Token, Word};

/// How a field fits what was searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It has the word, number or address itself. A phone number may lack its country code.
    Whole,
    /// It has another form of the word.
    Form,
    /// It has a word, number or address that begins so.
    Beginning,
    /// It has a phone number with these digits in it.
    Part,
    /// It has an address at a domain that begins so.
    Domain,
}

/// A field that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    /// Less is better.
    pub(super) rank: u8,
    pub(super) field: FieldId,
    pub(super) how: How,
}

/// How a word fits, and by which tier.
pub(super) fn word(word: &Word, other: &str) -> Option<(u8, How)> {
    if other == word.text {
        Some((tier::WHOLE, How::Whole))
    } else if is_form(&word.text, &word.stem, other) {
        Some((tier::FORM, How::Form))
    } else if other.starts_with(&word.text) {
        Some((tier::BEGINNING, How::Beginning))
    } else {
        None
    }
}

/// How the compared form of a value that is not searched by words fits, and by which tier.
pub(super) fn value(token: &Token, way: Way, form: &str) -> Option<(u8, How)> {
    match way {
        Way::Words => None,
        Way::Phone => phone(token.phone.as_ref()?, token.whole, form),
        Way::Number => {
            let number = token.number.as_ref()?;
            if form == number {
                Some((tier::WHOLE, How::Whole))
            } else if form.starts_with(number.as_str()) {
                Some((tier::PART, How::Beginning))
            } else {
                None
            }
        }
        Way::Email => address(token, form),
    }
}

fn phone(phone: &Phone, whole: bool, form: &str) -> Option<(u8, How)> {
    let digits = phone.digits.as_str();
    let shorter = digits.len().min(form.len());
    if form == digits {
        Some((tier::WHOLE, How::Whole))
    } else if shorter >= NATIONAL_DIGITS && (form.ends_with(digits) || digits.ends_with(form)) {
        Some((tier::FORM, How::Whole))
    } else if whole {
        let ends = digits.len() >= LOCAL_DIGITS && form.ends_with(digits);
        ends.then_some((tier::PART, How::Part))
    } else if form.contains(digits) {
        Some((tier::PART, How::Part))
    } else {
        let begins = phone
            .national
            .as_ref()
            .is_some_and(|n| form.starts_with(n.as_str()));
        begins.then_some((tier::PART, How::Beginning))
    }
}

fn address(token: &Token, form: &str) -> Option<(u8, How)> {
    if let Some(email) = &token.email {
        if form == email {
            return Some((tier::WHOLE, How::Whole));
        }
        if !token.whole && form.starts_with(email.as_str()) {
            return Some((tier::PART, How::Beginning));
        }
    }
    let (_, of) = form.rsplit_once('@')?;
    match of.strip_prefix(token.domain.as_deref()?)? {
        "" if of.contains('.') => Some((tier::FORM, How::Domain)),
        _ => Some((tier::PART, How::Domain)),
    }
}

/// The field of a record that fits a token best; of equal ones the first.
pub(super) fn record(
    scope: &Scope<'_>,
    record: &RecordView<'_>,
    token: &Token,
) -> Result<Option<Fit>> {
    best_of(scope, record, token, |_| true)
}

/// The same among the fields that are not searched by words.
pub(super) fn values(
    scope: &Scope<'_>,
    record: &RecordView<'_>,
    token: &Token,
) -> Result<Option<Fit>> {
    best_of(scope, record, token, |way| way != Way::Words)
}

fn best_of(
    scope: &Scope<'_>,
    record: &RecordView<'_>,
    token: &Token,
    counts: impl Fn(Way) -> bool,
) -> Result<Option<Fit>> {
    let mut best: Option<Fit> = None;
    for (field, way) in scope.fields.iter().filter(|(_, way)| counts(*way)) {
        let stored = record.field(*field)?;
        if stored.is_null() {
            continue;
        }
        let found = match (way, &token.word) {
            (Way::Words, None) => None,
            (Way::Words, Some(wanted)) => searched_words(&words_text(&stored))
                .filter_map(|other| word(wanted, &other))
                .min(),
            (way, _) => value(token, *way, &searched_form(*way, &stored.to_string())),
        };
        let Some((tier, how)) = found else { continue };
        let rank = tier::rank(tier, is_title(scope.object, *field));
        if best.is_none_or(|best| rank < best.rank) {
            best = Some(Fit {
                rank,
                field: *field,
                how,
            });
        }
    }
    Ok(best)
}
