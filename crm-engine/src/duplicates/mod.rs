//! Likely duplicates: records that a declared rule takes for the same thing (C27).
//!
//! The rules of an object are alternatives; all comparisons of a rule must hold. A comparison
//! holds for two values that are equal (`exact`), that are equal in their normal form
//! (`normalised`), or that are similar texts with a word that begins alike (`fuzzy`). A value of
//! which the normal form leaves nothing is compared with nothing. A record has, beside its own
//! value of a field, the `further` ones of its details.
//!
//! **Rights.** What is found is told to somebody, and found for his eyes:
//!
//! - Records he may see are named with the values that are alike (invariant *one predicate*).
//! - Records he may not see are a number at most, as their object's `hidden_duplicates` says: one
//!   seller learns that his find is somebody's already, and nothing else. With `nothing` they are
//!   absent, from counts and refusals alike (invariant *invisible is absent*).
//! - Rules with a `fuzzy` comparison tell nothing of them: by trying similar names, a hidden one
//!   could be felt out letter by letter. What the other rules answer, he must have guessed whole.
//! - A rule that compares a field he may not see is no rule for him, not even to refuse. What
//!   must hold whatever is seen is declared `unique`.
//! - Asking about values that are not stored tells the number only to those who may create such
//!   records, who would learn it by creating one.
//!
//! | File | Holds |
//! |---|---|
//! | `alike` | when two values are alike |
//! | `subject` | what is compared: the values of a record that is stored, or not yet |
//! | `find` | the search by index |
//! | `report` | what is told |
//! | `rows` | records compared among each other before they are stored |

mod alike;
mod find;
mod report;
mod rows;
mod subject;

#[cfg(test)]
mod tests;

pub(crate) use find::Finder;
pub use report::{DuplicateMatch, DuplicateReport};
pub(crate) use rows::Rows;
pub(crate) use subject::Subject;
