//! The second implementation: random stores, rights and queries, each answered once more from
//! the bytes of all records, without plans, indexes, totals or the condition language.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, proptest};
use proptest::sample::Index;
use rust_decimal::Decimal;

use super::generate::{
    CASE, COALESCE, Change, Condition, FIELDS, Filter, MONTH, ORDERS, PERIODS, Question,
    SUB_SELECTS, Setup, YEAR, fields, question, setup,
};
use super::world::World;
use crate::error::{Code, Result};
use crate::facts::Facts;
use crate::ids::{RecordId, UserId};
use crate::index::Group;
use crate::policy::{Action, Actor, Decision};
use crate::query::{Params, Prepared, totals};
use crate::schema::Field;
use crate::schema::keys::{self, Key, Space};
use crate::schema::system::value_of;
use crate::store::{Read, ScanOptions};
use crate::value::{Currency, Record, RecordView, Value, compare, take_uint};

/// A store made as `setup` says, with everything the oracle needs to know of it.
struct Case {
    world: World,
    facts: std::sync::Arc<Facts>,
    users: Vec<UserId>,
    records: BTreeMap<(&'static str, RecordId), Record>,
}

impl Case {
    fn new(setup: &Setup) -> Case {
        let world = World::new();
        let department = world
            .create("department", None, &[("name", "d")])
            .to_string();
        let mut users = Vec::new();
        for (n, roles) in setup.roles.iter().enumerate() {
            let held: Vec<&str> = ["r0", "r1"]
                .into_iter()
                .zip(roles)
                .filter(|(_, has)| **has)
                .map(|(role, _)| role)
                .collect();
            // The first two are of the kind that may supervise others.
            users.push(match n {
                0 | 1 => world.supervisor(&format!("u{n}"), &held),
                _ => world.user(&format!("u{n}"), &held),
            });
        }
        for (n, supervisor) in setup.supervisors.iter().enumerate().skip(1) {
            let fields = [
                (
                    "supervisor",
                    if n < 2 {
                        String::new()
                    } else {
                        users[*supervisor % 2].to_string()
                    },
                ),
                (
                    "department",
                    if n < 3 {
                        department.clone()
                    } else {
                        String::new()
                    },
                ),
            ];
            let fields = fields
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let (object, input) = (
                world.schema.object("user").unwrap(),
                world.input("user", &fields),
            );
            world
                .write(|door| door.update(object, users[n].0, input.clone(), None))
                .unwrap();
        }
        for (role, grants) in ["r0", "r1"].iter().zip(&setup.grants) {
            for (object, scope, hidden) in grants {
                world.grant(role, object, scope, hidden);
            }
        }
        let object = world.schema.object("thing").unwrap();
        let things = setup.things.iter().map(|(owner, shared, n)| {
            let fields = [
                ("name", ["", "t1", "t2", "T2"][*n]),
                ("number", ["", "1", "2", "3"][*n]),
            ];
            let shared: Vec<UserId> = shared.iter().map(|user| users[*user]).collect();
            let id = world.create("thing", owner.map(|owner| users[owner]), &fields);
            world
                .write(|door| door.share(object, id, &shared, &[]))
                .unwrap();
            id
        });
        let things: Vec<RecordId> = things.collect();
        change(&world, setup, &users, &things);
        let facts = world.facts();
        let records = scan(&world);
        Case {
            world,
            facts,
            users,
            records,
        }
    }

    fn actor(&self, question: &Question) -> Actor {
        question
            .actor
            .map_or(Actor::System, |user| Actor::User(self.users[user]))
    }

    /// The point decision.
    fn sees(&self, actor: Actor, object: &str, record: &Record) -> bool {
        let object = self.world.schema.object(object).unwrap();
        let organisation = &self.facts.organisation;
        Decision::explain(organisation, actor, object, Action::View, None, record).allowed
    }

    /// Whether every name on the way to an operand is shown.
    fn shows(&self, actor: Actor, operand: &str) -> bool {
        let mut names = fields(operand).into_iter();
        names.all(|name| self.shows_path(actor, name))
    }

    fn shows_path(&self, actor: Actor, operand: &str) -> bool {
        let mut object = self.world.schema.object("item").unwrap();
        operand.split('.').all(|name| {
            let field = object.field(name).unwrap();
            let shown = self.facts.plan(actor, object, Action::View).shows(field.id);
            if let Some(target) = field.target {
                object = self.world.schema.by_id(target).unwrap();
            }
            shown
        })
    }

