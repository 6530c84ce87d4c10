//! How lists come and go in a running store.
//!
//! A list that is added is written from then on, and is read once it holds every record. One
//! that is taken away is neither written nor read, and is forgotten once its entries are gone.

use crate::error::{Code, Error, Result};
use crate::schema::{Arranged, List, ListDeclaration, Object};

use super::Shows;

impl Object {
    /// Adds a list that is to be built. One that is being built already goes on.
    ///
    /// # Errors
    /// [`Code::Duplicate`] when the object has another list of that name, [`Code::UnknownField`],
    /// [`Code::InvalidValue`], [`Code::LimitExceeded`].
    pub(crate) fn create_list(
        &mut self,
        declared: &ListDeclaration,
        shows: Shows<'_>,
    ) -> Result<()> {
        let name = &declared.name;
        let by = self.sort_keys(declared, shows)?;
        let is_it = |list: &&List| list.name == *name;
        if self
            .building
            .iter()
            .find(is_it)
            .is_some_and(|known| known.by == by)
        {
            return Ok(());
        }
        if self
            .written_lists()
            .chain(&self.leaving)
            .any(|list| is_it(&list))
        {
            let text = format!("`{}` has a list `{name}` already", self.name);
            return Err(Error::new(Code::Duplicate, text));
        }
        let list = self.numbered_list(name, by)?;
        self.building.push(list);
        self.arranged.insert(Arranged::List(name.clone()));
        Ok(())
    }

    /// Offers a list that holds every record by now.
    pub(crate) fn offer_list(&mut self, id: u8) {
        if let Some(at) = self.building.iter().position(|list| list.id == id) {
            let list = self.building.remove(at);
            self.lists.push(list);
            self.lists.sort_unstable_by_key(|list| list.id);
        }
    }

    /// Takes a list away, built or not. One that sorts by a field that is not shown is none; one
    /// that is leaving already goes on.
    ///
    /// # Errors
    /// [`Code::InvalidValue`].
    pub(crate) fn delete_list(&mut self, name: &str, shows: Shows<'_>) -> Result<()> {
        let is_it = |list: &List| list.name == name && list.is_of(shows);
        if self.leaving.iter().any(is_it) {
            return Ok(());
        }
        let lists = [&mut self.lists, &mut self.building];
        let gone = lists.into_iter().find_map(|lists| {
            let at = lists.iter().position(is_it)?;
            Some(lists.remove(at))
        });
        let gone = gone.ok_or_else(|| self.unknown_list(name))?;
        self.arranged.insert(Arranged::List(gone.name.clone()));
        self.leaving.push(gone);
        Ok(())
    }

    /// Forgets a list whose entries are gone.
    pub(crate) fn forget_list(&mut self, id: u8) {
        self.leaving.retain(|list| list.id != id);
    }

    /// The one answer for lists that do not exist and those of fields that may not be seen.
    pub(crate) fn unknown_list(&self, name: &str) -> Error {
        let name = crate::value::shorten(name);
        let text = format!("`{}` has no list `{name}`", self.name);
        Error::new(Code::InvalidValue, text)
            .with("object", self.name.as_str())
            .with("list", name)
    }
}

impl List {
    /// Whether it sorts by fields that are shown.
    pub(crate) fn is_of(&self, shows: Shows<'_>) -> bool {
        self.by.iter().all(|key| shows(key.field))
    }
}
