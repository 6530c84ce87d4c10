//! What was typed, read as words, numbers and addresses.
//!
//! `+7 495 123-45-67` is one number or three and a bit of words; `anna-maria` may be one address
//! or two words. So a text has several readings, and a record is a hit when all of one fits.

use crate::error::{Code, Error, Result};
use crate::index::search::{PHONE_PART_DIGITS, Way, searched_form, searched_words, tier};
use crate::limits::{SEARCH_TEXT_BYTES_MAX, SEARCH_WORDS_MAX};
use crate::value::{shorten, stem};

/// The digits of a number with its area code: those before them are a country's.
pub(super) const NATIONAL_DIGITS: usize = 10;
/// The most digits of a number with its country code (E.164).
const INTERNATIONAL_DIGITS_MAX: usize = 15;
/// The digits of a number within its area: fewer do not tell whose it is.
pub(super) const LOCAL_DIGITS: usize = 7;
/// Fewer letters do not look an address up.
const ADDRESS_LETTERS: usize = 3;

/// One thing to search for, in each form that may fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: Option<Word>,
    pub(super) phone: Option<Phone>,
    /// The beginning of a number that is no phone.
    pub(super) number: Option<String>,
    /// The beginning of an e-mail address.
    pub(super) email: Option<String>,
    /// The beginning of the domain of one.
    pub(super) domain: Option<String>,
    /// Only whole phones and addresses fit.
    pub(super) whole: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) stem: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phone {
    /// In normal form.
    pub(super) digits: String,
    /// The beginning of a Russian number whose `8` may stand for its country code.
    pub(super) national: Option<String>,
}

impl Token {
    /// How narrow a search by it is likely to be.
    pub(super) fn weight(&self) -> usize {
        const SELECTIVE: usize = 6;
        let value = [
            self.phone.as_ref().map(|phone| &phone.digits),
            self.number.as_ref(),
            self.email.as_ref().filter(|email| email.contains('@')),
        ];
        let value = value.into_iter().flatten().map(String::len).max();
        match (value, &self.word) {
            (Some(length), _) if length >= SELECTIVE => 100 + length,
            (_, Some(word)) => 1 + word.text.len(),
            _ => 0,
        }
    }

    /// The best tier by which a value may fit it: a mere word is at most the beginning of one.
    pub(super) fn value_tier(&self) -> u8 {
        match self.word.is_some() && self.phone.is_none() && self.number.is_none() {
            true => tier::PART,
            false => tier::WHOLE,
        }
    }
}

/// A piece between spaces.
struct Piece<'t> {
    text: &'t str,
    words: Vec<String>,
    is_number: bool,
}

