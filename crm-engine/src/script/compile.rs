//! From a declared rule to one that runs.

use std::sync::Arc;

use rhai::{AST, Dynamic, Position};

use crate::error::Error;
use crate::ids::FieldId;
use crate::limits::SCRIPT_TEXT_BYTES_MAX;
use crate::schema::{Object, Schema};

use super::fault::Origin;
use super::inspect::inspect;
use super::record::{self, Access, Properties};
use super::{RuleEvent, RuleKind, RuleSource, sandbox};

/// A rule that runs.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) kind: RuleKind,
    pub(super) object: Arc<Object>,
    pub(super) ast: AST,
    /// The fields the script names after `this`.
    pub(super) this: Vec<Access>,
    /// The fields the script names after `old`.
    pub(super) old: Vec<Access>,
    on: Vec<RuleEvent>,
    watch: Vec<FieldId>,
}

impl Rule {
    /// Compiles a rule; all that is wrong with it is told at once.
    pub(super) fn compile(
        schema: &Schema,
        source: &RuleSource,
        properties: &mut Properties,
    ) -> Result<Rule, Vec<Error>> {
        let origin = Origin::of(source);
        let broken = |message: &str| origin.broken(message, Position::NONE);
        let object = schema.object(&source.object).map_err(|error| {
            vec![broken(error.message()).with("object", source.object.as_str())]
        })?;
        if source.text.len() > SCRIPT_TEXT_BYTES_MAX {
            return Err(vec![broken(&format!(
                "a rule has at most {SCRIPT_TEXT_BYTES_MAX} bytes"
            ))]);
        }
        let mut errors = Vec::new();
        let mut watch = Vec::new();
        for name in &source.watch {
            match object.find(name) {
                Some(field) => watch.push(field.id),
                None => {
                    let message = format!("it watches `{name}`, which `{}` has not", object.name);
                    errors.push(broken(&message).field(name));
                }
            }
        }
        if source.kind == RuleKind::Compute && source.on.contains(&RuleEvent::Delete) {
            errors.push(broken("a compute rule has nothing to set on deletion"));
        }
        let scope = record::scope(Dynamic::UNIT, Dynamic::UNIT, false);
        let ast = match sandbox::parse(&source.text, &scope) {
            Ok(ast) => ast,
            Err(error) => {
                errors.push(origin.unparsable(&error));
                return Err(errors);
            }
        };
        let found = inspect(&ast, schema, object, source.kind);
        errors.extend(found.mistakes(&origin));
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut accesses = |fields: &mut dyn Iterator<Item = FieldId>| -> Vec<Access> {
            let fields = fields.filter_map(|id| object.by_id(id));
            fields
                .map(|f| Access {
                    property: properties.number(&f.name),
                    field: f.id,
                })
                .collect()
        };
        let this = accesses(&mut found.this.iter().copied());
        let old = accesses(&mut found.old.iter().copied());
        let on = match source.on.is_empty() {
            true => vec![RuleEvent::Create, RuleEvent::Update],
            false => source.on.clone(),
        };
        let (object, kind) = (Arc::clone(object), source.kind);
        Ok(Rule {
            origin,
            kind,
            object,
            ast,
            this,
            old,
            on,
            watch,
        })
    }

    /// Whether the rule answers a change: updates are sifted by the watched fields.
    pub(super) fn answers(&self, event: RuleEvent, changed: impl Fn(FieldId) -> bool) -> bool {
        self.on.contains(&event)
            && (event != RuleEvent::Update
                || self.watch.is_empty()
                || self.watch.iter().any(|field| changed(*field)))
    }
}
