//! Texts cut into statements: a query ends with `;`, a command with its line.

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// The line of the input it begins on, from 1.
    pub(crate) line: u64,
}

/// Gathers lines until a statement is whole.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    gathered: String,
    began: u64,
    lines: u64,
}

impl Splitter {
    /// Takes a line, and gives the statements that end in it.
    pub(crate) fn push(&mut self, line: &str) -> Vec<Statement> {
        self.lines += 1;
        if self.gathered.is_empty() {
            self.began = self.lines;
            let line = line.trim();
            if line.is_empty() || line.starts_with("--") {
                return Vec::new();
            }
            if !is_query(line) {
                return vec![self.statement(without_end(line))];
            }
        } else {
            self.gathered.push('\n');
        }
        self.gathered.push_str(line);
        let mut whole = Vec::new();
        while let Some(end) = end_of_query(&self.gathered) {
            let rest = self.gathered.split_off(end);
            let text = std::mem::take(&mut self.gathered);
            whole.push(self.statement(&text));
            self.began = self.lines;
            if !rest.trim().is_empty() {
                self.gathered = rest.trim_start().to_owned();
            }
        }
        whole
    }

    /// What is left at the end of the input, the last `;` forgotten.
    pub(crate) fn finish(mut self) -> Option<Statement> {
        let text = std::mem::take(&mut self.gathered);
        (!text.trim().is_empty()).then(|| self.statement(&text))
    }

    fn statement(&self, text: &str) -> Statement {
        Statement {
            text: text.to_owned(),
            line: self.began,
        }
    }
}

/// A command without the `;` that it does not need; one that stands alone is a word of it.
fn without_end(line: &str) -> &str {
    match line.strip_suffix(';') {
        Some(command) if !command.ends_with(char::is_whitespace) => command,
        _ => line,
    }
}

/// Whether a text is typed to its end: Enter then runs it.
pub(crate) fn is_whole(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with("--") || !is_query(text) || end_of_query(text).is_some()
}

/// Whether a text begins a query: everything else is a command.
pub(crate) fn is_query(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let select = |word: Option<&str>| {
        word.is_some_and(|word| word.to_ascii_lowercase().starts_with("select"))
    };
    match words.next() {
        Some(word) if word.eq_ignore_ascii_case("explain") => select(words.next()),
        first => select(first),
    }
}

/// Where the first query of a text ends, behind its `;`. One in quotes or a comment is none.
fn end_of_query(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '-') if chars.peek().is_some_and(|(_, c)| *c == '-') => quote = Some('\n'),
            (None, ';') => return Some(at + 1),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(u64, String)> {
        let mut splitter = Splitter::default();
        let mut statements: Vec<_> = text.lines().flat_map(|line| splitter.push(line)).collect();
        statements.extend(splitter.finish());
        let pairs = statements.into_iter();
        pairs
            .map(|statement| (statement.line, statement.text))
            .collect()
    }

    #[test]
    fn queries_end_with_a_semicolon_and_commands_with_their_line() {
        let text = "-- first\n.card item 1;\nselect ';',\n -- a ; here\n \"x;y\"\nfrom item; select 2;\nverify\nexplain SELECT a";
        let expected = [
            (2, ".card item 1"),
            (3, "select ';',\n -- a ; here\n \"x;y\"\nfrom item;"),
            (6, "select 2;"),
            (7, "verify"),
            (8, "explain SELECT a"),
        ];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(split(text), expected);
    }

    #[test]
    fn a_semicolon_that_stands_alone_is_a_word() {
        let text = "import item x.csv --delimiter ;";
        assert_eq!(split(text), [(1, text.to_owned())]);
    }

    #[test]
    fn enter_runs_what_is_whole() {
        for whole in [
            "",
            ".help",
            "card item 1",
            "select 1;",
            "explain view item 1",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for begun in ["select", "select 'a;", "explain select a from b"] {
            assert!(!is_whole(begun), "{begun}");
        }
    }
}
