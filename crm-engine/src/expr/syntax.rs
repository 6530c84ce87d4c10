//! From text to syntax tree. The parser is that of `sqlparser`; which of its trees mean
//! something is decided by those who compile them.

use sqlparser::ast::{Expr, Ident, Spanned};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::error::{Code, Error, Result};
use crate::limits::{QUERY_BYTES_MAX, QUERY_WORDS_MAX};

/// An expression as parsed, not checked yet.
pub(crate) type Ast = Expr;

/// Plain SQL without the extensions of any vendor.
#[derive(Debug)]
struct PlainSql;

impl Dialect for PlainSql {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }
}

/// A name as written, and where.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: Location,
}

impl From<&Ident> for Name {
    /// Names are lower case; like everywhere in SQL, that matters only between quotes.
    fn from(ident: &Ident) -> Name {
        let text = match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        };
        Name {
            text,
            at: ident.span.start,
        }
    }
}

/// A text that is being parsed.
pub(crate) struct Source {
    parser: Parser<'static>,
    placeholders: Vec<(String, Location)>,
    end: Location,
}

impl Source {
    /// Splits a text into words.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] beyond [`QUERY_BYTES_MAX`] and [`QUERY_WORDS_MAX`],
    /// [`Code::Syntax`] for a quote that does not end and the like.
    pub(crate) fn new(text: &str) -> Result<Source> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(Error::new(
                Code::LimitExceeded,
                format!(
                    "a query has at most {QUERY_BYTES_MAX} bytes, not {}",
                    text.len()
                ),
            ));
        }
        let tokens = Tokenizer::new(&PlainSql, text)
            .tokenize_with_location()
            .map_err(|error| blame(syntax(error.message.to_lowercase()), error.location))?;
        // Every level of a syntax tree takes a word. A tree is dropped by recursion, so its depth
        // is bounded before it grows: the parser's own limit does not count `1 + 1 + 1 + ...`.
        let mut words = tokens.iter().filter(|token| nests(&token.token));
        if let Some(word) = words.nth(QUERY_WORDS_MAX) {
            let error = Error::new(
                Code::LimitExceeded,
                format!("a query has at most {QUERY_WORDS_MAX} names, words and operators"),
            );
            return Err(blame(error, word.span.start));
        }
        let end = tokens
            .last()
            .map_or(Location { line: 1, column: 1 }, |last| last.span.end);
        let placeholders = tokens.iter().enumerate().filter_map(|(at, token)| {
            let text = match (&token.token, tokens.get(at + 1).map(|next| &next.token)) {
                (Token::Placeholder(text), _) => text.clone(),
                (Token::Colon, Some(Token::Word(word))) => format!(":{}", word.value),
                _ => return None,
            };
            Some((text, token.span.start))
        });
        Ok(Source {
            placeholders: placeholders.collect(),
            parser: Parser::new(&PlainSql).with_tokens_with_locations(tokens),
            end,
        })
    }

    /// Takes an expression.
    pub(crate) fn expression(&mut self) -> Result<Ast> {
        self.parser
            .parse_expr()
            .map_err(|error| refuse(error, self.end))
    }

    /// The parameters in the text and where they stand, in its order.
    pub(crate) fn placeholders(&self) -> &[(String, Location)] {
        &self.placeholders
    }

    /// Takes a name.
    pub(crate) fn name(&mut self) -> Result<Name> {
        let ident = self
            .parser
            .parse_identifier()
            .map_err(|error| refuse(error, self.end))?;
        Ok(Name::from(&ident))
    }

    /// Takes `keyword` if it comes next.
    pub(crate) fn skip(&mut self, keyword: Keyword) -> bool {
        self.parser.parse_keyword(keyword)
    }

    /// Takes `keyword`, which must come next.
    pub(crate) fn expect(&mut self, keyword: Keyword) -> Result<()> {
        self.parser
            .expect_keyword(keyword)
            .map(drop)
            .map_err(|error| refuse(error, self.end))
    }

    /// Takes `token` if it comes next.
    pub(crate) fn skip_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Takes items between commas, one at least.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Source) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.skip_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Where the next word stands.
    pub(crate) fn at(&self) -> Location {
        self.parser.peek_token_ref().span.start
    }

    /// Takes the end of the text, or a semicolon and the end.
    pub(crate) fn end(&mut self) -> Result<()> {
        let _ = self.parser.consume_token(&Token::SemiColon);
        let next = self.parser.peek_token();
        match next.token {
            Token::EOF => Ok(()),
            _ => self
                .parser
                .expected("the end", next)
                .map_err(|error| refuse(error, self.end)),
        }
    }
}

