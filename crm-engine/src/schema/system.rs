//! What the kernel itself declares: the fields every record has, and the objects that rights
//! are made of. Packs may extend these objects with fields, as any other.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::value::{Head, Record, Value, ValueType};

use super::{Field, Labels, ObjectDeclaration, OnDelete};

/// The record's own id.
pub(crate) const ID: FieldId = FieldId(0);
/// The user a record belongs to (invariant *records carry only their owner*).
pub(crate) const OWNER: FieldId = FieldId(1);
/// How often the record was written.
pub(crate) const VERSION: FieldId = FieldId(2);
/// When the record was created.
pub(crate) const CREATED_AT: FieldId = FieldId(3);
/// Who created the record.
pub(crate) const CREATED_BY: FieldId = FieldId(4);
/// When the record was last changed.
pub(crate) const UPDATED_AT: FieldId = FieldId(5);
/// Who last changed the record.
pub(crate) const UPDATED_BY: FieldId = FieldId(6);
/// The users an owned record is shared with.
pub(crate) const PARTICIPANTS: FieldId = FieldId(7);
/// Declared fields are numbered from here.
pub(crate) const DECLARED_FIRST: u16 = 16;

/// The object of users.
pub(crate) const USER: ObjectId = ObjectId(1);
/// The object of departments.
pub(crate) const DEPARTMENT: ObjectId = ObjectId(2);
/// The object of roles.
pub(crate) const ROLE: ObjectId = ObjectId(3);
/// The object of grants: what a role permits.
pub(crate) const GRANT: ObjectId = ObjectId(4);

/// The object of user groups: who may work with a section.
pub(crate) const GROUP: ObjectId = ObjectId(5);
/// The object of settings of the whole store.
pub(crate) const SETTING: ObjectId = ObjectId(6);
/// The object of dated exchange rates.
pub(crate) const EXCHANGE_RATE: ObjectId = ObjectId(7);

/// The objects whose records decide rights; a write to one starts a new policy epoch.
pub(crate) const POLICY_OBJECTS: [ObjectId; 5] = [USER, DEPARTMENT, ROLE, GRANT, GROUP];

/// Field numbers of the kernel's own objects, in the order of `kernel.toml`.
pub(crate) mod user {
    use crate::ids::FieldId;
    pub(crate) const LOGIN: FieldId = FieldId(16);
    pub(crate) const NAME: FieldId = FieldId(17);
    pub(crate) const DEPARTMENT: FieldId = FieldId(18);
    pub(crate) const SUPERVISOR: FieldId = FieldId(19);
    pub(crate) const ROLES: FieldId = FieldId(20);
    pub(crate) const KIND: FieldId = FieldId(21);
    pub(crate) const ACCESS_CLOSED: FieldId = FieldId(22);
    pub(crate) const GROUPS: FieldId = FieldId(23);
    pub(crate) const ON_PROBATION: FieldId = FieldId(24);
    pub(crate) const PROBATION_ENDED: FieldId = FieldId(25);
    pub(crate) const CONFIDENTIALITY_SIGNED: FieldId = FieldId(26);
    pub(crate) const ACCESS_FROM: FieldId = FieldId(27);
    pub(crate) const ACCESS_UNTIL: FieldId = FieldId(28);
    pub(crate) const IP_LIMITED: FieldId = FieldId(29);
    pub(crate) const SECOND_FACTOR: FieldId = FieldId(30);
    pub(crate) const MACHINES: FieldId = FieldId(31);
    pub(crate) const IDENTITIES: FieldId = FieldId(32);
    pub(crate) const TIME_ZONE: FieldId = FieldId(33);
    /// The last field that the kernel declares.
    pub(crate) const LAST: FieldId = TIME_ZONE;
}
pub(crate) mod department {
    use crate::ids::FieldId;
    pub(crate) const NAME: FieldId = FieldId(16);
    pub(crate) const PARENT: FieldId = FieldId(17);
    pub(crate) const ROLES: FieldId = FieldId(18);
}
pub(crate) mod role {
    use crate::ids::FieldId;
    pub(crate) const NAME: FieldId = FieldId(16);
    pub(crate) const EVERYONE: FieldId = FieldId(19);
    pub(crate) const NEWCOMER: FieldId = FieldId(20);
    pub(crate) const OPENS_PER_HOUR: FieldId = FieldId(21);
    pub(crate) const OPENS_OVER: FieldId = FieldId(22);
    pub(crate) const SECOND_FACTOR: FieldId = FieldId(23);
}
pub(crate) mod grant {
    use crate::ids::FieldId;
    pub(crate) const ROLE: FieldId = FieldId(16);
    pub(crate) const OBJECT: FieldId = FieldId(17);
    pub(crate) const ACTIONS: FieldId = FieldId(18);
    pub(crate) const SCOPE: FieldId = FieldId(19);
    pub(crate) const HIDDEN_FIELDS: FieldId = FieldId(20);
    pub(crate) const BAN: FieldId = FieldId(21);
    pub(crate) const FIELDS: FieldId = FieldId(22);
    pub(crate) const CONDITION: FieldId = FieldId(23);
    pub(crate) const DEPARTMENTS: FieldId = FieldId(24);
    pub(crate) const SOURCE: FieldId = FieldId(25);
}
pub(crate) mod group {
    use crate::ids::FieldId;
    pub(crate) const NAME: FieldId = FieldId(16);
    pub(crate) const ROLES: FieldId = FieldId(18);
}
pub(crate) mod setting {
    use crate::ids::FieldId;
    pub(crate) const NAME: FieldId = FieldId(16);
    pub(crate) const VALUE: FieldId = FieldId(17);
}
pub(crate) mod exchange_rate {
    use crate::ids::FieldId;
    pub(crate) const CURRENCY: FieldId = FieldId(16);
    pub(crate) const DAY: FieldId = FieldId(17);
    pub(crate) const RATE: FieldId = FieldId(18);
}

