//! Money: an exact amount in a currency.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use super::{parse, shorten};
use crate::error::{Code, Error, Result};

/// An exact amount in a currency.
///
/// Orders by currency, then by amount. The number of decimal places is kept as given:
/// 1200.50 stays 1200.50, and equals 1200.5.
///
/// ```
/// use crm_engine::value::Money;
/// let roof: Money = "1200.50 EUR".parse().unwrap();
/// let gate: Money = "0.25 EUR".parse().unwrap();
/// assert_eq!(roof.checked_add(gate).unwrap().to_string(), "1200.75 EUR");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// The currency; amounts of different currencies are never added.
    pub currency: Currency,
    /// The amount in the currency's main unit.
    pub amount: Decimal,
}

impl Money {
    /// An amount in a currency.
    #[must_use]
    pub fn new(amount: Decimal, currency: Currency) -> Money {
        Money { currency, amount }
    }

    /// The exact sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for two currencies, and for a sum that 28 digits cannot hold
    /// exactly: a sum is never rounded.
    ///
    /// ```
    /// use crm_engine::value::Money;
    /// let euro: Money = "1 EUR".parse().unwrap();
    /// let dollar: Money = "1 USD".parse().unwrap();
    /// assert!(euro.checked_add(dollar).is_err());
    /// ```
    pub fn checked_add(self, other: Money) -> Result<Money> {
        if self.currency != other.currency {
            return Err(Error::new(
                Code::InvalidValue,
                format!("{} and {} cannot be added", self.currency, other.currency),
            ));
        }
        let (a, b) = (self.amount, other.amount);
        let sum = a.checked_add(b).filter(|sum| {
            // Where digits run out, `Decimal` rounds the sum to fewer decimal places.
            a.is_zero() || b.is_zero() || sum.scale() >= a.scale().max(b.scale())
        });
        match sum {
            Some(amount) => Ok(Money::new(amount, self.currency)),
            None => Err(Error::new(
                Code::InvalidValue,
                format!("the sum of `{self}` and `{other}` has too many digits"),
            )),
        }
    }

