//! What was arranged in a running store, by name: what the next version of a pack leaves alone.
//!
//! A pack declares a field, an administrator renames it, moves it or deletes it. The pack's next
//! version declares it as before; without a mark the work of the administrator would be lost, and
//! a deleted field would come back.

use serde::{Deserialize, Serialize};

use super::{DuplicateDeclaration, Labels, Object, ObjectDeclaration};

/// A part of an object that was arranged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arranged {
    /// The object's label in a language.
    Label(String),
    /// Part of the field of that name.
    Field(String, FieldPart),
    /// Part of the section of that name.
    Section(String, SectionPart),
    /// The list of fields for completeness of that name.
    Completeness(String),
    /// The list of that name.
    List(String),
    /// The total of that name.
    Total(String),
}

/// A part of a field that was arranged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldPart {
    /// The field was deleted.
    Gone,
    /// Its label in a language.
    Label(String),
    /// The label of one of its choices in a language.
    ChoiceLabel(String, String),
    /// Its section.
    Section,
    /// Whether it is required.
    Required,
    /// What a new record gets.
    Default,
    /// Whether search finds records by it.
    Search,
    /// Whether it puts records on timelines.
    Timeline,
}

/// A part of a section that was arranged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionPart {
    /// The section was deleted.
    Gone,
    /// Its label in a language.
    Label(String),
    /// The groups that may work with it.
    Groups,
}

impl Object {
    /// A declaration without what was arranged otherwise in the running store.
    pub(super) fn leave_arranged(&self, declaration: &ObjectDeclaration) -> ObjectDeclaration {
        let mut left = declaration.clone();
        left.label
            .retain(|language, _| !self.is_arranged(&Arranged::Label(language.clone())));
        let gone = |name: &String| self.keeps_field(name, FieldPart::Gone);
        left.field.retain(|field| !gone(&field.name));
        left.columns.retain(|name| !gone(name));
        for field in &mut left.field {
            let Some(existing) = self.find(&field.name) else {
                continue;
            };
            let keeps = |part| self.keeps_field(&existing.name, part);
            drop_labels(&mut field.label, |language| {
                keeps(FieldPart::Label(language))
            });
            for choice in &mut field.choice {
                let name = choice.name.clone();
                drop_labels(&mut choice.label, |language| {
                    keeps(FieldPart::ChoiceLabel(name.clone(), language))
                });
            }
            if keeps(FieldPart::Section) {
                field.section = None;
            }
            if keeps(FieldPart::Required) {
                field.required = existing.required;
            }
            if keeps(FieldPart::Default) {
                field.default = None;
            }
            field.search &= !keeps(FieldPart::Search);
            field.timeline &= !keeps(FieldPart::Timeline);
        }
        for field in &mut left.field {
            let section = field.section.take();
            field.section = section.filter(|name| !self.keeps_section(name, SectionPart::Gone));
        }
        let keeps = |name: &str, part| self.keeps_section(name, part);
        left.section
            .retain(|section| !keeps(&section.name, SectionPart::Gone));
        for section in &mut left.section {
            let name = section.name.clone();
            drop_labels(&mut section.label, |language| {
                keeps(&name, SectionPart::Label(language))
            });
            if keeps(&name, SectionPart::Groups) {
                section.groups.clear();
            }
        }
        left.completeness
            .retain(|list| !self.is_arranged(&Arranged::Completeness(list.name.clone())));
        for list in &mut left.completeness {
            list.fields.retain(|name| !gone(name));
        }
        left.list
            .retain(|list| !self.is_arranged(&Arranged::List(list.name.clone())));
        left.total
            .retain(|total| !self.is_arranged(&Arranged::Total(total.name.clone())));
        let compares_gone = |rule: &DuplicateDeclaration| {
            let mut fields = rule.all.iter().map(|comparison| &comparison.field);
            fields.any(gone)
        };
        left.duplicate.retain(|rule| !compares_gone(rule));
        left
    }

    fn keeps_field(&self, field: &str, part: FieldPart) -> bool {
        self.is_arranged(&Arranged::Field(field.to_owned(), part))
    }

    fn keeps_section(&self, section: &str, part: SectionPart) -> bool {
        self.is_arranged(&Arranged::Section(section.to_owned(), part))
    }

    fn is_arranged(&self, part: &Arranged) -> bool {
        self.arranged.contains(part)
    }

    /// Marks a part of a field as arranged.
    pub(super) fn keep_field(&mut self, field: &str, part: FieldPart) {
        self.arranged
            .insert(Arranged::Field(field.to_owned(), part));
    }

    /// Marks a part of a section as arranged.
    pub(super) fn keep_section(&mut self, section: &str, part: SectionPart) {
        self.arranged
            .insert(Arranged::Section(section.to_owned(), part));
    }

    /// Forgets every mark of a field: what comes next under its name is another one.
    pub(super) fn forget_field(&mut self, field: &str) {
        self.arranged
            .retain(|mark| !matches!(mark, Arranged::Field(name, _) if name == field));
    }

    /// Forgets every mark of a section.
    pub(super) fn forget_section(&mut self, section: &str) {
        self.arranged
            .retain(|mark| !matches!(mark, Arranged::Section(name, _) if name == section));
    }
}

fn drop_labels(labels: &mut Labels, kept: impl Fn(String) -> bool) {
    labels.retain(|language, _| !kept(language.clone()));
}
