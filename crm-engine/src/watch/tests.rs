//! What is counted, written down, and found again.

use std::sync::Arc;
use std::thread;

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::engine::{Engine, Options};
use crate::pack::Pack;
use crate::policy::Actor;
use crate::query::Params;
use crate::session::{OpenedRequest, Session, WatchRequest, WatchedHour};

const THING: &str = r#"
name = "thing"
owned = true
title = "name"
columns = ["name"]
field = [{ name = "name", type = "text" }]
list = [{ name = "by_name", by = ["name"] }]
"#;
const ROLES: &str = r#"
[[role]]
name = "reader"
grant = [{ object = "thing", actions = ["view"], scope = "all" }]

[[role]]
name = "taker"
grant = [{ object = "thing", actions = ["view", "export"], scope = "all" }]
"#;

struct World {
    engine: Engine,
    host: Session,
    clock: Arc<ManualClock>,
    things: Vec<RecordId>,
}

fn nine() -> DateTime<Utc> {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

fn options(clock: &Arc<ManualClock>) -> Options {
    Options {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        standard_pack: false,
        ..Options::default()
    }
}

impl World {
    fn new(things: usize) -> World {
        let clock = Arc::new(ManualClock::new(nine()));
        let engine = Engine::in_memory(options(&clock)).unwrap();
        World::fill(engine, clock, things)
    }

    fn fill(engine: Engine, clock: Arc<ManualClock>, things: usize) -> World {
        let pack = Pack::from_files([
            ("pack.toml", "name = \"things\"\nversion = \"1.0.0\""),
            ("thing/object.toml", THING),
            ("roles.toml", ROLES),
        ]);
        engine.install(Actor::System, &pack.unwrap()).unwrap();
        let host = engine.system();
        for (login, role) in [("anna", "reader"), ("ivo", "taker")] {
            let user = json!({"login": login, "name": login, "roles": [role]});
            host.create("user", &user).unwrap();
        }
        let things = host
            .transact("fill", |door| {
                let object = Arc::clone(door.schema().object("thing")?);
                (0..things)
                    .map(|n| door.create_json(&object, &json!({"name": format!("t{n:05}")})))
                    .collect()
            })
            .unwrap();
        World {
            engine,
            host,
            clock,
            things,
        }
    }

    fn limit(&self, per_hour: u64, over: &str) {
        let sql = "SELECT id FROM role WHERE name = 'reader'";
        let mut rows = self.host.query(sql, &Params::new()).unwrap();
        let id = rows.next().unwrap().unwrap()[0].as_integer().unwrap();
        let id = RecordId::new(id.unsigned_abs()).unwrap();
        let limit = json!({"opens_per_hour": per_hour, "opens_over": over});
        self.host.update("role", id, &limit, None).unwrap();
    }
}

fn day() -> WatchRequest {
    WatchRequest::new(nine() - TimeDelta::hours(9), nine() + TimeDelta::hours(15))
}

fn hours(host: &Session) -> Vec<WatchedHour> {
    host.watch(&day()).unwrap().hours
}

fn told(host: &Session) -> Vec<(i64, u64, u64, u64, u64)> {
    let told = hours(host).into_iter().map(|hour| {
        let after = (hour.hour - nine()).num_hours();
        (after, hour.opened, hour.listed, hour.exported, hour.refused)
    });
    told.collect()
}

/// Each record counts once an hour, however often and by whatever way it is opened; what is not
/// seen does not count.
#[test]
fn records_opened_count_once_an_hour() {
    let world = World::new(5);
    let anna = world.engine.login("anna").unwrap();
    for id in [world.things[0], world.things[1], world.things[0]] {
        anna.get("thing", id).unwrap().unwrap();
        anna.read("thing", id).unwrap().unwrap();
        anna.card(&crate::CardRequest::new("thing", id))
            .unwrap()
            .unwrap();
    }
    assert!(
        anna.get("thing", RecordId::new(9_999).unwrap())
            .unwrap()
            .is_none()
    );
    world.host.get("thing", world.things[4]).unwrap();
    world.clock.set(nine() + TimeDelta::minutes(61));
    anna.get("thing", world.things[0]).unwrap();
    let mut rows = anna
        .query("SELECT name FROM thing LIMIT 3", &Params::new())
        .unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    let mut count = anna
        .query("SELECT count(*) FROM thing", &Params::new())
        .unwrap();
    assert!(count.next().unwrap().is_some());
    drop(count);
    assert!(anna.create("thing", &json!({"name": "x"})).is_err());
    assert_eq!(told(&world.host), [(0, 2, 0, 0, 0), (1, 1, 3, 0, 1)]);

    let user = anna.user().unwrap();
    let request = OpenedRequest {
        user,
        from: day().from,
        to: day().to,
        limit: Some(1),
        after: None,
    };
    let page = world.host.watch_opened(&request).unwrap();
    assert_eq!(
        (page.total, page.records[0].id, page.records[0].hours),
        (2, world.things[0], 2)
    );
    let after = page.next;
    let page = world
        .host
        .watch_opened(&OpenedRequest { after, ..request })
        .unwrap();
    assert_eq!((page.records[0].id, page.next), (world.things[1], None));
}

/// Reading writes nothing by itself; the next change writes it down, a refused one does not.
#[test]
fn the_next_change_writes_down() {
    let world = World::new(3);
    let anna = world.engine.login("anna").unwrap();
    let user = anna.user().unwrap();
    let stored = || {
        let snapshot = world.engine.view().unwrap().snapshot;
        stored::counters(&snapshot, user, hour_of(nine()))
            .unwrap()
            .opened
    };
    let journal = || world.host.changes(crate::Sequence(0), 10_000).unwrap().next;
    anna.get("thing", world.things[0]).unwrap();
    let before = journal();
    assert!(world.host.create("thing", &json!({"nothing": 1})).is_err());
    world
        .host
        .update("thing", world.things[1], &json!({"name": "t00001"}), None)
        .unwrap();
    assert_eq!((stored(), journal()), (0, before));
    world
        .host
        .update("thing", world.things[1], &json!({"name": "new"}), None)
        .unwrap();
    assert_eq!(stored(), 1);
    world
        .host
        .update("thing", world.things[1], &json!({"name": "newer"}), None)
        .unwrap();
    assert_eq!(stored(), 1);
}

/// A limit that alarms lets everything be opened and is told once an hour; one that stops does
/// not, for this hour, but lets what is open be.
#[test]
fn limits_alarm_and_stop() {
    let world = World::new(6);
    let anna = world.engine.login("anna").unwrap();
    world.limit(2, "alarm");
    for id in &world.things[..5] {
        anna.get("thing", *id).unwrap().unwrap();
    }
    let alarms = world.host.watch_alarms(&day()).unwrap().hours;
    assert_eq!(
        (alarms.len(), alarms[0].opened, alarms[0].alarm),
        (1, 5, Some(nine()))
    );
    let later = WatchRequest {
        from: nine() + TimeDelta::milliseconds(1),
        ..day()
    };
    assert!(world.host.watch_alarms(&later).unwrap().hours.is_empty());
    let entries = crate::journal::read_after(
        &world.engine.view().unwrap().snapshot,
        crate::Sequence(0),
        10_000,
    );
    let entries = entries.unwrap();
    let alarms = entries.iter().filter(|entry| entry.action == "watch.alarm");
    assert_eq!(
        alarms.map(|entry| entry.actor).collect::<Vec<_>>(),
        [anna.user()]
    );

    world.clock.set(nine() + TimeDelta::hours(1));
    world.limit(2, "stop");
    for id in &world.things[..2] {
        anna.get("thing", *id).unwrap().unwrap();
    }
    let stopped = anna.get("thing", world.things[2]).unwrap_err();
    assert_eq!(stopped.code(), Code::LimitExceeded);
    assert!(
        anna.get("thing", RecordId::new(9_999).unwrap())
            .unwrap()
            .is_none()
    );
    assert!(anna.get("thing", world.things[1]).unwrap().is_some());
    world.clock.set(nine() + TimeDelta::hours(2));
    assert!(anna.get("thing", world.things[2]).unwrap().is_some());
    assert_eq!(
        told(&world.host),
        [(0, 5, 0, 0, 0), (1, 2, 0, 0, 1), (2, 1, 0, 0, 0)]
    );
}

/// What was opened counts on after the store was closed and opened again.
#[test]
fn closing_keeps_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("things.crm");
    let clock = Arc::new(ManualClock::new(nine()));
    let engine = Engine::create(&path, options(&clock)).unwrap();
    let world = World::fill(engine, Arc::clone(&clock), 4);
    world.limit(3, "stop");
    let anna = world.engine.login("anna").unwrap();
    for id in &world.things[..2] {
        anna.get("thing", *id).unwrap();
    }
    world.engine.close().unwrap();
    let engine = Engine::open(&path, options(&clock)).unwrap();
    let anna = engine.login("anna").unwrap();
    anna.get("thing", world.things[1]).unwrap();
    anna.get("thing", world.things[2]).unwrap();
    let stopped = anna.get("thing", world.things[3]).unwrap_err();
    assert_eq!(stopped.code(), Code::LimitExceeded);
    assert_eq!(told(&engine.system()), [(0, 3, 0, 0, 1)]);
    let report = engine
        .system()
        .call("verify", &json!({}), &mut |_| true)
        .unwrap();
    assert_eq!(report["faults"], 0);
}

