//! Changes of what an object is made of, by those who may configure it (C30 to C42).
//!
//! Each function makes a new schema of the present one, or refuses; the engine stores it in the
//! same transaction. Fields and sections that the caller does not see are to him as if they did
//! not exist (invariant *invisible is absent*), but for their names, which are taken.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::ids::FieldId;
use crate::index;
use crate::policy::{Action, Actor, Plan};
use crate::schema::{
    ChoiceDeclaration, Field, FieldChange, FieldDeclaration, LabelOf, List, ListDeclaration,
    Object, ObjectDeclaration, Schema, Section, SectionChange, SectionDeclaration,
    TotalDeclaration, keys, label_in, system,
};
use crate::store::Read;
use crate::value::Standing;
use crate::value::Value;

/// Who configures, and the state in which he does.
pub(crate) struct Configurer<'a> {
    pub(crate) read: &'a dyn Read,
    pub(crate) schema: &'a Schema,
    pub(crate) facts: &'a Facts,
    pub(crate) actor: Actor,
}

/// An object that the caller may configure, with what he sees of it.
struct Bench<'a> {
    object: &'a Arc<Object>,
    plan: Arc<Plan>,
}

impl Configurer<'_> {
    /// A new object. Only administrators may add one: no right reaches what is not there yet.
    pub(crate) fn create_object(&self, declared: &ObjectDeclaration) -> Result<Schema> {
        if !self.is_administrator() {
            let text = "only an administrator may add an object";
            return Err(Error::new(Code::Denied, text).with("object", declared.name.as_str()));
        }
        if self.schema.object(&declared.name).is_ok() {
            let text = format!("there is an object `{}` already", declared.name);
            let error = Error::new(Code::Duplicate, text);
            return Err(error.with("object", declared.name.as_str()));
        }
        self.check_groups(declared.section.iter().flat_map(|section| &section.groups))?;
        self.schema.apply(std::slice::from_ref(declared))
    }

    /// A new field.
    pub(crate) fn create_field(
        &self,
        object: &str,
        declared: &FieldDeclaration,
        position: Option<usize>,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageFields)?;
        if let Some(section) = &declared.section {
            self.section(&bench, section)?;
        }
        if declared.is_kept() && !self.is_administrator() {
            // Its parts are named by no more than their names, which must not be tried out.
            let text = "only an administrator may add a field that is kept from others";
            return Err(Error::new(Code::Denied, text).field(&declared.name));
        }
        let own = [declared.name.as_str()];
        self.check_requirements(&bench, &declared.choice, &own)?;
        let shows = |field| bench.plan.shows(field);
        self.schema
            .with_field(bench.object, declared, position, &shows)
            .map_err(|error| at_fault(error, bench.object, &declared.name))
    }

    /// Another state of a field.
    pub(crate) fn update_field(
        &self,
        object: &str,
        name: &str,
        change: &FieldChange,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageFields)?;
        let field = bench.declared(name)?.id;
        if let Some(section) = &change.section {
            self.section(&bench, section)?;
        }
        self.check_requirements(&bench, &change.choice, &[])?;
        let shows = |field| bench.plan.shows(field);
        let edited = self.schema.edit(bench.object.id, |object| {
            object.change_field(field, change, &shows)
        });
        edited.map_err(|error| at_fault(error, bench.object, name))
    }

    /// A field less.
    pub(crate) fn delete_field(&self, object: &str, name: &str) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageFields)?;
        let field = bench.declared(name)?;
        let shows = |object: &Object, field: FieldId| {
            let plan = self.facts.plan(self.actor, object, Action::View);
            plan.shows(field)
        };
        self.schema
            .without_field(bench.object, field, &shows)
            .map_err(|error| at_fault(error, bench.object, name))
    }

    /// A new section.
    pub(crate) fn create_section(
        &self,
        object: &str,
        declared: &SectionDeclaration,
        position: Option<usize>,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageSections)?;
        self.check_groups(&declared.groups)?;
        self.schema.edit(bench.object.id, |object| {
            object.create_section(declared, position, &|section| self.works_with(section))
        })
    }

    /// Another state of a section.
    pub(crate) fn update_section(
        &self,
        object: &str,
        name: &str,
        change: &SectionChange,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageSections)?;
        let section = self.section(&bench, name)?;
        let groups = change.groups.iter().flatten();
        self.check_groups(groups.filter(|group| !section.groups.contains(group)))?;
        self.schema.edit(bench.object.id, |object| {
            object.change_section(name, change, &|section| self.works_with(section))
        })
    }

    /// A section less; its fields move to another one.
    pub(crate) fn delete_section(
        &self,
        object: &str,
        name: &str,
        heir: Option<&str>,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageSections)?;
        self.section(&bench, name)?;
        if let Some(heir) = heir {
            self.section(&bench, heir)?;
        }
        self.schema
            .edit(bench.object.id, |object| object.delete_section(name, heir))
    }

    /// Another label in one language; an empty one takes it away.
    pub(crate) fn set_label(
        &self,
        object: &str,
        of: &LabelOf,
        language: &str,
        text: &str,
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::Configure)?;
        match of {
            LabelOf::Object => {}
            LabelOf::Field(name) | LabelOf::Choice { field: name, .. } => {
                bench.seen(name)?;
            }
            LabelOf::Section(name) => {
                self.section(&bench, name)?;
            }
        }
        self.schema.edit(bench.object.id, |object| {
            object.set_label(of, language, text)
        })
    }

    /// Another list of fields for completeness; one without fields is none.
    pub(crate) fn set_completeness(
        &self,
        object: &str,
        name: &str,
        fields: &[String],
    ) -> Result<Schema> {
        let bench = self.bench(object, Action::Configure)?;
        let ids = fields.iter().map(|name| Ok(bench.declared(name)?.id));
        let ids = ids.collect::<Result<Vec<FieldId>>>()?;
        let shows = |field| bench.plan.shows(field);
        self.schema.edit(bench.object.id, |object| {
            object.set_completeness(name, &ids, &shows)
        })
    }

    /// A new list of fields the caller sees, to be built.
    pub(crate) fn create_list(&self, object: &str, declared: &ListDeclaration) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageFields)?;
        let shows = |field| bench.plan.shows(field);
        self.schema
            .edit(bench.object.id, |object| {
                object.create_list(declared, &shows)
            })
            .map_err(|error| {
                let error = error.with("object", object);
                error.with("list", declared.name.as_str())
            })
    }

    /// A list that is being built; none when it is offered by now.
    pub(crate) fn list_being_built(
        &self,
        object: &str,
        name: &str,
    ) -> Result<Option<(Arc<Object>, List)>> {
        let bench = self.bench(object, Action::ManageFields)?;
        let shows = |field| bench.plan.shows(field);
        let is_it = |list: &&List| list.name == name && list.is_of(&shows);
        if let Some(list) = bench.object.building.iter().find(is_it) {
            return Ok(Some((Arc::clone(bench.object), list.clone())));
        }
        match bench.object.lists.iter().any(|list| is_it(&list)) {
            true => Ok(None),
            false => Err(bench.object.unknown_list(name)),
        }
    }

    /// The list offered, if it holds every record.
    pub(crate) fn offer_list(&self, object: &str, name: &str) -> Result<Schema> {
        match self.list_being_built(object, name)? {
            Some((object, list)) if index::is_built(self.read, &object, &list)? => {
                self.schema.edit(object.id, |object| {
                    object.offer_list(list.id);
                    Ok(())
                })
            }
            _ => Ok(self.schema.clone()),
        }
    }

    /// A list less; its entries are still to go.
    pub(crate) fn delete_list(&self, object: &str, name: &str) -> Result<Schema> {
        let bench = self.bench(object, Action::ManageFields)?;
        let shows = |field| bench.plan.shows(field);
        self.schema
            .edit(bench.object.id, |object| object.delete_list(name, &shows))
    }

    /// A list that is leaving; none when it is gone.
    pub(crate) fn leaving_list(
        &self,
        object: &str,
        name: &str,
    ) -> Result<Option<(Arc<Object>, List)>> {
        let bench = self.bench(object, Action::ManageFields)?;
        let shows = |field| bench.plan.shows(field);
        let mut leaving = bench.object.leaving.iter();
        let found = leaving.find(|list| list.name == name && list.is_of(&shows));
        Ok(found.map(|list| (Arc::clone(bench.object), list.clone())))
    }

    /// The list forgotten, if its entries are gone.
    pub(crate) fn forget_list(&self, object: &str, name: &str) -> Result<Schema> {
        match self.leaving_list(object, name)? {
            Some((object, list)) if !index::has_entries(self.read, &object, &list)? => {
                self.schema.edit(object.id, |object| {
                    object.forget_list(list.id);
                    Ok(())
                })
            }
            _ => Ok(self.schema.clone()),
        }
    }

    /// A new total of fields the caller sees.
    pub(crate) fn create_total(&self, object: &str, declared: &TotalDeclaration) -> Result<Schema> {
        let bench = self.bench(object, Action::Configure)?;
        let shows = |field| bench.plan.shows(field);
        self.schema
            .edit(bench.object.id, |object| {
                object.create_total(declared, &shows)
            })
            .map_err(|error| error.with("object", object))
    }

    /// A total less.
    pub(crate) fn delete_total(&self, object: &str, name: &str) -> Result<Schema> {
        let bench = self.bench(object, Action::Configure)?;
        let shows = |field| bench.plan.shows(field);
        self.schema
            .edit(bench.object.id, |object| object.delete_total(name, &shows))
    }

    /// The sections of an object for those who arrange them: empty ones are among them (C35).
    pub(crate) fn sections(&self, object: &str, language: Option<&str>) -> Result<Json> {
        let bench = self.bench(object, Action::ManageSections)?;
        let sections = bench.object.sections.iter();
        let sections = sections.filter(|section| self.works_with(section));
        Ok(sections
            .map(|section| {
                let seen = section.fields.iter().filter(|id| bench.plan.shows(**id));
                let fields = seen.filter_map(|id| bench.object.by_id(*id));
                let names: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
                let label = match language {
                    Some(language) => json!(label_in(&section.labels, language, &section.name)),
                    None => json!(section.labels),
                };
                json!({
                    "name": section.name,
                    "label": label,
                    "groups": section.groups,
                    "default": section.is_default(),
                    "fields": names,
                })
            })
            .collect())
    }

    /// The object, for who may do `action` to its shape. The right speaks of no single record, so
    /// only one that reaches all records gives it (C38).
    fn bench(&self, name: &str, action: Action) -> Result<Bench<'_>> {
        let object = self.schema.object(name)?;
        let may = self.facts.plan(self.actor, object, action);
        if !may.reaches_everything() {
            let what = match action {
                Action::ManageFields => "change the fields of",
                Action::ManageSections => "change the sections of",
                _ => "configure",
            };
            let text = format!("no right to {what} `{name}`");
            return Err(Error::new(Code::Denied, text)
                .with("object", name)
                .with("action", action.name()));
        }
        Ok(Bench {
            object,
            plan: self.facts.plan(self.actor, object, Action::View),
        })
    }

    /// A section that the caller may work with.
    fn section<'b>(&self, bench: &Bench<'b>, name: &str) -> Result<&'b Section> {
        let found = bench.object.sections.iter().find(|s| s.name == name);
        found
            .filter(|section| self.works_with(section))
            .ok_or_else(|| bench.object.unknown_section(name))
    }

    fn works_with(&self, section: &Section) -> bool {
        self.facts.organisation.works_with(self.actor, section)
    }

    fn is_administrator(&self) -> bool {
        let user = self.actor.user();
        let facts = user.map(|user| self.facts.organisation.user(user));
        facts.is_none_or(|facts| facts.is_some_and(|user| user.is_admin()))
    }

    /// What a choice requires are fields the caller sees, or the one that is being made.
    fn check_requirements(
        &self,
        bench: &Bench<'_>,
        choices: &[ChoiceDeclaration],
        own: &[&str],
    ) -> Result<()> {
        let names = choices.iter().flat_map(|choice| &choice.requires);
        let mut other = names.filter(|name| !own.contains(&name.as_str()));
        other.try_for_each(|name| bench.declared(name).map(drop))
    }

    /// Groups that a section is given to are groups the caller may see.
    fn check_groups<'g>(&self, names: impl IntoIterator<Item = &'g String>) -> Result<()> {
        let groups = self.schema.by_id(system::GROUP);
        let groups = groups.ok_or_else(|| Error::internal("the schema has no groups"))?;
        let plan = self.facts.plan(self.actor, groups, Action::View);
        for name in names {
            let key = keys::unique(
                system::GROUP,
                system::group::NAME,
                &Value::from(name.as_str()),
            );
            if !plan.permits(&Standing::of(None)) || self.read.get(&key)?.is_none() {
                let name = crate::value::shorten(name);
                let text = format!("the group `{name}` is not found");
                return Err(Error::new(Code::BadReference, text).with("group", name));
            }
        }
        Ok(())
    }
}

impl Bench<'_> {
    /// A field the caller sees.
    fn seen(&self, name: &str) -> Result<&Field> {
        let found = self.object.find(name);
        found
            .filter(|field| self.plan.shows(field.id))
            .ok_or_else(|| self.object.unknown_field(name))
    }

    /// A field the caller sees that is not the engine's own.
    fn declared(&self, name: &str) -> Result<&Field> {
        let field = self.seen(name)?;
        match field.is_system() {
            false => Ok(field),
            true => {
                let text = format!("`{name}` is kept by the engine");
                Err(Error::new(Code::SchemaFixed, text).field(name))
            }
        }
    }
}

fn at_fault(error: Error, object: &Object, field: &str) -> Error {
    let error = match error.details().contains_key("object") {
        true => error,
        false => error.with("object", object.name.as_str()),
    };
    match error.details().contains_key("field") {
        true => error,
        false => error.field(field),
    }
}
