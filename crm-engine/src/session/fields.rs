//! What those may call who configure objects: fields, sections, labels, totals and completeness.

use serde_json::Value as Json;

use crate::completeness::{self, Filled};
use crate::configure::Configurer;
use crate::error::Result;
use crate::facts;
use crate::ids::RecordId;
use crate::policy::Action;
use crate::schema::{
    FieldChange, FieldDeclaration, LabelOf, ObjectDeclaration, Schema, SectionChange,
    SectionDeclaration, TotalDeclaration, keys,
};
use crate::store::Read;
use crate::value::RecordView;

use super::Session;

impl Session {
    /// Adds an object to the running store; administrators only. Nobody else sees its records
    /// until a role is granted something on it.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::Duplicate`](crate::Code::Duplicate),
    /// and what [`Schema::apply`] has against the declaration.
    pub fn create_object(&self, object: &ObjectDeclaration) -> Result<()> {
        let action = format!("object.create {}", object.name);
        self.configure(&action, |configurer| configurer.create_object(object))
    }

    /// Adds a field to an object of the running store (C30). It stands at the end of its section,
    /// or at the `position` in it, counted from 1. Needs the right to manage its fields.
    ///
    /// ```
    /// use crm_engine::{Engine, FieldDeclaration, Options, ValueType};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let number = FieldDeclaration::new("contract_number", ValueType::Digits);
    /// host.create_field("company", &number, None)?;
    /// let digits = "00012345678901234567890";
    /// let vega = json!({"name": "Vega", "legal_form": "individual", "contract_number": digits});
    /// let vega = host.create("company", &vega)?;
    /// let record = host.get("company", vega)?.expect("it is there");
    /// assert_eq!(record["contract_number"], digits);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::Duplicate`](crate::Code::Duplicate) when
    /// the object has such a field, [`Code::LimitExceeded`](crate::Code::LimitExceeded),
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a place that is none, and
    /// what [`Schema::apply`] has against the declaration.
    pub fn create_field(
        &self,
        object: &str,
        field: &FieldDeclaration,
        position: Option<usize>,
    ) -> Result<()> {
        let action = format!("field.create {object}.{}", field.name);
        self.configure(&action, |configurer| {
            configurer.create_field(object, field, position)
        })
    }