/// Much that gathers is written down without a change, also from many threads at once, and
/// nothing of it twice.
#[test]
fn much_is_written_down_by_itself() {
    let world = World::new(WATCH_PENDING_MAX / 4);
    let logins = ["anna", "ivo"];
    thread::scope(|scope| {
        for login in logins {
            for _ in 0..2 {
                let (engine, things) = (&world.engine, &world.things);
                scope.spawn(move || {
                    let session = engine.login(login).unwrap();
                    for id in things {
                        session.get("thing", *id).unwrap();
                    }
                });
            }
        }
        scope.spawn(|| {
            for n in 0..20 {
                let name = json!({"name": format!("again{n}")});
                world
                    .host
                    .update("thing", world.things[0], &name, None)
                    .unwrap();
            }
        });
    });
    let opened: Vec<u64> = hours(&world.host).iter().map(|hour| hour.opened).collect();
    assert_eq!(opened, [world.things.len() as u64; 2]);
    let watch = Watch::default();
    let snapshot = world.engine.view().unwrap().snapshot;
    let thing = world.engine.schema().unwrap().object("thing").unwrap().id;
    let mut then = Then::Nothing;
    for n in 1..=WATCH_PENDING_MAX as u64 {
        let opening = Opening {
            user: UserId(RecordId::new(1).unwrap()),
            at: nine(),
            object: thing,
            id: RecordId::new(n).unwrap(),
            limit: None,
        };
        assert_eq!(then, Then::Nothing);
        then = watch.open(&opening, &snapshot).unwrap();
    }
    assert_eq!(then, Then::WriteDown);
    // What is not settled is not lost.
    drop(watch.take());
    assert_eq!(watch.take().portions[0].opened.len(), WATCH_PENDING_MAX);
}

