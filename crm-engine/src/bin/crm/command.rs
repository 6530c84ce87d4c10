//! The commands, by name.

use std::io::Write;

use crm_engine::RecordId;
use serde_json::{Value as Json, json};

use crate::args::Format;
use crate::enter::ask_hidden;
use crate::failure::Failure;
use crate::input::Statement;
use crate::shell::{Flow, Shell};
use crate::{card, funnel, help, import, report, show};

type Run = fn(&mut Shell, &Words<'_>, &mut dyn Write) -> Result<(), Failure>;

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What stands behind the name.
    usage: &'static str,
    text: &'static str,
    run: Run,
}

/// What stands behind a command: as it was written, and cut into words.
struct Words<'a> {
    command: &'a Command,
    rest: &'a str,
    words: Vec<String>,
}

/// Every command, in the order it is listed.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "help",
        usage: "",
        text: "this list",
        run: |_, _, out| help(out),
    },
    Command {
        name: "objects",
        usage: "",
        text: "the objects you may see",
        run: objects,
    },
    Command {
        name: "fields",
        usage: "OBJECT",
        text: "its fields",
        run: fields,
    },
    Command {
        name: "card",
        usage: "OBJECT ID",
        text: "everything about a record",
        run: |shell, words, out| {
            let (object, id) = words.record()?;
            card::run(shell, object, id, out)
        },
    },
    Command {
        name: "history",
        usage: "OBJECT ID",
        text: "every change of a record",
        run: |shell, words, out| {
            let (object, id) = words.record()?;
            let history = shell.call("history", &json!({"object": object, "id": id}))?;
            found(shell, &history, out)
        },
    },
    Command {
        name: "find",
        usage: "TEXT",
        text: "the records that a text means: words, part of a phone, an e-mail",
        run: |shell, words, out| {
            let hits = shell.call("search", &json!({"text": words.rest}))?;
            show::answer(shell, &hits["hits"], out)?;
            if hits["more"] == true && shell.format() == Format::Table {
                writeln!(out, "(more fit: a longer text finds better hits)")?;
            }
            Ok(())
        },
    },
    Command {
        name: "funnel",
        usage: "OBJECT [--svg FILE]",
        text: "counts and sums by stage, or a picture of them",
        run: |shell, words, out| match words.words() {
            [object] => funnel::run(shell, object, None, out),
            [object, svg, path] if svg == "--svg" => funnel::run(shell, object, Some(path), out),
            _ => Err(words.wrong()),
        },
    },
    Command {
        name: "reports",
        usage: "",
        text: "the reports and lists you may run",
        run: |shell, _, out| {
            let arguments = json!({"language": shell.language()});
            let mut reports = shell.call("report.list", &arguments)?;
            if shell.format() != Format::Json {
                for report in reports.as_array_mut().into_iter().flatten() {
                    report.as_object_mut().map(|one| one.remove("description"));
                }
            }
            show::answer(shell, &reports, out)
        },
    },
    Command {
        name: "report",
        usage: "NAME [NAME=VALUE ...] [--svg FILE]",
        text: "runs a report, as --csv FILE or --xlsx FILE for who may export; period=2026-Q1, \
               manager=LOGIN, department=NAME, parameters of the report",
        run: |shell, words, out| {
            let arguments = report::arguments(shell, words.words());
            report::run(shell, &arguments.ok_or_else(|| words.wrong())?, out)
        },
    },
    Command {
        name: "explain",
        usage: "ACTION OBJECT ID [LOGIN]",
        text: "why a user may or may not; without one, who may",
        run: explain,
    },
    Command {
        name: "import",
        usage: "OBJECT FILE [COLUMN=FIELD ...]",
        text: "takes a CSV file in; FIELD.MATCH finds a reference by a field, COLUMN= leaves one \
               out; --check --delimiter C --encoding NAME --set FIELD=TEXT --on-duplicate skip",
        run: take_in,
    },
    Command {
        name: "export",
        usage: "SELECT ... TO FILE",
        text: "takes rows out into a new file: a workbook where its name ends with .xlsx, else CSV",
        run: take_out,
    },
    Command {
        name: "backup",
        usage: "FILE",
        text: "copies the store into a new file",
        run: |shell, words, out| {
            let report = shell.call("backup", &json!({"path": words.rest_or_wrong()?}))?;
            show::answer(shell, &report, out)
        },
    },
    Command {
        name: "verify",
        usage: "",
        text: "rebuilds everything derived and compares",
        run: verify,
    },
    Command {
        name: "call",
        usage: "OPERATION [JSON]",
        text: "calls an operation of the engine",
        run: call,
    },
    Command {
        name: "operations",
        usage: "[NAME]",
        text: "the operations, or one with its arguments",
        run: operations,
    },
    Command {
        name: "password",
        usage: "[LOGIN]",
        text: "sets a password, asked for and not shown",
        run: password,
    },
    Command {
        name: "who",
        usage: "",
        text: "who works here",
        run: |shell, _, out| {
            let login = shell.login().map_or("the host itself", |login| login);
            let user = shell.session().user().map(|user| user.get());
            match shell.format() {
                Format::Json => writeln!(out, "{}", json!({"login": shell.login(), "id": user}))?,
                _ => match user {
                    Some(user) => writeln!(out, "{login} ({user})")?,
                    None => writeln!(out, "{login}")?,
                },
            }
            Ok(())
        },
    },
    Command {
        name: "mode",
        usage: "table|csv|json",
        text: "how answers are written",
        run: |shell, words, _| {
            let format = Format::named(words.rest).ok_or_else(|| words.wrong())?;
            shell.set_format(format);
            Ok(())
        },
    },
    Command {
        name: "lang",
        usage: "LANGUAGE",
        text: "of labels",
        run: |shell, words, _| {
            shell.set_language(words.rest_or_wrong()?);
            Ok(())
        },
    },
    Command {
        name: "quit",
        usage: "",
        text: "ends; so does Ctrl-D",
        run: |_, _, _| Ok(()),
    },
];