    fn shows_field(&self, actor: Actor, object: &str, field: &str) -> bool {
        let object = self.world.schema.object(object).unwrap();
        let field = object.field(field).unwrap().id;
        self.facts.plan(actor, object, Action::View).shows(field)
    }

    /// What a sub-select gives.
    fn selected(
        &self,
        actor: Actor,
        name: &'static str,
        column: &str,
        filter: Option<Filter>,
    ) -> Vec<Value> {
        let object = self.world.schema.object(name).unwrap();
        let of = |id, record: &Record, field: &str| {
            let field = object.field(field).unwrap();
            self.link(actor, field, value_of(id, record, field.id).into_owned())
        };
        let holds = |id, record: &Record| match filter {
            Some((field, operator, literal)) => {
                let wanted = literal.trim_matches('\'').to_lowercase();
                let wanted = object.field(field).unwrap().parse(&wanted).unwrap();
                compares(&of(id, record, field), operator, &wanted) == Some(true)
            }
            None => true,
        };
        let records = self
            .records
            .iter()
            .filter(|((of, _), record)| *of == name && self.sees(actor, name, record));
        records
            .filter(|((_, id), record)| holds(*id, record))
            .map(|((_, id), record)| of(*id, record, column))
            .collect()
    }

    /// A link to what may not be seen is no value; users whom the engine names are.
    fn link(&self, actor: Actor, field: &Field, value: Value) -> Value {
        let target = field.target.filter(|_| !field.is_system());
        let (Some(target), Some(id)) = (target, value.as_reference()) else {
            return value;
        };
        let target = &self.world.schema.by_id(target).unwrap().name;
        let mut records = self.records.iter();
        let found = records.find(|((of, known), _)| of == target && *known == id);
        match found.is_some_and(|(_, record)| self.sees(actor, target, record)) {
            true => value,
            false => Value::Null,
        }
    }

