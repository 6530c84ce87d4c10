//! What the records that rights are made of must say: names of what there is, conditions that can
//! be read, departments in a tree. What becomes unreadable later still grants nothing and bans all
//! it could mean; here the administrator is told at once.

use std::sync::Arc;

use super::Door;
use crate::error::{Code, Error, Result};
use crate::expr;
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::journal::Cause;
use crate::limits::DEPARTMENT_DEPTH_MAX;
use crate::policy::{Action, Scope};
use crate::schema::{Object, keys, system};
use crate::store::Read;
use crate::value::{Record, Value};

/// What a rule says, beside whose it is and where it was declared.
const RULE: [FieldId; 8] = [
    system::grant::OBJECT,
    system::grant::ACTIONS,
    system::grant::SCOPE,
    system::grant::HIDDEN_FIELDS,
    system::grant::BAN,
    system::grant::FIELDS,
    system::grant::CONDITION,
    system::grant::DEPARTMENTS,
];

impl Door<'_> {
    /// Refuses a record of rights that names what there is not. What stood in it before is not
    /// asked about again.
    ///
    /// # Errors
    /// [`Code::BadReference`], [`Code::InvalidValue`], [`Code::LimitExceeded`], each naming the
    /// field.
    pub(super) fn check_policy(
        &self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        match object.id {
            system::GRANT => self.check_rule(object, old, new),
            system::USER => self.check_roles(object, system::user::ROLES, old, new),
            system::GROUP => self.check_roles(object, system::group::ROLES, old, new),
            system::DEPARTMENT => {
                self.check_roles(object, system::department::ROLES, old, new)?;
                self.check_department(object, id, old, new)
            }
            _ => Ok(()),
        }
    }

    fn check_roles(
        &self,
        object: &Object,
        field: FieldId,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let former = old.map(|old| tags(old, field)).unwrap_or_default();
        for name in tags(new, field).iter().filter(|n| !former.contains(n)) {
            if !self.is_named(system::ROLE, system::role::NAME, name)? {
                return Err(not_found(object, field, name));
            }
        }
        Ok(())
    }

    fn check_rule(&self, grants: &Object, old: Option<&Record>, new: &Record) -> Result<()> {
        use system::grant;
        let same = |field: &FieldId| {
            old.is_some_and(|old| old.fields.get(*field) == new.fields.get(*field))
        };
        if RULE.iter().all(same) {
            return Ok(());
        }
        let ban = *new.fields.get(grant::BAN) == Value::Checkbox(true);
        let name = new.fields.get(grant::OBJECT).as_text().unwrap_or_default();
        let of = match name {
            "*" => None,
            name => {
                let object = self.schema().object(name);
                Some(object.map_err(|_| not_found(grants, grant::OBJECT, name))?)
            }
        };
        if let Some(followed) = of.and_then(|object| self.schema().followed(object)) {
            let text = format!(
                "`{name}` goes with `{}`: give the right on that",
                followed.name
            );
            return Err(refused(grants, grant::OBJECT, &text));
        }
        let mut actions = tags(new, grant::ACTIONS).iter();
        if let Some(unknown) = actions.find(|name| Action::by_name(name).is_none()) {
            return Err(not_found(grants, grant::ACTIONS, unknown));
        }
        for field in [grant::FIELDS, grant::HIDDEN_FIELDS] {
            let has = |object: &Arc<Object>, name: &str| object.find(name).is_some();
            // A ban on fields means all of them where an object has them not.
            let known = |name: &str| match of {
                Some(object) => has(object, name),
                None => !ban && self.schema().objects().any(|object| has(object, name)),
            };
            if let Some(unknown) = tags(new, field).iter().find(|name| !known(name)) {
                return Err(not_found(grants, field, unknown));
            }
        }
        let hidden = tags(new, grant::HIDDEN_FIELDS);
        if ban && !hidden.is_empty() {
            let text = "a ban hides no fields: it names those it forbids in `fields`";
            return Err(refused(grants, grant::HIDDEN_FIELDS, text));
        }
        let mut shown = tags(new, grant::FIELDS).iter();
        if let Some(both) = shown.find(|name| hidden.contains(name)) {
            let text = format!("`{both}` stands in `fields` too");
            return Err(refused(grants, grant::HIDDEN_FIELDS, &text));
        }
        self.check_departments(grants, new)?;
        self.check_condition(grants, of, new)
    }

    fn check_departments(&self, grants: &Object, new: &Record) -> Result<()> {
        let field = system::grant::DEPARTMENTS;
        let named = tags(new, field);
        let scope = new.fields.get(system::grant::SCOPE).as_choice();
        let scope = scope.and_then(|id| grants.by_id(system::grant::SCOPE)?.choice_by_id(id));
        let scope = scope.and_then(|choice| Scope::by_name(&choice.name));
        if !named.is_empty() && scope != Some(Scope::Foreign) {
            let text = "departments narrow the scope `foreign` only";
            return Err(refused(grants, field, text));
        }
        // The departments that a pack speaks of may come after it.
        if matches!(self.around.cause, Cause::Install(_)) {
            return Ok(());
        }
        for name in named {
            if !self.is_named(system::DEPARTMENT, system::department::NAME, name)? {
                return Err(not_found(grants, field, name));
            }
        }
        Ok(())
    }

    fn check_condition(
        &self,
        grants: &Object,
        of: Option<&Arc<Object>>,
        new: &Record,
    ) -> Result<()> {
        let field = system::grant::CONDITION;
        let Some(text) = new.fields.get(field).as_text() else {
            return Ok(());
        };
        let Some(object) = of else {
            let text = "a condition speaks of the fields of one object, not of `*`";
            return Err(refused(grants, field, text));
        };
        if object.is_detail() {
            let text = "details go with their parent: a rule on them has no condition";
            return Err(refused(grants, field, text));
        }
        match expr::judge(self.schema(), object, text) {
            Ok(_) => Ok(()),
            Err(error) => Err(refused(grants, field, error.message())),
        }
    }

    /// Departments form a tree of limited depth.
    fn check_department(
        &self,
        departments: &Object,
        id: RecordId,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let field = system::department::PARENT;
        let parent = |record: &Record| record.fields.get(field).as_reference();
        let mut above = parent(new);
        if old.is_some_and(|old| parent(old) == above) {
            return Ok(());
        }
        let too_deep = || {
            let text =
                format!("departments stand {DEPARTMENT_DEPTH_MAX} above one another at most");
            Error::new(Code::LimitExceeded, format!("`parent`: {text}")).field("parent")
        };
        let mut depth = 1;
        while let Some(department) = above {
            if department == id {
                let text = "a department is no part of itself";
                return Err(refused(departments, field, text));
            }
            depth += 1;
            if depth > DEPARTMENT_DEPTH_MAX {
                return Err(too_deep());
            }
            let record = self.load(departments, department)?;
            above = record.as_ref().and_then(parent);
        }
        let mut level = vec![id];
        loop {
            let mut below = Vec::new();
            for department in level {
                let referrers = self.referrers(departments, department)?.into_iter();
                let parts = referrers
                    .filter(|(source, by, _)| source.id == system::DEPARTMENT && by.id == field);
                below.extend(parts.map(|(_, _, id)| id));
            }
            if below.is_empty() {
                return Ok(());
            }
            depth += 1;
            if depth > DEPARTMENT_DEPTH_MAX {
                return Err(too_deep());
            }
            level = below;
        }
    }

    /// Whether a record of `object` has that name.
    pub(super) fn is_named(&self, object: ObjectId, field: FieldId, name: &str) -> Result<bool> {
        let key = keys::unique(object, field, &Value::from(name));
        Ok(self.txn.get(&key)?.is_some())
    }
}

fn tags(record: &Record, field: FieldId) -> &[String] {
    record.fields.get(field).as_tags().unwrap_or_default()
}

fn name_of(object: &Object, field: FieldId) -> &str {
    object.by_id(field).map_or("", |field| field.name.as_str())
}

fn not_found(object: &Object, field: FieldId, name: &str) -> Error {
    let field = name_of(object, field);
    let name = crate::value::shorten(name);
    let text = format!("`{field}` names `{name}`, which is not found");
    Error::new(Code::BadReference, text).field(field)
}

fn refused(object: &Object, field: FieldId, text: &str) -> Error {
    let field = name_of(object, field);
    Error::new(Code::InvalidValue, format!("`{field}`: {text}")).field(field)
}