/// Runs a command.
pub(crate) fn run(
    shell: &mut Shell,
    statement: &Statement,
    out: &mut dyn Write,
) -> Result<Flow, Failure> {
    let text = statement.text.trim();
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let bare = name.strip_prefix('.').unwrap_or(name).to_lowercase();
    let bare = if bare == "exit" { "quit" } else { &bare };
    let command = COMMANDS.iter().find(|command| command.name == bare);
    let command = command.ok_or_else(|| {
        let text = format!("`{name}` is neither a query nor a command; `.help` lists them");
        Failure::Usage(text)
    })?;
    let rest = rest.trim();
    let words = Words {
        command,
        rest,
        words: split(rest),
    };
    (command.run)(shell, &words, out)?;
    Ok(match command.name {
        "quit" => Flow::Quit,
        _ => Flow::Go,
    })
}

impl Words<'_> {
    fn words(&self) -> &[String] {
        &self.words
    }

    /// The one right way to call the command.
    fn wrong(&self) -> Failure {
        Failure::Usage(format!("`.{} {}`", self.command.name, self.command.usage))
    }

    fn rest_or_wrong(&self) -> Result<&str, Failure> {
        match self.words() {
            [word] => Ok(word),
            _ => Err(self.wrong()),
        }
    }

    /// An object and an id, and nothing else.
    fn record(&self) -> Result<(&str, RecordId), Failure> {
        match self.words() {
            [object, id] => Ok((object, self.id(id)?)),
            _ => Err(self.wrong()),
        }
    }

    fn id(&self, word: &str) -> Result<RecordId, Failure> {
        let number = word.parse().map_err(|_| self.wrong())?;
        Ok(RecordId::new(number)?)
    }
}

/// Cuts a text into words; quotes keep one together.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn help(out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}", help::HEAD)?;
    for command in COMMANDS {
        let call = format!(".{} {}", command.name, command.usage);
        writeln!(out, "  {:<34}{}", call.trim_end(), command.text)?;
    }
    Ok(())
}

/// An answer, or the refusal for what was not found.
fn found(shell: &Shell, answer: &Json, out: &mut dyn Write) -> Result<(), Failure> {
    match answer {
        Json::Null => Err(crm_engine::Error::not_found().into()),
        answer => show::answer(shell, answer, out),
    }
}

fn schema(shell: &Shell) -> Result<Vec<Json>, Failure> {
    let mut schema = shell.call("schema", &json!({"language": shell.language()}))?;
    match schema["objects"].take() {
        Json::Array(objects) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

fn objects(shell: &mut Shell, _: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let objects = schema(shell)?.into_iter().map(|object| {
        let fields = object["fields"].as_array().map_or(0, Vec::len);
        json!({"name": object["name"], "label": object["label"], "fields": fields})
    });
    show::answer(shell, &objects.collect(), out)
}

fn fields(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let name = words.rest_or_wrong()?;
    let objects = schema(shell)?;
    let object = objects.into_iter().find(|object| object["name"] == name);
    let object = object.ok_or_else(|| Failure::Found(format!("unknown object `{name}`")))?;
    if shell.format() == Format::Json {
        return Ok(show::pretty(&object["fields"], out)?);
    }
    let fields = object["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| {
        let choices = field["choices"].as_array().into_iter().flatten();
        let choices: Vec<&str> = choices.filter_map(|c| c["name"].as_str()).collect();
        let note = match (field["target"].as_str(), choices.is_empty()) {
            (Some(target), _) => format!("→ {target}"),
            (None, false) => choices.join(", "),
            (None, true) => String::new(),
        };
        let marks = ["required", "unique", "computed"];
        let marks = marks.into_iter().filter(|mark| field[*mark] == true);
        json!({
            "name": field["name"], "label": field["label"], "type": field["type"],
            "values": note, "rules": marks.collect::<Vec<_>>(),
        })
    });
    show::answer(shell, &fields.collect(), out)
}

fn explain(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let (action, object, id, login) = match words.words() {
        [action, object, id] => (action, object, words.id(id)?, None),
        [action, object, id, login] => (action, object, words.id(id)?, Some(login)),
        _ => return Err(words.wrong()),
    };
    let mut question = json!({"action": action, "object": object, "id": id});
    match login {
        Some(login) => {
            question["user"] = user_of(shell, login)?.into();
            let explained = shell.call("explain", &question)?;
            show::answer(shell, &explained, out)?;
            let silent = explained["reasons"].as_array().is_some_and(Vec::is_empty);
            if silent && shell.format() == Format::Table {
                writeln!(
                    out,
                    "no rule speaks of it, and what no rule permits is refused"
                )?;
            }
            Ok(())
        }
        None => {
            let page = shell.call("who_can", &question)?;
            show::answer(shell, &page["users"], out)
        }
    }
}

/// The number of the user with this login; a number stands for itself.
fn user_of(shell: &Shell, login: &str) -> Result<i64, Failure> {
    if let Ok(number) = login.parse() {
        return Ok(number);
    }
    let mut query = shell
        .session()
        .prepare("SELECT id FROM user WHERE login = ?")?;
    query.bind(1, login)?;
    let mut rows = query.run()?;
    let user = rows.next()?.and_then(|row| row[0].as_integer());
    user.ok_or_else(|| Failure::Found(format!("unknown user `{login}`")))
}

fn take_in(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let arguments = import::arguments(shell, words.words())?;
    let mut report = shell.call("import.csv", &arguments)?;
    let refused = report["rows_refused"].as_u64().unwrap_or(0);
    if shell.format() != Format::Json
        && let Some(report) = report.as_object_mut()
    {
        // The groups tell the same in fewer lines.
        report.remove("faults");
    }
    show::answer(shell, &report, out)?;
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Found(format!("{refused} rows were refused"))),
    }
}