/// The fields every record has, by number.
pub(crate) fn record_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let field = |id, name: &str, value_type, target, en: &str, ru: &str| Field {
            id,
            name: name.to_owned(),
            value_type,
            labels: Labels::from([("en".into(), en.into()), ("ru".into(), ru.into())]),
            required: false,
            unique: false,
            computed: false,
            target,
            on_delete: OnDelete::Restrict,
            follows_owner: false,
            choices: Vec::new(),
            default: None,
            further: None,
            timeline: false,
            guarded: false,
            fixed: false,
            search: false,
            rollup: None,
            formula: None,
            inputs: Vec::new(),
            converted: None,
        };
        use ValueType::{DateTime, Integer, Reference, References};
        vec![
            field(ID, "id", Integer, None, "Number", "Номер"),
            field(
                OWNER,
                "owner",
                Reference,
                Some(USER),
                "Owner",
                "Ответственный",
            ),
            field(VERSION, "version", Integer, None, "Version", "Версия"),
            field(
                CREATED_AT,
                "created_at",
                DateTime,
                None,
                "Created",
                "Создано",
            ),
            field(
                CREATED_BY,
                "created_by",
                Reference,
                Some(USER),
                "Author",
                "Автор",
            ),
            field(
                UPDATED_AT,
                "updated_at",
                DateTime,
                None,
                "Changed",
                "Изменено",
            ),
            field(
                UPDATED_BY,
                "updated_by",
                Reference,
                Some(USER),
                "Changed by",
                "Изменил",
            ),
            field(
                PARTICIPANTS,
                "participants",
                References,
                Some(USER),
                "Participants",
                "Участники",
            ),
        ]
    });
    &FIELDS
}

/// Whether only records with an owner have the field.
pub(crate) fn is_of_owned(field: FieldId) -> bool {
    matches!(field, OWNER | PARTICIPANTS)
}

/// The value of any field of a record, declared or kept by the engine.
pub(crate) fn value_of(id: RecordId, record: &Record, field: FieldId) -> Cow<'_, Value> {
    match head_value(id, &record.head, field) {
        Some(kept) => Cow::Owned(kept),
        None => Cow::Borrowed(record.fields.get(field)),
    }
}

/// The value of a field that the engine keeps; none for declared fields.
pub(crate) fn head_value(id: RecordId, head: &Head, field: FieldId) -> Option<Value> {
    let user = |user: Option<UserId>| user.map_or(Value::Null, |user| Value::Reference(user.0));
    let number = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    Some(match field {
        ID => number(id.get()),
        OWNER => user(head.owner),
        VERSION => number(head.version.0),
        CREATED_AT => Value::DateTime(head.created_at),
        CREATED_BY => user(head.created_by),
        UPDATED_AT => Value::DateTime(head.updated_at),
        UPDATED_BY => user(head.updated_by),
        PARTICIPANTS => head.participants.to_value(),
        _ => return None,
    })
}

