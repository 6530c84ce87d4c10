//! Hardware addresses, however they are written.

use std::fmt;

/// A MAC address: `00-1A-2B-3C-4D-5E`, `00:1a:2b:3c:4d:5e`, `001a.2b3c.4d5e` and `001a2b3c4d5e` are
/// the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac(u64);

impl Mac {
    /// Reads one; none where it is no MAC address.
    pub(crate) fn parse(text: &str) -> Option<Mac> {
        const DIGITS: usize = 12;
        let digits: String = text
            .trim()
            .chars()
            .filter(|c| !matches!(c, ':' | '-' | '.' | ' '))
            .collect();
        let well_formed = digits.len() == DIGITS && digits.chars().all(|c| c.is_ascii_hexdigit());
        let number = well_formed.then(|| u64::from_str_radix(&digits, 16).ok());
        number.flatten().map(Mac)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.to_be_bytes()[2..].iter().enumerate() {
            let before = if place == 0 { "" } else { ":" };
            write!(f, "{before}{byte:02x}")?;
        }
        Ok(())
    }
}
