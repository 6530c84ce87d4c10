//! The sandbox: how texts are parsed and run. The only place that configures rhai.
//!
//! Every call gets an engine of its own, which costs 0.2 µs: nothing of a call, not even of
//! one that panicked, is left for the next. See the tests in `holes` for what is guarded against.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Module, OptimizationLevel, ParseError, Scope, Shared,
    Token,
};

use crate::limits::{
    SCRIPT_ARRAY_ITEMS_MAX, SCRIPT_CALL_DEPTH_MAX, SCRIPT_EXPRESSION_DEPTH_MAX,
    SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX, SCRIPT_FUNCTIONS_MAX, SCRIPT_MAP_ITEMS_MAX,
    SCRIPT_STRING_BYTES_MAX, SCRIPT_VARIABLES_MAX,
};

use super::call::{Call, Stop};
use super::functions;

/// What the language could do and a rule must not: symbols that are refused by the parser.
/// Functions need no such list, because only those of the table exist.
const REFUSED_SYMBOLS: &[&str] = &[
    "eval",
    "import",
    "export",
    "Fn",
    "call",
    "curry",
    "print",
    "debug",
    "is_def_var",
    "is_def_fn",
];

/// How a script ended other than by reaching its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// rhai's error, or a [`Stop`] inside of one.
    Script(Box<EvalAltResult>),
    /// A panic, with its message.
    Panic(String),
}

/// Parses a text that may use the variables of `scope`.
pub(super) fn parse(text: &str, scope: &Scope<'_>) -> Result<AST, ParseError> {
    static PARSER: LazyLock<Engine> = LazyLock::new(parser);
    PARSER.compile_with_scope(scope, text)
}

/// Runs a parsed text over the variables of `scope`, with the functions of the table and of
/// `module`, under the meter of `call`.
pub(super) fn run(
    ast: &AST,
    scope: &mut Scope<'_>,
    module: Option<&Shared<Module>>,
    call: &Arc<Call>,
) -> Result<Dynamic, Failure> {
    let engine = runner(module, call);
    let _running = call.meter.running();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        engine.eval_ast_with_scope::<Dynamic>(scope, ast)
    }));
    match outcome {
        Ok(result) => result.map_err(Failure::Script),
        Err(panic) => Err(Failure::Panic(panic_message(panic.as_ref()))),
    }
}

/// Language and limits, common to parsing and running.
fn bare() -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_fast_operators(false)
        .set_max_call_levels(SCRIPT_CALL_DEPTH_MAX)
        .set_max_expr_depths(
            SCRIPT_EXPRESSION_DEPTH_MAX,
            SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX,
        )
        .set_max_functions(SCRIPT_FUNCTIONS_MAX)
        .set_max_modules(0)
        .set_max_variables(SCRIPT_VARIABLES_MAX)
        .set_max_string_size(SCRIPT_STRING_BYTES_MAX)
        .set_max_array_size(SCRIPT_ARRAY_ITEMS_MAX)
        .set_max_map_size(SCRIPT_MAP_ITEMS_MAX);
    engine
}

#[expect(
    deprecated,
    reason = "rhai marks hooks so that may change; its version is pinned"
)]
fn parser() -> Engine {
    let mut engine = bare();
    for symbol in REFUSED_SYMBOLS {
        engine.disable_symbol(*symbol);
    }
    // rhai binds `this` inside of functions only. Here it is an ordinary variable.
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "this" => Token::Identifier(word),
        token => token,
    });
    engine.on_def_var(|_, info, _| Ok(!matches!(info.name(), "this" | "old" | "is_new")));
    engine
}

#[expect(
    deprecated,
    reason = "rhai marks hooks so that may change; its version is pinned"
)]
fn runner(module: Option<&Shared<Module>>, call: &Arc<Call>) -> Engine {
    let mut engine = bare();
    engine.register_global_module(Shared::clone(functions::module()));
    if let Some(module) = module {
        engine.register_global_module(Shared::clone(module));
    }
    engine.set_default_tag(Dynamic::from(Arc::clone(call)));
    let at_step = Arc::clone(call);
    engine.on_progress(move |_| {
        at_step
            .meter
            .step()
            .err()
            .map(|what| Dynamic::from(Stop::Exhausted(what)))
    });
    let at_variable = Arc::clone(call);
    engine.on_var(
        move |_, _, context| match at_variable.meter.weigh_frame(&context) {
            Ok(()) => Ok(None),
            Err(what) => Err(Stop::Exhausted(what).into()),
        },
    );
    engine
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
