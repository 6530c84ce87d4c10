//! The conditions of a pack's card parts: whether they say anything of the rows they are for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Pack, object_file, place};
use crate::error::{Code, Error, Result};
use crate::expr::Condition;
use crate::policy::{Action, Actor, Organisation, Plan};
use crate::schema::{Object, Schema};

/// What the conditions may ask for beside the fields of the rows.
const PARAMETERS: [&str; 3] = ["now", "today", "user"];

/// What is wrong with the conditions of the cards of the pack's objects.
pub(super) fn check(pack: &Pack, next: &Schema, unsettled: &BTreeSet<String>) -> Vec<Error> {
    let settled = pack.objects.iter().filter(|o| !unsettled.contains(&o.name));
    let mut faults = Vec::new();
    for declared in settled {
        for part in &declared.card {
            let Some(text) = &part.condition else {
                continue;
            };
            if let Err(error) = compile(next, &part.object, text) {
                let file = object_file(&declared.name);
                let source = pack.text(&file);
                let offset = place::string(source, text).unwrap_or(0);
                let message = format!("card part `{}`: {}", part.name, error.message());
                faults.push(
                    place::fault(&file, source, offset, &message)
                        .with("cause", error.code().name())
                        .with("object", declared.name.as_str()),
                );
            }
        }
    }
    faults
}

fn compile(schema: &Schema, object: &str, text: &str) -> Result<()> {
    let nobody = Organisation::default();
    let plans =
        |object: &Object| Arc::new(Plan::compile(&nobody, Actor::System, object, Action::View));
    let condition = Condition::compile(schema, schema.object(object)?, &plans, text)?;
    for name in condition.parameters() {
        let name = name.as_deref().unwrap_or("?");
        if !PARAMETERS.contains(&name) {
            let text = format!("the parameters of a card are :now, :today and :user, not `{name}`");
            return Err(Error::new(Code::InvalidValue, text));
        }
    }
    Ok(())
}
