//! What can be told about a script before it runs: which fields it names, and mistakes.
//!
//! The walk goes over rhai's syntax tree. It sees `this.field`, not what a name computed at run
//! time would mean; scripts have no way to compute one.

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::error::Error;
use crate::ids::FieldId;
use crate::schema::{Object, Schema};

use super::RuleKind;
use super::fault::Origin;
use super::functions::{CLOSURE_TAKERS, functions};

/// What the walk found.
pub(super) struct Inspection<'s> {
    schema: &'s Schema,
    object: &'s Arc<Object>,
    kind: RuleKind,
    own_functions: BTreeSet<String>,
    /// Fields named after `this`.
    pub(super) this: BTreeSet<FieldId>,
    /// Fields named after `old`.
    pub(super) old: BTreeSet<FieldId>,
    /// Mistakes, with their places.
    mistakes: Vec<(String, Position)>,
}

/// Walks a script of a rule for `object`.
pub(super) fn inspect<'s>(
    ast: &AST,
    schema: &'s Schema,
    object: &'s Arc<Object>,
    kind: RuleKind,
) -> Inspection<'s> {
    let own_functions = ast
        .iter_functions()
        .map(|function| function.name.to_owned())
        .collect();
    let mut found = Inspection {
        schema,
        object,
        kind,
        own_functions,
        this: BTreeSet::new(),
        old: BTreeSet::new(),
        mistakes: Vec::new(),
    };
    found.own_functions(ast);
    ast.walk(&mut |path| {
        found.node(path);
        true
    });
    found
}

