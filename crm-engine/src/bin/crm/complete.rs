//! What the Tab key offers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::command::COMMANDS;
use crate::input;
use crate::shell::Shell;

/// The words of queries.
const SQL: [&str; 28] = [
    "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "DESC", "DISTINCT", "ELSE", "END", "FROM",
    "GROUP", "HAVING", "IN", "IS", "LIKE", "LIMIT", "NOT", "NULL", "OR", "ORDER", "SELECT", "THEN",
    "WHEN", "WHERE", "count", "currency", "sum",
];
/// What may be done with a record.
const ACTIONS: [&str; 9] = [
    "view", "create", "edit", "fill", "delete", "transfer", "share", "assign", "export",
];

/// Names that can be completed, as the one who works may see them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Objects with their fields, and the object a field refers to.
    objects: BTreeMap<String, BTreeMap<String, Option<String>>>,
    operations: Vec<String>,
    reports: Vec<String>,
}

impl Names {
    /// The names as they are now; what cannot be read is not offered.
    pub(crate) fn of(shell: &Shell) -> Names {
        let mut names = Names::default();
        if let Ok(schema) = shell.call("schema", &json!({"language": "en"})) {
            for object in schema["objects"].as_array().into_iter().flatten() {
                let fields = object["fields"].as_array().into_iter().flatten();
                let fields = fields.map(|field| {
                    let target = field["target"].as_str().map(str::to_owned);
                    (text(&field["name"]), target)
                });
                let fields = fields.collect();
                names.objects.insert(text(&object["name"]), fields);
            }
        }
        if let Ok(operations) = shell.call("operations", &json!({})) {
            let operations = operations.as_array().into_iter().flatten();
            names.operations = operations.map(|one| text(&one["name"])).collect();
        }
        if let Ok(reports) = shell.call("report.list", &json!({})) {
            let reports = reports.as_array().into_iter().flatten();
            names.reports = reports.map(|one| text(&one["name"])).collect();
        }
        names
    }

    /// Where the word before `at` begins, and what may stand in its place.
    pub(crate) fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let before = &line[..at];
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_part(*c))
            .last()
            .map_or(at, |(start, _)| start);
        let word = &before[start..];
        let earlier: Vec<&str> = before[..start].split_whitespace().collect();
        let offers = match earlier.first() {
            None => self.first(word),
            Some(_) if input::is_query(before) => self.in_query(line, &earlier, word),
            Some(first) => self.in_command(line, first.trim_start_matches('.'), &earlier, word),
        };
        (start, offers)
    }

    fn first(&self, word: &str) -> Vec<String> {
        let bare = word.trim_start_matches('.');
        let commands = COMMANDS.iter().map(|command| command.name);
        let dot = &word[..word.len() - bare.len()];
        let commands = beginning(commands, bare).into_iter();
        let mut offers: Vec<String> = commands.map(|name| format!("{dot}{name}")).collect();
        if dot.is_empty() {
            offers.extend(beginning(["SELECT"], word));
        }
        offers
    }

    fn in_command(&self, line: &str, name: &str, earlier: &[&str], word: &str) -> Vec<String> {
        let objects = self.objects.keys().map(String::as_str);
        match (name, earlier.len()) {
            ("card" | "fields" | "funnel" | "history" | "import", 1) | ("explain", 2) => {
                beginning(objects, word)
            }
            ("explain", 1) => beginning(ACTIONS.into_iter().chain(["SELECT"]), word),
            ("mode", 1) => beginning(["csv", "json", "table"], word),
            ("call" | "operations", 1) => {
                beginning(self.operations.iter().map(String::as_str), word)
            }
            ("report", 1) => beginning(self.reports.iter().map(String::as_str), word),
            ("export", 1) => beginning(["SELECT"], word),
            ("export", _) => {
                let mut offers = self.in_query(line, earlier, word);
                offers.extend(beginning(["TO"], word));
                offers
            }
            _ => Vec::new(),
        }
    }

    fn in_query(&self, line: &str, earlier: &[&str], word: &str) -> Vec<String> {
        if earlier
            .last()
            .is_some_and(|last| last.eq_ignore_ascii_case("from"))
        {
            return beginning(self.objects.keys().map(String::as_str), word);
        }
        let (path, last) = word.rsplit_once('.').unwrap_or(("", word));
        let Some(object) = from(line) else {
            return self.before_from(path, last);
        };
        let object = self.at_end_of(object, path);
        let fields = object
            .into_iter()
            .flat_map(|object| self.objects[object].keys());
        let mut offers = beginning(fields.map(String::as_str), last);
        if path.is_empty() {
            offers.extend(beginning(SQL, word));
            return offers;
        }
        offers
            .iter()
            .map(|field| format!("{path}.{field}"))
            .collect()
    }

    /// Words of queries, and fields of any object once they are begun.
    fn before_from(&self, path: &str, word: &str) -> Vec<String> {
        if !path.is_empty() {
            return Vec::new();
        }
        let mut offers = BTreeSet::new();
        if !word.is_empty() {
            let fields = self.objects.values().flat_map(BTreeMap::keys);
            offers.extend(beginning(fields.map(String::as_str), word));
        }
        let mut offers: Vec<String> = offers.into_iter().collect();
        offers.extend(beginning(SQL, word));
        offers
    }

    /// The object a path of references leads to.
    fn at_end_of<'a>(&'a self, object: &'a str, path: &str) -> Option<&'a str> {
        let mut object = self.objects.get_key_value(object)?.0.as_str();
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let target = self.objects.get(object)?.get(step)?.as_ref()?;
            object = self.objects.get_key_value(target)?.0;
        }
        Some(object)
    }
}

/// The object a query is about.
fn from(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("from"))?;
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let object = words.next()?;
    Some(object.trim_end_matches(|c| !is_part(c)))
}

/// The names that begin with a word, whatever its case.
fn beginning<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let names = names.into_iter();
    let fit = names.filter(|name| name.to_lowercase().starts_with(&word));
    fit.map(str::to_owned).collect()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let field = |name: &str, target: Option<&str>| (name.to_owned(), target.map(str::to_owned));
        let item = [field("parent", Some("thing")), field("price", None)];
        let thing = [field("name", None), field("note", None)];
        let names = Names {
            objects: BTreeMap::from([
                ("item".to_owned(), item.into()),
                ("thing".to_owned(), thing.into()),
            ]),
            operations: vec!["verify".to_owned(), "export".to_owned()],
            reports: vec!["sources".to_owned()],
        };
        // The place is marked by a bar.
        let at = line.find('|').unwrap();
        let (_, offers) = names.complete(&line.replace('|', ""), at);
        assert_eq!(offers, expected, "{line}");
    }

    #[test]
    fn what_can_stand_at_a_place() {
        check(".ca|", &[".card", ".call"]);
        check("sel|", &["SELECT"]);
        check("card it|", &["item"]);
        check(".explain view th|", &["thing"]);
        check("call v|", &["verify"]);
        check("select name from |", &["item", "thing"]);
        check("select p| from item", &["parent", "price"]);
        check(
            "select parent.n| from item;",
            &["parent.name", "parent.note"],
        );
        check("select price.n| from item", &[]);
        check("select no|", &["note", "NOT"]);
        check("export select pr| from item to x", &["price"]);
        check("select price from item wh|", &["WHEN", "WHERE"]);
    }
}
