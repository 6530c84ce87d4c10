//! Places among the fields somebody sees, against the same in words.

use proptest::prelude::*;

use super::{FieldChange, place_at};
use crate::ids::FieldId;
use crate::schema::{FieldDeclaration, Object, ObjectDeclaration, Schema};
use crate::value::ValueType;

fn thing(fields: u16) -> Object {
    let declared = ObjectDeclaration {
        name: "thing".into(),
        field: (0..fields)
            .map(|n| FieldDeclaration::new(&format!("f{n}"), ValueType::Text))
            .collect(),
        ..ObjectDeclaration::default()
    };
    let schema = Schema::kernel().apply(&[declared]).unwrap();
    Object::clone(schema.object("thing").unwrap())
}

proptest! {
    /// A field moved to a place stands there among those that are seen; the others keep their
    /// order, those that are not seen too, and every field stays in exactly one section.
    #[test]
    fn a_moved_field_stands_where_it_was_told(
        moves in prop::collection::vec((0_u16..8, 0_usize..2, 1_usize..12), 1..20),
        hidden in prop::collection::btree_set(16_u16..24, 0..4),
    ) {
        let mut object = thing(8);
        let shows = |field: FieldId| !hidden.contains(&field.0);
        for (field, section, position) in moves {
            let id = FieldId(16 + field);
            if !shows(id) {
                continue;
            }
            let before: Vec<Vec<FieldId>> = object.sections.iter().map(|s| s.fields.clone()).collect();
            let others = |fields: &[FieldId]| -> Vec<FieldId> {
                fields.iter().copied().filter(|other| *other != id).collect()
            };
            let seen = |fields: &[FieldId]| -> Vec<FieldId> {
                fields.iter().copied().filter(|field| shows(*field)).collect()
            };
            let change = FieldChange {
                section: Some(object.sections[section].name.clone()),
                position: Some(position),
                ..FieldChange::default()
            };
            let mut wanted = seen(&others(&before[section]));
            let fits = position <= wanted.len() + 1;
            let mut changed = object.clone();
            let result = changed.change_field(id, &change, &shows);
            prop_assert_eq!(result.is_ok(), fits);
            if !fits {
                continue;
            }
            wanted.insert(position - 1, id);
            prop_assert_eq!(seen(&changed.sections[section].fields), wanted);
            for (section, before) in changed.sections.iter().zip(&before) {
                prop_assert_eq!(others(&section.fields), others(before));
            }
            let mut all: Vec<FieldId> = changed.sections.iter().flat_map(|s| s.fields.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (16..24).map(FieldId).collect::<Vec<_>>());
            object = changed;
        }
    }
}

#[test]
fn a_place_is_counted_from_one() {
    assert!(place_at(0, &[], 3).is_err());
    assert_eq!(place_at(1, &[], 3), Ok(3));
    assert_eq!(place_at(1, &[2], 3), Ok(2));
    assert_eq!(place_at(2, &[2], 3), Ok(3));
    assert!(place_at(3, &[2], 3).is_err());
}
