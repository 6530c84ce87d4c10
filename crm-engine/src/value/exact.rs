//! Sums that never round.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::codec::{decode_value, encode_value};
use super::number::{put_uint, take_uint};
use super::{Currency, Money, Value, damaged};
use crate::error::Result;

/// A sum of decimals that never rounds: whole units and, apart, 10^-28ths of one, both of one
/// sign. Neither part overflows below 2^31 summands.
///
/// What is taken away again leaves no trace, and the order of summands makes no difference: no
/// sum tells of others that were part of it once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exact {
    whole: i128,
    rest: i128,
}

/// Sums by currency, ascending; plain numbers stand under none. A sum of 0 is not kept, so that
/// adding and taking away again leaves the very same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Amounts(BTreeMap<Option<Currency>, Exact>);

impl Amounts {
    /// Adds a number or an amount of money, or takes it away. Other values are none.
    pub(crate) fn change(&mut self, value: &Value, add: bool) {
        let (currency, amount) = match value {
            Value::Money(Money { currency, amount }) => (Some(*currency), *amount),
            Value::Decimal(amount) => (None, *amount),
            Value::Integer(amount) => (None, (*amount).into()),
            _ => return,
        };
        let mut sum = Exact::default();
        sum.add(amount);
        self.join_one(currency, sum, add);
    }

    /// Adds all sums of others, or takes them away.
    pub(crate) fn join(&mut self, others: &Amounts, add: bool) {
        for (currency, sum) in &others.0 {
            self.join_one(*currency, *sum, add);
        }
    }

    fn join_one(&mut self, currency: Option<Currency>, other: Exact, add: bool) {
        let sum = self.0.entry(currency).or_default();
        sum.join(if add { other } else { other.negative() });
        if sum.is_zero() {
            self.0.remove(&currency);
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Option<Currency>, &Exact)> {
        self.0.iter().map(|(currency, sum)| (*currency, sum))
    }

    /// Appends the sums: how many, then each with the number of its currency.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_uint(out, self.0.len() as u64);
        for (currency, sum) in &self.0 {
            put_uint(
                out,
                currency.map_or(0, |currency| currency.number() + 1).into(),
            );
            sum.put(out);
        }
    }

    /// Takes sums that [`put`](Amounts::put) wrote off the front of `input`.
    pub(crate) fn take(input: &mut &[u8]) -> Result<Amounts> {
        let broken = || damaged("a sum of no currency");
        let mut sums = BTreeMap::new();
        for _ in 0..take_uint(input)? {
            let number = u16::try_from(take_uint(input)?).map_err(|_| broken())?;
            let currency = match number.checked_sub(1) {
                None => None,
                Some(number) => Some(Currency::from_number(number).ok_or_else(broken)?),
            };
            sums.insert(currency, Exact::take(input)?);
        }
        Ok(Amounts(sums))
    }
}

