//! Columns of a file matched with the fields of an object, so that most files need no words.

use std::fs::File;
use std::io::{BufReader, Read};

use serde_json::{Map, Value as Json, json};

use crate::failure::Failure;
use crate::shell::Shell;

/// As much of a file as its first line may need.
const HEADER_BYTES_MAX: u64 = 64 * 1_024;

/// The arguments of an import, from the words behind `.import`: object, file, then
/// `COLUMN=FIELD`, `COLUMN=FIELD.MATCH`, `COLUMN=` and options.
pub(crate) fn arguments(shell: &Shell, words: &[String]) -> Result<Json, Failure> {
    let (object, path) = match words {
        [object, path, ..] => (object, path),
        _ => return Err(Failure::usage("`.import OBJECT FILE [COLUMN=FIELD ...]`")),
    };
    let mut rules = Map::new();
    let mut ignore = Vec::new();
    let mut set = Map::new();
    let mut job = json!({"object": object, "path": path});
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        let mut next = || {
            let value = rest.next().cloned();
            value.ok_or_else(|| Failure::Usage(format!("`{word}` needs a value behind it")))
        };
        match word.as_str() {
            "--check" => job["check"] = true.into(),
            "--delimiter" => job["delimiter"] = delimiter(&next()?).into(),
            "--encoding" => job["encoding"] = next()?.into(),
            "--on-duplicate" => job["on_duplicate"] = next()?.into(),
            "--set" => {
                let pair = next()?;
                let (field, text) = pair
                    .split_once('=')
                    .ok_or_else(|| Failure::Usage(format!("`--set {pair}` is not FIELD=TEXT")))?;
                set.insert(field.to_owned(), text.into());
            }
            word => {
                let (column, field) = word.split_once('=').ok_or_else(|| {
                    Failure::Usage(format!("`{word}` is neither COLUMN=FIELD nor an option"))
                })?;
                match field.split_once('.') {
                    _ if field.is_empty() => ignore.push(column.to_owned()),
                    Some((field, found_by)) => {
                        let rule = json!({"field": field, "match": found_by});
                        rules.insert(column.to_owned(), rule);
                    }
                    None => drop(rules.insert(column.to_owned(), field.into())),
                }
            }
        }
    }
    let fields = fields(shell, object)?;
    let delimiter = job["delimiter"].as_str().unwrap_or(",");
    let encoding = job["encoding"].as_str().unwrap_or("utf-8");
    let header = header(path, delimiter, encoding)?;
    let mut open = Vec::new();
    for column in header {
        if rules.contains_key(&column) || ignore.contains(&column) {
            continue;
        }
        match field(&fields, &column) {
            Some(field) => drop(rules.insert(column, field.into())),
            None => open.push(format!("`{column}`")),
        }
    }
    if !open.is_empty() {
        let text = format!(
            "no field is called {}: say `COLUMN=FIELD`, or `COLUMN=` to leave it out",
            open.join(", ")
        );
        return Err(Failure::Usage(text));
    }
    job["columns"] = rules.into();
    job["ignore"] = ignore.into();
    job["set"] = set.into();
    Ok(job)
}

fn delimiter(word: &str) -> &str {
    match word {
        "tab" | "\\t" => "\t",
        word => word,
    }
}

/// The fields of an object that whoever works here may see; none of an object he may not.
fn fields(shell: &Shell, object: &str) -> Result<Vec<Json>, Failure> {
    let schema = shell.call("schema", &json!({}))?;
    let mut objects = schema["objects"].as_array().into_iter().flatten();
    let found = objects.find(|known| known["name"] == object);
    let fields = found.and_then(|object| object["fields"].as_array());
    Ok(fields.cloned().unwrap_or_default())
}

/// The field that a column is called after: by its name, or by a label in any language.
fn field<'a>(fields: &'a [Json], column: &str) -> Option<&'a str> {
    let same = |text: &Json| {
        text.as_str().unwrap_or_default().to_lowercase() == column.trim().to_lowercase()
    };
    let labelled = |field: &&Json| {
        let labels = field["label"].as_object().into_iter().flatten();
        labels.map(|(_, label)| label).any(same)
    };
    let named = fields.iter().find(|field| same(&field["name"]));
    let found = named.or_else(|| fields.iter().find(labelled));
    found.and_then(|field| field["name"].as_str())
}

/// The names of the columns of a file.
fn header(path: &str, delimiter: &str, encoding: &str) -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::Found(format!("`{path}`: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut beginning = BufReader::new(file).take(HEADER_BYTES_MAX);
    beginning.read_to_end(&mut bytes).map_err(unreadable)?;
    let known = encoding_rs::Encoding::for_label(encoding.as_bytes());
    let known = known.ok_or_else(|| Failure::Usage(format!("unknown encoding `{encoding}`")))?;
    let (text, _, _) = known.decode(&bytes);
    let delimiter = match delimiter.as_bytes() {
        [byte] => *byte,
        _ => {
            return Err(Failure::usage(
                "`--delimiter` takes one character, or `tab`",
            ));
        }
    };
    let mut table = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = table.headers();
    let header = header.map_err(|error| Failure::Found(format!("`{path}`: {error}")))?;
    Ok(header.iter().map(str::to_owned).collect())
}
