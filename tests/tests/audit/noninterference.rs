//! Noninterference: two stores that differ only in what a user may not see give him, byte for
//! byte, the same answers (invariant *invisible is absent*); and his lists, counts and reports
//! are those of the records he can get one by one (invariant *one predicate*).
//!
//! What the twins have in common, and is therefore not claimed to be hidden: that there were
//! transactions (positions of the journal count those of everybody), ids, versions, owners, and
//! which record refers to which (a deletion is refused because of hidden referrers, too).

use std::collections::BTreeMap;

use crm_engine::{Code, Door, Error, Params, RecordId, Result, Rows, Session, Version};
use serde_json::{Value as Json, json};

use super::world::{Dice, OBJECTS, Story, Twin, World};

const CASES: u32 = 80;

/// What was asked and what was answered.
type Answers = Vec<(String, String)>;

fn told(result: Result<Json>) -> String {
    result.unwrap_or_else(|error| error.to_json()).to_string()
}

fn call(session: &Session, operation: &str, arguments: &Json) -> Result<Json> {
    session.call(operation, arguments, &mut |_| true)
}

/// The rows of a query, every value as its column writes it.
fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<String>>> {
    texts(session.query(sql, &Params::new())?)
}

fn texts(mut rows: Rows) -> Result<Vec<Vec<String>>> {
    let columns = rows.columns().to_vec();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let pairs = columns.iter().zip(row);
        found.push(pairs.map(|(column, value)| column.text(value)).collect());
    }
    Ok(found)
}

/// Everything a query tells: its columns, its rows and how they were found.
fn query(session: &Session, sql: &str) -> Result<Json> {
    let mut statement = session.prepare(sql)?;
    let rows = texts(statement.run()?)?;
    let columns = statement.columns().iter();
    let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
    Ok(json!({"columns": names, "rows": rows, "way": statement.explain()}))
}

fn reads(world: &World) -> Answers {
    let viewer = &world.viewer;
    let mut answers = Answers::new();
    let mut ask = |question: String, answer: Result<Json>| answers.push((question, told(answer)));
    ask("schema".into(), call(viewer, "schema", &json!({})));
    let users = world
        .users
        .iter()
        .map(|id| ("user", RecordId::new(*id).unwrap()));
    let last = world.records.last().map_or(1, |(_, id)| id.get());
    let missing = OBJECTS.map(|(object, _)| (object, RecordId::new(last + 9).unwrap()));
    for (object, id) in world.records.iter().copied().chain(users).chain(missing) {
        let get = |object| viewer.get(object, id).map(Json::from);
        ask(format!("get {object} {id}"), get(object));
        ask(format!("get task {id}"), get("task"));
        let filled = viewer.completeness(object, id).map(|filled| json!(filled));
        ask(format!("completeness {object} {id}"), filled);
        if id.get() % 4 == 0 {
            let form = viewer.questionnaire(object, Some(id), Some("ru"));
            ask(format!("questionnaire {object} {id}"), form.map(Json::from));
        }
        if id.get() % 4 == 1 {
            let named = json!({"object": object, "id": id.get()});
            for operation in ["card", "timeline", "last_touch"] {
                let told = call(viewer, operation, &named);
                ask(format!("{operation} {object} {id}"), told);
            }
        }
        let history = viewer.history(object, id).map(Json::from);
        ask(format!("history {object} {id}"), history);
        for moment in [json!({"version": 1}), json!({"at": "2026-03-01T09:00:30Z"})] {
            let mut past = json!({"object": object, "id": id.get()});
            let members = past.as_object_mut().unwrap();
            members.extend(moment.as_object().cloned().unwrap_or_default());
            let then = call(viewer, "record.at", &past);
            ask(format!("record.at {object} {id} {moment}"), then);
        }
    }
    for sql in queries(world) {
        let answer = query(viewer, &sql);
        ask(sql, answer);
    }
    for object in ["deal", "company"] {
        let order = json!({"object": object, "title": "Funnel"});
        ask(
            format!("funnel {object}"),
            call(viewer, "report.funnel", &order),
        );
    }
    for text in [
        "vega",
        "ve",
        "o",
        "7",
        "77",
        "495",
        "8 495 49",
        "orion 1",
        "p1",
        "example.com",
    ] {
        for limit in [1, 20] {
            let request = json!({"text": text, "limit": limit});
            let answer = call(viewer, "search", &request);
            ask(format!("search {text} {limit}"), answer);
        }
    }
    for text in ["+7 495 4999990", "4999991", "p7@example.com"] {
        let answer = call(viewer, "find", &json!({"text": text}));
        ask(format!("find {text}"), answer);
    }
    let mut after = 0;
    loop {
        let page = call(viewer, "changes", &json!({"after": after, "limit": 3})).unwrap();
        let (next, more) = (page["next"].as_u64().unwrap(), page["more"] == true);
        ask(format!("changes {after}"), Ok(page));
        if !more {
            return answers;
        }
        assert!(next > after, "the feed does not get on");
        after = next;
    }
}

