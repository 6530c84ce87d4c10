//! Loading the data set into the engine.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use crm_engine::{
    Currency, Engine, Input, Money, Object, RecordId, Result, Session, UserId, Value,
};
use rust_decimal::Decimal;
use serde_json::json;

use super::{Ours, choice, options};
use crate::data::{self, Data, Place, Role};

/// Records created in one transaction.
const BATCH: usize = 2_000;
/// Threads that load.
const LOADERS: usize = 2;

impl Ours {
    /// Makes the store and loads the data set into it.
    pub fn load(path: &Path, data: Data) -> Result<()> {
        let engine = Engine::create(path, options())?;
        let host = engine.system();
        let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/workload/pack");
        host.call("pack.install", &json!({"path": pack}), &mut |_| true)?;
        let users = organisation(&host)?;
        let companies = load(&host, "company", data.n, |object, number| {
            company(object, data.company(number), &users)
        })?;
        load(&host, "contact", data.contacts(), |object, number| {
            let row = data.contact(number);
            contact(object, companies[row.company], row)
        })?;
        load(&host, "deal", data.deals(), |object, number| {
            let deal = data.deal(number);
            let mut input = Input::default();
            input.set(object, "company", companies[deal.company])?;
            input.set(object, "title", deal.title)?;
            input.set(object, "stage", choice(deal.stage))?;
            input.set(object, "amount", money(deal.amount_cents)?)?;
            input.set(object, "margin", money(deal.margin_cents)?)?;
            input.set(object, "seller", users[deal.seller])?;
            Ok(input)
        })?;
        load(&host, "activity", data.activities(), |object, number| {
            let row = data.activity(number);
            activity(object, companies[row.company], row)
        })?;
        engine.close()
    }
}

/// Departments and users; gives the ids of the users.
fn organisation(host: &Session) -> Result<Vec<RecordId>> {
    host.transact("organisation", |door| {
        let schema = Arc::clone(door.schema());
        let (department, user) = (schema.object("department")?, schema.object("user")?);
        let mut regions = Vec::new();
        for n in 0..data::REGIONS {
            let name = json!({"name": format!("Region {n}")});
            regions.push(door.create_json(department, &name)?);
        }
        let mut departments = Vec::new();
        for n in 0..data::DEPARTMENTS {
            let parent = regions[data::region(n)];
            let fields = json!({"name": format!("Department {n}"), "parent": parent});
            departments.push(door.create_json(department, &fields)?);
        }
        let users = data::users();
        let mut ids = Vec::new();
        for described in &users {
            let role = match described.role {
                Role::Employee => vec!["employee"],
                Role::Head => vec!["head"],
                Role::RegionalHead => vec!["regional_head"],
                Role::Administrator => Vec::new(),
            };
            let fields = json!({
                "login": described.login,
                "name": described.login,
                "department": match described.place {
                    Place::Department(n) => Some(departments[n]),
                    Place::Region(n) => Some(regions[n]),
                    Place::Nowhere => None,
                },
                "roles": role,
                "kind": match described.role {
                    Role::Administrator => "admin",
                    // Others have them as their supervisors.
                    Role::Head | Role::RegionalHead => "administration",
                    Role::Employee => "employee",
                },
            });
            ids.push(door.create_json(user, &fields)?);
        }
        for (described, id) in users.iter().zip(&ids) {
            if let Some(supervisor) = described.supervisor {
                let fields = json!({"supervisor": ids[supervisor]});
                door.update_json(user, *id, &fields, None)?;
            }
        }
        Ok(ids)
    })
}

