//! The pack's rules and the native plugin at work, on a deal made for the purpose.

use crm_engine::{Engine, Result, Value};
use serde_json::json;

use crate::load::Base;
use crate::show::{AGENT, refusal};

pub(crate) fn show(engine: &Engine, base: &Base) -> Result<()> {
    println!("\nRules at work");
    let session = engine.login(AGENT)?;
    let deal = session.create(
        "deal",
        &json!({"title": "Demonstration", "stage": "engaging", "start_date": "2017-12-01"}),
    )?;

    let refused = session.update("deal", deal, &json!({"stage": "won"}), None);
    println!("  winning it bare is refused: {}", refusal(refused));

    let won = json!({"stage": "won", "close_date": "2017-12-20", "amount": "1200 USD"});
    session.update("deal", deal, &won, None)?;
    let record = session.get("deal", deal)?.unwrap_or_default();
    println!("  computed: days_to_close = {}", record["days_to_close"]);

    let mut tasks =
        session.prepare("SELECT id, title, due, owner.name FROM task WHERE deal = ?")?;
    tasks.bind(1, Value::Reference(deal))?;
    let mut rows = tasks.run()?;
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        println!(
            "  created by the rule: `{}`, due {}, for {}",
            row[1], row[2], row[3]
        );
        made.extend(row[0].as_integer());
    }

    let company = json!({"name": "Impossible Ltd", "legal_form": "legal_entity", "employees": -3});
    println!(
        "  the native plugin refuses a company: {}",
        refusal(session.create("company", &company))
    );

    // The demonstration leaves the figures as they were.
    let host = engine.system();
    for task in made {
        host.delete(
            "task",
            crm_engine::RecordId::new(task.unsigned_abs())?,
            None,
        )?;
    }
    host.delete("deal", deal, None)?;
    debug_assert!(base.users.len() > 1);
    Ok(())
}