    fn value(&self, actor: Actor, id: RecordId, record: &Record, operand: &str) -> Value {
        let of = |name: &str| self.value(actor, id, record, name);
        match operand {
            CASE if of("number").as_integer().is_some_and(|n| n > 0) => return "plus".into(),
            CASE if of("done").as_bool() == Some(true) => return "done".into(),
            CASE => return of("title"),
            COALESCE => {
                return match of("number").as_integer() {
                    Some(n) => Value::Decimal(n.into()),
                    None => of("size"),
                };
            }
            YEAR => {
                let year = of("day").to_string();
                return year[..year.len().min(4)]
                    .parse()
                    .map_or(Value::Null, Value::Integer);
            }
            MONTH => {
                let month = moscow_day(&of("at"));
                return month.map_or(Value::Null, |day| {
                    Value::Date(format!("{}-01", &day[..7]).parse().unwrap())
                });
            }
            _ => {}
        }
        let item = self.world.schema.object("item").unwrap();
        let (name, rest) = operand.split_once('.').unwrap_or((operand, ""));
        let field = item.field(name).unwrap();
        let value = value_of(id, record, field.id).into_owned();
        if rest.is_empty() {
            return self.link(actor, field, value);
        }
        let object = if name == "thing" { "thing" } else { "user" };
        let Some(id) = value.as_reference() else {
            return Value::Null;
        };
        match self
            .records
            .get(&(object, id))
            .filter(|record| self.sees(actor, object, record))
        {
            Some(record) => {
                let field = self
                    .world
                    .schema
                    .object(object)
                    .unwrap()
                    .field(rest)
                    .unwrap()
                    .id;
                value_of(id, record, field).into_owned()
            }
            None => Value::Null,
        }
    }
}

/// The day of a moment in Moscow, three hours before UTC, or of a day.
fn moscow_day(value: &Value) -> Option<String> {
    match value {
        Value::Date(day) => Some(day.to_string()),
        Value::DateTime(at) => {
            let there = *at + chrono::TimeDelta::hours(3);
            Some(there.date_naive().to_string())
        }
        _ => None,
    }
}

fn change(world: &World, setup: &Setup, users: &[UserId], things: &[RecordId]) {
    let item = world.schema.object("item").unwrap();
    let text = |field: usize, value: &Index| {
        let text = *value.get(FIELDS[field].1);
        if setup.one_currency {
            text.replace("USD", "EUR")
        } else {
            text.to_owned()
        }
    };
    let mut items: Vec<RecordId> = Vec::new();
    for change in &setup.changes {
        match change {
            Change::Create {
                owner,
                values,
                thing,
            } => {
                let texts: Vec<String> =
                    values.iter().enumerate().map(|(f, v)| text(f, v)).collect();
                let thing = thing.map_or(String::new(), |thing| thing.get(things).to_string());
                let mut fields: Vec<(&str, &str)> = FIELDS
                    .iter()
                    .zip(&texts)
                    .map(|((name, _), text)| (*name, text.as_str()))
                    .collect();
                // Every record that refers to a thing refers to an earlier record as well.
                let other = match (items.as_slice(), thing.is_empty()) {
                    ([.., last], false) => last.to_string(),
                    _ => String::new(),
                };
                fields.push(("thing", &thing));
                fields.push(("other", &other));
                items.push(world.create("item", owner.map(|owner| users[owner]), &fields));
            }
            _ if items.is_empty() => {}
            Change::Update {
                item: which,
                owner,
                field,
                value,
            } => {
                let mut input = world.input("item", &[(FIELDS[*field].0, &text(*field, value))]);
                if let Some(owner) = owner {
                    input = input.with_owner(owner.map(|owner| users[owner]));
                }
                let id = *which.get(&items);
                world
                    .write(|door| door.update(item, id, input.clone(), None))
                    .unwrap();
            }
            Change::Share {
                item: which,
                users: shared,
            } => {
                let shared: Vec<UserId> = shared.iter().map(|user| users[*user]).collect();
                let id = *which.get(&items);
                world
                    .write(|door| door.share(item, id, &shared, &[]))
                    .unwrap();
            }
            Change::Delete { item: which } => {
                let id = items.swap_remove(which.index(items.len()));
                world.write(|door| door.delete(item, id, None)).unwrap();
            }
        }
    }
}

fn scan(world: &World) -> BTreeMap<(&'static str, RecordId), Record> {
    let snapshot = world.store.snapshot().unwrap();
    let mut records = BTreeMap::new();
    for name in ["item", "thing", "user"] {
        let object = world.schema.object(name).unwrap().id;
        let prefix = Key::new(Space::Record).object(object).done().len();
        let mut rows = snapshot
            .scan(keys::records(object), ScanOptions::default())
            .unwrap();
        while let Some((key, bytes)) = rows.next().unwrap() {
            let id = RecordId::new(take_uint(&mut &key[prefix..]).unwrap()).unwrap();
            records.insert(
                (name, id),
                RecordView::new(bytes).unwrap().decode().unwrap(),
            );
        }
    }
    records
}

impl Condition {
    fn holds(&self, case: &Case, actor: Actor, id: RecordId, record: &Record) -> Option<bool> {
        let value = |operand: &str| case.value(actor, id, record, operand);
        let literal = |field: usize, value: &Index| {
            let item = case.world.schema.object("item").unwrap();
            item.field(FIELDS[field].0)
                .unwrap()
                .parse(value.get::<&str>(FIELDS[field].1))
                .unwrap()
        };
        let both = |a: Option<bool>, b: Option<bool>| match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        let not = |a: Option<bool>| a.map(|a| !a);
        match self {
            Condition::Compare(field, operator, wanted) => {
                compares(&value(FIELDS[*field].0), operator, &literal(*field, wanted))
            }
            Condition::Null(operand) => Some(value(operand).is_null()),
            Condition::In(field, wanted) => {
                let value = value(FIELDS[*field].0);
                let equal = wanted
                    .iter()
                    .map(|wanted| compares(&value, "=", &literal(*field, wanted)));
                not(equal.map(not).fold(Some(true), both))
            }
            Condition::Like(pattern) => value("title")
                .as_text()
                .map(|text| like(&folded(pattern), &folded(text))),
            Condition::PathIs(name) => compares(&value("thing.name"), "=", &Value::from(*name)),
            Condition::Ids(ids) => Some(ids.contains(&id.get())),
            Condition::Within(at, filtered, denied) => {
                let (operand, column, object, wanted) = SUB_SELECTS[*at];
                let value = value(operand);
                let selected = case.selected(actor, object, column, filtered.then_some(wanted));
                let member = selected.iter().map(|other| compares(&value, "=", other));
                let among = not(member.map(not).fold(Some(true), both));
                if *denied { not(among) } else { among }
            }
            Condition::Thing(thing) => {
                let thing = Value::Reference(RecordId::new(*thing).unwrap());
                compares(&value("thing"), "=", &thing)
            }
            Condition::Period(field, at) => {
                let (_, from, to) = PERIODS[*at];
                let day = moscow_day(&value(field));
                day.map(|day| from <= day.as_str() && day.as_str() < to)
            }
            Condition::Not(inner) => not(inner.holds(case, actor, id, record)),
            Condition::Both(a, b) => both(
                a.holds(case, actor, id, record),
                b.holds(case, actor, id, record),
            ),
            Condition::Either(a, b) => not(both(
                not(a.holds(case, actor, id, record)),
                not(b.holds(case, actor, id, record)),
            )),
        }
    }
}

fn compares(a: &Value, operator: &str, b: &Value) -> Option<bool> {
    let (a, b) = (&plain(a), &plain(b));
    if a.is_null() || b.is_null() {
        return None;
    }
    if let (Some(a), Some(b)) = (a.as_money(), b.as_money())
        && a.currency != b.currency
    {
        return match operator {
            "=" => Some(false),
            "<>" => Some(true),
            _ => None,
        };
    }
    let order = compare(a, b);
    Some(match operator {
        "=" => order == Ordering::Equal,
        "<>" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

/// References as the numbers of their records, whole numbers as decimals.
fn plain(value: &Value) -> Value {
    match value {
        Value::Reference(id) => Value::Decimal(id.get().into()),
        Value::Integer(n) => Value::Decimal((*n).into()),
        other => other.clone(),
    }
}

fn folded(text: &str) -> Vec<char> {
    text.to_lowercase().replace('ё', "е").chars().collect()
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['%', rest @ ..], text) => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        (['_', rest @ ..], [_, text @ ..]) => like(rest, text),
        ([wanted, rest @ ..], [found, text @ ..]) => wanted == found && like(rest, text),
        (_, []) => false,
    }
}

/// A record that a question is about.
type Found<'c> = (RecordId, &'c Record);

impl Question {
    fn is_grouped(&self) -> bool {
        !self.group.is_empty() || !self.aggregates.is_empty()
    }

