//! What objects are made of, as the caller may see it: for hosts that draw forms and lists.

use serde_json::{Map, Value as Json, json};

use crate::engine::View;
use crate::error::Result;
use crate::facts;
use crate::ids::RecordId;
use crate::policy::{Action, Actor, Plan};
use crate::schema::system::{self, value_of};
use crate::schema::{Choice, Field, Labels, Object, keys, label_in};
use crate::store::Read;
use crate::value::{Record, RecordView};

use super::Session;

impl Session {
    /// The schema as the caller may see it: with a language, each label is the text in it;
    /// without, all its languages.
    pub(crate) fn schema_json(&self, language: Option<&str>) -> Result<Json> {
        let view = self.view()?;
        let objects: Vec<Json> = view
            .schema
            .objects()
            .filter_map(|object| {
                let plan = view.facts.plan(self.actor, object, Action::View);
                let shape = Shape {
                    view: &view,
                    actor: self.actor,
                    object,
                    plan: &plan,
                    language,
                };
                (!plan.is_nothing()).then(|| shape.object())
            })
            .collect();
        Ok(json!({ "version": view.schema.version(), "objects": objects }))
    }

    /// The questionnaire of an object (C30): the sections that the caller may work with and that
    /// hold fields he sees, each with these fields. With the id of a record the fields have its
    /// values; none when there is no such record or he may not see it.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "individual"}))?;
    /// let form = host.questionnaire("company", Some(vega), Some("ru"))?.expect("it is there");
    /// assert_eq!(form["label"], "Компания");
    /// let first = &form["sections"][0]["fields"][0];
    /// assert_eq!((&first["name"], &first["value"]), (&json!("name"), &json!("Vega")));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn questionnaire(
        &self,
        object: &str,
        id: Option<RecordId>,
        language: Option<&str>,
    ) -> Result<Option<Json>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor, object, Action::View);
        let bytes = id.map(|id| view.snapshot.get(&keys::record(object.id, id)));
        let mut record = match (id, bytes.transpose()?.flatten()) {
            (Some(id), Some(bytes)) => Some((id, RecordView::new(&bytes)?.decode()?)),
            _ => None,
        };
        if let Some((_, found)) = &record
            && !facts::permits(&view.snapshot, &plan, found)?
        {
            record = None;
        }
        let plan = match &record {
            Some((_, record)) => plan.on(record),
            None => plan,
        };
        if id.is_some() && record.is_none() {
            return Ok(None);
        }
        let shape = Shape {
            view: &view,
            actor: self.actor,
            object,
            plan: &plan,
            language,
        };
        shape.questionnaire(record.as_ref()).map(Some)
    }
}

/// An object as somebody sees it.
struct Shape<'a> {
    view: &'a View,
    actor: Actor,
    object: &'a Object,
    plan: &'a Plan,
    language: Option<&'a str>,
}

impl Shape<'_> {
    fn object(&self) -> Json {
        let object = self.object;
        let fields = system::record_fields().iter().chain(&object.fields);
        let seen = fields.filter(|field| self.shows(field));
        let sections = object.filled_sections(|field| self.plan.shows(field));
        let lists = object.lists.iter();
        let lists = lists.filter(|list| list.is_of(&|field| self.plan.shows(field)));
        let totals = object.totals.iter();
        let totals =
            totals.filter(|total| total.parts.iter().all(|part| self.plan.shows(part.field)));
        let building = object.building.iter();
        let building = building.filter(|list| list.is_of(&|field| self.plan.shows(field)));
        let building: Vec<&String> = building.map(|list| &list.name).collect();
        let mut shape = json!({
            "name": object.name,
            "label": self.label(&object.labels, &object.name),
            "owned": object.owned,
            "fields": seen.map(|field| self.field(field)).collect::<Json>(),
            "sections": sections.map(|(section, fields)| json!({
                "name": section.name,
                "label": self.label(&section.labels, &section.name),
                "fields": fields.iter().map(|field| &field.name).collect::<Vec<_>>(),
            })).collect::<Json>(),
            "lists": lists.map(|list| &list.name).collect::<Vec<_>>(),
            "totals": totals.map(|total| &total.name).collect::<Vec<_>>(),
        });
        if !building.is_empty() {
            shape["building"] = json!(building);
        }
        shape
    }

    fn questionnaire(&self, record: Option<&(RecordId, Record)>) -> Result<Json> {
        let object = self.object;
        let mut sections = Vec::new();
        for (section, fields) in object.filled_sections(|field| self.plan.shows(field)) {
            let fields = fields
                .into_iter()
                .map(|field| self.filled_field(field, record));
            sections.push(json!({
                "name": section.name,
                "label": self.label(&section.labels, &section.name),
                "fields": fields.collect::<Result<Json>>()?,
            }));
        }
        let mut told = Map::new();
        told.insert("object".to_owned(), json!(object.name));
        let label = self.label(&object.labels, &object.name);
        told.insert("label".to_owned(), label);
        if let Some((_, record)) = record
            && self.plan.shows(system::VERSION)
        {
            told.insert("version".to_owned(), json!(record.head.version.0));
        }
        told.insert("sections".to_owned(), json!(sections));
        Ok(Json::Object(told))
    }

    /// A field with the value it has in a record, where there is one.
    fn filled_field(&self, field: &Field, record: Option<&(RecordId, Record)>) -> Result<Json> {
        let mut told = self.field(field);
        if let Some((id, record)) = record {
            let value = value_of(*id, record, field.id);
            let value = self.view.shown(self.actor, field, &value)?;
            told["value"] = field.to_json(&value);
        }
        Ok(told)
    }

    fn field(&self, field: &Field) -> Json {
        let target = field.target.and_then(|id| self.view.schema.by_id(id));
        json!({
            "name": field.name,
            "type": field.value_type.name(),
            "label": self.label(&self.object.labels_of(field), &field.name),
            "required": field.required,
            "unique": field.unique,
            "computed": field.computed || field.is_system(),
            "default": field.default,
            "target": target.map(|target| &target.name),
            "choices": field.choices.iter().map(|choice| self.choice(choice)).collect::<Json>(),
        })
    }

    fn choice(&self, choice: &Choice) -> Json {
        let requires = choice
            .requires
            .iter()
            .filter_map(|id| self.object.by_id(*id));
        let requires = requires.filter(|field| self.shows(field));
        json!({
            "name": choice.name,
            "label": self.label(&choice.labels, &choice.name),
            "stage": choice.stage,
            "requires": requires.map(|field| &field.name).collect::<Vec<_>>(),
        })
    }

    fn shows(&self, field: &Field) -> bool {
        self.plan.shows(field.id) && self.object.find(&field.name).is_some()
    }

    fn label(&self, labels: &Labels, name: &str) -> Json {
        match self.language {
            Some(language) => label_in(labels, language, name).into(),
            None => json!(labels),
        }
    }
}
