//! The operations that configure objects: fields, sections, labels and completeness.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::progress::OnProgress;
use crate::schema::{
    ChoiceDeclaration, FieldChange, FieldDeclaration, LabelOf, Labels, ObjectDeclaration,
    SectionChange, SectionDeclaration,
};
use crate::session::Session;
use crate::value::ValueType;

use super::{Operation, arguments};

const OBJECT: (&str, &str, &str) = ("object", "text", "the object");
const FIELD: (&str, &str, &str) = ("field", "text", "the field");
const SECTION: (&str, &str, &str) = ("section", "text", "the section");
const LABEL: (&str, &str, &str) = ("label", "object", "language: text");
const LANGUAGE: (&str, &str, &str) = (
    "language",
    "text",
    "labels as text in it; all languages when left out",
);
const GROUPS: (&str, &str, &str) = (
    "groups",
    "array",
    "the user groups that may work with it; everybody when there are none",
);

pub(super) fn operations() -> Vec<Operation> {
    let mut all = fields();
    all.extend(sections());
    all.extend(others());
    all
}

fn fields() -> Vec<Operation> {
    vec![
        Operation {
            name: "field.create",
            text: "adds a field to an object; needs the right to manage its fields",
            arguments: &[
                OBJECT,
                (
                    "field",
                    "object",
                    "as in a pack: name, type, label, section, required, unique, default, choice, target and so on",
                ),
                (
                    "position",
                    "integer",
                    "its place in the section, from 1; the end when left out",
                ),
            ],
            run: create_field,
        },
        Operation {
            name: "field.update",
            text: "changes a field, never its type; needs the right to manage the object's fields",
            arguments: &[
                OBJECT,
                FIELD,
                LABEL,
                ("section", "text", "the section it moves to"),
                ("position", "integer", "its place in the section, from 1"),
                (
                    "required",
                    "checkbox",
                    "whether a save without it is refused",
                ),
                (
                    "default",
                    "text",
                    "what a new record gets; empty for nothing",
                ),
                ("search", "checkbox", "whether search finds records by it"),
                (
                    "timeline",
                    "checkbox",
                    "whether it puts records on timelines",
                ),
                (
                    "choice",
                    "array",
                    "new choices, and new labels of those there are: name, label, stage, requires",
                ),
                ("type", "text", "the type it has; another one is refused"),
            ],
            run: update_field,
        },
        Operation {
            name: "field.delete",
            text: "deletes a field with its values; needs the right to manage the object's fields",
            arguments: &[OBJECT, FIELD],
            run: delete_field,
        },
        Operation {
            name: "object.create",
            text: "adds an object; administrators only",
            arguments: &[("object", "object", "as in the object.toml of a pack")],
            run: create_object,
        },
    ]
}

fn sections() -> Vec<Operation> {
    vec![
        Operation {
            name: "section.list",
            text: "the sections of an object for settings, empty ones too; needs the right to manage them",
            arguments: &[OBJECT, LANGUAGE],
            run: list_sections,
        },
        Operation {
            name: "section.create",
            text: "adds a section to an object; needs the right to manage its sections",
            arguments: &[
                OBJECT,
                ("section", "text", "its name"),
                LABEL,
                GROUPS,
                (
                    "position",
                    "integer",
                    "its place, from 1; the end when left out",
                ),
            ],
            run: create_section,
        },
        Operation {
            name: "section.update",
            text: "changes a section; needs the right to manage the object's sections",
            arguments: &[
                OBJECT,
                SECTION,
                LABEL,
                GROUPS,
                ("position", "integer", "its place, from 1"),
            ],
            run: update_section,
        },
        Operation {
            name: "section.delete",
            text: "deletes a section, never a default one; needs the right to manage the object's sections",
            arguments: &[
                OBJECT,
                SECTION,
                (
                    "move_to",
                    "text",
                    "the section its fields move to; needed when it has any",
                ),
            ],
            run: delete_section,
        },
        Operation {
            name: "questionnaire",
            text: "the fields of an object by section, as far as the caller sees them",
            arguments: &[
                OBJECT,
                (
                    "id",
                    "integer",
                    "a record whose values are told; null when it is not found",
                ),
                LANGUAGE,
            ],
            run: questionnaire,
        },
    ]
}