    /// Rows that must differ.
    fn is_distinct(&self) -> bool {
        !self.is_grouped() && self.more_than.is_some()
    }

    fn filter(&self, case: &Case) -> String {
        let pin = self.pin.map(|user| format!("owner = {}", case.users[user]));
        let condition = self
            .condition
            .as_ref()
            .map(|condition| format!("({})", condition.sql()));
        let parts: Vec<String> = pin.into_iter().chain(condition).collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", parts.join(" AND "))
        }
    }

    fn sql(&self, case: &Case) -> String {
        let columns = match self.is_grouped() {
            true => [self.group.as_slice(), &self.aggregates].concat(),
            false => self.columns.clone(),
        };
        let mut sql = format!(
            "SELECT {}{} FROM item{}",
            if self.is_distinct() { "DISTINCT " } else { "" },
            columns.join(", "),
            self.filter(case)
        );
        if !self.group.is_empty() {
            sql += &format!(" GROUP BY {}", self.group.join(", "));
        }
        if let Some(least) = self.more_than.filter(|_| self.is_grouped()) {
            sql += &format!(" HAVING count(*) > {least}");
        }
        if !self.order().is_empty() {
            let keys = self.order().iter().map(|(name, descending)| {
                format!("{name}{}", if *descending { " DESC" } else { "" })
            });
            sql += &format!(" ORDER BY {}", keys.collect::<Vec<_>>().join(", "));
        }
        if let Some(limit) = self.limit {
            sql += &format!(" LIMIT {limit}");
        }
        sql
    }