const PLACES: usize = 28;
const UNIT: i128 = POWERS[PLACES];
/// The powers of ten: made once, for every write of a total sums.
const POWERS: [i128; PLACES + 1] = {
    let mut powers = [1; PLACES + 1];
    let mut at = 1;
    while at <= PLACES {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

impl Exact {
    pub(crate) fn add(&mut self, n: Decimal) {
        let (mantissa, scale) = (n.mantissa(), n.scale() as usize);
        self.join(Exact {
            whole: mantissa / POWERS[scale],
            rest: mantissa % POWERS[scale] * POWERS[PLACES - scale],
        });
    }

    /// Adds another sum.
    pub(crate) fn join(&mut self, other: Exact) {
        let rest = self.rest + other.rest;
        self.whole += other.whole + rest / UNIT;
        self.rest = rest % UNIT;
        if self.whole > 0 && self.rest < 0 {
            (self.whole, self.rest) = (self.whole - 1, self.rest + UNIT);
        } else if self.whole < 0 && self.rest > 0 {
            (self.whole, self.rest) = (self.whole + 1, self.rest - UNIT);
        }
    }

    /// The sum with the other sign.
    #[must_use]
    pub(crate) fn negative(self) -> Exact {
        Exact {
            whole: -self.whole,
            rest: -self.rest,
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.whole == 0 && self.rest == 0
    }

    /// The sum without zeros at its end; none where 28 digits do not hold it.
    pub(crate) fn total(&self) -> Option<Decimal> {
        let (mut rest, mut scale) = (self.rest, PLACES);
        if rest == 0 {
            scale = 0;
        }
        // A rest has less zeros at its end than these together.
        for zeros in [16, 8, 4, 2, 1] {
            if scale >= zeros && rest % POWERS[zeros] == 0 {
                rest /= POWERS[zeros];
                scale -= zeros;
            }
        }
        let whole = self.whole.checked_mul(POWERS[scale])?;
        let mantissa = whole.checked_add(rest)?;
        Decimal::try_from_i128_with_scale(mantissa, scale as u32).ok()
    }

    /// Appends the sum: its length and its value, or where that has too many digits a length of 0
    /// and both parts.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self.total() {
            Some(total) => {
                let mut value = Vec::with_capacity(16);
                encode_value(&Value::Decimal(total), &mut value);
                put_uint(out, value.len() as u64);
                out.extend_from_slice(&value);
            }
            None => {
                put_uint(out, 0);
                out.extend(self.whole.to_be_bytes());
                out.extend(self.rest.to_be_bytes());
            }
        }
    }

    /// Takes a sum that [`put`](Exact::put) wrote off the front of `input`.
    pub(crate) fn take(input: &mut &[u8]) -> Result<Exact> {
        let broken = || damaged("a sum ends early");
        let len = usize::try_from(take_uint(input)?).map_err(|_| broken())?;
        if len == 0 {
            let (whole, rest) = input.split_first_chunk::<16>().ok_or_else(broken)?;
            let (part, rest) = rest.split_first_chunk::<16>().ok_or_else(broken)?;
            *input = rest;
            return Ok(Exact {
                whole: i128::from_be_bytes(*whole),
                rest: i128::from_be_bytes(*part),
            });
        }
        let (value, rest) = input.split_at_checked(len).ok_or_else(broken)?;
        *input = rest;
        match decode_value(value)? {
            Value::Decimal(total) => {
                let mut sum = Exact::default();
                sum.add(total);
                Ok(sum)
            }
            _ => Err(damaged("a sum is not a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(parts: &[(i64, u32)]) -> Exact {
        let mut exact = Exact::default();
        for (n, scale) in parts {
            exact.add(Decimal::new(*n, *scale));
        }
        exact
    }

    fn stored(sum: Exact) -> Exact {
        let mut bytes = Vec::new();
        sum.put(&mut bytes);
        let mut rest = bytes.as_slice();
        let read = Exact::take(&mut rest).unwrap();
        assert!(rest.is_empty());
        read
    }

    #[test]
    fn more_digits_than_a_number_has_are_no_value() {
        let mut exact = Exact::default();
        exact.add(Decimal::MAX);
        exact.add(Decimal::ONE);
        assert_eq!(exact.total(), None);
        assert_eq!(stored(exact), exact);
        exact.add(-Decimal::new(1, 28));
        exact.add(-Decimal::MAX);
        assert_eq!(exact.total(), Some(Decimal::ONE - Decimal::new(1, 28)));
    }

    #[test]
    fn what_no_writer_wrote_is_damaged() {
        for bytes in [&[][..], &[0, 1], &[3, 1], &[1, 0]] {
            assert!(Exact::take(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        /// A sum is that of whole numbers of a millionth, in whatever order they come, and what is
        /// taken away again was never there.
        #[test]
        fn sums_are_exact(
            mut parts in prop::collection::vec((any::<i64>(), 0..7_u32), 0..20),
            others in prop::collection::vec((any::<i64>(), 0..29_u32), 0..20),
        ) {
            let millionths = parts.iter().map(|(n, scale)| i128::from(*n) * 10_i128.pow(6 - scale));
            let expected = Decimal::from_i128_with_scale(millionths.sum(), 6);
            let all = sum(&parts);
            prop_assert_eq!(all.total(), Some(expected));
            prop_assert_eq!(stored(all), all);
            parts.reverse();
            prop_assert_eq!(sum(&parts), all);
            let mut more = sum(&others);
            prop_assert_eq!(stored(more), more);
            more.join(all);
            more.join(sum(&others).negative());
            prop_assert_eq!(more, all);
        }
    }
}
