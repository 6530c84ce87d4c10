//! Numbers as bytes whose order is the order of the numbers.
//!
//! # Unsigned numbers: 1 to 9 bytes
//!
//! The scheme is that of SQLite 4 (<https://sqlite.org/src4/doc/trunk/www/varint.wiki>):
//!
//! | First byte | Number |
//! |---|---|
//! | 0 to 240 | the byte itself |
//! | 241 to 248 | 240 + 256 x (first - 241) + second: up to 2,287 |
//! | 249 | 2,288 + two bytes: up to 67,823 |
//! | 250 to 255 | the number in 3 to 8 bytes, big end first |
//!
//! Each number has one form, and the first byte tells its length.

use rust_decimal::Decimal;

use super::damaged;
use crate::error::Result;

/// The first byte of the number 0; above it positive numbers, below it negative ones.
pub(super) const ZERO: u8 = 0x80;

const ONE_BYTE_MAX: u64 = 240;
const TWO_BYTES_MAX: u64 = 2_287;
const THREE_BYTES_MAX: u64 = 67_823;

/// Appends a number in 1 to 9 bytes, so that byte order is number order.
///
/// ```
/// use crm_engine::value::{put_uint, take_uint};
/// let mut out = Vec::new();
/// put_uint(&mut out, 240);
/// put_uint(&mut out, 100_000);
/// assert_eq!(out.len(), 1 + 4);
/// let mut input = &out[..];
/// assert_eq!(take_uint(&mut input).unwrap(), 240);
/// assert_eq!(take_uint(&mut input).unwrap(), 100_000);
/// assert!(input.is_empty());
/// ```
pub fn put_uint(out: &mut Vec<u8>, n: u64) {
    if n <= ONE_BYTE_MAX {
        out.push(n as u8);
    } else if n <= TWO_BYTES_MAX {
        let [high, low] = ((n - ONE_BYTE_MAX) as u16).to_be_bytes();
        out.extend([241 + high, low]);
    } else if n <= THREE_BYTES_MAX {
        out.push(249);
        out.extend(((n - TWO_BYTES_MAX - 1) as u16).to_be_bytes());
    } else {
        let bytes = n.to_be_bytes();
        let zeros = n.leading_zeros() as usize / 8;
        out.push(255 - zeros as u8);
        out.extend(&bytes[zeros..]);
    }
}

/// Takes a number off the front of `input`, which is left as it was on an error.
///
/// # Errors
/// [`Code::Damaged`](crate::Code::Damaged) when the input ends early or holds a number in a
/// longer form than [`put_uint`] writes.
pub fn take_uint(input: &mut &[u8]) -> Result<u64> {
    let (&first, rest) = input
        .split_first()
        .ok_or_else(|| damaged("a number is missing"))?;
    let (tail, rest) = rest
        .split_at_checked(uint_tail_bytes(first))
        .ok_or_else(|| damaged("a number ends early"))?;
    let low = tail.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    let (n, least) = match first {
        0..=240 => (u64::from(first), 0),
        241..=248 => (ONE_BYTE_MAX + (u64::from(first - 241) << 8) + low, 0),
        249 => (TWO_BYTES_MAX + 1 + low, 0),
        250 => (low, THREE_BYTES_MAX + 1),
        251.. => (low, 1 << (8 * (tail.len() - 1))),
    };
    if n < least {
        return Err(damaged("a number is longer than it needs to be"));
    }
    *input = rest;
    Ok(n)
}

/// How many bytes follow the first byte of a number.
pub(super) fn uint_tail_bytes(first: u8) -> usize {
    match first {
        0..=240 => 0,
        241..=248 => 1,
        249.. => usize::from(first) - 247,
    }
}

/// The first byte is [`ZERO`] plus or minus the length of the magnitude, 0 to 8 bytes, which
/// follows big end first, its bits turned over for a negative number.
pub(super) fn put_int(out: &mut Vec<u8>, n: i64) {
    let magnitude = n.unsigned_abs();
    let zeros = magnitude.leading_zeros() as usize / 8;
    let length = 8 - zeros as u8;
    let bytes = &magnitude.to_be_bytes()[zeros..];
    if n < 0 {
        out.push(ZERO - length);
        out.extend(bytes.iter().map(|byte| !byte));
    } else {
        out.push(ZERO + length);
        out.extend(bytes);
    }
}

/// A decimal is 0.d1d2d3... x 10^e with d1 not 0 and no zeros at its end, so that equal numbers
/// have one key. The first byte is [`ZERO`] plus e, moved to stay positive; then come pairs of
/// digits as 2 x pair + 1, the last one as 2 x pair. A negative number has all bits turned over.
///
/// The idea is that of SQLite 4 (<https://sqlite.org/src4/doc/trunk/www/key_encoding.wiki>).
pub(super) fn put_decimal(out: &mut Vec<u8>, n: Decimal) {
    /// The smallest e is -27, of 10^-28.
    const EXPONENT_SHIFT: u32 = 28;
    if n.is_zero() {
        out.push(ZERO);
        return;
    }
    let start = out.len();
    let mut digits = n.mantissa().unsigned_abs();
    let length = digits.ilog10() + 1;
    out.push(ZERO + (EXPONENT_SHIFT + length - n.scale()) as u8);
    if length % 2 == 1 {
        digits *= 10;
    }
    let mut unit = 100_u128.pow(length.div_ceil(2));
    while digits > 0 {
        unit /= 100;
        let pair = (digits / unit) as u8;
        digits %= unit;
        out.push(2 * pair + u8::from(digits > 0));
    }
    if n.is_sign_negative() {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// Folds small numbers of either sign into small unsigned ones: 0, -1, 1, -2 give 0, 1, 2, 3.
pub(super) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(super) fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(n: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_uint(&mut out, n);
        out
    }

    fn check(n: u64, length: usize) {
        let stored = bytes(n);
        assert_eq!(stored.len(), length, "{n}");
        let mut input = &stored[..];
        assert_eq!(take_uint(&mut input).unwrap(), n);
        assert!(input.is_empty());
        for cut in 0..stored.len() {
            assert!(take_uint(&mut &stored[..cut]).is_err());
        }
    }

    #[test]
    fn lengths_change_where_documented() {
        check(0, 1);
        check(240, 1);
        check(241, 2);
        check(2_287, 2);
        check(2_288, 3);
        check(67_823, 3);
        check(67_824, 4);
        for tail in 3..8 {
            check((1 << (8 * tail)) - 1, tail + 1);
            check(1 << (8 * tail), tail + 2);
        }
        check(u64::MAX, 9);
    }

    #[test]
    fn a_number_has_one_form() {
        for long in [
            &[250, 0, 0, 1][..],
            &[250, 1, 8, 239],
            &[251, 0, 255, 255, 255],
        ] {
            assert!(take_uint(&mut &long[..]).is_err());
        }
    }

    proptest! {
        #[test]
        fn order_and_round_trip(a: u64, b: u64, shift_a in 0..64, shift_b in 0..64) {
            let (a, b) = (a >> shift_a, b >> shift_b);
            prop_assert_eq!(bytes(a).cmp(&bytes(b)), a.cmp(&b));
            prop_assert_eq!(take_uint(&mut &bytes(a)[..]).unwrap(), a);
        }

        #[test]
        fn zigzag_is_undone(n: i64) {
            prop_assert_eq!(unzigzag(zigzag(n)), n);
        }
    }
}
