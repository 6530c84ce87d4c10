//! `LIKE`: `%` stands for any characters, `_` for one.

use crate::value::fold;

/// A pattern as [`matches()`] takes it: without case, `ё` as `е`.
pub(super) fn folded(pattern: &str) -> String {
    pattern.chars().map(fold).collect()
}

/// What a [`folded`] pattern begins with before anything is left open.
pub(super) fn beginning(pattern: &str) -> &str {
    let end = pattern.find(['%', '_']);
    end.map_or(pattern, |end| &pattern[..end])
}

/// Whether the whole text matches a [`folded`] pattern.
///
/// When what follows a `%` does not match here, it is tried one character further. Only the last
/// `%` has to be tried again, so the work is bounded by the product of the two lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        match (pattern.next(), text.clone().next()) {
            (Some('%'), _) => retry = Some((pattern.clone(), text.clone())),
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '_' || wanted == fold(found) => {
                text.next();
            }
            _ => {
                let Some((behind, from)) = &mut retry else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{folded, matches};

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%%", "abc", true),
            ("a%", "Anna", true),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("_", "ё", true),
            ("%na", "Anna", true),
            ("%nn%a", "Anna", true),
            ("%ab%ab", "aabab", true),
            ("%ab%ab", "aab", false),
            ("ЕЛКА%", "Ёлка зелёная", true),
            ("a%b%c", "axxbyyc", true),
            ("a%b%c", "axxbyy", false),
        ] {
            assert_eq!(
                matches(&folded(pattern), text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