fn queries(world: &World) -> Vec<String> {
    let mut queries = Vec::new();
    for (object, fields) in OBJECTS {
        queries.push(format!("SELECT * FROM {object}"));
        queries.push(format!("SELECT id FROM {object} LIMIT 1"));
        for user in &world.users {
            queries.push(format!(
                "SELECT count(*) FROM {object} WHERE owner = {user}"
            ));
        }
        for field in fields.iter().chain(&["owner", "created_at"]) {
            queries.extend([
                format!("SELECT id, {field} FROM {object} ORDER BY {field} DESC LIMIT 5"),
                format!("SELECT id FROM {object} WHERE {field} IS NOT NULL ORDER BY {field}"),
                format!("SELECT {field}, count(*) FROM {object} GROUP BY {field}"),
                format!("SELECT count(*), count({field}) FROM {object}"),
            ]);
        }
    }
    let more = [
        "SELECT stage, count(*), sum(amount) FROM deal GROUP BY stage",
        "SELECT currency(amount), sum(amount), max(amount) FROM deal GROUP BY currency(amount)",
        "SELECT sum(amount) FROM deal",
        "SELECT sum(revenue), min(revenue) FROM company",
        "SELECT title, company.name, company.revenue FROM deal",
        "SELECT title, deal.company.name FROM task WHERE deal.amount > 50",
        "SELECT id FROM deal WHERE company.name LIKE 'Vega%' ORDER BY company.name",
        "SELECT company.industry AS kind, count(*) FROM deal GROUP BY company.industry ORDER BY kind",
        "SELECT id, owner.name FROM task ORDER BY owner.name",
        "SELECT id FROM deal WHERE title = 'Vega 77' OR stage = 'won'",
        "SELECT * FROM user",
        "SELECT name FROM user",
        "SELECT id FROM user ORDER BY name",
    ];
    queries.extend(more.map(str::to_owned));
    queries
}