    /// The amount in whole minor units of its currency, halves away from zero, as bookkeepers
    /// round: 2.345 EUR is 2.35 EUR, -2.345 EUR is -2.35 EUR, 2.5 JPY is 3 JPY. It is written
    /// with all its minor units.
    ///
    /// ```
    /// use crm_engine::value::Money;
    /// let share: Money = "10.005 EUR".parse().unwrap();
    /// assert_eq!(share.rounded().to_string(), "10.01 EUR");
    /// let whole: Money = "10 EUR".parse().unwrap();
    /// assert_eq!(whole.rounded().to_string(), "10.00 EUR");
    /// ```
    #[must_use]
    pub fn rounded(self) -> Money {
        let places = self.currency.minor_units();
        let mut amount = self
            .amount
            .round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        // An amount of 28 digits may have no room for the zeros; it is whole all the same.
        amount.rescale(places);
        // There is no amount of less than nothing that is nothing.
        if amount.is_zero() {
            amount.set_sign_positive(true);
        }
        Money::new(amount, self.currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl FromStr for Money {
    type Err = Error;

    /// Reads an amount and a currency with white space between them: `1200.50 EUR`.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for anything else.
    fn from_str(text: &str) -> Result<Money> {
        let mut words = text.split_whitespace();
        let money = match (words.next(), words.next(), words.next()) {
            (Some(amount), Some(code), None) => parse::decimal(amount).zip(Currency::read(code)),
            _ => None,
        };
        match money {
            Some((amount, currency)) => Ok(Money::new(amount, currency)),
            None => {
                let text = shorten(text);
                Err(Error::new(
                    Code::InvalidValue,
                    format!(
                        "`{text}` is not money: expected an amount and a currency, `1200.50 EUR`"
                    ),
                ))
            }
        }
    }
}

/// A currency by its three upper-case letters (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Takes exactly three letters A to Z. Whether the currency exists is not asked.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for anything else.
    ///
    /// ```
    /// use crm_engine::value::Currency;
    /// assert_eq!(Currency::new("EUR").unwrap().as_str(), "EUR");
    /// assert!(Currency::new("eur").is_err());
    /// ```
    pub fn new(code: &str) -> Result<Currency> {
        Currency::read(code).ok_or_else(|| {
            let code = shorten(code);
            Error::new(
                Code::InvalidValue,
                format!("`{code}` is not a currency: expected three letters A to Z, `EUR`"),
            )
        })
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many decimal places the currency's smallest unit takes, by ISO 4217: 2 for most.
    ///
    /// ```
    /// use crm_engine::value::Currency;
    /// let places = |code| Currency::new(code).unwrap().minor_units();
    /// assert_eq!((places("EUR"), places("JPY"), places("KWD")), (2, 0, 3));
    /// ```
    #[must_use]
    pub fn minor_units(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }

    fn read(code: &str) -> Option<Currency> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Currency(letters))
    }

    /// The letters as one number that keeps their order and takes two bytes.
    pub(super) fn number(self) -> u16 {
        self.0
            .iter()
            .fold(0, |number, letter| number * 26 + u16::from(letter - b'A'))
    }

    /// The currency with this number.
    pub(super) fn from_number(number: u16) -> Option<Currency> {
        let letter = |n: u16| b'A' + (n % 26) as u8;
        (number < 26 * 26 * 26)
            .then(|| Currency([letter(number / 676), letter(number / 26), letter(number)]))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn a_tenth_and_two_tenths_make_three_tenths() {
        let sum = money("0.1 EUR").checked_add(money("0.2 EUR")).unwrap();
        assert_eq!(sum, money("0.3 EUR"));
        assert_eq!(sum.to_string(), "0.3 EUR");
    }

    #[test]
    fn a_sum_is_exact_or_an_error() {
        let most = Money::new(Decimal::MAX, Currency(*b"EUR"));
        for text in ["1 EUR", "0.1 EUR"] {
            assert_eq!(
                most.checked_add(money(text)).unwrap_err().code(),
                Code::InvalidValue
            );
        }
        assert_eq!(most.checked_add(money("0.00 EUR")).unwrap(), most);
        assert_eq!(
            money("0 EUR")
                .checked_add(money("1.20 EUR"))
                .unwrap()
                .to_string(),
            "1.20 EUR"
        );
        assert_eq!(
            money("-0.5 EUR").checked_add(money("0.50 EUR")).unwrap(),
            money("0 EUR")
        );
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (given, rounded) in [
            ("2.345 EUR", "2.35 EUR"),
            ("2.335 EUR", "2.34 EUR"),
            ("-2.345 EUR", "-2.35 EUR"),
            ("2.344999 EUR", "2.34 EUR"),
            ("-0.001 EUR", "0.00 EUR"),
            ("2.5 JPY", "3 JPY"),
            ("1.0005 KWD", "1.001 KWD"),
            ("7 EUR", "7.00 EUR"),
        ] {
            assert_eq!(money(given).rounded().to_string(), rounded);
        }
        let most = Money::new(Decimal::MAX, Currency(*b"EUR"));
        assert_eq!(most.rounded(), most);
    }

    #[test]
    fn only_an_amount_and_a_currency_are_money() {
        for text in [
            "", "EUR", "1.20", "1.20EUR", "1,20 EUR", "1.20 EU", "1.20 eur", "1 2 EUR",
        ] {
            assert_eq!(
                text.parse::<Money>().unwrap_err().code(),
                Code::InvalidValue,
                "{text}"
            );
        }
    }

    #[test]
    fn a_currency_survives_as_a_number() {
        for code in ["AAA", "EUR", "RUB", "USD", "ZZZ"] {
            let currency = Currency::new(code).unwrap();
            assert_eq!(Currency::from_number(currency.number()), Some(currency));
        }
        assert_eq!(Currency::from_number(26 * 26 * 26), None);
        assert!(Currency::new("EUR").unwrap().number() < Currency::new("RUB").unwrap().number());
    }
}