/// Whoever may not export is given a bounded number of rows by one query, sorted or not; pages,
/// counts and groups are not bounded, and who may export has them all (C51).
#[test]
fn rows_are_bounded_without_export() {
    let world = World::new(crate::limits::LIST_ROWS_WITHOUT_EXPORT_MAX + 5);
    let (anna, ivo) = (
        world.engine.login("anna").unwrap(),
        world.engine.login("ivo").unwrap(),
    );
    let all = |session: &Session, sql: &str| {
        let mut rows = session.query(sql, &Params::new()).unwrap();
        let mut given = 0;
        loop {
            match rows.next() {
                Ok(Some(_)) => given += 1,
                Ok(None) => return (given, None),
                Err(error) => return (given, Some(error.code())),
            }
        }
    };
    let most = crate::limits::LIST_ROWS_WITHOUT_EXPORT_MAX;
    for sql in [
        "SELECT name FROM thing",
        "SELECT name FROM thing ORDER BY name",
        "SELECT name FROM thing ORDER BY name DESC, id ASC",
        "SELECT name FROM thing WHERE name LIKE 't%'",
        "SELECT DISTINCT name FROM thing",
    ] {
        assert_eq!(all(&anna, sql), (most, Some(Code::Denied)), "{sql}");
        assert_eq!(all(&ivo, sql), (most + 5, None), "{sql}");
    }
    assert_eq!(
        all(&anna, "SELECT name FROM thing ORDER BY name LIMIT 1000"),
        (most, None)
    );
    assert_eq!(
        all(&anna, "SELECT name, count(*) FROM thing GROUP BY name"),
        (most + 5, None)
    );
    assert_eq!(
        hours(&world.host)
            .iter()
            .map(|hour| hour.refused)
            .sum::<u64>(),
        5
    );
}