/// Tries a change and undoes it.
fn rehearse(
    session: &Session,
    mut change: impl FnMut(&mut Door<'_>) -> Result<Json>,
) -> Result<Json> {
    let mut outcome = Ok(Json::Null);
    let undone = session.transact("rehearse", |door| -> Result<()> {
        outcome = change(door);
        Err(Error::new(Code::Refused, "undone"))
    });
    undone
        .err()
        .filter(|error| error.code() != Code::Refused)
        .map_or(outcome, Err)
}

fn writes(world: &World) -> Answers {
    let viewer = &world.viewer;
    let mut answers = Answers::new();
    let mut ask = |question: String, answer: Result<Json>| answers.push((question, told(answer)));
    let stranger = world.users.last().unwrap();
    for (at, &(object, id)) in world.records.iter().enumerate() {
        let other = world.records[(at * 7) % world.records.len()].1;
        let inputs = [
            json!({"title": "x"}),
            json!({"name": "x", "phone": "no phone"}),
            json!({"amount": "12 euro"}),
            json!({"stage": "none"}),
            json!({"owner": stranger}),
            json!({"participants": [stranger]}),
            json!({"company": other.get()}),
        ];
        for input in &inputs {
            for expected in [None, Some(Version(99))].into_iter().take(1 + at % 2) {
                let update = rehearse(viewer, |door| {
                    let object = door.schema().object(object)?.clone();
                    let version = door.update_json(&object, id, input, expected)?;
                    Ok(json!(version.0))
                });
                ask(format!("update {object} {id} {input} {expected:?}"), update);
            }
        }
        let delete = rehearse(viewer, |door| {
            let object = door.schema().object(object)?.clone();
            door.delete(&object, id, None).map(|()| Json::Null)
        });
        ask(format!("delete {object} {id}"), delete);
        let input = json!({"title": "x", "stage": "won", "company": id.get()});
        let create = rehearse(viewer, |door| {
            let object = door.schema().object("deal")?.clone();
            door.create_json(&object, &input).map(|id| json!(id.get()))
        });
        ask(format!("create deal {input}"), create);
    }
    let text = "title,stage,who,firm\n\
        a,won,user0,Vega 93\nb,won,user5,Orion 1093\nc,lost,user1,Orion 93\n";
    let import = json!({"object": "deal", "text": text, "check": true, "columns": {
        "title": "title", "stage": "stage",
        "who": {"field": "owner", "match": "login"},
        "firm": {"field": "company", "match": "name", "on_unknown": "empty"}}});
    ask("import".into(), call(viewer, "import.csv", &import));
    for (from, to) in [(0, 1), (1, 2), (2, 9), (9, 0), (3, 0)] {
        let user = |at: usize| world.users.get(at).copied().unwrap_or(9_999);
        let order = json!({"from": user(from), "to": user(to), "objects": ["company"],
            "where": "name LIKE 'Vega%'"});
        ask(
            format!("transfer {order}"),
            call(viewer, "transfer", &order),
        );
    }
    answers
}

fn assert_same(seed: u64, story: &Story, first: &Answers, second: &Answers) {
    assert_eq!(first.len(), second.len(), "seed {seed}");
    for (a, b) in first.iter().zip(second) {
        assert_eq!(
            a, b,
            "seed {seed}: the viewer tells the twins apart; {story:?}"
        );
    }
}

/// The lists of the viewer are the records he gets, and his figures are those of his lists.
fn assert_one_predicate(world: &World) {
    let viewer = &world.viewer;
    for (object, _) in OBJECTS {
        let got = world.records.iter().filter(|(of, _)| *of == object);
        let got = got.filter_map(|(_, id)| viewer.get(object, *id).unwrap());
        let got: Vec<Json> = got.collect();
        let mut listed = rows(viewer, &format!("SELECT id FROM {object}")).unwrap();
        listed.sort_by_key(|row| row[0].parse::<u64>().unwrap());
        let ids: Vec<Vec<String>> = got.iter().map(|r| vec![r["id"].to_string()]).collect();
        assert_eq!(listed, ids, "{object}");
        let count = rows(viewer, &format!("SELECT count(*) FROM {object}")).unwrap();
        assert_eq!(count, [[got.len().to_string()]], "{object}");
        if let ("deal", Ok(funnel)) = (object, funnel(viewer)) {
            let mut counts = BTreeMap::new();
            for deal in &got {
                *counts.entry(deal["stage"].to_string()).or_insert(0) += 1;
            }
            let stages = funnel["stages"].as_array().unwrap().iter();
            let told = stages.map(|s| (s["stage"].to_string(), s["count"].as_i64().unwrap()));
            let told: BTreeMap<String, i64> = told.filter(|(_, count)| *count > 0).collect();
            assert_eq!(told, counts);
        }
    }
}

fn funnel(session: &Session) -> Result<Json> {
    call(session, "report.funnel", &json!({"object": "deal"}))
}

/// What a manager counts and sums is what each of those below him does by himself.
fn assert_manager_adds_up(story: &Story, world: &World) {
    let manager = world.session_of(1);
    let sql = "SELECT stage, currency(amount), count(*), sum(amount) FROM deal";
    let group = "GROUP BY stage, currency(amount)";
    let mut parts: BTreeMap<Vec<String>, (u64, f64)> = BTreeMap::new();
    let add = |to: &mut BTreeMap<Vec<String>, (u64, f64)>, found: Vec<Vec<String>>| {
        for row in found {
            let amount = row[3].split(' ').next().unwrap_or_default();
            let entry = to.entry(row[..2].to_vec()).or_default();
            entry.0 += row[2].parse::<u64>().unwrap();
            entry.1 += amount.parse::<f64>().unwrap_or_default();
        }
    };
    for user in story.below(1) {
        let id = world.users[user];
        let of_one = rows(&manager, &format!("{sql} WHERE owner = {id} {group}")).unwrap();
        if user > 1 {
            let own = rows(
                &world.session_of(user),
                &format!("{sql} WHERE owner = {id} {group}"),
            )
            .unwrap();
            assert_eq!(own, of_one, "the deals of {id}");
        }
        add(&mut parts, of_one);
    }
    // Beside their deals he may see some that others share with him.
    let below = story.below(1).into_iter();
    let owners: Vec<String> = below.map(|user| world.users[user].to_string()).collect();
    let theirs = format!("{sql} WHERE owner IN ({}) {group}", owners.join(", "));
    let mut whole = BTreeMap::new();
    add(&mut whole, rows(&manager, &theirs).unwrap());
    assert_eq!(whole, parts);
}

#[test]
fn what_is_hidden_leaves_no_trace() {
    let (mut partial, mut masked, mut differing) = (0, 0, 0);
    for seed in 0..u64::from(CASES) {
        let story = Story::random(&mut Dice(seed));
        let first = story.happen(Twin::First, &|_, _| true);
        let last = story.last(&first);
        let seen: Vec<bool> = last.iter().map(|record| story.sees(record)).collect();
        let shown = |record: usize, field: &str| story.shows(&last[record], field);
        let second = story.happen(Twin::Second, &shown);
        assert_eq!(first.records, second.records, "seed {seed}");

        partial += u32::from(seen.contains(&true) && seen.contains(&false));
        let hides = |(at, (object, _)): (usize, &(&str, RecordId))| {
            let fields = OBJECTS.iter().find(|(name, _)| name == object).unwrap().1;
            seen[at] && fields.iter().any(|field| !shown(at, field))
        };
        masked += u32::from(first.records.iter().enumerate().any(hides));
        let everything = |world: &World| query(&world.host, "SELECT * FROM deal").unwrap();
        differing += u32::from(everything(&first) != everything(&second));

        // In both of them: logins and refusals move the journal on.
        for world in [&first, &second] {
            assert_one_predicate(world);
            if !story.concerns_others() {
                assert_manager_adds_up(&story, world);
            }
        }
        assert_same(seed, &story, &reads(&first), &reads(&second));
        assert_same(seed, &story, &writes(&first), &writes(&second));
        assert_one_predicate(&first);
        assert_one_predicate(&second);
        if seed % 4 == 0 {
            assert_same(seed, &story, &reads(&first), &reads(&second));
        }
    }
    // Stories in which everything is seen, or nothing, would prove nothing.
    let told = format!("of {CASES}: {partial} partial, {masked} masked, {differing} differing");
    let most = CASES / 5 * 3;
    assert!(
        partial > most && masked > CASES / 3 && differing > most,
        "{told}"
    );
}