impl Inspection<'_> {
    /// The mistakes as errors, in the order of the text.
    pub(super) fn mistakes(&self, origin: &Origin) -> Vec<Error> {
        let mut mistakes: Vec<&(String, Position)> = self.mistakes.iter().collect();
        mistakes.sort_by_key(|(_, at)| (at.line(), at.position()));
        mistakes
            .iter()
            .map(|(message, at)| origin.broken(message, *at))
            .collect()
    }

    /// A function may not bear the name of a common one, which would change what others mean,
    /// and knows the record only from what it is given. Closures are functions too: rhai would
    /// lock the record while they run.
    fn own_functions(&mut self, ast: &AST) {
        for function in ast.iter_fn_def() {
            if functions()
                .iter()
                .any(|doc| doc.name == function.name.as_str())
            {
                let message = format!("`{}` is a function already", function.name);
                self.mistake(message, function.body.start_position());
            }
        }
        ast.clone_functions_only().walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, _, at))) = path.last()
                && let name @ ("this" | "old" | "is_new") = variable.1.as_str()
            {
                let message = format!(
                    "`{name}` is not known in functions and closures: take what they need into a variable"
                );
                self.mistake(message, *at);
            }
            true
        });
    }

    fn node(&mut self, path: &[ASTNode<'_>]) {
        let (Some(node), parent) = (path.last(), path.iter().rev().nth(1)) else {
            return;
        };
        match node {
            ASTNode::Expr(Expr::Variable(variable, _, at)) => {
                if let name @ ("this" | "old") = variable.1.as_str() {
                    self.record_use(name, *at, parent);
                }
            }
            ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at))
            | ASTNode::Stmt(Stmt::FnCall(call, at)) => self.call(call, *at),
            ASTNode::Expr(expr) if is_closure(expr) && !may_hold_closure(parent) => {
                let takers = CLOSURE_TAKERS.join("`, `");
                self.mistake(
                    format!("a closure stands only in the brackets of `{takers}`"),
                    expr.start_position(),
                );
            }
            ASTNode::Stmt(Stmt::Assignment(assignment)) => self.assignment(&assignment.1.lhs),
            _ => {}
        }
    }

    /// `this` and `old` stand only before a field, so every field a rule names is known.
    fn record_use(&mut self, name: &str, at: Position, parent: Option<&ASTNode<'_>>) {
        let property = match parent {
            Some(ASTNode::Expr(Expr::Dot(dot, ..))) if is_variable(&dot.lhs, at) => head(&dot.rhs),
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == CAPTURE => return,
            _ => None,
        };
        let Some((property, at)) = property else {
            return self.mistake(
                format!("`{name}` stands only before a field: `{name}.field`"),
                at,
            );
        };
        match self.object.find(property) {
            None => self.mistake(
                format!("`{}` has no field `{property}`", self.object.name),
                at,
            ),
            Some(field) if name == "this" => drop(self.this.insert(field.id)),
            Some(field) => drop(self.old.insert(field.id)),
        }
    }

    fn assignment(&mut self, target: &Expr) {
        let Some((name, at)) = root(target) else {
            return;
        };
        match (name, self.kind) {
            ("this", RuleKind::Compute) => {
                let field = match target {
                    Expr::Dot(dot, ..) => {
                        head(&dot.rhs).and_then(|(name, _)| self.object.find(name))
                    }
                    _ => None,
                };
                if let Some(field) = field.filter(|field| field.is_system()) {
                    self.mistake(format!("`{}` is kept by the engine", field.name), at);
                }
            }
            ("this", _) => self.mistake("only compute rules set fields".to_owned(), at),
            ("old", _) => self.mistake("`old` cannot be changed".to_owned(), at),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position) {
        let name = call.name.as_str();
        if call.is_operator_call() || name == CAPTURE || self.own_functions.contains(name) {
            return;
        }
        let rows = functions()
            .iter()
            .filter(|doc| doc.name == name && call.namespace.is_empty());
        let kinds: Vec<Option<RuleKind>> = rows.map(|doc| doc.only_in).collect();
        if kinds.is_empty() {
            return self.mistake(format!("there is no function `{name}`"), at);
        }
        if !kinds
            .iter()
            .any(|only| only.is_none_or(|kind| kind == self.kind))
        {
            return self.mistake(format!("`{name}` is not for rules of this kind"), at);
        }
        match name {
            "refuse" if call.args.len() == 2 => self.literal_field(self.object, &call.args[0]),
            "create" | "get" => self.literal_object(call, 1),
            "update" => self.literal_object(call, 2),
            _ => {}
        }
    }

    /// An object named by a literal must exist, and so must the fields of a literal map.
    fn literal_object(&mut self, call: &FnCallExpr, fields_at: usize) {
        let Some(Expr::StringConstant(name, at)) = call.args.first() else {
            return;
        };
        let Ok(object) = self.schema.object(name) else {
            return self.mistake(format!("unknown object `{name}`"), *at);
        };
        let Some(Expr::Map(members, _)) = call.args.get(fields_at) else {
            return;
        };
        for (member, _) in &members.0 {
            if object.find(&member.name).is_none() {
                let message = format!("`{}` has no field `{}`", object.name, member.name);
                self.mistake(message, member.pos);
            }
        }
    }

    fn literal_field(&mut self, object: &Object, name: &Expr) {
        if let Expr::StringConstant(name, at) = name
            && object.find(name).is_none()
        {
            self.mistake(format!("`{}` has no field `{name}`", object.name), *at);
        }
    }

    fn mistake(&mut self, message: String, at: Position) {
        self.mistakes.push((message, at));
    }
}

/// The function by which rhai gives a closure the variables it uses. Scripts cannot name it.
const CAPTURE: &str = "curry";

/// A closure is a constant, or a block that shares variables and then captures them.
fn is_closure(expr: &Expr) -> bool {
    match expr {
        Expr::DynamicConstant(value, _) => value.is_fnptr(),
        Expr::Stmt(block) => matches!(block.iter().next(), Some(Stmt::Share(_))),
        _ => false,
    }
}

fn may_hold_closure(parent: Option<&ASTNode<'_>>) -> bool {
    let Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) = parent else {
        return false;
    };
    call.name == CAPTURE || CLOSURE_TAKERS.contains(&call.name.as_str())
}

fn is_variable(expr: &Expr, place: Position) -> bool {
    matches!(expr, Expr::Variable(_, _, at) if *at == place)
}

/// The property a chain begins with: `a` of `a.b[c]`.
fn head(chain: &Expr) -> Option<(&str, Position)> {
    match chain {
        Expr::Property(property, at) => Some((property.2.as_str(), *at)),
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => head(&rest.lhs),
        _ => None,
    }
}

/// The variable a chain begins with.
fn root(chain: &Expr) -> Option<(&str, Position)> {
    match chain {
        Expr::Variable(variable, _, at) => Some((variable.1.as_str(), *at)),
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => root(&rest.lhs),
        _ => None,
    }
}
