//! Totals added record by record against totals counted anew.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::totals::Sums;
use crate::ids::{ChoiceId, FieldId, Version};
use crate::schema::Total;
use crate::value::{Currency, Fields, Head, Money, Record, Value};

fn total() -> Total {
    Total {
        id: 1,
        name: "t".into(),
        group: FieldId(16),
        sums: vec![FieldId(17), FieldId(18)],
    }
}

fn record(choice: Option<u16>, money: Option<(i64, bool)>, number: Option<i64>) -> Record {
    let mut fields = Fields::default();
    if let Some(choice) = choice {
        fields.set(FieldId(16), Value::Choice(ChoiceId(choice)));
    }
    if let Some((cents, euro)) = money {
        let currency = Currency::new(if euro { "EUR" } else { "USD" }).unwrap();
        fields.set(
            FieldId(17),
            Value::Money(Money {
                currency,
                amount: Decimal::new(cents, 2),
            }),
        );
    }
    if let Some(number) = number {
        fields.set(FieldId(18), Value::Integer(number));
    }
    let at = Default::default();
    let head = Head {
        version: Version(1),
        owner: None,
        participants: Default::default(),
        created_at: at,
        created_by: None,
        updated_at: at,
        updated_by: None,
    };
    Record { head, fields }
}

proptest! {
    /// What was added and taken away again leaves the very bytes of what was never there, and
    /// the stored form reads back as it was.
    #[test]
    fn totals_are_exact(
        records in prop::collection::vec(
            (prop::option::of(1_u16..4),
             prop::option::of((-100_000_i64..100_000, any::<bool>())),
             prop::option::of(-50_i64..50),
             any::<bool>()),
            0..40,
        )
    ) {
        let total = total();
        let (mut all, mut kept) = (Sums::default(), Sums::default());
        for (choice, money, number, _) in &records {
            all.add(&total, &record(*choice, *money, *number)).unwrap();
        }
        for (choice, money, number, keep) in &records {
            let record = record(*choice, *money, *number);
            if *keep {
                kept.add(&total, &record).unwrap();
            } else {
                all.take(&total, &record).unwrap();
            }
        }
        prop_assert_eq!(all.encode(), kept.encode());
        prop_assert_eq!(&Sums::decode(&all.encode()).unwrap(), &kept);
        let mut doubled = kept.clone();
        doubled.merge(&all).unwrap();
        let count = |sums: &Sums| sums.groups().map(|(_, group)| group.count).sum::<u64>();
        prop_assert_eq!(count(&doubled), 2 * count(&kept));
    }
}

/// A sum that 28 digits do not hold is refused, also where it is rounded to itself.
#[test]
fn totals_are_never_rounded() {
    let mut sums = std::collections::BTreeMap::new();
    super::add_to(&mut sums, None, Decimal::MIN).unwrap();
    for amount in ["1.01", "0.5", "-1"] {
        let refused = super::add_to(&mut sums, None, amount.parse().unwrap());
        assert!(refused.is_err(), "{amount}");
    }
    super::add_to(&mut sums, None, Decimal::MAX).unwrap();
    assert!(sums.is_empty());
}
