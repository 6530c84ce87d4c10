//! Roles and grants: as declared, and as records of the kernel's objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Pack, ROLES, place};
use crate::error::{Error, Result};
use crate::ids::RecordId;
use crate::policy::{Action, Scope};
use crate::schema::system::{GRANT, ROLE, grant, role};
use crate::schema::{Object, Schema, keys};
use crate::value::take_uint;
use crate::value::{Record, Value};
use crate::write::{Door, Input};

/// A role as a pack declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDeclaration {
    /// Its name. A role that exists already is added to.
    pub name: String,
    /// Who it is for.
    #[serde(default)]
    pub description: String,
    /// What it permits.
    #[serde(default)]
    pub grant: Vec<GrantDeclaration>,
}

/// A permission as a pack declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantDeclaration {
    /// The object, or `*` for every object.
    pub object: String,
    /// What is permitted.
    pub actions: BTreeSet<Action>,
    /// For whose records.
    pub scope: Scope,
    /// Fields this grant does not show.
    #[serde(default)]
    pub hidden_fields: BTreeSet<String>,
}

/// Everything that is wrong with the roles of a pack in a schema. The fields of `unsettled` objects
/// are not known.
pub(super) fn check(pack: &Pack, schema: &Schema, unsettled: &BTreeSet<String>) -> Vec<Error> {
    let text = pack.text(ROLES);
    let fault = |wanted: &str, message: &str| {
        place::fault(
            ROLES,
            text,
            place::string(text, wanted).unwrap_or(0),
            message,
        )
    };
    let mut faults = Vec::new();
    for role in &pack.roles {
        if let Err(error) = crate::schema::check_name(&role.name, "a role") {
            faults.push(fault(&role.name, error.message()));
        }
        for grant in &role.grant {
            let object = match grant.object.as_str() {
                "*" => None,
                name => match schema.object(name) {
                    Ok(object) => Some(object),
                    Err(error) => {
                        faults.push(fault(name, error.message()));
                        continue;
                    }
                },
            };
            if unsettled.contains(&grant.object) {
                continue;
            }
            for field in &grant.hidden_fields {
                if object.is_none_or(|object| object.find(field).is_none()) {
                    let message = format!("`{}` has no field `{field}`", grant.object);
                    faults.push(fault(field, &message));
                }
            }
        }
    }
    faults
}

/// Brings the records from what the pack declared `before` to what it declares now. Grants that
/// others gave to the same roles stay as they are.
pub(super) fn apply(door: &mut Door<'_>, pack: &Pack, before: &[RoleDeclaration]) -> Result<()> {
    let roles = Objects::of(door.schema())?;
    for declared in &pack.roles {
        let id = roles.take(door, declared, pack.name())?;
        let former = before.iter().find(|role| role.name == declared.name);
        let former = former.map_or(&[][..], |role| &role.grant);
        roles.take_grants(door, id, former, &declared.grant)?;
    }
    for gone in before {
        if pack.roles.iter().all(|role| role.name != gone.name)
            && let Some(id) = find(door, &gone.name)?
        {
            roles.take_grants(door, id, &gone.grant, &[])?;
        }
    }
    Ok(())
}

struct Objects {
    role: Arc<Object>,
    grant: Arc<Object>,
}

impl Objects {
    fn of(schema: &Schema) -> Result<Objects> {
        let object = |id| {
            let object = schema.by_id(id).map(Arc::clone);
            object.ok_or_else(|| Error::internal("a schema without the objects of rights"))
        };
        Ok(Objects {
            role: object(ROLE)?,
            grant: object(GRANT)?,
        })
    }

    /// The record of a role, made or renewed. What another pack declared stays that pack's.
    fn take(
        &self,
        door: &mut Door<'_>,
        declared: &RoleDeclaration,
        pack: &str,
    ) -> Result<RecordId> {
        let mut input = Input::default();
        if !declared.description.is_empty() {
            input.set(&self.role, "description", declared.description.as_str())?;
        }
        let Some(id) = find(door, &declared.name)? else {
            input.set(&self.role, "name", declared.name.as_str())?;
            input.set(&self.role, "pack", pack)?;
            return door.create(&self.role, input);
        };
        let by = self.role.field("pack")?.id;
        let record = door.get(&self.role, id)?;
        if record.is_some_and(|record| record.fields.get(by).as_text() == Some(pack)) {
            door.update(&self.role, id, input, None)?;
        }
        Ok(id)
    }

    /// Takes `former` grants away from a role and adds the `declared` ones; what is in both is
    /// not touched.
    fn take_grants(
        &self,
        door: &mut Door<'_>,
        role: RecordId,
        former: &[GrantDeclaration],
        declared: &[GrantDeclaration],
    ) -> Result<()> {
        let mut missing: Vec<&GrantDeclaration> = declared.iter().collect();
        for (source, _, id) in door.referrers(&self.role, role)? {
            if source.id != GRANT {
                continue;
            }
            let record = door.get(&self.grant, id)?.ok_or_else(Error::not_found)?;
            let Some(present) = self.read(&record) else {
                continue;
            };
            if let Some(place) = missing.iter().position(|grant| **grant == present) {
                missing.swap_remove(place);
            } else if former.contains(&present) {
                door.delete(&self.grant, id, None)?;
            }
        }
        for grant in declared.iter().filter(|grant| missing.contains(grant)) {
            let input = self.write(role, grant)?;
            door.create(&self.grant, input)?;
        }
        Ok(())
    }

    /// A record as the declaration it came from; none for one that permits nothing.
    fn read(&self, record: &Record) -> Option<GrantDeclaration> {
        let tags = |field| record.fields.get(field).as_tags().unwrap_or_default();
        let actions = tags(grant::ACTIONS)
            .iter()
            .map(|name| Action::by_name(name));
        let scope = record.fields.get(grant::SCOPE).as_choice()?;
        let scope = self.grant.by_id(grant::SCOPE)?.choice_by_id(scope)?;
        Some(GrantDeclaration {
            object: record.fields.get(grant::OBJECT).as_text()?.to_owned(),
            actions: actions.collect::<Option<BTreeSet<Action>>>()?,
            scope: Scope::by_name(&scope.name)?,
            hidden_fields: tags(grant::HIDDEN_FIELDS).iter().cloned().collect(),
        })
    }

    fn write(&self, role: RecordId, declared: &GrantDeclaration) -> Result<Input> {
        let mut input = Input::default();
        input.set(&self.grant, "role", role)?;
        input.set(&self.grant, "object", declared.object.as_str())?;
        input.set(&self.grant, "scope", declared.scope.name())?;
        let actions = declared.actions.iter().map(|action| action.name());
        input.set(&self.grant, "actions", Value::tags(actions))?;
        if !declared.hidden_fields.is_empty() {
            let hidden = Value::tags(declared.hidden_fields.iter().cloned());
            input.set(&self.grant, "hidden_fields", hidden)?;
        }
        Ok(input)
    }
}

fn find(door: &Door<'_>, name: &str) -> Result<Option<RecordId>> {
    let key = keys::unique(ROLE, role::NAME, &Value::from(name));
    match door.reader().get(&key)? {
        Some(id) => RecordId::new(take_uint(&mut id.as_ref())?).map(Some),
        None => Ok(None),
    }
}
