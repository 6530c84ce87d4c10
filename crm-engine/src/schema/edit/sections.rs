//! How sections are created, changed and deleted in a running store.

use crate::error::{Code, Error, Result};
use crate::schema::declare::add_section;
use crate::schema::{Object, Section, SectionDeclaration, SectionPart};

use super::{SectionChange, check_labels, place_at};

/// The first two sections of an object, by number: renaming them or changing their order does
/// not make others of them (C34).
const DEFAULT_SECTIONS: u16 = 2;

/// Tells whether the caller may work with a section: positions count those.
type Works<'a> = &'a dyn Fn(&Section) -> bool;

impl Section {
    /// Whether it is one of the two that cannot be deleted (C34).
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.id <= DEFAULT_SECTIONS
    }
}

impl Object {
    /// Adds a section.
    ///
    /// # Errors
    /// [`Code::Duplicate`], [`Code::InvalidValue`], [`Code::LimitExceeded`],
    /// [`Code::InvalidArguments`] for a place that is none.
    pub(crate) fn create_section(
        &mut self,
        declared: &SectionDeclaration,
        position: Option<usize>,
        works: Works<'_>,
    ) -> Result<()> {
        let name = &declared.name;
        if self.section(name).is_ok() {
            let text = format!("`{}` has a section `{name}` already", self.name);
            return Err(Error::new(Code::Duplicate, text).with("section", name.as_str()));
        }
        check_labels(&declared.label)?;
        add_section(self, name, &declared.label, &declared.groups)?;
        self.forget_section(name);
        self.move_section(name, position, works)
    }

    /// Changes a section.
    ///
    /// # Errors
    /// [`Code::InvalidValue`], [`Code::LimitExceeded`], [`Code::InvalidArguments`] for a place
    /// that is none.
    pub(crate) fn change_section(
        &mut self,
        name: &str,
        change: &SectionChange,
        works: Works<'_>,
    ) -> Result<()> {
        let at = self.section_at(name)?;
        let section = &mut self.sections[at];
        section.labels.extend(change.label.clone());
        check_labels(&section.labels)?;
        if let Some(groups) = &change.groups {
            section.groups.clone_from(groups);
        }
        for language in change.label.keys() {
            self.keep_section(name, SectionPart::Label(language.clone()));
        }
        if change.groups.is_some() {
            self.keep_section(name, SectionPart::Groups);
        }
        self.move_section(name, change.position, works)
    }

    /// Deletes a section. Its fields go to the end of the section `heir`.
    ///
    /// # Errors
    /// [`Code::SchemaFixed`] for a default section, [`Code::StillReferenced`] for one that has
    /// fields and no heir.
    pub(crate) fn delete_section(&mut self, name: &str, heir: Option<&str>) -> Result<()> {
        let at = self.section_at(name)?;
        let section = &self.sections[at];
        let refuse = |code, why: &str| {
            let text = format!("the section `{name}` {why}");
            Err(Error::new(code, text).with("section", name))
        };
        if section.is_default() {
            let why = "is one of the two default sections, which cannot be deleted";
            return refuse(Code::SchemaFixed, why);
        }
        if !section.fields.is_empty() {
            let Some(heir) = heir else {
                let why = "has fields: delete them, or name the section they move to";
                return refuse(Code::StillReferenced, why);
            };
            if heir == name {
                return Err(self.unknown_section(heir));
            }
            let heir = self.section_at(heir)?;
            let fields = std::mem::take(&mut self.sections[at].fields);
            self.sections[heir].fields.extend(fields);
        }
        self.sections.remove(at);
        self.forget_section(name);
        self.keep_section(name, SectionPart::Gone);
        Ok(())
    }

    fn move_section(
        &mut self,
        name: &str,
        position: Option<usize>,
        works: Works<'_>,
    ) -> Result<()> {
        let Some(position) = position else {
            return Ok(());
        };
        let at = self.section_at(name)?;
        let section = self.sections.remove(at);
        let places = self.sections.iter().enumerate();
        let seen: Vec<usize> = places
            .filter(|(_, section)| works(section))
            .map(|(place, _)| place)
            .collect();
        let place = place_at(position, &seen, self.sections.len())?;
        self.sections.insert(place, section);
        Ok(())
    }

    fn section_at(&self, name: &str) -> Result<usize> {
        let at = self
            .sections
            .iter()
            .position(|section| section.name == name);
        at.ok_or_else(|| self.unknown_section(name))
    }
}
