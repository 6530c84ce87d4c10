//! Operations about sessions, proofs and the journal.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::access::Secret;
use crate::error::Result;
use crate::ids::{Sequence, UserId};
use crate::progress::OnProgress;
use crate::session::{JournalRequest, Session};

use super::{Operation, arguments, to_json};

const USER: (&str, &str, &str) = (
    "user",
    "integer",
    "the user; the caller when left out, another one for administrators only",
);
const PROOF: (&str, &str, &str) = (
    "password",
    "text",
    "the caller's password, for his own second factor",
);

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "password.set",
            text: "sets a password; the first one is given by an administrator",
            arguments: &[
                USER,
                ("old", "text", "the present password, for one's own"),
                ("new", "text", "the new password"),
            ],
            run: set_password,
        },
        Operation {
            name: "password.clear",
            text: "takes a password away; administrators only",
            arguments: &[USER],
            run: clear_password,
        },
        Operation {
            name: "totp.set",
            text: "sets the secret of an authenticator and tells it this once, as text and as an `otpauth` address",
            arguments: &[
                USER,
                PROOF,
                (
                    "secret",
                    "text",
                    "in base 32; a new random one when left out",
                ),
            ],
            run: set_totp,
        },
        Operation {
            name: "totp.clear",
            text: "takes the secret of an authenticator away",
            arguments: &[USER, PROOF],
            run: clear_totp,
        },
        Operation {
            name: "sessions",
            text: "the open sessions with their users and origins; administrators only",
            arguments: &[],
            run: |session, _, _| to_json(&session.sessions()?),
        },
        Operation {
            name: "session.end",
            text: "ends a session at once; administrators only",
            arguments: &[(
                "session",
                "integer",
                "the position of its login in the journal",
            )],
            run: end_session,
        },
        Operation {
            name: "journal",
            text: "who did what, when and from where, and what came of it; needs the right `audit` on all records",
            arguments: &[
                ("user", "integer", "whose doings"),
                ("from", "date_time", "from this moment on"),
                ("to", "date_time", "before this moment"),
                (
                    "kinds",
                    "array",
                    "`change`, `login`, `login_refused`, `logout`, `refused`, `export`, `password_changed`, `second_factor_changed`, `parallel_sessions`, `journal_cut`",
                ),
                ("after", "integer", "behind this position"),
                ("limit", "integer", "entries per page; 100 when left out"),
            ],
            run: journal,
        },
        Operation {
            name: "journal.cut",
            text: "cuts off the journal before a moment and leaves an entry that tells of it; administrators only",
            arguments: &[("before", "date_time", "the moment")],
            run: cut_journal,
        },
    ]
}

fn text(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(|secret| secret.0.as_str())
}

fn set_password(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: Option<UserId>,
        old: Option<Secret>,
        new: Secret,
    }
    let Arguments { user, old, new } = arguments(json)?;
    session.set_password(user, text(&old), &new.0)?;
    Ok(json!({}))
}

fn clear_password(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: Option<UserId>,
    }
    let Arguments { user } = arguments(json)?;
    session.clear_password(user)?;
    Ok(json!({}))
}

fn set_totp(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: Option<UserId>,
        password: Option<Secret>,
        secret: Option<Secret>,
    }
    let Arguments {
        user,
        password,
        secret,
    } = arguments(json)?;
    to_json(&session.set_totp(user, text(&password), text(&secret))?)
}

fn clear_totp(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: Option<UserId>,
        password: Option<Secret>,
    }
    let Arguments { user, password } = arguments(json)?;
    session.clear_totp(user, text(&password))?;
    Ok(json!({}))
}

fn end_session(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        session: Sequence,
    }
    let Arguments { session: ended } = arguments(json)?;
    session.end_session(ended)?;
    Ok(json!({}))
}

fn journal(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let request: JournalRequest = arguments(json)?;
    to_json(&session.journal(&request)?)
}

fn cut_journal(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        before: DateTime<Utc>,
    }
    let Arguments { before } = arguments(json)?;
    to_json(&session.cut_journal(before)?)
}
