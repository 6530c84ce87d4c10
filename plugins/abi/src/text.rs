//! Text across the boundary.

use std::ffi::{CStr, c_char};

use crate::raw::{
    CRM_PLUGIN_INVALID_ARGUMENTS, CRM_PLUGIN_INVALID_UTF8, CRM_PLUGIN_LIMIT_EXCEEDED,
    CRM_PLUGIN_NULL_ARGUMENT, CRM_PLUGIN_TEXT_BYTES_MAX, Text,
};

// SAFETY: a `Text` is an address and a number; whoever reads through it vouches for it there.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

impl Text {
    /// Text that lives as long as the program.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Text {
        Text {
            data: text.as_ptr().cast(),
            len: text.len() as i64,
        }
    }
}

/// The text at `data`, of `len` bytes or up to its NUL when `len` is -1.
///
/// # Errors
/// The status to answer with: `CRM_PLUGIN_NULL_ARGUMENT`, `CRM_PLUGIN_INVALID_ARGUMENTS` for
/// another negative length, `CRM_PLUGIN_LIMIT_EXCEEDED`, `CRM_PLUGIN_INVALID_UTF8`.
///
/// # Safety
/// Unless NULL, `data` points to `len` readable bytes (to a NUL, when `len` is -1) that do not
/// change during `'a`.
pub unsafe fn read_text<'a>(data: *const c_char, len: i64) -> Result<&'a str, i32> {
    if len == 0 {
        return Ok("");
    }
    if data.is_null() {
        return Err(CRM_PLUGIN_NULL_ARGUMENT);
    }
    let bytes = match usize::try_from(len) {
        Ok(_) if len > CRM_PLUGIN_TEXT_BYTES_MAX => return Err(CRM_PLUGIN_LIMIT_EXCEEDED),
        // SAFETY: the caller vouches for `len` bytes, and `len` is small.
        Ok(len) => unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) },
        // SAFETY: the caller vouches for a NUL.
        Err(_) if len == -1 => unsafe { CStr::from_ptr(data) }.to_bytes(),
        Err(_) => return Err(CRM_PLUGIN_INVALID_ARGUMENTS),
    };
    if bytes.len() as i64 > CRM_PLUGIN_TEXT_BYTES_MAX {
        return Err(CRM_PLUGIN_LIMIT_EXCEEDED);
    }
    std::str::from_utf8(bytes).map_err(|_| CRM_PLUGIN_INVALID_UTF8)
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;

    fn read(data: &'static [u8], len: i64) -> Result<&'static str, i32> {
        // SAFETY: every `len` below is within `data`, or is refused before `data` is read.
        unsafe { read_text(data.as_ptr().cast(), len) }
    }

    #[test]
    fn lengths_are_exact_or_end_at_the_nul() {
        assert_eq!(read(b"abc\0", 2), Ok("ab"));
        assert_eq!(read(b"abc\0", -1), Ok("abc"));
        assert_eq!(
            read(b"a\0c", 3),
            Ok("a\0c"),
            "a NUL inside a counted text is a character"
        );
    }

    #[test]
    fn faults_have_their_status() {
        assert_eq!(read(b"abc", -2), Err(CRM_PLUGIN_INVALID_ARGUMENTS));
        assert_eq!(read(b"abc", i64::MAX), Err(CRM_PLUGIN_LIMIT_EXCEEDED));
        assert_eq!(read(b"\xff", 1), Err(CRM_PLUGIN_INVALID_UTF8));
    }

    #[test]
    fn null_is_a_text_only_without_length() {
        for (len, expected) in [(0, Ok("")), (1, Err(CRM_PLUGIN_NULL_ARGUMENT))] {
            // SAFETY: NULL is never read.
            let text = unsafe { read_text(null(), len) };
            assert_eq!(text, expected);
        }
    }
}
