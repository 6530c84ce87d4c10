//! The order of texts, behind two functions, so that a full collation can replace it.
//!
//! Texts are ordered by three levels, each asked only when the one before finds no difference:
//!
//! 1. the *folded* text: lower case letter by letter, and `ё` as `е`;
//! 2. which characters were changed by folding: `anna` before `Anna` before `ANNA`;
//! 3. where a change is not plain case (`ё`, `İ`): the bytes as typed, so that
//!    `Елка` < `Ёлка` < `Жук`.
//!
//! The order is total: two texts are equal in it only if they are the same text.
//!
//! The second level is a bit per character, not the text once more, because a sort key stands
//! in every entry of every sorted list: the key of `Anna` is `anna` and two bytes.

use std::cmp::Ordering;

/// Stands between levels. Bytes of a level are at least [`LEVEL_BYTE_MIN`]; 0 never occurs,
/// so that the caller can end the key with it.
const LEVEL_END: u8 = 1;
const LEVEL_BYTE_MIN: u8 = 2;

/// How many characters a byte of the second level tells of.
const CHARS_PER_BYTE: usize = 7;

/// Appends the sort key of `text`: bytes without 0 whose order is that of [`compare`].
///
/// The second level holds a bit per character, the first one in the highest bit, and ends
/// with the last change. UTF-8 has no byte above 0xF4, so every byte of the other levels can
/// move up past the separators.
pub(super) fn sort_key(text: &str, out: &mut Vec<u8>) {
    let mut changes = Vec::new();
    let mut more_than_case = false;
    for (position, c) in text.chars().enumerate() {
        let folded = fold(c);
        put_utf8(folded.encode_utf8(&mut [0; 4]), out);
        if folded != c {
            let byte = position / CHARS_PER_BYTE;
            changes.resize(byte + 1, LEVEL_BYTE_MIN);
            changes[byte] += 1 << (CHARS_PER_BYTE - 1 - position % CHARS_PER_BYTE);
            more_than_case |= is_more_than_case(c);
        }
    }
    if !changes.is_empty() {
        out.push(LEVEL_END);
        out.extend(changes);
    }
    if more_than_case {
        out.push(LEVEL_END);
        put_utf8(text, out);
    }
}

/// Appends what the sort keys of all texts begin with whose folded form begins with `folded`.
pub(super) fn key_beginning(folded: &str, out: &mut Vec<u8>) {
    put_utf8(folded, out);
}

fn put_utf8(text: &str, out: &mut Vec<u8>) {
    out.extend(text.bytes().map(|byte| byte + LEVEL_BYTE_MIN));
}

/// The text of a whole sort key; none where the key is not one.
pub(crate) fn text_of_sort_key(key: &[u8]) -> Option<String> {
    let text = |level: &[u8]| {
        let bytes = level.iter().map(|byte| byte.checked_sub(LEVEL_BYTE_MIN));
        String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
    };
    let mut levels = key.split(|byte| *byte == LEVEL_END);
    let folded = text(levels.next()?)?;
    let Some(changes) = levels.next() else {
        return Some(folded);
    };
    if let Some(typed) = levels.next() {
        return text(typed);
    }
    let is_changed = |position: usize| {
        let byte = changes.get(position / CHARS_PER_BYTE);
        let bits = byte.map_or(0, |byte| byte.saturating_sub(LEVEL_BYTE_MIN));
        bits >> (CHARS_PER_BYTE - 1 - position % CHARS_PER_BYTE) & 1 == 1
    };
    let chars = folded.chars().enumerate();
    chars
        .map(|(position, c)| match is_changed(position) {
            true => c.to_uppercase().next(),
            false => Some(c),
        })
        .collect()
}

/// The order of two texts.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let same = a.floor_char_boundary(same);
    // What both begin with makes no difference on the first two levels.
    let (a_rest, b_rest) = (&a[same..], &b[same..]);
    let folded = a_rest.chars().map(fold).cmp(b_rest.chars().map(fold));
    folded
        .then_with(|| {
            a_rest
                .chars()
                .map(is_changed)
                .cmp(b_rest.chars().map(is_changed))
        })
        .then_with(|| {
            let third_level = |text: &str| text.chars().any(is_more_than_case);
            match (third_level(a), third_level(b)) {
                (true, true) => a.cmp(b),
                (a, b) => a.cmp(&b),
            }
        })
}

/// The character of the first level; what patterns and searches compare too.
pub(crate) fn fold(c: char) -> char {
    match c {
        'ё' | 'Ё' => 'е',
        // Russian letters do not need the look-up that others need.
        'а'..='я' => c,
        'А'..='Я' => char::from_u32(u32::from(c) + 0x20).unwrap_or(c),
        // Only `İ` has a lower case of more characters: `i` and a dot above.
        other => other.to_lowercase().next().unwrap_or(other),
    }
}

/// Whether the first level shows another character than the one typed.
fn is_changed(c: char) -> bool {
    fold(c) != c
}

/// Whether the character typed cannot be told from its fold and the fact that it changed:
/// it is not the one capital of the letter it folds to.
fn is_more_than_case(c: char) -> bool {
    is_changed(c) && !fold(c).to_uppercase().eq([c])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        sort_key(text, &mut out);
        out.push(0);
        out
    }

    fn check_ascending(texts: &[&str]) {
        for pair in texts.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn yo_stands_beside_ye() {
        check_ascending(&["Дом", "елка", "Елка", "Ёлка", "ёлка", "Елки", "Жук"]);
    }

    #[test]
    fn case_decides_last() {
        check_ascending(&["", "anna", "Anna", "ANNA", "anna b", "Anna C", "annette"]);
        check_ascending(&["aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaA", "aaaaaaaAaaaaaaa", "b"]);
    }

    #[test]
    fn one_letter_only_has_a_longer_lower_case() {
        let longer = |c: &char| c.to_lowercase().count() > 1;
        assert!(('\0'..=char::MAX).filter(longer).eq(['İ']));
    }

    #[test]
    fn a_capital_costs_a_byte_or_two() {
        assert_eq!(key("ромашка").len(), 2 * 7 + 1);
        assert_eq!(key("ООО Ромашка").len(), 2 * 10 + 1 + 1 + 1 + 1);
    }

    /// Letters with every trait that matters: case, more than one capital, longer folds.
    /// Short texts of few letters differ on the last level often.
    fn arb_letters() -> impl Strategy<Value = String> {
        let long = "[aAbBkK\\u{212A}еЕёЁжсςσΣıİi\\u{307} 0-9\\u{0}\\u{1}\\u{10FFFF}]{0,20}";
        prop_oneof![long, "[еЕёЁ]{1,2}", "[kK\\u{212A}iİ]{1,2}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn keys_keep_the_order(a in arb_letters(), b in arb_letters()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), compare(&a, &b));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
        }

        #[test]
        fn keys_of_any_text_keep_the_order(a: String, b: String) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), compare(&a, &b));
            prop_assert!(!key(&a)[..key(&a).len() - 1].contains(&0));
        }

        #[test]
        fn a_key_tells_its_text(a: String, b in arb_letters()) {
            for text in [a, b] {
                let key = key(&text);
                prop_assert_eq!(text_of_sort_key(&key[..key.len() - 1]), Some(text));
            }
        }
    }
}