fn take_out(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let lower = words.rest.to_ascii_lowercase();
    let at = lower.rfind(" to ").ok_or_else(|| words.wrong())?;
    let (sql, path) = (&words.rest[..at], split(&words.rest[at + 4..]));
    let [path] = path.as_slice() else {
        return Err(words.wrong());
    };
    let sql = sql.trim().trim_end_matches(';');
    let format = match path.to_lowercase().ends_with(".xlsx") {
        true => "xlsx",
        false => "csv",
    };
    let job = json!({"sql": sql, "path": path, "format": format});
    let report = shell.call("export", &job);
    let report = report.map_err(|failure| match failure {
        Failure::Engine(error, None) => Failure::within(error, sql, 1),
        other => other,
    })?;
    show::answer(shell, &report, out)
}

fn verify(shell: &mut Shell, _: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let report = shell.call("verify", &json!({}))?;
    show::answer(shell, &report, out)?;
    match report["faults"].as_u64() {
        Some(0) => Ok(()),
        faults => Err(Failure::Found(format!("{} faults", faults.unwrap_or(0)))),
    }
}

fn call(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, rest) = match words.rest.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None if words.rest.is_empty() => return Err(words.wrong()),
        None => (words.rest, "{}"),
    };
    let arguments: Json = serde_json::from_str(rest)
        .map_err(|error| Failure::Usage(format!("the arguments are no JSON: {error}")))?;
    let answer = shell.call(name, &arguments)?;
    show::answer(shell, &answer, out)
}

fn operations(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut all = shell.call("operations", &json!({}))?;
    let Some(name) = words.words().first() else {
        if shell.format() != Format::Json {
            for operation in all.as_array_mut().into_iter().flatten() {
                operation.as_object_mut().map(|one| one.remove("arguments"));
            }
        }
        return show::answer(shell, &all, out);
    };
    let mut known = all.as_array().into_iter().flatten();
    let operation = known.find(|operation| operation["name"] == *name);
    let operation =
        operation.ok_or_else(|| Failure::Found(format!("unknown operation `{name}`")))?;
    show::answer(shell, operation, out)
}

/// Sets a password; nothing of it is shown or kept in the history of the terminal.
fn password(shell: &mut Shell, words: &Words<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    if !shell.is_typed() {
        let text = "a password is asked for on a terminal; programs call `password.set`";
        return Err(Failure::usage(text));
    }
    let mut arguments = json!({});
    match words.words() {
        [] => arguments["old"] = ask_hidden("present password: ")?.into(),
        [login] => arguments["user"] = user_of(shell, login)?.into(),
        _ => return Err(words.wrong()),
    }
    let new = ask_hidden("new password: ")?;
    if ask_hidden("once more: ")? != new {
        return Err(Failure::Found("the two differ; nothing was set".to_owned()));
    }
    arguments["new"] = new.into();
    shell.call("password.set", &arguments)?;
    writeln!(out, "set")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        let words = split("item 'my file.csv' \"a b\"=c  x");
        assert_eq!(words, ["item", "my file.csv", "a b=c", "x"]);
    }

    #[test]
    fn names_of_commands_differ() {
        for (at, command) in COMMANDS.iter().enumerate() {
            let others = &COMMANDS[at + 1..];
            assert!(others.iter().all(|other| other.name != command.name));
        }
    }
}
