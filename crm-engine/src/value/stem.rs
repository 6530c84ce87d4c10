//! Word forms: what the forms of a word have in common, in Russian and English.

use std::borrow::Cow;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

/// Letters every form of a word begins with: what a search looks words up by.
pub(crate) const HEAD_LETTERS: usize = 3;

/// The first [`HEAD_LETTERS`] letters of a word, or the whole of a shorter one.
pub(crate) fn head(word: &str) -> &str {
    match word.char_indices().nth(HEAD_LETTERS) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}

/// The stem of a word in normal form: lower case, with `е` for `ё`. A word that is no longer than
/// its head, or whose stem would not keep the head, is its own stem; so is one of mixed letters.
///
/// `договоров` and `договору` are both `договор`, `contracts` is `contract`.
pub(crate) fn stem(word: &str) -> Cow<'_, str> {
    static RUSSIAN: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Russian));
    static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    let head = head(word);
    if head.len() == word.len() {
        return Cow::Borrowed(word);
    }
    let stemmer = if word.chars().all(|c| matches!(c, 'а'..='я')) {
        &RUSSIAN
    } else if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        &ENGLISH
    } else {
        return Cow::Borrowed(word);
    };
    let stem = stemmer.stem(word);
    match stem.starts_with(head) {
        true => stem,
        false => Cow::Borrowed(word),
    }
}

/// Whether two words in normal form are forms of one: their stems agree, or the stem of one is
/// the other. `иванов` is for the stemmer many people called `иван`, so its stem alone would not
/// find `иванову`. `word_stem` is the stem of `word`.
pub(crate) fn is_form(word: &str, word_stem: &str, other: &str) -> bool {
    // A stem differs from its word at the end, if at all: most words need no stemming.
    let sure = word_stem
        .char_indices()
        .rev()
        .nth(LETTERS_CHANGED_MAX - 1)
        .map_or(0, |(end, _)| end);
    if !other.starts_with(&word_stem[..sure]) {
        return false;
    }
    other == word_stem || {
        let other = stem(other);
        other == word_stem || other == word
    }
}

/// How many letters at its end a stem may have that its word has not: `cities` is `citi`, and so
/// is `city`.
const LETTERS_CHANGED_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["договор", "договора", "договору", "договоров", "договорами"][..],
            &["клиент", "клиенты", "клиентов", "клиентам"],
            &["иванова", "иванову", "ивановым"],
            &["contract", "contracts", "contracted", "contracting"],
            &["supply", "supplies"],
            &["city", "cities"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
    }

    #[test]
    fn a_surname_is_found_by_its_forms() {
        let is_form = |a, b| is_form(a, &stem(a), b);
        for (a, b) in [
            ("иванов", "иванову"),
            ("петров", "петровым"),
            ("contract", "contracts"),
        ] {
            assert!(is_form(a, b) && is_form(b, a), "{a} {b}");
        }
        assert!(!is_form("иванов", "ивановский") && !is_form("ива", "иванов"));
    }

    #[test]
    fn short_and_mixed_words_stay() {
        for word in ["ооо", "дом", "ltd", "by", "vега", "7701", "a1b2c", "dying"] {
            assert_eq!(stem(word), word);
        }
        assert_eq!((head("ромашка"), head("ab"), head("")), ("ром", "ab", ""));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_stem_keeps_the_head(word in "[а-я]{0,24}|[a-z]{0,24}|(ост|ейш|нн|ость|ивш|ся|ing|ed|ies|ss|y|л){1,8}") {
            let stem = stem(&word);
            prop_assert!(stem.starts_with(head(&word)));
            let changed = stem.chars().count().saturating_sub(
                stem.chars().zip(word.chars()).take_while(|(a, b)| a == b).count(),
            );
            prop_assert!(changed <= LETTERS_CHANGED_MAX);
        }
    }
}