    fn order(&self) -> &'static [(&'static str, bool)] {
        if self.is_grouped() || self.is_distinct() {
            &[]
        } else {
            ORDERS[self.order]
        }
    }

    /// Everything the question names.
    fn operands(&self) -> Vec<&'static str> {
        let mut all = match self.is_grouped() {
            true => self.group.clone(),
            false => self.columns.clone(),
        };
        let arguments = self.aggregates.iter().map(|aggregate| argument(aggregate));
        all.extend(arguments.filter(|argument| *argument != "*"));
        all.extend(self.order().iter().map(|(name, _)| *name));
        all.extend(self.pin.map(|_| "owner"));
        all.extend(self.condition.iter().flat_map(Condition::operands));
        all
    }

    /// The records the question is about.
    fn found<'c>(&self, case: &'c Case) -> Vec<Found<'c>> {
        let actor = case.actor(self);
        case.records
            .iter()
            .filter(|((object, _), record)| *object == "item" && case.sees(actor, "item", record))
            .map(|((_, id), record)| (*id, record))
            .filter(|(_, record)| {
                self.pin
                    .is_none_or(|user| record.head.owner == Some(case.users[user]))
            })
            .filter(|(id, record)| match &self.condition {
                Some(condition) => condition.holds(case, actor, *id, record) == Some(true),
                None => true,
            })
            .collect()
    }

    /// The rows, by code where the answer is an error.
    fn answer(&self, case: &Case) -> Result<Vec<Vec<Value>>, Code> {
        let actor = case.actor(self);
        if self
            .operands()
            .iter()
            .any(|operand| !case.shows(actor, operand))
            || self
                .condition
                .iter()
                .flat_map(Condition::selected)
                .any(|(object, field)| !case.shows_field(actor, object, field))
        {
            return Err(Code::UnknownField);
        }
        let value =
            |(id, record): &Found<'_>, operand: &str| case.value(actor, *id, record, operand);
        let mut found = self.found(case);
        if self.is_distinct() {
            let rows = found.iter();
            let rows = rows.map(|record| self.columns.iter().map(|c| value(record, c)).collect());
            return Ok(different(rows.collect()));
        }
        if self.is_grouped() {
            return self.grouped(&found, &value);
        }
        found.sort_by(|a, b| {
            let keys = self.order().iter().map(|(name, descending)| {
                let order = compare(&value(a, name), &value(b, name));
                if *descending { order.reverse() } else { order }
            });
            let by_id = match self.order().last() {
                Some((_, true)) => b.0.cmp(&a.0),
                _ => a.0.cmp(&b.0),
            };
            keys.fold(Ordering::Equal, Ordering::then).then(by_id)
        });
        let row = |record| {
            self.columns
                .iter()
                .map(|column| value(record, column))
                .collect()
        };
        Ok(found.iter().map(row).collect())
    }

    fn grouped(
        &self,
        found: &[Found<'_>],
        value: &dyn Fn(&Found<'_>, &str) -> Value,
    ) -> Result<Vec<Vec<Value>>, Code> {
        let mut groups: Vec<(Vec<Value>, Vec<&Found<'_>>)> = Vec::new();
        if self.group.is_empty() {
            groups.push((Vec::new(), Vec::new()));
        }
        for record in found {
            let key: Vec<Value> = self.group.iter().map(|name| value(record, name)).collect();
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, records)) => records.push(record),
                None => groups.push((key, vec![record])),
            }
        }
        groups.sort_by(|(a, _), (b, _)| {
            a.iter()
                .zip(b)
                .map(|(a, b)| compare(a, b))
                .fold(Ordering::Equal, Ordering::then)
        });
        let mut rows = Vec::new();
        for (key, records) in groups {
            if records.len() <= self.more_than.unwrap_or(0) && self.more_than.is_some() {
                // Currencies are not added in groups that are not asked for either.
                continue;
            }
            let mut row = key;
            for aggregate in &self.aggregates {
                let values = records.iter().map(|record| match argument(aggregate) {
                    "*" => Value::Checkbox(true),
                    name => value(record, name),
                });
                row.push(aggregated(
                    aggregate,
                    values.filter(|value| !value.is_null()).collect(),
                )?);
            }
            rows.push(row);
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        Ok(rows)
    }
}

/// The rows in the order of their values, each once.
fn different(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by(|a, b| {
        let pairs = a.iter().zip(b).map(|(a, b)| compare(a, b));
        pairs.fold(Ordering::Equal, Ordering::then)
    });
    rows.dedup();
    rows
}

