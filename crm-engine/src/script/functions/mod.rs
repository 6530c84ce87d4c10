//! What scripts may call: one table, from which both the module and the documentation come.
//!
//! A function is registered with its signature, its description and an example; there is no way
//! to register one without. Examples are run by a test.

mod compare;
mod list;
mod number;
mod requests;
mod text;
mod time;

use std::fmt::Write;
use std::sync::LazyLock;

use rhai::{EvalAltResult, FuncRegistration, Module, RhaiNativeFunc, Shared, Variant};

use super::RuleKind;

pub(super) use list::CLOSURE_TAKERS;

/// What a native function returns that can fail.
type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A function of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDoc {
    /// The name by which it is called; properties and operators included.
    pub name: &'static str,
    /// How it is called: `text.contains(part) -> bool`.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub text: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// The only kind of rule that may call it; none when all may.
    pub only_in: Option<RuleKind>,
}

/// Every function scripts may call, in the order of the table.
#[must_use]
pub fn functions() -> &'static [FunctionDoc] {
    &TABLE.docs
}

/// The table as Markdown, for people who write rules.
///
/// ```
/// let page = crm_engine::script_functions_markdown();
/// assert!(page.contains("| `date(text) -> date` |"));
/// ```
#[must_use]
pub fn functions_markdown() -> String {
    let mut page = String::from("| Function | What it does | Example |\n|---|---|---|\n");
    for doc in functions() {
        let only = doc.only_in.map_or("", |kind| match kind {
            RuleKind::Compute => " Only in compute rules.",
            RuleKind::Check => " Only in check rules.",
            RuleKind::React => " Only in reactions.",
        });
        let cell = |text: &str| text.replace('|', "\\|");
        let (signature, example) = (cell(doc.signature), cell(doc.example));
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{signature}` | {}{only} | `{example}` |", doc.text);
    }
    page
}

/// The module of all functions, built once.
pub(super) fn module() -> &'static Shared<Module> {
    &TABLE.module
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut module = Module::new();
    let mut rows = Rows {
        module: &mut module,
        docs: Vec::new(),
        only_in: None,
    };
    number::register(&mut rows);
    compare::register(&mut rows);
    text::register(&mut rows);
    list::register(&mut rows);
    time::register(&mut rows);
    requests::register(&mut rows);
    let docs = rows.docs;
    list::register_iterators(&mut module);
    Table {
        module: module.into(),
        docs,
    }
});

struct Table {
    module: Shared<Module>,
    docs: Vec<FunctionDoc>,
}

/// The table while it is filled.
struct Rows<'m> {
    module: &'m mut Module,
    docs: Vec<FunctionDoc>,
    only_in: Option<RuleKind>,
}

/// Signature, description and example of a function.
type Words = (&'static str, &'static str, &'static str);

impl Rows<'_> {
    /// A function or operator.
    fn function<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        words: Words,
        body: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        self.row(name, words, FuncRegistration::new(name), body);
    }

    /// A property: `value.name`.
    fn property<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        words: Words,
        body: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        self.row(name, words, FuncRegistration::new_getter(name), body);
    }

    /// A function that changes the value it is called on.
    fn change<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        words: Words,
        body: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        self.row(
            name,
            words,
            FuncRegistration::new(name).with_purity(false),
            body,
        );
    }

    fn row<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        (signature, text, example): Words,
        registration: FuncRegistration,
        body: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        registration
            .in_global_namespace()
            .set_into_module(self.module, body);
        let only_in = self.only_in;
        self.docs.push(FunctionDoc {
            name,
            signature,
            text,
            example,
            only_in,
        });
    }
}
