//! Native plugins as the engine sees them: validators that check a draft and may refuse it.
//!
//! Nothing here is unsafe and nothing knows how a plugin was loaded. `crm-plugin-host` loads
//! libraries and gives [`Validator`]s; a [`ValidatorSet`] lets them take part in every write.

use rust_decimal::Decimal;

use crate::error::{Code, Error, Result};
use crate::value::{Value, ValueType};
use crate::write::{Door, Draft, Event, RuleBook};

/// What a validator may read of a record on its way into the store. Fields go by their API names.
pub trait FieldReader {
    /// Whether the record does not exist yet.
    fn is_creation(&self) -> bool;

    /// A field of any type as text, choices by their names; none when it has no value.
    ///
    /// # Errors
    /// [`Code::UnknownField`].
    fn text(&self, name: &str) -> Result<Option<String>>;

    /// The number of an integer, decimal or money field, without its currency.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::WrongType`].
    fn decimal(&self, name: &str) -> Result<Option<Decimal>>;

    /// The number of an integer field.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::WrongType`].
    fn integer(&self, name: &str) -> Result<Option<i64>>;

    /// Whether a checkbox is checked.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::WrongType`].
    fn checkbox(&self, name: &str) -> Result<Option<bool>>;
}

/// A check of records before they are written.
pub trait Validator: Send + Sync {
    /// The id of the plugin it belongs to.
    fn plugin(&self) -> &str;

    /// Its name within the plugin.
    fn name(&self) -> &str;

    /// The API name of the object whose records it checks.
    fn object(&self) -> &str;

    /// The API names of the fields it watches.
    fn watch(&self) -> &[String];

    /// Checks a new record, or one of which a watched field changes.
    ///
    /// # Errors
    /// [`Code::Refused`] to refuse the change, [`Code::RuleFailed`] when it cannot judge. Either
    /// undoes the transaction and carries the details `plugin`, `validator` and, where one is to
    /// blame, `field`.
    fn validate(&self, draft: &dyn FieldReader) -> Result<()>;
}

/// Validators as rules: each checks new records of its object and changes of the fields it
/// watches. Deletions pass.
///
/// Validators see what earlier rules left in the draft, so the set stands last among
/// [`Rules`](crate::write::Rules).
pub(crate) struct ValidatorSet {
    validators: Vec<Box<dyn Validator>>,
}

impl ValidatorSet {
    /// A set that asks `validators` in their order.
    pub(crate) fn new(validators: Vec<Box<dyn Validator>>) -> ValidatorSet {
        ValidatorSet { validators }
    }
}

impl RuleBook for ValidatorSet {
    fn before(&self, draft: &mut Draft<'_>) -> Result<()> {
        if draft.is_deletion() {
            return Ok(());
        }
        self.validators
            .iter()
            .filter(|validator| concerns(validator.as_ref(), draft))
            .try_for_each(|validator| validator.validate(draft))
    }

    fn after(&self, _: &mut Door<'_>, _: &Event<'_>) -> Result<()> {
        Ok(())
    }
}

/// A watched field that the object does not have never changes.
fn concerns(validator: &dyn Validator, draft: &Draft<'_>) -> bool {
    let object = draft.object();
    let changes = |name: &String| {
        object
            .find(name)
            .is_some_and(|field| draft.changes(field.id))
    };
    object.name == validator.object()
        && (draft.is_creation() || validator.watch().iter().any(changes))
}

impl FieldReader for Draft<'_> {
    fn is_creation(&self) -> bool {
        Draft::is_creation(self)
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        let field = self.object().field(name)?;
        let value = self.value(field.id);
        Ok((!value.is_null()).then(|| field.to_text(&value)))
    }

    fn decimal(&self, name: &str) -> Result<Option<Decimal>> {
        let numbers = [ValueType::Integer, ValueType::Decimal, ValueType::Money];
        Ok(match read(self, name, &numbers)? {
            Value::Integer(n) => Some(n.into()),
            Value::Decimal(n) => Some(n),
            Value::Money(money) => Some(money.amount),
            _ => None,
        })
    }

    fn integer(&self, name: &str) -> Result<Option<i64>> {
        Ok(read(self, name, &[ValueType::Integer])?.as_integer())
    }

    fn checkbox(&self, name: &str) -> Result<Option<bool>> {
        Ok(read(self, name, &[ValueType::Checkbox])?.as_bool())
    }
}

/// The value of a field that must be of one of these types, even while it is empty.
fn read(draft: &Draft<'_>, name: &str, types: &[ValueType]) -> Result<Value> {
    let field = draft.object().field(name)?;
    match types.contains(&field.value_type) {
        true => Ok(draft.value(field.id)),
        false => {
            let (given, first) = (field.value_type, types[0]);
            let message = format!("`{name}` holds `{given}`, which is not read as `{first}`");
            Err(Error::new(Code::WrongType, message).field(name))
        }
    }
}

#[cfg(test)]
mod tests;
