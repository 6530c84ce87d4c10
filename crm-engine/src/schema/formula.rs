//! The names in the text of a formula. The text itself is read where conditions are.

/// Every name that stands in an expression, in the form in which the condition language looks it
/// up: lower case, or as it stands between double quotes. Words of the language are among them;
/// they name fields only where a field is called so, and then a reader too few sees the result.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = &rest[first.len_utf8()..];
        rest = match first {
            '\'' => behind.split_once('\'').map_or("", |(_, behind)| behind),
            '"' => match behind.split_once('"') {
                Some((name, behind)) => {
                    names.push(name.to_owned());
                    behind
                }
                None => "",
            },
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
                names.push(name.to_lowercase());
                behind
            }
            _ => behind,
        };
    }
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_found_as_the_language_reads_them() {
        for (text, expected) in [
            ("quantity * Price / 100", &["quantity", "price"][..]),
            ("\"Order\" + a_1", &["Order", "a_1"]),
            ("currency(price) = 'it''s not x' ", &["currency", "price"]),
            ("1e5 - 2", &["e5"]),
            ("'open", &[]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
