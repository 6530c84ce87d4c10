//! Totals added record by record against totals counted anew.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::totals::{Built, Sums, build};
use crate::ids::{ChoiceId, FieldId, Version};
use crate::schema::{Object, ObjectDeclaration, Schema, Total};
use crate::value::{Currency, Fields, Head, Money, Record, Value};

const THING: &str = "\
name = 'thing'
field = [
    { name = 'state', type = 'choice', choice = [{ name = 'a' }, { name = 'b' }, { name = 'c' }] },
    { name = 'amount', type = 'money' },
    { name = 'number', type = 'integer' },
]
total = [{ name = 't', group = 'state', sum = ['amount', 'number'] }]
";

fn thing() -> Object {
    let declared: ObjectDeclaration = toml::from_str(THING).unwrap();
    let schema = Schema::kernel().apply(&[declared]).unwrap();
    Object::clone(schema.object("thing").unwrap())
}

/// The one entry of a total over these records.
fn sums<'r>(thing: &Object, records: impl IntoIterator<Item = &'r Record>) -> Sums {
    let mut built = Built::new();
    for record in records {
        build(thing, &thing.totals, record, &mut built).unwrap();
    }
    built.into_values().next().unwrap_or_default()
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
        let thing = thing();
        let total: &Total = &thing.totals[0];
        let records: Vec<(Record, bool)> = records
            .iter()
            .map(|(choice, money, number, keep)| (record(*choice, *money, *number), *keep))
            .collect();
        let mut all = sums(&thing, records.iter().map(|(record, _)| record));
        let count = |sums: &Sums| sums.groups().map(|(_, group)| group.count).sum::<u64>();
        prop_assert_eq!(count(&all), records.len() as u64);
        for (record, _) in records.iter().filter(|(_, keep)| !keep) {
            let group = record.fields.get(FieldId(16)).as_choice().map_or(0, |choice| choice.0);
            all.change(total, group.into(), record, false).unwrap();
        }
        let kept = sums(&thing, records.iter().filter(|(_, keep)| *keep).map(|(record, _)| record));
        prop_assert_eq!(all.encode(), kept.encode());
        prop_assert_eq!(&Sums::decode(&all.encode()).unwrap(), &kept);
        let mut doubled = kept.clone();
        doubled.merge(&all).unwrap();
        prop_assert_eq!(count(&doubled), 2 * count(&kept));
    }
}
