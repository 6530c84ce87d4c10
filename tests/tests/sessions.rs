//! Sessions: what ends them ends everything under way, what proves a login is used up once and is
//! told nowhere, and the journal tells of all of it.

use std::sync::{Arc, Barrier};
use std::thread;

use crm_engine::{
    Code, Engine, JournalEntry, JournalRequest, Login, ManualClock, Options, Origin, RecordId,
    Result, Sequence, Session, UserId,
};
use serde_json::{Value as Json, json};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// The code of that secret at nine o'clock.
const CODE: &str = "175071";

struct World {
    engine: Engine,
    clock: Arc<ManualClock>,
    host: Session,
    anna: UserId,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::new("2026-03-01T09:00:00Z".parse().unwrap()));
        let engine = Engine::in_memory(Options {
            clock: Arc::clone(&clock) as _,
            ..Options::default()
        })
        .unwrap();
        let host = engine.system();
        let anna = json!({"login": "anna", "name": "Anna", "roles": ["agent"]});
        let anna = UserId(host.create("user", &anna).unwrap());
        World {
            engine,
            clock,
            host,
            anna,
        }
    }

    fn set(&self, fields: Json) {
        self.host
            .update("user", self.anna.0, &fields, None)
            .unwrap();
    }

    fn companies(&self, session: &Session, count: usize) -> Vec<RecordId> {
        let company = |n| json!({"name": format!("Vega {n}"), "legal_form": "legal_entity"});
        let make = |n| session.create("company", &company(n)).unwrap();
        (0..count).map(make).collect()
    }

    fn journal(&self, kind: &str) -> Vec<JournalEntry> {
        let request = JournalRequest {
            kinds: Some(vec![kind.to_owned()]),
            limit: Some(1_000),
            ..JournalRequest::default()
        };
        self.host.journal(&request).unwrap().entries
    }

    fn changes(&self) -> usize {
        self.host
            .changes(Sequence(0), 100_000)
            .unwrap()
            .changes
            .len()
    }

    fn assert_sound(&self) {
        let report = self.host.call("verify", &json!({}), &mut |_| true).unwrap();
        assert_eq!(report["faults"], 0, "{report}");
    }
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

#[test]
fn rows_end_with_the_access_of_their_reader() {
    type Ending = fn(&World, &Session);
    let endings: [Ending; 3] = [
        |world, _| world.set(json!({"access_closed": "2026-03-01T09:00:00Z"})),
        |world, _| world.clock.set("2026-03-02T09:00:00Z".parse().unwrap()),
        |_, session| session.end().unwrap(),
    ];
    for (number, end) in endings.into_iter().enumerate() {
        let world = World::new();
        world.set(json!({"access_until": "2026-03-02T00:00:00Z"}));
        let anna = world.engine.login("anna").unwrap();
        world.companies(&anna, 3);
        for sql in [
            "SELECT name FROM company",
            "SELECT name FROM company ORDER BY employees, name",
        ] {
            let mut rows = anna.query(sql, &Default::default()).unwrap();
            assert!(rows.next().unwrap().is_some());
            // What somebody else commits does not disturb it.
            world
                .host
                .create("department", &json!({"name": sql}))
                .unwrap();
            assert!(rows.next().unwrap().is_some());
        }
        let mut statement = anna.prepare("SELECT name FROM company").unwrap();
        let mut open = statement.run().unwrap();
        assert!(open.next().unwrap().is_some());
        let before = world.changes();
        end(&world, &anna);
        assert_eq!(code(open.next()), Some(Code::Denied), "{number}");
        assert_eq!(code(statement.run()), Some(Code::Denied), "{number}");
        assert_eq!(
            code(anna.prepare("SELECT id FROM company")),
            Some(Code::Denied)
        );
        assert_eq!(
            code(anna.get("company", RecordId::new(1).unwrap())),
            Some(Code::Denied)
        );
        let created = anna.create(
            "company",
            &json!({"name": "X", "legal_form": "legal_entity"}),
        );
        assert_eq!(code(created), Some(Code::Denied));
        assert_eq!(
            code(anna.call("schema", &json!({}), &mut |_| true)),
            Some(Code::Denied)
        );
        let by_the_host = usize::from(number == 0);
        assert_eq!(world.changes(), before + by_the_host);
        world.assert_sound();
    }
}

#[test]
fn a_refusal_is_told_of_once_and_changes_nothing() {
    let world = World::new();
    let origin = Origin::new().ip("10.0.0.7".parse().unwrap());
    let login = Login::new("anna").vouched().from(origin.clone());
    let anna = world.engine.open_session(&login).unwrap();
    let company = world.companies(&anna, 1)[0];
    let before = world.changes();
    let no_right = anna.delete("company", company, None);
    assert_eq!(code(no_right), Some(Code::Denied));
    let grant = anna.create("role", &json!({"name": "mine"}));
    assert!(grant.is_err());
    let bulk = json!({"object": "company", "ids": [company], "set": {"name": "X"}});
    assert_eq!(
        code(anna.call("bulk.update", &bulk, &mut |_| true)),
        Some(Code::Denied)
    );
    let all = anna.transact("mine", |door| {
        let companies = door.schema().object("company")?.clone();
        door.update_json(&companies, company, &json!({"name": "Gone"}), None)?;
        door.delete(&companies, company, None)
    });
    assert_eq!(code(all), Some(Code::Denied));
    assert_eq!(world.changes(), before);

    let told = world.journal("refused");
    let actions: Vec<&str> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions.first(), Some(&"delete"));
    assert_eq!(actions.last(), Some(&"mine"));
    assert_eq!(
        actions
            .iter()
            .filter(|action| **action == "bulk.update")
            .count(),
        1
    );
    for entry in &told {
        assert_eq!(entry.user, Some(world.anna));
        assert_eq!(entry.origin, Some(origin.clone()));
        assert_eq!(entry.result, "refused");
    }
    assert_eq!(told[0].detail["object"], "company");
    assert_eq!(told[0].detail["id"], company.get());
    // What she did is told with the same origin.
    let hers = world.journal("change").pop().unwrap();
    assert_eq!((hers.user, hers.origin), (Some(world.anna), Some(origin)));
    world.assert_sound();
}