/// Whether a token can add a level to a syntax tree.
fn nests(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
    )
}

/// Puts the place at fault into an error.
pub(crate) fn blame(error: Error, at: Location) -> Error {
    match at.line {
        0 => error,
        line => error.at(line, at.column),
    }
}

/// Where an expression begins.
pub(crate) fn place(ast: &Ast) -> Location {
    ast.span().start
}

/// The error for an expression that means nothing here.
pub(crate) fn unexpected(ast: &Ast, expected: &str) -> Error {
    let written = crate::value::shorten(&ast.to_string());
    blame(
        syntax(format!("expected {expected}, found `{written}`")),
        place(ast),
    )
}

fn syntax(message: impl Into<String>) -> Error {
    Error::new(Code::Syntax, message)
}

/// The parser's errors are texts that end in their place: `Expected: an expression, found: )
/// at Line: 1, Column: 7`. The end of the text has no place there.
fn refuse(error: ParserError, end: Location) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Error::new(Code::LimitExceeded, "the expression nests too deeply");
        }
    };
    let (message, at) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, location(place)),
        None => (text.as_str(), None),
    };
    let found = message
        .strip_prefix("Expected: ")
        .and_then(|m| m.split_once(", found: "));
    let error = syntax(match found {
        Some((expected, "EOF")) => format!("expected {expected}, found the end"),
        Some((expected, found)) => format!("expected {expected}, found `{found}`"),
        None => message.to_lowercase(),
    });
    blame(error, at.unwrap_or(end))
}

fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

/// The names that stand in an expression, words of the language among them; none in a text that
/// cannot be split into words.
pub(crate) fn names_in(text: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&PlainSql, text).tokenize();
    let name = |token: Token| match token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value),
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    tokens.into_iter().flatten().filter_map(name).collect()
}

/// The names of the parameters that an expression asks for, without their colons; `?` stands for
/// itself.
///
/// # Errors
/// [`Code::Syntax`] for a text that cannot be split into words.
pub(crate) fn parameters_of(text: &str) -> Result<Vec<String>> {
    let tokens = Tokenizer::new(&PlainSql, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let message = error.message.to_lowercase();
        blame(syntax(message), error.location)
    })?;
    let tokens: Vec<Token> = tokens.into_iter().map(|token| token.token).collect();
    let parameter = |at: usize| parameter(&tokens, at).map(|(name, _)| name.to_owned());
    Ok((0..tokens.len()).filter_map(parameter).collect())
}

/// The parameter that begins with a token, and how many tokens it takes.
fn parameter(tokens: &[Token], at: usize) -> Option<(&str, usize)> {
    match (&tokens[at], tokens.get(at + 1)) {
        (Token::Placeholder(name), _) => Some((name.trim_start_matches(':'), 1)),
        (Token::Colon, Some(Token::Word(word))) => Some((&word.value, 2)),
        _ => None,
    }
}

/// The same expression with the parameter `:name` as a name. What cannot be split into words
/// stays as it is, to be refused where it is read.
pub(crate) fn parameters_as_names(text: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&PlainSql, text).tokenize() else {
        return text.to_owned();
    };
    let (mut words, mut at) = (String::new(), 0);
    while at < tokens.len() {
        at += match parameter(&tokens, at) {
            Some((name, taken)) => {
                words += &format!("\"{name}\"");
                taken
            }
            None => {
                words += &tokens[at].to_string();
                1
            }
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_and_become_names() {
        let text = "a / :goal > ':no' OR b BETWEEN :from AND ?";
        assert_eq!(parameters_of(text).unwrap(), ["goal", "from", "?"]);
        assert_eq!(
            parameters_as_names("a / :goal * ':no'"),
            "a / \"goal\" * ':no'"
        );
        assert_eq!(names_in("a / :goal"), ["a", "goal"]);
        assert_eq!(parameters_of("'open").unwrap_err().code(), Code::Syntax);
    }
}
