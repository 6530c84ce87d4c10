//! How fields are created, changed and deleted in a running store.

use crate::error::{Code, Error, Result};
use crate::ids::FieldId;
use crate::schema::declare::{check_default, take_choices};
use crate::schema::{
    Field, FieldDeclaration, FieldPart, Object, ObjectDeclaration, Schema, system,
};
use crate::value::ValueType;

use super::{FieldChange, Shows, check_labels, invalid, place_at};

impl Schema {
    /// This schema with a field more. It has a number of its own, whatever its name was used for
    /// before (C36).
    ///
    /// # Errors
    /// [`Code::Duplicate`] when the object has such a field, and what [`Schema::apply`] has
    /// against the declaration.
    pub(crate) fn with_field(
        &self,
        object: &Object,
        declared: &FieldDeclaration,
        position: Option<usize>,
        shows: Shows<'_>,
    ) -> Result<Schema> {
        let name = &declared.name;
        if object.find(name).is_some() {
            let text = format!("`{}` has a field `{name}` already", object.name);
            return Err(Error::new(Code::Duplicate, text).field(name));
        }
        let choices = declared.choice.iter().map(|choice| &choice.label);
        for labels in choices.chain([&declared.label]) {
            check_labels(labels).map_err(|error| error.field(name))?;
        }
        let forgotten = self.edit(object.id, |object| {
            object.forget_field(name);
            Ok(())
        })?;
        let extension = ObjectDeclaration {
            name: object.name.clone(),
            extends: true,
            field: vec![declared.clone()],
            ..ObjectDeclaration::default()
        };
        let taken = forgotten.apply(&[extension])?;
        // Where the field stands is part of the same step.
        Schema {
            version: self.version,
            ..taken
        }
        .edit(object.id, |object| {
            let field = object.field(name)?.id;
            object.place_field(field, None, position, shows)
        })
    }

    /// This schema without a field that nothing needs. Its number is never given again.
    ///
    /// # Errors
    /// [`Code::SchemaFixed`] for a field the engine needs, [`Code::StillReferenced`] for one that
    /// something else is made of, naming it.
    pub(crate) fn without_field(
        &self,
        object: &Object,
        field: &Field,
        shows: &dyn Fn(&Object, FieldId) -> bool,
    ) -> Result<Schema> {
        self.check_unused(object, field, shows)?;
        self.edit(object.id, |object| {
            object.fields.retain(|other| other.id != field.id);
            object.columns.retain(|id| *id != field.id);
            for section in &mut object.sections {
                section.fields.retain(|id| *id != field.id);
            }
            for list in &mut object.completeness {
                list.fields.retain(|id| *id != field.id);
            }
            object.completeness.retain(|list| !list.fields.is_empty());
            object.forget_field(&field.name);
            object.keep_field(&field.name, FieldPart::Gone);
            Ok(())
        })
    }
}

impl Object {
    /// Changes a declared field.
    ///
    /// # Errors
    /// [`Code::SchemaFixed`] for another type, [`Code::InvalidValue`],
    /// [`Code::InvalidArguments`] for a place that is none, [`Code::LimitExceeded`].
    pub(crate) fn change_field(
        &mut self,
        id: FieldId,
        change: &FieldChange,
        shows: Shows<'_>,
    ) -> Result<()> {
        let mut field = self.declared(id)?.clone();
        if change
            .value_type
            .is_some_and(|kind| kind != field.value_type)
        {
            let kind = field.value_type.name();
            let text = format!(
                "`{}` is of type `{kind}` and its type never changes",
                field.name
            );
            return Err(Error::new(Code::SchemaFixed, text));
        }
        let name = field.name.clone();
        field.labels.extend(change.label.clone());
        check_labels(&field.labels)?;
        for language in change.label.keys() {
            self.keep_field(&name, FieldPart::Label(language.clone()));
        }
        if let Some(required) = change.required {
            field.required = required;
            self.keep_field(&name, FieldPart::Required);
        }
        if let Some(text) = &change.default {
            field.default = Some(text.clone()).filter(|text| !text.is_empty());
            self.keep_field(&name, FieldPart::Default);
        }
        if let Some(search) = change.search {
            field.search = search;
            self.keep_field(&name, FieldPart::Search);
        }
        if let Some(timeline) = change.timeline {
            if timeline && field.target.is_none() {
                return Err(invalid("only a reference puts a record on a `timeline`"));
            }
            field.timeline = timeline;
            self.keep_field(&name, FieldPart::Timeline);
        }
        self.change_choices(&mut field, change)?;
        check_default(&field)?;
        *self.declared(id)? = field;
        if change.section.is_some() {
            self.keep_field(&name, FieldPart::Section);
        }
        self.place_field(id, change.section.as_deref(), change.position, shows)
    }

    /// Adds choices, and renews those there are; none is ever taken away, because records may
    /// hold it.
    fn change_choices(&mut self, field: &mut Field, change: &FieldChange) -> Result<()> {
        if change.choice.is_empty() {
            return Ok(());
        }
        if !matches!(field.value_type, ValueType::Choice | ValueType::ChoiceSet) {
            return Err(invalid(format!(
                "a field of type `{}` has no choices",
                field.value_type.name()
            )));
        }
        for declared in &change.choice {
            let mut declared = declared.clone();
            let known = field.choices.iter().find(|c| c.name == declared.name);
            declared.stage = declared.stage.or(known.and_then(|choice| choice.stage));
            for language in declared.label.keys() {
                let part = FieldPart::ChoiceLabel(declared.name.clone(), language.clone());
                self.keep_field(&field.name, part);
            }
            let requires = declared.requires.iter();
            let requires = requires
                .map(|name| self.field(name).map(|field| field.id))
                .collect::<Result<Vec<FieldId>>>()?;
            take_choices(field, std::slice::from_ref(&declared))?;
            let taken = field.choices.iter_mut().find(|c| c.name == declared.name);
            if let Some(choice) = taken {
                check_labels(&choice.labels)?;
                if !requires.is_empty() {
                    choice.requires = requires;
                }
            }
        }
        Ok(())
    }

    /// Puts a field into a section, or to another place in the one it stands in.
    fn place_field(
        &mut self,
        field: FieldId,
        section: Option<&str>,
        position: Option<usize>,
        shows: Shows<'_>,
    ) -> Result<()> {
        let here = |fields: &[FieldId]| fields.contains(&field);
        let at = match section {
            Some(name) => self.sections.iter().position(|s| s.name == name),
            None => self.sections.iter().position(|s| here(&s.fields)),
        };
        let at = at.ok_or_else(|| self.unknown_section(section.unwrap_or_default()))?;
        if position.is_none() && here(&self.sections[at].fields) {
            return Ok(());
        }
        for section in &mut self.sections {
            section.fields.retain(|id| *id != field);
        }
        let fields = &mut self.sections[at].fields;
        let places = fields.iter().enumerate();
        let seen: Vec<usize> = places
            .filter(|(_, id)| shows(**id))
            .map(|(place, _)| place)
            .collect();
        let place = match position {
            Some(position) => place_at(position, &seen, fields.len())?,
            None => fields.len(),
        };
        fields.insert(place, field);
        Ok(())
    }

    fn declared(&mut self, id: FieldId) -> Result<&mut Field> {
        debug_assert!(
            id.0 >= system::DECLARED_FIRST,
            "a system field has no declaration"
        );
        let found = self.fields.iter_mut().find(|field| field.id == id);
        found.ok_or_else(|| Error::internal("a changed field is missing"))
    }
}