#[test]
fn a_code_is_used_up_by_one_of_many() {
    let world = World::new();
    world.set(json!({"second_factor": true}));
    world
        .host
        .set_totp(Some(world.anna), None, Some(SECRET))
        .unwrap();
    let start = Arc::new(Barrier::new(8));
    let logins: Vec<_> = (0..8)
        .map(|_| {
            let (engine, start) = (world.engine.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                engine.open_session(&Login::new("anna").vouched().code(CODE))
            })
        })
        .collect();
    let opened: Vec<_> = logins
        .into_iter()
        .map(|login| login.join().unwrap())
        .collect();
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert_eq!(world.journal("login").len(), 1);
    assert_eq!(world.journal("login_refused").len(), 7);
    assert_eq!(world.host.sessions().unwrap().len(), 1);
    drop(opened);
    assert!(world.host.sessions().unwrap().is_empty());
}

#[test]
fn sessions_from_two_places_at_once_are_refused_in_a_race_too() {
    let world = World::new();
    let setting = json!({"name": "parallel_sessions", "value": "refuse"});
    world.host.create("setting", &setting).unwrap();
    let start = Arc::new(Barrier::new(6));
    let logins: Vec<_> = (0..6_u8)
        .map(|n| {
            let (engine, start) = (world.engine.clone(), Arc::clone(&start));
            thread::spawn(move || {
                let origin = Origin::new().ip([10, 0, 0, n].into());
                start.wait();
                engine.open_session(&Login::new("anna").vouched().from(origin))
            })
        })
        .collect();
    let opened: Vec<_> = logins
        .into_iter()
        .map(|login| login.join().unwrap())
        .collect();
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
}

/// Every way to look at a store, and the file itself.
#[test]
fn nothing_tells_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.crm");
    let engine = Engine::create(&path, Options::default()).unwrap();
    let host = engine.system();
    let anna = host.create(
        "user",
        &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}),
    );
    let anna = UserId(anna.unwrap());
    let password = "correct horse battery staple";
    host.set_password(Some(anna), None, password).unwrap();
    let told = host.set_totp(Some(anna), None, None).unwrap();
    let session = engine
        .open_session(&Login::new("anna").password(password))
        .unwrap();
    let wrong = session.set_password(None, Some("a wrong guess"), "another password");
    let wrong = wrong.unwrap_err();

    let mut seen = vec![format!("{wrong:?}"), format!("{told:?}")];
    for (operation, arguments) in [
        ("journal", json!({"limit": 1000})),
        ("changes", json!({"after": 0})),
        ("history", json!({"object": "user", "id": anna})),
        ("sessions", json!({})),
        ("search", json!({"text": "correct"})),
    ] {
        let answer = host.call(operation, &arguments, &mut |_| true).unwrap();
        seen.push(answer.to_string());
    }
    seen.push(host.get("user", anna.0).unwrap().unwrap().to_string());
    let login = Login::new("anna").password(password).code("123456");
    seen.push(format!("{login:?}"));
    for text in &seen {
        for secret in [
            password,
            "a wrong guess",
            "another password",
            "123456",
            &told.secret,
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    session.end().unwrap();
    drop((session, host));
    engine.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(!holds(password) && !holds("a wrong guess") && !holds(&told.secret));
}

#[test]
fn the_same_error_whatever_stands_against_a_login() {
    let world = World::new();
    world
        .host
        .set_password(Some(world.anna), None, "correct horse")
        .unwrap();
    let refusals = [
        Login::new("nobody").password("correct horse"),
        Login::new("anna").password("wrong horse"),
        Login::new("anna"),
        Login::new("nobody").vouched(),
        Login::new("anna").vouched().code("000000"),
        Login::new(""),
        Login::new(&"x".repeat(100_000)).password("correct horse"),
    ];
    let told = |login: &Login| world.engine.open_session(login).err().unwrap();
    let first = told(&refusals[0]);
    for login in &refusals {
        assert_eq!(told(login), first);
    }
    world.set(json!({"access_closed": "2026-03-01T09:00:00Z"}));
    assert_eq!(told(&Login::new("anna").password("correct horse")), first);
    assert_eq!(first.code(), Code::LoginRefused);
    assert!(first.details().is_empty());
    assert_eq!(world.journal("login_refused").len(), refusals.len() + 2);
    assert!(world.host.sessions().unwrap().is_empty());
    world.assert_sound();
}

#[test]
fn an_administrator_ends_sessions_of_others() {
    let world = World::new();
    let anna = world.engine.login("anna").unwrap();
    let twin = anna.clone();
    let number = world.host.sessions().unwrap()[0].session;
    assert_eq!(code(anna.sessions()), Some(Code::Denied));
    assert_eq!(code(anna.end_session(number)), Some(Code::Denied));
    world.host.end_session(number).unwrap();
    assert_eq!(
        code(twin.prepare("SELECT id FROM company")),
        Some(Code::Denied)
    );
    assert_eq!(code(world.host.end_session(number)), Some(Code::NotFound));
    assert_eq!(world.journal("logout").len(), 1);
    anna.end().unwrap();
    assert_eq!(world.journal("logout").len(), 1);
    assert!(world.engine.login("anna").is_ok());
}
