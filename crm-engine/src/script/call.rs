//! What a running call knows, and how it stops.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext, Position};

use super::meter::{Exhausted, Meter};

/// The state of one call, reachable from native functions.
#[derive(Debug)]
pub(super) struct Call {
    /// The moment of the transaction: scripts know no other clock.
    pub(super) now: DateTime<Utc>,
    pub(super) meter: Meter,
    dialogue: Mutex<Dialogue>,
}

/// What the script asked the store so far and was answered.
///
/// A script cannot reach into the transaction that runs it. So it stops at the first request
/// that has no answer yet, the request is carried out, and the script runs again from its
/// beginning. It has no other inputs than its record and these answers, so it comes to the same
/// place and goes on from there.
#[derive(Debug, Default)]
struct Dialogue {
    answers: Vec<Dynamic>,
    asked: usize,
}

/// What a reaction asks of the store.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Create {
        object: String,
        fields: Map,
    },
    Update {
        object: String,
        id: i64,
        fields: Map,
    },
    Get {
        object: String,
        id: i64,
    },
    Find {
        text: String,
    },
}

/// Why a native function ended the script. Scripts cannot catch it.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    Exhausted(Exhausted),
    Refused {
        field: Option<String>,
        message: String,
    },
    Asks(Request),
}

impl Call {
    pub(super) fn new(now: DateTime<Utc>) -> Arc<Call> {
        Arc::new(Call {
            now,
            meter: Meter::new(),
            dialogue: Mutex::default(),
        })
    }

    /// The call that a native function works for.
    pub(super) fn of(context: &NativeCallContext<'_>) -> Arc<Call> {
        context
            .tag()
            .and_then(|tag| tag.read_lock::<Arc<Call>>().map(|call| Arc::clone(&call)))
            .unwrap_or_else(|| unreachable!("the sandbox gives every engine its call"))
    }

    /// The answer to the next request, or the stop that asks for it.
    pub(super) fn ask(&self, request: Request) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut dialogue = self.dialogue();
        let answer = dialogue.answers.get(dialogue.asked).cloned();
        dialogue.asked += 1;
        answer.ok_or_else(|| Stop::Asks(request).into())
    }

    /// Adds the answer to the request the script stopped at, and begins again.
    pub(super) fn answer(&self, answer: Dynamic) {
        let mut dialogue = self.dialogue();
        dialogue.answers.push(answer);
        dialogue.asked = 0;
    }

    fn dialogue(&self) -> MutexGuard<'_, Dialogue> {
        self.dialogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Stop> for Box<EvalAltResult> {
    fn from(stop: Stop) -> Box<EvalAltResult> {
        EvalAltResult::ErrorTerminated(Dynamic::from(stop), Position::NONE).into()
    }
}