/// The declarations of the kernel's own objects, in the order of their numbers.
pub(crate) fn declarations() -> &'static [ObjectDeclaration] {
    #[derive(serde::Deserialize)]
    struct Kernel {
        object: Vec<ObjectDeclaration>,
    }
    static OBJECTS: LazyLock<Vec<ObjectDeclaration>> = LazyLock::new(|| {
        let kernel: Kernel = toml::from_str(include_str!("kernel.toml"))
            .expect("kernel.toml is part of the engine and is parsed by a test");
        kernel.object
    });
    &OBJECTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    /// The numbers above are a second copy of what `kernel.toml` says: hold them together.
    #[test]
    fn numbers_agree_with_the_declarations() {
        let schema = Schema::kernel();
        let number = |object: &str, field: &str| {
            let object = schema.object(object).unwrap();
            (object.id, object.field(field).unwrap().id)
        };
        assert_eq!(number("user", "login"), (USER, user::LOGIN));
        assert_eq!(number("user", "department"), (USER, user::DEPARTMENT));
        assert_eq!(number("user", "supervisor"), (USER, user::SUPERVISOR));
        assert_eq!(number("user", "roles"), (USER, user::ROLES));
        assert_eq!(number("user", "kind"), (USER, user::KIND));
        for (name, id) in [
            ("on_probation", user::ON_PROBATION),
            ("probation_ended", user::PROBATION_ENDED),
            ("confidentiality_signed", user::CONFIDENTIALITY_SIGNED),
            ("access_from", user::ACCESS_FROM),
            ("access_until", user::ACCESS_UNTIL),
            ("ip_limited", user::IP_LIMITED),
            ("second_factor", user::SECOND_FACTOR),
            ("machines", user::MACHINES),
            ("identities", user::IDENTITIES),
            ("time_zone", user::TIME_ZONE),
        ] {
            assert_eq!(number("user", name), (USER, id));
        }
        for (name, id) in [
            ("name", department::NAME),
            ("parent", department::PARENT),
            ("roles", department::ROLES),
        ] {
            assert_eq!(number("department", name), (DEPARTMENT, id));
        }
        for (name, id) in [
            ("everyone", role::EVERYONE),
            ("newcomer", role::NEWCOMER),
            ("opens_per_hour", role::OPENS_PER_HOUR),
            ("opens_over", role::OPENS_OVER),
            ("second_factor", role::SECOND_FACTOR),
        ] {
            assert_eq!(number("role", name), (ROLE, id));
        }
        for (name, id) in [
            ("ban", grant::BAN),
            ("fields", grant::FIELDS),
            ("condition", grant::CONDITION),
            ("departments", grant::DEPARTMENTS),
            ("source", grant::SOURCE),
        ] {
            assert_eq!(number("grant", name), (GRANT, id));
        }
        assert_eq!(number("group", "roles"), (GROUP, group::ROLES));
        assert_eq!(number("user", "access_closed"), (USER, user::ACCESS_CLOSED));
        assert_eq!(number("user", "groups"), (USER, user::GROUPS));
        assert_eq!(schema.object("department").unwrap().id, DEPARTMENT);
        assert_eq!(number("group", "name"), (GROUP, group::NAME));
        assert_eq!(number("setting", "name"), (SETTING, setting::NAME));
        assert_eq!(number("setting", "value"), (SETTING, setting::VALUE));
        let rate = |field| number("exchange_rate", field);
        assert_eq!(rate("currency"), (EXCHANGE_RATE, exchange_rate::CURRENCY));
        assert_eq!(rate("day"), (EXCHANGE_RATE, exchange_rate::DAY));
        assert_eq!(rate("rate"), (EXCHANGE_RATE, exchange_rate::RATE));
        assert_eq!(number("role", "name"), (ROLE, role::NAME));
        assert_eq!(number("grant", "role"), (GRANT, grant::ROLE));
        assert_eq!(number("grant", "object"), (GRANT, grant::OBJECT));
        assert_eq!(number("grant", "actions"), (GRANT, grant::ACTIONS));
        assert_eq!(number("grant", "scope"), (GRANT, grant::SCOPE));
        assert_eq!(
            number("grant", "hidden_fields"),
            (GRANT, grant::HIDDEN_FIELDS)
        );
    }
}
