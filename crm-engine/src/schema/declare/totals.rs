//! How a schema takes in declared totals.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::FieldId;
use crate::limits::{SORTS_PER_OBJECT_MAX, TOTAL_PARTS_MAX, TOTAL_SUMS_MAX};
use crate::schema::edit::Shows;
use crate::schema::{Field, Object, Period, Total, TotalPart};
use crate::value::ValueType;

use super::{check_name, invalid, limit};

/// A total as declared: `{ name = "funnel", group = ["month(closed)", "stage"], sum = ["amount"] }`;
/// see [`Total`](crate::Total).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TotalDeclaration {
    /// Its stable API name.
    pub name: String,
    /// The fields it groups by, or periods of dates: `month(day)`, `quarter(day)`, `year(day)`.
    /// One of them may stand without brackets; none counts all records together.
    #[serde(deserialize_with = "one_or_several")]
    pub group: Vec<String>,
    /// The numeric or money fields it sums.
    #[serde(default)]
    pub sum: Vec<String>,
}

impl Object {
    /// Takes in a total of fields that are shown; one that is declared already stays as it is.
    ///
    /// # Errors
    /// [`Code::InvalidValue`], [`Code::UnknownField`] and [`Code::LimitExceeded`] for a
    /// declaration that makes no sense, [`Code::SchemaFixed`] when there is another one of that
    /// name. Details name the `total` and, where one is at fault, the `field` and the `part`.
    pub(in crate::schema) fn take_total(
        &mut self,
        declared: &TotalDeclaration,
        shows: Shows<'_>,
    ) -> Result<()> {
        let taken = self.taken_total(declared, shows);
        let total = taken.map_err(|error| error.with("total", declared.name.as_str()))?;
        self.totals.extend(total);
        Ok(())
    }

    fn taken_total(&self, declared: &TotalDeclaration, shows: Shows<'_>) -> Result<Option<Total>> {
        check_name(&declared.name, "a total")?;
        let (parts, sums) = (self.parts(declared, shows)?, self.sums(declared, shows)?);
        if let Some(existing) = self.totals.iter().find(|t| t.name == declared.name) {
            return match (&existing.parts, &existing.sums) == (&parts, &sums) {
                true => Ok(None),
                false => Err(Error::new(
                    Code::SchemaFixed,
                    format!(
                        "the total `{}` has another definition already",
                        declared.name
                    ),
                )),
            };
        }
        if self.totals.len() == SORTS_PER_OBJECT_MAX {
            return Err(limit("totals of an object", SORTS_PER_OBJECT_MAX));
        }
        let is_free = |id: &u8| self.totals.iter().all(|total| total.id != *id);
        let id = (1..=u8::MAX).find(is_free);
        Ok(Some(Total {
            id: id.ok_or_else(|| Error::internal("no number is left for a total"))?,
            name: declared.name.clone(),
            parts,
            sums,
        }))
    }

    /// What a total groups by, the part whose groups share an entry last.
    fn parts(&self, declared: &TotalDeclaration, shows: Shows<'_>) -> Result<Vec<TotalPart>> {
        if declared.group.len() > TOTAL_PARTS_MAX {
            return Err(limit("parts that a total groups by", TOTAL_PARTS_MAX));
        }
        let mut parts: Vec<TotalPart> = Vec::new();
        for text in &declared.group {
            let part = self
                .part(text, shows)
                .map_err(|error| error.with("part", text.as_str()))?;
            if parts.iter().any(|other| other.field == part.field) {
                let name = text.as_str();
                return Err(invalid("a total groups by a field once").with("part", name));
            }
            parts.push(part);
        }
        if let Some(at) = parts.iter().rposition(TotalPart::is_packed) {
            let packed = parts.remove(at);
            parts.push(packed);
        }
        Ok(parts)
    }

    fn part(&self, text: &str, shows: Shows<'_>) -> Result<TotalPart> {
        let (period, name) = match text.split_once('(') {
            None => (None, text),
            Some((name, rest)) => {
                let period = Period::ALL.into_iter().find(|period| period.name() == name);
                match (period, rest.strip_suffix(')')) {
                    (Some(period), Some(field)) => (Some(period), field),
                    _ => {
                        let text = crate::value::shorten(text);
                        return Err(invalid(format!(
                            "`{text}` is neither a field nor `month(..)`, `quarter(..)` or \
                             `year(..)` of one"
                        )));
                    }
                }
            }
        };
        let field = self.shown(name, shows)?;
        let kind = field.value_type;
        if period.is_some() && kind != ValueType::Date {
            let text = format!(
                "only days of type `date` have periods, not `{}`",
                kind.name()
            );
            return Err(invalid(text).field(name));
        }
        if field.is_system() || !is_groupable(kind) {
            let what = match field.is_system() {
                true => name,
                false => kind.name(),
            };
            return Err(invalid(format!("a total cannot group by `{what}`")).field(name));
        }
        Ok(TotalPart {
            field: field.id,
            value_type: kind,
            period,
        })
    }

    fn shown(&self, name: &str, shows: Shows<'_>) -> Result<&Field> {
        let found = self.find(name).filter(|field| shows(field.id));
        found.ok_or_else(|| self.unknown_field(&crate::value::shorten(name)))
    }

    fn sums(&self, declared: &TotalDeclaration, shows: Shows<'_>) -> Result<Vec<FieldId>> {
        if declared.sum.len() > TOTAL_SUMS_MAX {
            return Err(limit("sums of a total", TOTAL_SUMS_MAX));
        }
        let mut sums = Vec::new();
        for name in &declared.sum {
            let at_fault = |error: Error| error.field(name).with("part", name.as_str());
            let field = self.shown(name, shows).map_err(at_fault)?;
            let is_number = matches!(
                field.value_type,
                ValueType::Integer | ValueType::Decimal | ValueType::Money
            );
            if !is_number || field.is_system() {
                return Err(at_fault(invalid(
                    "a total sums integers, decimals and money",
                )));
            }
            if sums.contains(&field.id) {
                return Err(at_fault(invalid("a total sums a field once")));
            }
            sums.push(field.id);
        }
        Ok(sums)
    }
}

/// Whether so few different values are expected of the type, and so short ones, that records are
/// counted by them.
fn is_groupable(value_type: ValueType) -> bool {
    use ValueType::{
        Checkbox, Choice, Date, Digits, Duration, Email, Integer, Link, Phone, Reference, Text,
    };
    matches!(
        value_type,
        Checkbox
            | Choice
            | Date
            | Digits
            | Duration
            | Email
            | Integer
            | Link
            | Phone
            | Reference
            | Text
    )
}

fn one_or_several<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Vec<String>, D::Error> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or an array of names")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> std::result::Result<Vec<String>, E> {
            Ok(vec![name.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(
            self,
            mut names: A,
        ) -> std::result::Result<Vec<String>, A::Error> {
            let mut all = Vec::new();
            while let Some(name) = names.next_element()? {
                if all.len() > TOTAL_PARTS_MAX {
                    let text = format!("at most {TOTAL_PARTS_MAX} parts that a total groups by");
                    return Err(A::Error::custom(text));
                }
                all.push(name);
            }
            Ok(all)
        }
    }

    from.deserialize_any(Names)
}