    /// Changes a field: its labels, place, choices and what a save asks of it; never its type.
    /// Needs the right to manage the object's fields.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::SchemaFixed`](crate::Code::SchemaFixed) for another type,
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded),
    /// [`Code::TooLarge`](crate::Code::TooLarge) when it changes how more records are found than
    /// one transaction takes.
    pub fn update_field(&self, object: &str, field: &str, change: &FieldChange) -> Result<()> {
        let action = format!("field.update {object}.{field}");
        self.configure(&action, |configurer| {
            configurer.update_field(object, field, change)
        })
    }

    /// Deletes a field with its values. A field made later under its name is another one and
    /// shows none of them (C36). Needs the right to manage the object's fields.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::SchemaFixed`](crate::Code::SchemaFixed) for a field the engine needs,
    /// [`Code::StillReferenced`](crate::Code::StillReferenced) for one that something else is
    /// made of, [`Code::TooLarge`](crate::Code::TooLarge).
    pub fn delete_field(&self, object: &str, field: &str) -> Result<()> {
        let action = format!("field.delete {object}.{field}");
        self.configure(&action, |configurer| configurer.delete_field(object, field))
    }

    /// Adds a section to an object, at the end or at a `position` counted from 1. Needs the right
    /// to manage its sections.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::Duplicate`](crate::Code::Duplicate),
    /// [`Code::BadReference`](crate::Code::BadReference) for a group that is not found,
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded).
    pub fn create_section(
        &self,
        object: &str,
        section: &SectionDeclaration,
        position: Option<usize>,
    ) -> Result<()> {
        let action = format!("section.create {object}.{}", section.name);
        self.configure(&action, |configurer| {
            configurer.create_section(object, section, position)
        })
    }

    /// Changes a section: its labels, place, and the groups that may work with it. Needs the
    /// right to manage the object's sections.
    ///
    /// # Errors
    /// As [`Session::create_section`].
    pub fn update_section(
        &self,
        object: &str,
        section: &str,
        change: &SectionChange,
    ) -> Result<()> {
        let action = format!("section.update {object}.{section}");
        self.configure(&action, |configurer| {
            configurer.update_section(object, section, change)
        })
    }

    /// Deletes a section; its fields move to the end of the section `heir`. Needs the right to
    /// manage the object's sections.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::InvalidValue`](crate::Code::InvalidValue)
    /// for a section that is not found, [`Code::SchemaFixed`](crate::Code::SchemaFixed) for one
    /// of the two default sections (C34),
    /// [`Code::StillReferenced`](crate::Code::StillReferenced) for fields without an heir.
    pub fn delete_section(&self, object: &str, section: &str, heir: Option<&str>) -> Result<()> {
        let action = format!("section.delete {object}.{section}");
        self.configure(&action, |configurer| {
            configurer.delete_section(object, section, heir)
        })
    }

    /// The sections of an object as settings show them: empty ones are among them (C35). Needs
    /// the right to manage its sections.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied),
    /// [`Code::UnknownObject`](crate::Code::UnknownObject).
    pub fn sections(&self, object: &str, language: Option<&str>) -> Result<Json> {
        let view = self.view()?;
        let configurer = Configurer {
            read: &view.snapshot,
            schema: &view.schema,
            facts: &view.facts,
            actor: self.actor,
        };
        configurer.sections(object, language)
    }

    /// Gives a label in one language; empty text takes it away (C259, C267). API names stay what
    /// they are. Needs the right to configure the object.
    ///
    /// ```
    /// use crm_engine::{Engine, LabelOf, Options};
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.set_label("company", &LabelOf::Field("owner".into()), "en", "Curator")?;
    /// let form = host.questionnaire("company", None, Some("en"))?.expect("a form");
    /// assert_eq!(form["label"], "Company");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded).
    pub fn set_label(&self, object: &str, of: &LabelOf, language: &str, label: &str) -> Result<()> {
        let action = format!("label.set {object}");
        self.configure(&action, |configurer| {
            configurer.set_label(object, of, language, label)
        })
    }

    /// Says which fields a list for completeness looks at; none take the list away (C42). Needs
    /// the right to configure the object.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded).
    pub fn set_completeness(&self, object: &str, list: &str, fields: &[String]) -> Result<()> {
        let action = format!("completeness.set {object}.{list}");
        self.configure(&action, |configurer| {
            configurer.set_completeness(object, list, fields)
        })
    }

    /// Keeps counts and sums of groups of an object's records from now on, in every write: queries
    /// that ask for them cost the same however many records there are. Those there are already are
    /// counted in the same transaction, while other writers wait. Needs the right to configure the
    /// object.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, Params, TotalDeclaration};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.create("company", &json!({"name": "Vega", "legal_form": "individual"}))?;
    /// let forms = TotalDeclaration {
    ///     name: "forms".into(),
    ///     group: vec!["legal_form".into()],
    ///     sum: Vec::new(),
    /// };
    /// host.create_total("company", &forms)?;
    /// let sql = "SELECT count(*) FROM company WHERE legal_form = 'individual'";
    /// assert_eq!(host.prepare(sql)?.explain(), "totals `forms`");
    /// assert_eq!(host.query(sql, &Params::new())?.next()?.expect("a row")[0].as_integer(), Some(1));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::Duplicate`](crate::Code::Duplicate),
    /// [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded),
    /// [`Code::TooLarge`](crate::Code::TooLarge) for more groups than one transaction takes.
    pub fn create_total(&self, object: &str, total: &TotalDeclaration) -> Result<()> {
        let action = format!("total.create {object}.{}", total.name);
        self.configure(&action, |configurer| configurer.create_total(object, total))
    }

    /// Takes a total away; what it answered is counted record by record from then on. Packs that
    /// declare it do not bring it back. Needs the right to configure the object.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::InvalidValue`](crate::Code::InvalidValue)
    /// for a total that is not found, [`Code::TooLarge`](crate::Code::TooLarge).
    pub fn delete_total(&self, object: &str, total: &str) -> Result<()> {
        let action = format!("total.delete {object}.{total}");
        self.configure(&action, |configurer| configurer.delete_total(object, total))
    }

    /// How complete a record is, by each list its object declares, of the fields the caller sees
    /// (C42); none when there is no such record or he may not see it.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.set_completeness("company", "reach", &["phone".into(), "email".into()])?;
    /// let vega = json!({"name": "Vega", "legal_form": "individual", "phone": "+7 495 123-45-67"});
    /// let vega = host.create("company", &vega)?;
    /// let filled = host.completeness("company", vega)?.expect("it is there");
    /// let reach = filled.iter().find(|list| list.name == "reach").expect("it was set");
    /// assert_eq!((reach.percent, reach.missing.as_slice()), (50, &["email".to_owned()][..]));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn completeness(&self, object: &str, id: RecordId) -> Result<Option<Vec<Filled>>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor, object, Action::View);
        let Some(bytes) = view.snapshot.get(&keys::record(object.id, id))? else {
            return Ok(None);
        };
        let mut record = RecordView::new(&bytes)?.decode()?;
        if !facts::permits(&view.snapshot, &plan, &record)? {
            return Ok(None);
        }
        let plan = plan.on(&record);
        // A link to a record he may not see fills nothing.
        for field in object.fields.iter().filter(|field| field.target.is_some()) {
            let value = record.fields.get(field.id).clone();
            let shown = view.shown(self.actor, field, &value)?.into_owned();
            record.fields.set(field.id, shown);
        }
        Ok(Some(completeness::completeness(object, &plan, &record)))
    }

    pub(super) fn configure(
        &self,
        action: &str,
        change: impl Fn(&Configurer<'_>) -> Result<Schema>,
    ) -> Result<()> {
        self.noting(action, None, None, || {
            if let Some(presence) = &self.presence {
                presence.check_open()?;
            }
            self.engine.alter(self.by(), action, |read, schema, facts| {
                change(&Configurer {
                    read,
                    schema,
                    facts,
                    actor: self.actor,
                })
            })
        })
    }
}
