//! How totals are created and taken away in a running store.

use crate::error::{Code, Error, Result};
use crate::schema::{Arranged, Object, Total, TotalDeclaration};

use super::Shows;

impl Object {
    /// Adds a total.
    ///
    /// # Errors
    /// [`Code::Duplicate`] when the object has one of that name, and what
    /// [`take_total`](Object::take_total) has against the declaration.
    pub(crate) fn create_total(
        &mut self,
        declared: &TotalDeclaration,
        shows: Shows<'_>,
    ) -> Result<()> {
        let name = &declared.name;
        if self.totals.iter().any(|total| total.name == *name) {
            let text = format!("`{}` has a total `{name}` already", self.name);
            return Err(Error::new(Code::Duplicate, text).with("total", name.as_str()));
        }
        self.take_total(declared, shows)?;
        self.arranged.insert(Arranged::Total(name.clone()));
        Ok(())
    }

    /// Takes a total away. One that is made of a field that is not shown is none.
    ///
    /// # Errors
    /// [`Code::InvalidValue`].
    pub(crate) fn delete_total(&mut self, name: &str, shows: Shows<'_>) -> Result<()> {
        let is_it = |total: &Total| total.name == name && total.fields().all(shows);
        let Some(at) = self.totals.iter().position(is_it) else {
            let name = crate::value::shorten(name);
            let text = format!("`{}` has no total `{name}`", self.name);
            return Err(Error::new(Code::InvalidValue, text)
                .with("object", self.name.as_str())
                .with("total", name));
        };
        let gone = self.totals.remove(at);
        self.arranged.insert(Arranged::Total(gone.name));
        Ok(())
    }
}