/// Creates `count` records of an object, and gives their ids. While one batch is made durable the
/// next is built; they are built in their order, and so are ids.
fn load(
    host: &Session,
    object: &str,
    count: usize,
    input: impl Fn(&Object, usize) -> Result<Input> + Sync,
) -> Result<Vec<RecordId>> {
    let turn = Turn::default();
    let batches: Vec<usize> = (0..count).step_by(BATCH).collect();
    let load_batch = |number: usize| {
        let end = count.min(batches[number] + BATCH);
        turn.wait(number);
        let ids = host.transact("load", |door| {
            let schema = Arc::clone(door.schema());
            let object = schema.object(object)?;
            let ids = (batches[number]..end)
                .map(|number| door.create(object, input(object, number)?))
                .collect::<Result<Vec<RecordId>>>();
            turn.end(number);
            ids
        });
        // Nobody waits for one that could not even begin.
        turn.end(number);
        ids
    };
    // A batch that fails is told of when all had their turn: none waits for it.
    let loader = |first: usize| {
        let numbers = (first..batches.len()).step_by(LOADERS);
        let each = numbers.map(|number| Ok((number, load_batch(number)?)));
        each.collect::<Vec<Result<(usize, Vec<RecordId>)>>>()
    };
    let loaded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..LOADERS)
            .map(|first| scope.spawn(move || loader(first)))
            .collect();
        let parts = threads.into_iter();
        parts.flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut loaded = loaded.into_iter().collect::<Result<Vec<_>>>()?;
    loaded.sort_by_key(|(number, _)| *number);
    let ids: Vec<RecordId> = loaded.into_iter().flat_map(|(_, ids)| ids).collect();
    assert!(
        ids.windows(2)
            .all(|pair| pair[0].get() + 1 == pair[1].get()),
        "ids of `{object}` have gaps"
    );
    Ok(ids)
}

/// Whose turn it is to build a batch.
#[derive(Default)]
struct Turn {
    next: Mutex<usize>,
    passed: Condvar,
}

impl Turn {
    fn wait(&self, number: usize) {
        let next = self.next.lock().unwrap();
        drop(self.passed.wait_while(next, |next| *next < number).unwrap());
    }

    fn end(&self, number: usize) {
        let mut next = self.next.lock().unwrap();
        *next = (*next).max(number + 1);
        self.passed.notify_all();
    }
}

pub fn company(object: &Object, company: data::Company, users: &[RecordId]) -> Result<Input> {
    let participants = company.participants.iter().map(|user| UserId(users[*user]));
    let mut input = Input::default()
        .with_owner(Some(UserId(users[company.owner])))
        .with_participants(participants);
    input.set(object, "name", company.name)?;
    input.set(object, "tax_number", company.tax_number)?;
    input.set(object, "phone", Value::Phone(company.phone))?;
    input.set(object, "email", Value::Email(company.email))?;
    input.set(object, "city", company.city)?;
    input.set(object, "segment", choice(company.segment))?;
    input.set(object, "created", company.created)?;
    input.set(object, "last_activity", company.last_activity)?;
    if let Some(note) = company.note {
        input.set(object, "note", note)?;
    }
    if let Some(contract) = company.contract {
        input.set(object, "contract", Value::Digits(contract))?;
    }
    if let Some(date) = company.contract_date {
        input.set(object, "contract_date", date)?;
    }
    if let Some(newsletter) = company.newsletter {
        input.set(object, "newsletter", newsletter)?;
    }
    if let Some(rating) = company.rating {
        input.set(object, "rating", choice(rating))?;
    }
    if let Some(cents) = company.budget_cents {
        input.set(object, "budget", money(cents)?)?;
    }
    Ok(input)
}

pub fn contact(object: &Object, company: RecordId, contact: data::Contact) -> Result<Input> {
    let mut input = Input::default();
    input.set(object, "company", company)?;
    input.set(object, "name", contact.name)?;
    input.set(object, "phone", contact.phone)?;
    input.set(object, "email", contact.email)?;
    input.set(object, "decision_maker", contact.decision_maker)?;
    Ok(input)
}

pub fn activity(object: &Object, company: RecordId, activity: data::Activity) -> Result<Input> {
    let mut input = Input::default();
    input.set(object, "company", company)?;
    input.set(object, "kind", choice(activity.kind))?;
    input.set(object, "subject", activity.subject)?;
    input.set(object, "due", activity.due)?;
    input.set(object, "done", activity.done)?;
    Ok(input)
}

fn money(cents: i64) -> Result<Value> {
    let currency = Currency::new(data::CURRENCY)?;
    Ok(Value::Money(Money::new(Decimal::new(cents, 2), currency)))
}
