//! What comes over the border and goes back: text in, values out, JSON.
//!
//! All reading and writing through the host's pointers is in this file.

use std::ffi::{CStr, c_char};

use crm_engine::{Code, Error, Result};
use serde_json::Value as Json;

/// The length that says "up to the NUL".
const UP_TO_NUL: i64 = -1;

/// A text argument: a pointer and a length, not looked at yet.
pub(crate) struct Text {
    name: &'static str,
    data: *const c_char,
    length: i64,
}

impl Text {
    /// Takes a text argument called `name`.
    ///
    /// # Safety
    /// Unless `data` is NULL, `length` bytes are readable there, or with -1 all up to a NUL,
    /// and nobody changes them until the export returns.
    pub(crate) unsafe fn new(name: &'static str, data: *const c_char, length: i64) -> Text {
        Text { name, data, length }
    }

    /// The text, which must be given.
    pub(crate) fn required(&self) -> Result<&str> {
        self.optional()?.ok_or_else(|| {
            Error::new(
                Code::NullArgument,
                format!("the argument `{}` is NULL", self.name),
            )
            .with("argument", self.name)
        })
    }

    /// The text; none for NULL.
    pub(crate) fn optional(&self) -> Result<Option<&str>> {
        if self.data.is_null() {
            return Ok(None);
        }
        let bytes = if self.length == UP_TO_NUL {
            // SAFETY: `new` was promised a NUL and that the bytes stay as they are.
            unsafe { CStr::from_ptr(self.data) }.to_bytes()
        } else {
            let length = isize::try_from(self.length)
                .ok()
                .filter(|length| *length >= 0);
            let length = length.ok_or_else(|| self.bad_length())?;
            // SAFETY: `new` was promised that many readable bytes that stay as they are;
            // the length was just found to fit an allocation.
            unsafe { std::slice::from_raw_parts(self.data.cast(), length.cast_unsigned()) }
        };
        std::str::from_utf8(bytes).map(Some).map_err(|error| {
            let message = format!(
                "the argument `{}` is not UTF-8 from byte {} on",
                self.name,
                error.valid_up_to()
            );
            Error::new(Code::InvalidUtf8, message)
                .with("argument", self.name)
                .with("offset", error.valid_up_to())
        })
    }

    /// The text as JSON, which must be given.
    pub(crate) fn json(&self) -> Result<Json> {
        parse(self.name, self.required()?)
    }

    /// The text as JSON; none for NULL and for empty text.
    pub(crate) fn optional_json(&self) -> Result<Option<Json>> {
        match self.optional()? {
            None | Some("") => Ok(None),
            Some(text) => parse(self.name, text).map(Some),
        }
    }

    fn bad_length(&self) -> Error {
        let message = format!(
            "`{}` is not the length of the argument `{}`",
            self.length, self.name
        );
        Error::new(Code::InvalidArguments, message).with("argument", self.name)
    }
}

fn parse(name: &str, text: &str) -> Result<Json> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            Code::Syntax,
            format!("the argument `{name}` is not JSON: {error}"),
        )
        .with("argument", name)
        .at(error.line() as u64, error.column() as u64)
    })
}

/// A place for an answer: where the host wants it, or NULL.
pub(crate) struct Out<T> {
    name: &'static str,
    place: *mut T,
}

impl<T> Out<T> {
    /// Takes the place called `name`.
    ///
    /// # Safety
    /// Unless `place` is NULL, a `T` can be written there until the export returns.
    pub(crate) unsafe fn new(name: &'static str, place: *mut T) -> Out<T> {
        Out { name, place }
    }

    /// Whether the host wants the answer.
    pub(crate) fn wanted(&self) -> bool {
        !self.place.is_null()
    }

    /// Refuses NULL, before anything is done whose answer would be lost.
    pub(crate) fn required(self) -> Result<Out<T>> {
        match self.wanted() {
            true => Ok(self),
            false => {
                let message = format!("the place for `{}` is NULL", self.name);
                Err(Error::new(Code::NullArgument, message).with("argument", self.name))
            }
        }
    }

    /// Writes the answer where it is wanted.
    pub(crate) fn set(self, value: T) {
        if self.wanted() {
            // SAFETY: `new` was promised that a `T` can be written here.
            unsafe { self.place.write(value) }
        }
    }
}

/// Text for the host: with a NUL behind it, and its length.
pub(crate) struct Answer(Box<[u8]>);

impl Answer {
    pub(crate) fn new(text: impl Into<String>) -> Answer {
        let mut bytes = text.into().into_bytes();
        bytes.push(0);
        Answer(bytes.into_boxed_slice())
    }

    pub(crate) fn json(value: &Json) -> Answer {
        Answer::new(value.to_string())
    }

    /// Valid as long as the answer stands, wherever it is moved.
    pub(crate) fn data(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    pub(crate) fn length(&self) -> i64 {
        self.0.len() as i64 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Text {
        // SAFETY: the bytes live as long as the test.
        unsafe { Text::new("title", bytes.as_ptr().cast(), bytes.len() as i64) }
    }

    #[test]
    fn text_is_taken_by_length_or_up_to_its_nul() {
        assert_eq!(text(b"a\0b").required().unwrap(), "a\0b");
        assert_eq!(text(b"").required().unwrap(), "");
        // SAFETY: the text ends with a NUL.
        let open = unsafe { Text::new("title", c"roof".as_ptr(), -1) };
        assert_eq!(open.required().unwrap(), "roof");
        for length in [-2, i64::MIN] {
            // SAFETY: a wrong length is found before the text is read.
            let wrong = unsafe { Text::new("title", c"roof".as_ptr(), length) };
            let code = wrong.required().expect_err("a bad length").code();
            assert_eq!(code, Code::InvalidArguments);
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused_with_its_offset() {
        let error = text(b"ab\xFFc")
            .required()
            .map(str::to_owned)
            .expect_err("not UTF-8");
        assert_eq!(error.code(), Code::InvalidUtf8);
        assert_eq!(error.details()["offset"], 2);
        assert_eq!(error.details()["argument"], "title");
    }

    #[test]
    fn deep_json_is_an_error_and_not_an_overflow() {
        let deep = "[".repeat(100_000);
        assert_eq!(
            text(deep.as_bytes()).json().expect_err("too deep").code(),
            Code::Syntax
        );
    }

    #[test]
    fn an_answer_ends_with_a_nul_that_its_length_leaves_out() {
        let answer = Answer::new("roof");
        assert_eq!(answer.length(), 4);
        // SAFETY: an answer ends with a NUL and lives until the end of the test.
        assert_eq!(unsafe { CStr::from_ptr(answer.data()) }, c"roof");
    }
}
