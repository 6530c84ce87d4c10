//! What some kinds of rules may do: refuse a change, ask the store.

use rhai::{Dynamic, INT, ImmutableString, Map, NativeCallContext};

use super::super::RuleKind;
use super::super::call::{Call, Request, Stop};
use super::{Outcome, Rows};

type Text = ImmutableString;

pub(super) fn register(rows: &mut Rows<'_>) {
    rows.only_in = Some(RuleKind::Check);
    rows.function(
        "refuse",
        (
            "refuse(message)",
            "Refuses the change; the user reads the message as it stands.",
            r#"refuse("not on a Sunday")"#,
        ),
        |message: Text| refusal(None, &message),
    );
    rows.function(
        "refuse",
        (
            "refuse(field, message)",
            "Refuses the change because of a field; the user reads the message as it stands.",
            r#"refuse("amount", "must not be negative")"#,
        ),
        |field: Text, message: Text| refusal(Some(field.to_string()), &message),
    );
    rows.only_in = Some(RuleKind::React);
    rows.function(
        "create",
        (
            "create(object, fields) -> id",
            "Creates a record with the caller's rights and gives its number.",
            r#"create("thing", #{name: "a"})"#,
        ),
        |context: NativeCallContext, object: Text, fields: Map| {
            ask(
                &context,
                Request::Create {
                    object: object.to_string(),
                    fields,
                },
            )
        },
    );
    rows.function(
        "update",
        (
            "update(object, id, fields)",
            "Sets fields of a record with the caller's rights.",
            r#"update("thing", 7, #{name: "b"})"#,
        ),
        |context: NativeCallContext, object: Text, id: INT, fields: Map| {
            ask(
                &context,
                Request::Update {
                    object: object.to_string(),
                    id,
                    fields,
                },
            )
        },
    );
    rows.function(
        "get",
        (
            "get(object, id) -> map",
            "The fields of a record as the caller may see them; a missing value where there is \
             no such record.",
            r#"get("thing", 7)"#,
        ),
        |context: NativeCallContext, object: Text, id: INT| {
            ask(
                &context,
                Request::Get {
                    object: object.to_string(),
                    id,
                },
            )
        },
    );
    rows.function(
        "find",
        (
            "find(text) -> array",
            "The records with a phone number or e-mail, whatever its notation, as the caller may \
             see them: each as `#{object, id}`. Empty where the text is neither.",
            r#"find("+7 (495) 123-45-67")"#,
        ),
        |context: NativeCallContext, text: Text| {
            ask(
                &context,
                Request::Find {
                    text: text.to_string(),
                },
            )
        },
    );
    rows.only_in = None;
}

fn refusal(field: Option<String>, message: &str) -> Outcome<()> {
    Err(Stop::Refused {
        field,
        message: message.to_owned(),
    }
    .into())
}

fn ask(context: &NativeCallContext<'_>, request: Request) -> Outcome<Dynamic> {
    Call::of(context).ask(request)
}
