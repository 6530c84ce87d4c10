//! The shell as its users meet it: the program run, what it says and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

/// A store in a folder of its own, with an agent `anna` in it, made by the shell alone.
struct House {
    folder: TempDir,
    anna: String,
}

impl House {
    fn new() -> House {
        let mut house = House {
            folder: tempfile::tempdir().unwrap(),
            anna: String::new(),
        };
        let anna = r#"call create {"object": "user", "fields":
            {"login": "anna", "name": "Anna", "roles": ["agent"]}}"#;
        let anna = house.crm(&["--create", "--json", "-c", &anna.replace('\n', " ")], "");
        house.anna = anna.json()["id"].to_string();
        let set = json!({"user": house.anna.parse::<u64>().unwrap(), "new": PASSWORD});
        let set = format!("call password.set {set}");
        house.crm(&["--host", "-c", &set], "").ok();
        house
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn crm(&self, args: &[&str], input: &str) -> Said {
        self.run(&self.path("shop.crm"), args, input, PASSWORD)
    }

    /// As the agent, with her password.
    fn anna(&self, input: &str) -> Said {
        self.crm(&["-u", "anna"], input)
    }

    fn run(&self, store: &str, args: &[&str], input: &str, password: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crm"))
            .arg(store)
            .args(args)
            .env("CRM_PASSWORD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The program may end before it has read everything.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap().into()
    }

    /// Two companies of hers.
    fn with_companies(self) -> House {
        for (name, employees) in [("ООО «Вега»", 12), ("Roof Ltd", 7)] {
            let fields = json!({
                "name": name, "legal_form": "legal_entity", "employees": employees,
            });
            let created = json!({"object": "company", "fields": fields});
            self.anna(&format!("call create {created}")).ok();
        }
        self
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    #[track_caller]
    fn json(self) -> Json {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    #[track_caller]
    fn fails(self, code: i32, err: &str) -> String {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(err), "{}", self.err);
        self.out
    }
}

#[test]
fn rows_are_aligned_or_csv_or_json() {
    let house = House::new().with_companies();
    let sql = "SELECT name, employees FROM company ORDER BY employees";
    let table = house.anna(&format!("{sql};")).ok();
    let expected = "name        employees\n──────────  ─────────\nRoof Ltd            7\nООО «Вега»         12\n(2 rows)\n";
    assert_eq!(table, expected);
    let csv = house.crm(&["-u", "anna", "--csv", "-c", sql], "").ok();
    assert_eq!(csv, "name,employees\nRoof Ltd,7\nООО «Вега»,12\n");
    let json = house.crm(&["-u", "anna", "--json", "-c", sql], "").ok();
    let expected = "[{\"name\": \"Roof Ltd\", \"employees\": 7},\n {\"name\": \"ООО «Вега»\", \"employees\": 12}]\n";
    assert_eq!(json, expected);
    let none = house.crm(&["-u", "anna", "--json", "-c", "select id from deal"], "");
    assert_eq!(none.ok(), "[]\n");
}

#[test]
fn an_error_names_its_place_and_ends_what_comes_from_a_pipe() {
    let house = House::new();
    let script = "who\n\nselect id,\n  nom from company;\nwho\n";
    let out = house.anna(script).fails(
        1,
        "(unknown_field)\n  line 4, column 3:\n    nom from company;\n    ^\n",
    );
    assert_eq!(out.lines().count(), 1, "{out}");
    house
        .anna("nonsense")
        .fails(2, "`nonsense` is neither a query nor a command");
    house.anna("card company").fails(2, "`.card OBJECT ID`");
    house.crm(&["--nonsense"], "").fails(2, "--nonsense");
    house.crm(&[], "who").fails(2, "who works here?");
    house
        .crm(&["--host", "-c", "select 1"], "")
        .fails(1, "line 1, column");
}

#[test]
fn nobody_comes_in_without_his_password() {
    let house = House::new();
    let store = house.path("shop.crm");
    let wrong = house.run(&store, &["-u", "anna"], "who", "wrong horse");
    assert_eq!(wrong.fails(1, "the login was refused"), "");
    let nobody = house.run(&store, &["-u", "nobody"], "who", PASSWORD);
    assert_eq!(nobody.fails(1, "the login was refused"), "");
    assert!(house.anna("who").ok().starts_with("anna ("));
    // The host vouches: no password is looked at.
    let vouched = house.run(&store, &["--host", "-u", "anna"], "who", "wrong horse");
    assert!(vouched.ok().starts_with("anna ("));
    assert_eq!(house.crm(&["--host"], "who").ok(), "the host itself\n");
    house
        .run(&house.path("none.crm"), &["--host"], "", "")
        .fails(2, "--create makes a new store");
    assert!(!std::path::Path::new(&house.path("none.crm")).exists());
}

#[test]
fn the_shell_gives_nobody_more_than_his_rights() {
    let house = House::new().with_companies();
    let hidden = r#"call create {"object": "company", "fields": {"name": "Hidden", "legal_form": "legal_entity"}}"#;
    let id = house.crm(&["--host", "--json", "-c", hidden], "").json()["id"].clone();
    let seen = house.crm(
        &["-u", "anna", "--json", "-c", "select name from company"],
        "",
    );
    assert_eq!(seen.json().as_array().map(Vec::len), Some(2));
    for command in ["card", "history"] {
        let there = house.anna(&format!("{command} company {id}"));
        let missing = house.anna(&format!("{command} company 999999"));
        assert_eq!((there.code, &there.err), (missing.code, &missing.err));
        there.fails(1, "not found");
    }
    house
        .anna(&format!("explain view company {id}"))
        .fails(1, "(denied)");
    house.anna("verify").fails(1, "(denied)");
    house
        .anna(&format!("backup {}", house.path("copy.crm")))
        .fails(1, "(denied)");
    let export = format!(
        "export select name from company to {}",
        house.path("out.csv")
    );
    house.anna(&export).fails(1, "no right to export");
    for file in ["copy.crm", "copy.crm.part", "out.csv"] {
        assert!(!std::path::Path::new(&house.path(file)).exists(), "{file}");
    }
}

#[test]
fn commands_show_what_the_engine_knows() {
    let house = House::new().with_companies();
    let host = |command: &str| house.crm(&["--host"], command).ok();
    let found = host("find вега");
    assert!(found.contains("ООО «Вега»"), "{found}");
    let id = house.crm(&["--host", "--json"], "find вега").json()[0]["id"].to_string();
    let card = host(&format!(".card company {id}"));
    let title = format!("company {id}  ООО «Вега»  (version 1)\nowner: Anna (");
    assert!(
        card.starts_with(&title) && card.contains("\nTimeline, newest first\n"),
        "{card}"
    );
    let card = house
        .crm(&["--host", "--lang", "ru"], &format!("card company {id}"))
        .ok();
    assert!(card.contains("Название"), "{card}");
    assert!(host(&format!("history company {id}")).contains("∅ → ООО «Вега»"));
    let why = host(&format!("explain edit company {id} anna"));
    assert!(
        why.contains("allowed  yes") && why.contains("agent"),
        "{why}"
    );
    assert!(host(&format!("explain edit company {id}")).contains("anna"));
    assert!(host("explain select name from company;").contains("record"));
    assert!(host("objects").contains("Company"));
    assert!(host("fields deal").contains("prospecting, engaging, won, lost"));
    assert!(host("funnel deal").contains("Prospecting"));
    host(&format!("funnel deal --svg {}", house.path("funnel.svg")));
    let drawn = std::fs::read_to_string(house.path("funnel.svg")).unwrap();
    assert!(drawn.starts_with("<svg"));
    assert!(host("reports").contains("clients_by_stage"));
    let stages = host("report clients_by_stage");
    assert!(stages.contains("no open deal"), "{stages}");
    let light = host(&format!(
        "report control rule_interest=ignored --svg {}",
        house.path("light.svg")
    ));
    assert!(light.starts_with("written into "), "{light}");
    let drawn = std::fs::read_to_string(house.path("light.svg")).unwrap();
    assert!(drawn.starts_with("<svg"));
    host(&format!(
        "export select id, name from company to {}",
        house.path("book.XLSX")
    ));
    assert!(
        std::fs::read(house.path("book.XLSX"))
            .unwrap()
            .starts_with(b"PK")
    );
    assert!(host("operations backup").contains("the file to write"));
    assert!(host("help").contains(".card OBJECT ID"));
    assert!(host("call search {\"text\": \"вега\"}").contains("ООО «Вега»"));
    assert_eq!(host("quit\nnonsense"), "");
}

#[test]
fn a_backup_opens_as_the_store_it_was() {
    let house = House::new().with_companies();
    let copy = house.path("copy.crm");
    let backup = format!("backup {copy}");
    let report = house.crm(&["--host", "--json", "-c", &backup], "").json();
    assert_eq!(report["verified"]["faults"], 0);
    house
        .crm(&["--host", "-c", &backup], "")
        .fails(1, "exists already");
    let sql = "select id, name, owner, created_at from company order by id";
    let rows = |store: &str| house.run(store, &["-u", "anna", "--json", "-c", sql], "", PASSWORD);
    assert_eq!(rows(&copy).ok(), rows(&house.path("shop.crm")).ok());
    let verified = house.run(&copy, &["--host", "-c", "verify"], "", "").ok();
    assert!(verified.contains("faults           0"), "{verified}");
}

#[test]
fn an_import_needs_every_column_named_and_tells_what_it_refused() {
    let house = House::new();
    let file = house.path("people.csv");
    // One column is called after a field, one after a label.
    let csv = "Название;legal_form;shoe size\nВега;legal_entity;44\nBad;nonsense;1\n";
    std::fs::write(&file, csv).unwrap();
    let import = |who: &[&str], more: &str| {
        house.crm(who, &format!("import company {file} --delimiter ; {more}"))
    };
    let count = || {
        let sql = "select count(*) as n from company";
        let rows = house.crm(&["--host", "--json", "-c", sql], "");
        rows.json()[0]["n"].to_string()
    };
    import(&["-u", "anna"], "'shoe size='").fails(1, "no right to import");
    import(&["--host"], "").fails(2, "no field is called `shoe size`");
    import(&["--host"], "--check 'shoe size='").fails(1, "1 rows were refused");
    assert_eq!(count(), "0");
    let told = import(&["--host"], "'shoe size='").fails(1, "1 rows were refused");
    assert!(told.contains("nonsense"), "{told}");
    assert_eq!(count(), "1");
}