fn others() -> Vec<Operation> {
    vec![
        Operation {
            name: "label.set",
            text: "gives a label in one language, API names stay; needs the right to configure the object",
            arguments: &[
                (
                    "object",
                    "text",
                    "the object the label is for, or is part of",
                ),
                ("field", "text", "one of its fields"),
                ("choice", "text", "a choice of the field"),
                ("section", "text", "one of its sections"),
                ("language", "text", "`en`, `ru` and so on"),
                ("label", "text", "the label; empty takes it away"),
            ],
            run: set_label,
        },
        Operation {
            name: "completeness",
            text: "how complete a record is by each list of fields; null when it is not found",
            arguments: &[
                ("object", "text", "its object"),
                ("id", "integer", "its id"),
            ],
            run: completeness,
        },
        Operation {
            name: "completeness.set",
            text: "says which fields a list for completeness looks at; needs the right to configure the object",
            arguments: &[
                OBJECT,
                ("name", "text", "the name of the list"),
                ("fields", "array", "its fields; none take the list away"),
            ],
            run: set_completeness,
        },
    ]
}

fn create_field(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        field: FieldDeclaration,
        position: Option<usize>,
    }
    let Arguments {
        object,
        field,
        position,
    } = arguments(json)?;
    session.create_field(&object, &field, position)?;
    done()
}

fn update_field(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        field: String,
        #[serde(rename = "type")]
        value_type: Option<ValueType>,
        #[serde(default)]
        label: Labels,
        section: Option<String>,
        position: Option<usize>,
        required: Option<bool>,
        default: Option<String>,
        search: Option<bool>,
        timeline: Option<bool>,
        #[serde(default)]
        choice: Vec<ChoiceDeclaration>,
    }
    let given: Arguments = arguments(json)?;
    let change = FieldChange {
        value_type: given.value_type,
        label: given.label,
        section: given.section,
        position: given.position,
        required: given.required,
        default: given.default,
        search: given.search,
        timeline: given.timeline,
        choice: given.choice,
    };
    session.update_field(&given.object, &given.field, &change)?;
    done()
}

fn delete_field(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        field: String,
    }
    let Arguments { object, field } = arguments(json)?;
    session.delete_field(&object, &field)?;
    done()
}

fn create_object(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: ObjectDeclaration,
    }
    let Arguments { object } = arguments(json)?;
    session.create_object(&object)?;
    done()
}

fn list_sections(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        language: Option<String>,
    }
    let Arguments { object, language } = arguments(json)?;
    session.sections(&object, language.as_deref())
}

fn create_section(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        section: String,
        #[serde(default)]
        label: Labels,
        #[serde(default)]
        groups: Vec<String>,
        position: Option<usize>,
    }
    let given: Arguments = arguments(json)?;
    let section = SectionDeclaration {
        name: given.section,
        label: given.label,
        groups: given.groups,
    };
    session.create_section(&given.object, &section, given.position)?;
    done()
}

fn update_section(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        section: String,
        #[serde(default)]
        label: Labels,
        groups: Option<Vec<String>>,
        position: Option<usize>,
    }
    let given: Arguments = arguments(json)?;
    let change = SectionChange {
        label: given.label,
        groups: given.groups,
        position: given.position,
    };
    session.update_section(&given.object, &given.section, &change)?;
    done()
}

fn delete_section(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        section: String,
        move_to: Option<String>,
    }
    let Arguments {
        object,
        section,
        move_to,
    } = arguments(json)?;
    session.delete_section(&object, &section, move_to.as_deref())?;
    done()
}

fn questionnaire(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: Option<RecordId>,
        language: Option<String>,
    }
    let Arguments {
        object,
        id,
        language,
    } = arguments(json)?;
    let told = session.questionnaire(&object, id, language.as_deref())?;
    Ok(told.unwrap_or(Json::Null))
}

fn set_label(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        field: Option<String>,
        choice: Option<String>,
        section: Option<String>,
        language: String,
        label: String,
    }
    let given: Arguments = arguments(json)?;
    let of = match (given.field, given.choice, given.section) {
        (None, None, None) => LabelOf::Object,
        (Some(field), None, None) => LabelOf::Field(field),
        (Some(field), Some(choice), None) => LabelOf::Choice { field, choice },
        (None, None, Some(section)) => LabelOf::Section(section),
        (None, Some(_), _) => return Err(invalid("`choice` is one of a `field`")),
        (Some(_), _, Some(_)) => return Err(invalid("a label is of a `field` or a `section`")),
    };
    session.set_label(&given.object, &of, &given.language, &given.label)?;
    done()
}

fn completeness(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
    }
    let Arguments { object, id } = arguments(json)?;
    Ok(json!(session.completeness(&object, id)?))
}

fn set_completeness(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        name: String,
        fields: Vec<String>,
    }
    let Arguments {
        object,
        name,
        fields,
    } = arguments(json)?;
    session.set_completeness(&object, &name, &fields)?;
    done()
}

/// Nothing to tell but that it was done.
fn done() -> Result<Json> {
    Ok(json!({}))
}

fn invalid(message: &str) -> Error {
    Error::new(Code::InvalidArguments, message)
}
