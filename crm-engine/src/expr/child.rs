//! Sub-selects that give a value for the record around them. What they are made of stands above
//! this room: here is what an expression asks of them.

use std::fmt;
use std::sync::Arc;

use sqlparser::ast::Query;

use super::check::Scope;
use super::domain::Domain;
use super::eval::Context;
use super::params::Parameters;
use super::syntax::Ast;
use crate::error::Result;
use crate::value::Value;

/// A sub-select, checked.
pub(crate) trait Child: fmt::Debug + Send + Sync {
    /// What it gives for the record of the context.
    ///
    /// # Errors
    /// What prevents reading, and the limits of queries.
    fn answer(&self, context: &Context<'_>) -> Result<Value>;

    /// Which way its records are found, in words.
    fn way(&self) -> String;
}

/// Checks sub-selects.
pub(crate) trait Nest {
    /// A sub-select of one value about what refers to the records of a scope.
    ///
    /// # Errors
    /// As those of a query, at its place.
    fn value(
        &self,
        scope: Scope<'_>,
        parameters: &mut Parameters,
        query: &Query,
        ast: &Ast,
    ) -> Result<(Arc<dyn Child>, Domain)>;
}

/// A sub-select in an expression: equal to itself only.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(super) Arc<dyn Child>);

impl PartialEq for Asked {
    fn eq(&self, other: &Asked) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