impl<'t> Piece<'t> {
    fn new(text: &'t str) -> Option<Piece<'t>> {
        let text = text.trim_matches(|c: char| ",;:<>\"'«»“”".contains(c));
        let words: Vec<String> = searched_words(text).collect();
        let is_number = text
            .chars()
            .all(|c| c.is_ascii_digit() || "+-()./".contains(c));
        (!words.is_empty()).then_some(Piece {
            text,
            words,
            is_number,
        })
    }

    fn token(&self) -> Token {
        if self.is_number {
            return number(self.text, &self.words);
        }
        let mut token = Token::default();
        if let [word] = self.words.as_slice() {
            token.word = Some(as_word(word));
        }
        let address = searched_form(Way::Email, self.text);
        match address.split_once('@') {
            Some(("", domain)) => token.domain = Some(domain.to_owned()),
            Some(_) => token.email = Some(address),
            None if address.chars().count() >= ADDRESS_LETTERS => {
                token.domain = Some(address.clone());
                token.email = Some(address);
            }
            None => {}
        }
        token.domain = token.domain.filter(|domain| !domain.is_empty());
        token
    }
}

/// The readings of a text; each is what must fit together.
pub(super) fn readings(text: &str) -> Result<Vec<Vec<Token>>> {
    if text.len() > SEARCH_TEXT_BYTES_MAX {
        let message = format!("`text` is longer than {SEARCH_TEXT_BYTES_MAX} bytes");
        return Err(Error::new(Code::LimitExceeded, message));
    }
    let pieces: Vec<Piece<'_>> = text.split_whitespace().filter_map(Piece::new).collect();
    let words: usize = pieces.iter().map(|piece| piece.words.len()).sum();
    if words == 0 {
        let message = "`text` has neither a word nor a number to search for";
        return Err(Error::new(Code::InvalidArguments, message));
    }
    if words > SEARCH_WORDS_MAX {
        let message = format!("`text` has more than {SEARCH_WORDS_MAX} words");
        return Err(Error::new(Code::LimitExceeded, message));
    }
    let mut readings = vec![joined(&pieces)];
    let mut add = |reading: Vec<Token>| {
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    };
    let is_one = is_one_number(&pieces);
    if !is_one {
        add(pieces.iter().map(Piece::token).collect());
    }
    if !is_one && pieces.iter().any(|piece| piece.words.len() > 1) {
        let words = pieces.iter().flat_map(|piece| &piece.words);
        add(words
            .map(|word| Token {
                word: Some(as_word(word)),
                ..Token::default()
            })
            .collect());
    }
    if let Some(token) = whole_phone(text)
        && token
            .phone
            .as_ref()
            .is_some_and(|phone| phone.digits.len() >= NATIONAL_DIGITS)
    {
        add(vec![Token {
            whole: false,
            ..token
        }]);
    }
    Ok(readings)
}

/// Whether what was typed is a whole phone number: nobody means its groups of digits one by one.
fn is_one_number(pieces: &[Piece<'_>]) -> bool {
    let digits = |piece: &Piece<'_>| piece.text.bytes().filter(u8::is_ascii_digit).count();
    let digits_typed: usize = pieces.iter().map(digits).sum();
    let is_phone = (NATIONAL_DIGITS..=INTERNATIONAL_DIGITS_MAX).contains(&digits_typed);
    is_phone && pieces.iter().all(|piece| piece.is_number)
}

/// The reading in which numbers that follow one another are one.
fn joined(pieces: &[Piece<'_>]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for run in pieces.chunk_by(|one, next| one.is_number && next.is_number) {
        match run {
            [piece] => tokens.push(piece.token()),
            run => {
                let text: Vec<&str> = run.iter().map(|piece| piece.text).collect();
                tokens.push(number(&text.join(" "), &[]));
            }
        }
    }
    tokens
}

fn number(text: &str, words: &[String]) -> Token {
    let digits = searched_form(Way::Phone, text);
    let typed = searched_form(Way::Number, text);
    let national = typed.strip_prefix('8').filter(|rest| {
        (PHONE_PART_DIGITS..NATIONAL_DIGITS).contains(&rest.len()) && !text.starts_with('+')
    });
    Token {
        word: match words {
            [word] => Some(as_word(word)),
            _ => None,
        },
        phone: (digits.len() >= PHONE_PART_DIGITS).then(|| Phone {
            national: national.map(|rest| format!("7{rest}")),
            digits,
        }),
        number: Some(typed),
        ..Token::default()
    }
}

fn as_word(word: &str) -> Word {
    Word {
        text: word.to_owned(),
        stem: stem(word).into_owned(),
    }
}

/// A phone number or an e-mail address.
pub(super) fn whole(text: &str) -> Result<Token> {
    let address = searched_form(Way::Email, text);
    match address.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(Token {
            email: Some(address),
            whole: true,
            ..Token::default()
        }),
        _ => whole_phone(text).ok_or_else(|| {
            let message = format!(
                "`{}` is neither a phone number nor an e-mail",
                shorten(text)
            );
            Error::new(Code::InvalidArguments, message)
        }),
    }
}

/// A phone number, perhaps with an extension.
fn whole_phone(text: &str) -> Option<Token> {
    let begins = |c: char| c.is_ascii_digit() || "+(".contains(c);
    if !text.trim_start().starts_with(begins) {
        return None;
    }
    let digits = searched_form(Way::Phone, text);
    (digits.len() >= LOCAL_DIGITS).then(|| Token {
        phone: Some(Phone {
            digits,
            national: None,
        }),
        whole: true,
        ..Token::default()
    })
}
