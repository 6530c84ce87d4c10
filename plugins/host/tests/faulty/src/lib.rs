//! A plugin that misbehaves, to test the host: one validator panics, the other fails.

use crm_plugin_abi::{Draft, Failure, Registrar, Verdict, plugin};

plugin! {
    id: "test.faulty",
    name: "Faulty",
    vendor: "Test",
    version: "1.0.0",
    init: init,
}

fn init(host: &mut Registrar<'_>) -> Result<(), Failure> {
    host.validator("panics", "company", &["name"], panics)?;
    host.validator("fails", "company", &["name"], |draft| {
        draft.integer("missing").map(|_| Vec::new())
    })
}

fn panics(draft: &dyn Draft) -> Verdict {
    let name = draft.text("name")?;
    panic!("no idea what to do with {name:?}")
}