fn argument(aggregate: &'static str) -> &'static str {
    let argument = aggregate.split(['(', ')']).nth(1).unwrap();
    argument.strip_prefix("DISTINCT ").unwrap_or(argument)
}

fn aggregated(aggregate: &str, values: Vec<Value>) -> Result<Value, Code> {
    let extreme = |wanted: Ordering| {
        values.iter().cloned().reduce(|best, value| {
            if compare(&value, &best) == wanted {
                value
            } else {
                best
            }
        })
    };
    Ok(match aggregate.split('(').next().unwrap() {
        "count" if aggregate.contains("DISTINCT") => Value::Integer(
            different(values.into_iter().map(|value| vec![value]).collect()).len() as i64,
        ),
        "avg" if values.is_empty() => Value::Null,
        "avg" => {
            let count = Decimal::from(values.len());
            let currencies: BTreeMap<Option<Currency>, ()> = values
                .iter()
                .map(|value| (value.as_money().map(|money| money.currency), ()))
                .collect();
            let amount = |value: &Value| match value.as_money() {
                Some(money) => money.amount,
                None => value.to_string().parse().unwrap(),
            };
            let average = values.iter().map(amount).sum::<Decimal>() / count;
            match currencies.keys().collect::<Vec<_>>().as_slice() {
                [None] => Value::Decimal(average),
                [Some(currency)] => Value::Money(crate::value::Money::new(average, *currency)),
                _ => return Err(Code::InvalidValue),
            }
        }
        "count" => Value::Integer(values.len() as i64),
        "min" => extreme(Ordering::Less).unwrap_or_default(),
        "max" => extreme(Ordering::Greater).unwrap_or_default(),
        _ if aggregate == "sum(amount)" => {
            let mut sums: BTreeMap<Currency, Decimal> = BTreeMap::new();
            for money in values.iter().filter_map(Value::as_money) {
                *sums.entry(money.currency).or_default() += money.amount;
            }
            sums.retain(|_, sum| !sum.is_zero());
            match sums.len() {
                0 => Value::Null,
                1 => sums
                    .pop_first()
                    .map(|(c, sum)| format!("{sum} {c}").parse().map(Value::Money))
                    .unwrap()
                    .unwrap(),
                _ => return Err(Code::InvalidValue),
            }
        }
        _ => Value::Decimal(
            values
                .iter()
                .map(|value| value.to_string().parse::<Decimal>().unwrap())
                .sum(),
        ),
    })
}

/// A query by each of its ways, where it has several.
fn several_ways(case: &Case, actor: Actor, sql: &str) -> Vec<Prepared> {
    let ways = case.world.prepare_ways(actor, sql).unwrap_or_default();
    if ways.len() > 1 { ways } else { Vec::new() }
}

/// Whether rows are those expected.
fn agrees(
    question: &Question,
    found: &Result<Vec<Vec<Value>>, Code>,
    expected: &Result<Vec<Vec<Value>>, Code>,
    text: &str,
) {
    match (found, expected) {
        // Without an order, any of the rows may come.
        (Ok(found), Ok(all))
            if !question.is_grouped() && !question.is_distinct() && question.order().is_empty() =>
        {
            let length = all.len().min(question.limit.unwrap_or(usize::MAX));
            assert_eq!(found.len(), length, "{text}");
            let mut left = all.clone();
            for row in found {
                let at = left.iter().position(|other| other == row);
                left.swap_remove(at.unwrap_or_else(|| panic!("{text}: {row:?}")));
            }
        }
        (Ok(found), Ok(all)) => {
            let first = &all[..all.len().min(question.limit.unwrap_or(usize::MAX))];
            assert_eq!(found, first, "{text}");
        }
        _ => assert_eq!(found, expected, "{text}"),
    }
}

fn check(case: &Case, question: &Question) {
    let (actor, sql) = (case.actor(question), question.sql(case));
    let query = |sql: &str| {
        case.world
            .query(actor, sql, &Params::new())
            .map_err(|error| error.code())
    };
    let (found, expected) = (query(&sql), question.answer(case));
    let way = || {
        case.world
            .prepare(actor, &sql)
            .map(|prepared| prepared.explain())
    };
    agrees(question, &found, &expected, &format!("{sql} {:?}", way()));
    if found.is_ok() && !question.is_grouped() && question.order().is_empty() {
        assert_eq!(query(&sql), found, "{sql}");
    }
    // However its records are found, the rows are the same.
    for prepared in several_ways(case, actor, &sql) {
        let found = case.world.run(&prepared, &Params::new());
        let found = found.map_err(|error| error.code());
        agrees(question, &found, &expected, &format!("{sql} {prepared:?}"));
    }
    if let Ok(all) = &expected
        && !question.order().is_empty()
    {
        check_pages(case, question, all);
    }
    if let Ok(all) = expected
        && !question.is_grouped()
        && !question.is_distinct()
    {
        let count = query(&format!(
            "SELECT count(*) FROM item{}",
            question.filter(case)
        ));
        assert_eq!(
            count,
            Ok(vec![vec![Value::Integer(all.len() as i64)]]),
            "{sql}"
        );
    }
}

/// Pages of three rows are the rows.
fn check_pages(case: &Case, question: &Question, all: &[Vec<Value>]) {
    let pages = Question {
        limit: Some(3),
        ..question.clone()
    };
    let (actor, sql) = (case.actor(question), pages.sql(case));
    for prepared in several_ways(case, actor, &sql) {
        check_pages_by(case, actor, &prepared, all);
    }
    check_pages_by(case, actor, &case.world.prepare(actor, &sql).unwrap(), all);
}

fn check_pages_by(case: &Case, actor: Actor, prepared: &Prepared, all: &[Vec<Value>]) {
    let snapshot = case.world.store.snapshot().unwrap();
    let (mut found, mut after): (Vec<Vec<Value>>, Option<String>) = (Vec::new(), None);
    loop {
        let params = Params::new().at(World::calendar());
        let rows = prepared.run_for(&snapshot, &params, actor, after.as_deref());
        let mut rows = rows.unwrap();
        while let Some(row) = rows.next().unwrap() {
            found.push(row.to_vec());
        }
        after = rows.cursor().unwrap();
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, all, "{}", prepared.explain());
}

/// What a sub-select gives for a thing is what a query about that thing gives.
fn check_children(case: &Case, actor: Actor) {
    let query = |sql: &str| {
        let found = case.world.query(actor, sql, &Params::new());
        found.map_err(|error| error.code())
    };
    for condition in [
        "",
        "WHERE number > 0",
        "WHERE state = 'a'",
        "WHERE within(at, 'this year')",
    ] {
        for inner in [
            format!("SELECT count(*) FROM item {condition}"),
            format!("SELECT max(title) FROM item {condition}"),
            format!("SELECT id FROM item {condition} ORDER BY day, title DESC LIMIT 2"),
            format!("SELECT id FROM item {condition} ORDER BY title LIMIT 2"),
        ] {
            let outer = query(&format!("SELECT id, ({inner}) FROM thing ORDER BY id"));
            let around = match inner.contains("WHERE") {
                true => inner.replace("WHERE", "WHERE thing = :t AND"),
                false => inner.replace("item ", "item WHERE thing = :t "),
            };
            let expected = query("SELECT id FROM thing ORDER BY id").unwrap();
            let expected = expected.into_iter().map(|mut row| {
                let rows = query(&around.replace(":t", &row[0].to_string()))?;
                row.push(match !inner.starts_with("SELECT id") {
                    true => rows[0][0].clone(),
                    false => {
                        let rows = rows.iter().map(|row| format!("{{\"id\":{}}}", row[0]));
                        Value::Text(format!("[{}]", rows.collect::<Vec<_>>().join(",")))
                    }
                });
                Ok(row)
            });
            let expected = expected.collect::<Result<Vec<Vec<Value>>, Code>>();
            match (outer, expected) {
                (Err(code), Ok(rows)) if rows.is_empty() => assert_eq!(code, Code::UnknownField),
                (found, expected) => assert_eq!(found, expected, "{inner}"),
            }
        }
    }
}

/// Totals are the fold of the records behind them; a point get answers as the list does.
fn check_actor(case: &Case, actor: Actor) {
    let item = case.world.schema.object("item").unwrap();
    let plan = case.facts.plan(actor, item, Action::View);
    let mut seen_items = Vec::new();
    for ((_, id), record) in case
        .records
        .iter()
        .filter(|((object, _), _)| *object == "item")
    {
        let seen = case.sees(actor, "item", record);
        let rows = case.world.query(
            actor,
            &format!("SELECT 1 FROM item WHERE id = {id}"),
            &Params::new(),
        );
        if case.shows(actor, "id") {
            assert_eq!(rows.unwrap().len(), usize::from(seen));
        }
        if seen {
            seen_items.push(record);
        }
    }
    let snapshot = case.world.store.snapshot().unwrap();
    for total in &item.totals {
        let of = |field| total.split().1.map_or(Value::Null, |part| part.of(field));
        let mut expected: Vec<(Value, Group)> = Vec::new();
        for record in &seen_items {
            let last = total.parts.last().map(|part| record.fields.get(part.field));
            let value = last.map_or(Value::Null, of);
            let known = expected.iter().position(|(other, _)| *other == value);
            let at = known.unwrap_or_else(|| {
                expected.push((value, Group::default()));
                expected.len() - 1
            });
            let value = |field| Ok(Cow::Borrowed(record.fields.get(field)));
            expected[at].1.change(total, true, value).unwrap();
        }
        expected.sort_by(|(a, _), (b, _)| compare(a, b));
        let found = totals(&snapshot, &plan, item, total).unwrap();
        assert_eq!(found, expected, "{}", total.name);
    }
}

/// Questions that totals answer.
const COUNTED: [&str; 14] = [
    "SELECT start_of('month', day), count(*) FROM item WHERE TRUE GROUP BY start_of('month', day)",
    "SELECT year(day), quarter(day), count(*) FROM item WHERE state <> 'a' GROUP BY year(day), quarter(day)",
    "SELECT state, count(*) FROM item WHERE within(day, 'last 9000 days') GROUP BY state",
    "SELECT state, count(*) FROM item WHERE within(day, 'this month') GROUP BY state",
    "SELECT count(*) FROM item WHERE day >= '2017-03-01' AND day < '2017-04-01'",
    "SELECT count(*) FROM item WHERE day BETWEEN '2017-03-01' AND '2017-03-31' OR day < '1970-01-01'",
    "SELECT count(*) FROM item WHERE NOT (day > '2017-02-28') AND state IN ('a', 'b')",
    "SELECT count(*) FROM item WHERE day >= '2017-03-02'",
    "SELECT owner, title, count(*), sum(amount) FROM item WHERE TRUE GROUP BY owner, title",
    "SELECT count(*), sum(number) FROM item WHERE note = 'x' AND done",
    "SELECT note, sum(number) FROM item WHERE number IN (0, 3) GROUP BY note HAVING count(*) > 1",
    "SELECT owner.login, count(*) FROM item WHERE owner = 5 OR title = 'anna' GROUP BY owner.login",
    "SELECT thing, thing.name, sum(number) FROM item WHERE TRUE GROUP BY thing, thing.name",
    "SELECT coalesce(number, 7), count(*) FROM item WHERE NOT done GROUP BY coalesce(number, 7)",
];

/// What a total answers is what the records answer: a condition that holds for all of them, and
/// that no total tells, makes the query read them.
fn check_counted(case: &Case, actor: Actor) {
    let ask = |sql: &str| {
        let rows = case.world.query(actor, sql, &Params::new());
        rows.map_err(|error| error.code())
    };
    for sql in COUNTED {
        let (before, rest) = sql.split_once(" WHERE ").unwrap();
        let (condition, by) = match rest.split_once(" GROUP BY ") {
            Some((condition, by)) => (condition, format!(" GROUP BY {by}")),
            None => (rest, String::new()),
        };
        let all = "(note2 IS NULL OR note2 IS NOT NULL)";
        let read = format!("{before} WHERE ({condition}) AND {all}{by}");
        assert_eq!(ask(sql), ask(&read), "{sql} {actor:?}");
        let way = |sql| case.world.prepare(Actor::System, sql).unwrap().explain();
        assert!(way(sql).starts_with("totals"), "{sql}: {}", way(sql));
        assert!(!way(&read).starts_with("totals"), "{read}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn queries_agree_with_a_scan_of_all_records(
        setup in setup(),
        questions in vec(question(), 12),
    ) {
        let case = Case::new(&setup);
        for question in &questions {
            check(&case, question);
        }
        for actor in std::iter::once(Actor::System).chain(case.users.iter().copied().map(Actor::User)) {
            check_actor(&case, actor);
            check_counted(&case, actor);
            check_children(&case, actor);
        }
    }
}
