//! The grammar of queries. What follows none of these rules is refused where it stands.
//!
//! ```text
//! query   = [EXPLAIN] SELECT [DISTINCT] columns FROM object [WHERE condition]
//!           [GROUP BY expressions] [HAVING condition] [ORDER BY keys] [LIMIT value] [;]
//! columns = column {, column}       column = * | expression [AS name]
//! keys    = key {, key}             key = expression [ASC | DESC]
//! in      = expression [NOT] IN (SELECT expression FROM object [WHERE condition])
//! child   = (SELECT columns FROM object [WHERE condition] [ORDER BY keys] [LIMIT value])
//! ```

use sqlparser::ast::{BinaryOperator, Expr};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token};

use crate::error::Result;
use crate::expr::{Ast, Name, Parameters, Source};

/// A query as parsed.
pub(super) struct Statement {
    /// How it is answered is asked for.
    pub(super) explained: bool,
    pub(super) distinct: bool,
    pub(super) columns: Vec<Item>,
    pub(super) object: Name,
    /// All of them must hold.
    pub(super) conditions: Vec<Ast>,
    pub(super) group: Vec<Ast>,
    pub(super) having: Option<Ast>,
    pub(super) order: Vec<Key>,
    pub(super) limit: Option<Ast>,
    /// The parameters of the whole text, in its order.
    pub(super) parameters: Parameters,
}

/// A column, or all of them.
pub(super) enum Item {
    All(Location),
    Expression { ast: Box<Ast>, alias: Option<Name> },
}

/// A key of the order asked for.
pub(super) struct Key {
    pub(super) ast: Ast,
    pub(super) descending: bool,
}

impl Statement {
    /// Parses a query.
    ///
    /// # Errors
    /// [`Code::Syntax`](crate::Code::Syntax) and
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded), with `line` and `column`.
    pub(super) fn parse(text: &str) -> Result<Statement> {
        let mut source = Source::new(text)?;
        let parameters = Parameters::of(&source);
        let explained = source.skip(Keyword::EXPLAIN);
        source.expect(Keyword::SELECT)?;
        let distinct = source.skip(Keyword::DISTINCT);
        let columns = source.list(item)?;
        source.expect(Keyword::FROM)?;
        let object = source.name()?;
        let conditions = match source.skip(Keyword::WHERE) {
            true => conjuncts(source.expression()?),
            false => Vec::new(),
        };
        let group = match source.skip(Keyword::GROUP) {
            true => {
                source.expect(Keyword::BY)?;
                source.list(Source::expression)?
            }
            false => Vec::new(),
        };
        let having = match source.skip(Keyword::HAVING) {
            true => Some(source.expression()?),
            false => None,
        };
        let order = match source.skip(Keyword::ORDER) {
            true => {
                source.expect(Keyword::BY)?;
                source.list(key)?
            }
            false => Vec::new(),
        };
        let limit = match source.skip(Keyword::LIMIT) {
            true => Some(source.expression()?),
            false => None,
        };
        source.end()?;
        Ok(Statement {
            explained,
            distinct,
            columns,
            object,
            conditions,
            group,
            having,
            order,
            limit,
            parameters,
        })
    }
}

/// The parts of `a AND b AND c`, which is parsed as a tree that leans to the left.
pub(super) fn conjuncts(ast: Ast) -> Vec<Ast> {
    let mut parts = Vec::new();
    let mut rest = ast;
    while let Expr::BinaryOp {
        left,
        op: BinaryOperator::And,
        right,
    } = rest
    {
        parts.push(*right);
        rest = *left;
    }
    parts.push(rest);
    parts.reverse();
    parts
}

fn item(source: &mut Source) -> Result<Item> {
    let at = source.at();
    if source.skip_token(&Token::Mul) {
        return Ok(Item::All(at));
    }
    let ast = Box::new(source.expression()?);
    let alias = match source.skip(Keyword::AS) {
        true => Some(source.name()?),
        false => None,
    };
    Ok(Item::Expression { ast, alias })
}

fn key(source: &mut Source) -> Result<Key> {
    let ast = source.expression()?;
    let descending = source.skip(Keyword::DESC);
    if !descending {
        source.skip(Keyword::ASC);
    }
    Ok(Key { ast, descending })
}
