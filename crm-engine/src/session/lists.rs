//! Lists added to objects of a running store and taken away, while everybody goes on working.

#[cfg(test)]
mod tests;

use crate::configure::Configurer;
use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::index;
use crate::progress::{OnProgress, Progress};
use crate::schema::{ListDeclaration, Schema};
use crate::store::{Read, Txn};

use super::Session;

impl Session {
    /// Offers another sorted list of an object's records, also by fields that were added to the
    /// running store. Needs the right to manage its fields.
    ///
    /// It is built in many short transactions, between which others read and write; queries use
    /// it from the moment it holds every record. `progress` hears of the records done and may end
    /// the work. What was cancelled, or ended by a crash, goes on where it was when the same list
    /// is asked for again.
    ///
    /// ```
    /// use crm_engine::{Engine, FieldDeclaration, ListDeclaration, Options, Params, ValueType};
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.create_field("company", &FieldDeclaration::new("region", ValueType::Text), None)?;
    /// let regions = ListDeclaration {
    ///     name: "by_region".into(),
    ///     by: vec!["region".into(), "name".into()],
    /// };
    /// host.create_list("company", &regions, &mut |_| true)?;
    /// let sql = "SELECT name FROM company WHERE region = 'north' ORDER BY name";
    /// let explained = host.query(&format!("EXPLAIN {sql}"), &Params::new())?.next()?.unwrap().to_vec();
    /// assert_eq!(explained[1].to_string(), "list `by_region`; narrowed by `region`");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`], [`Code::Duplicate`] when the object has a list of that name,
    /// [`Code::UnknownField`], [`Code::InvalidValue`] for what no list sorts by,
    /// [`Code::LimitExceeded`], [`Code::Cancelled`] with the number of `records` done.
    pub fn create_list(
        &self,
        object: &str,
        list: &ListDeclaration,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<()> {
        let name = &list.name;
        let action = format!("list.create {object}.{name}");
        self.configure(&action, |configurer| configurer.create_list(object, list))?;
        let action = format!("list.offer {object}.{name}");
        let mut done = 0;
        while self.looked_at(|configurer| configurer.list_being_built(object, name))? {
            let step = |txn: &mut Txn, schema: &Schema, facts: &Facts| {
                let being_built = {
                    let configurer = self.configurer(txn, schema, facts);
                    configurer.list_being_built(object, name)?
                };
                match being_built {
                    Some((object, list)) => index::build_list(txn, &object, &list),
                    None => Ok(0),
                }
            };
            self.step_by_step(&mut done, progress, step)?;
            self.configure(&action, |configurer| configurer.offer_list(object, name))?;
        }
        Ok(())
    }

    /// Takes a list away; packs that declare it do not bring it back. Queries stop using it at
    /// once, and its entries go in many short transactions. Needs the right to manage the fields
    /// of the object.
    ///
    /// `progress` hears of the entries that went and may end the work, which goes on when the
    /// list is deleted again.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, ListDeclaration, Options};
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let names = ListDeclaration { name: "newest_names".into(), by: vec!["name desc".into()] };
    /// host.create_list("company", &names, &mut |_| true)?;
    /// host.delete_list("company", "newest_names", &mut |_| true)?;
    /// let again = host.delete_list("company", "newest_names", &mut |_| true).unwrap_err();
    /// assert_eq!(again.code(), Code::InvalidValue);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`], [`Code::InvalidValue`] for a list that is not found,
    /// [`Code::Cancelled`] with the number of `records` done, here of entries.
    pub fn delete_list(
        &self,
        object: &str,
        list: &str,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<()> {
        let action = format!("list.delete {object}.{list}");
        self.configure(&action, |configurer| configurer.delete_list(object, list))?;
        let action = format!("list.forget {object}.{list}");
        let mut done = 0;
        while self.looked_at(|configurer| configurer.leaving_list(object, list))? {
            let step = |txn: &mut Txn, schema: &Schema, facts: &Facts| {
                let leaving = {
                    let configurer = self.configurer(txn, schema, facts);
                    configurer.leaving_list(object, list)?
                };
                match leaving {
                    Some((object, list)) => index::remove_entries(txn, &object, &list),
                    None => Ok(0),
                }
            };
            self.step_by_step(&mut done, progress, step)?;
            self.configure(&action, |configurer| configurer.forget_list(object, list))?;
        }
        Ok(())
    }

    /// Takes steps, each in a transaction of its own, until one has nothing left to do.
    fn step_by_step(
        &self,
        done: &mut u64,
        progress: OnProgress<'_>,
        step: impl Fn(&mut Txn, &Schema, &Facts) -> Result<u64>,
    ) -> Result<()> {
        loop {
            if let Some(presence) = &self.presence {
                presence.check_open()?;
            }
            let more = self.engine.derive(self.by(), &step)?;
            if more == 0 {
                return Ok(());
            }
            *done += more;
            let (done, total) = (*done, None);
            if !progress(Progress { done, total }) {
                let text = "the work on the list was cancelled, and goes on when asked for again";
                return Err(Error::new(Code::Cancelled, text).with("records", done));
            }
        }
    }

    /// Whether a list is still in the state that is asked for.
    fn looked_at<R>(&self, ask: impl Fn(&Configurer<'_>) -> Result<Option<R>>) -> Result<bool> {
        let view = self.view()?;
        let configurer = self.configurer(&view.snapshot, &view.schema, &view.facts);
        Ok(ask(&configurer)?.is_some())
    }

    fn configurer<'a>(
        &self,
        read: &'a dyn Read,
        schema: &'a Schema,
        facts: &'a Facts,
    ) -> Configurer<'a> {
        Configurer {
            read,
            schema,
            facts,
            actor: self.actor,
        }
    }
}
