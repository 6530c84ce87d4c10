//! Operations about the presets of rights.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::pack::Preset;
use crate::progress::OnProgress;
use crate::session::Session;

use super::{Operation, arguments, to_json};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "preset.install",
        text: "adds the roles of a preset of rights to those there are; administrators only",
        arguments: &[(
            "name",
            "text",
            "`open`, `departments`, `three_level` or `levels`",
        )],
        run: install,
    }]
}

fn install(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        name: String,
    }
    session.require_administrator()?;
    let Arguments { name } = arguments(json)?;
    let preset = Preset::by_name(&name).ok_or_else(|| {
        let known = Preset::ALL.map(Preset::name).join("`, `");
        let name = crate::value::shorten(&name);
        let text = format!("`name`: there is no preset `{name}`, but `{known}`");
        Error::new(Code::InvalidArguments, text).field("name")
    })?;
    to_json(&session.engine().install(session.actor(), &preset.pack()?)?)
}
