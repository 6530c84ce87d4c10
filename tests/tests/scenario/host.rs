//! What a scenario needs of an API.

use serde_json::Value as Json;

/// A refusal as a host sees it. All the fields that are required stand in one text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl Refusal {
    /// From the JSON form of an error.
    pub(super) fn from_json(error: &Json) -> Refusal {
        let text = |json: &Json| json.as_str().map(str::to_owned);
        let list = error["details"]["fields"].as_array();
        let list = list.filter(|_| error["name"] == "required");
        let fields = list.map(|list| {
            let names: Vec<&str> = list.iter().filter_map(Json::as_str).collect();
            names.join(", ")
        });
        Refusal {
            code: text(&error["name"]).unwrap_or_default(),
            field: fields.or_else(|| text(&error["details"]["field"])),
            message: text(&error["message"]).unwrap_or_default(),
        }
    }

    /// Its code and field, as scenarios write it.
    pub(super) fn to_text(&self) -> String {
        match &self.field {
            Some(field) => format!("{}: {field}", self.code),
            None => self.code.clone(),
        }
    }
}

pub(super) type Answer<T> = Result<T, Refusal>;

/// One of the engine's APIs. `who` is a login, or `system` for the host itself; sessions stay
/// open from their first use on.
pub(super) trait Host {
    fn set_time(&mut self, moment: &str);
    fn reopen(&mut self);
    /// Opens a session that proves who he is, keeps it as that of `who`, whose earlier one it ends.
    fn enter(&mut self, who: &str, login: &Json) -> Answer<()>;
    /// Ends the session of `who`.
    fn leave(&mut self, who: &str);
    fn login(&mut self, who: &str) -> Answer<()>;
    fn create(&mut self, who: &str, object: &str, fields: &Json) -> Answer<u64>;
    fn get(&mut self, who: &str, object: &str, id: u64) -> Answer<Option<Json>>;
    fn update(
        &mut self,
        who: &str,
        object: &str,
        id: u64,
        fields: &Json,
        expected: Option<u64>,
    ) -> Answer<()>;
    fn delete(&mut self, who: &str, object: &str, id: u64) -> Answer<()>;
    fn call(&mut self, who: &str, operation: &str, arguments: &Json) -> Answer<Json>;
    fn query(&mut self, who: &str, sql: &str) -> Answer<Vec<Vec<String>>>;
}
