//! How a schema takes in duplicate rules, and how records are accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::schema::{
    Accept, Compared, Comparison, DuplicateRule, Interest, Likeness, Object, Schema,
};
use crate::value::ValueType;

use super::{AcceptDeclaration, DuplicateDeclaration, InterestDeclaration, ObjectDeclaration};
use super::{check_name, invalid};

/// How like two texts must be where a fuzzy comparison does not say.
const FUZZY_LEAST_PERCENT: u8 = 85;

/// A rule as far as it speaks of the object's own fields.
pub(super) fn rule(object: &Object, declared: &DuplicateDeclaration) -> Result<DuplicateRule> {
    check_name(&declared.name, "a duplicate rule")?;
    let mut all = Vec::new();
    for comparison in &declared.all {
        let field = object.field(&comparison.field)?;
        if comparison.how == Likeness::Fuzzy && field.value_type != ValueType::Text {
            return Err(invalid("only text is compared `fuzzy`").field(&comparison.field));
        }
        let least = comparison.least.unwrap_or(FUZZY_LEAST_PERCENT);
        if !(1..=100).contains(&least) {
            return Err(invalid("`least` is a per cent from 1 to 100").field(&comparison.field));
        }
        all.push(Comparison {
            field: field.id,
            how: comparison.how,
            least,
        });
    }
    if all.is_empty() {
        let text = format!("the duplicate rule `{}` compares nothing", declared.name);
        return Err(invalid(text));
    }
    Ok(DuplicateRule {
        name: declared.name.clone(),
        all,
        also: Vec::new(),
        refuse: declared.refuse,
    })
}

impl Schema {
    /// Fourth pass: what the rules of an object say of other objects, and how its records are
    /// accepted.
    pub(super) fn settle_duplicates(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        let at = self.position(&declaration.name)?;
        let mut object = Object::clone(&self.objects[at]);
        for declared in &declaration.duplicate {
            let also = self.also(&object, declared)?;
            let rules = &mut object.duplicates;
            if let Some(rule) = rules.iter_mut().find(|rule| rule.name == declared.name) {
                rule.also = also;
            }
        }
        if let Some(name) = &declaration.draft {
            let field = object.field(name)?;
            if field.value_type != ValueType::Checkbox || !field.computed {
                return Err(invalid("a `draft` is a computed checkbox").field(name));
            }
            object.draft = Some(field.id);
        }
        if let Some(declared) = &declaration.accept {
            object.accept = Some(self.accept(&object, declared)?);
        }
        self.objects[at] = Arc::new(object);
        Ok(())
    }

    /// The other objects that a rule looks into: each has the fields it compares.
    fn also(&self, object: &Object, declared: &DuplicateDeclaration) -> Result<Vec<ObjectId>> {
        let mut also = BTreeSet::new();
        for name in &declared.also {
            let other = self.object(name)?;
            if other.id == object.id {
                return Err(invalid(format!("`{name}` is looked into in any case")));
            }
            for comparison in &declared.all {
                let (own, there) = (
                    object.field(&comparison.field)?,
                    other.field(&comparison.field)?,
                );
                if own.value_type != there.value_type {
                    let text = format!("is of another type in `{name}`");
                    return Err(invalid(text).field(&own.name));
                }
            }
            also.insert(other.id);
        }
        Ok(also.into_iter().collect())
    }

    fn accept(&self, object: &Object, declared: &AcceptDeclaration) -> Result<Accept> {
        let (link, target) = self.link(object, &declared.link)?;
        if target.duplicates.iter().all(DuplicateRule::is_fuzzy) {
            return Err(invalid(format!(
                "`{}` has no duplicate rule by which a record is known again",
                target.name
            )));
        }
        let once = match &declared.once {
            Some(name) if !object.field(name)?.unique => {
                return Err(invalid("`once` is a unique field").field(name));
            }
            Some(name) => Some(object.field(name)?.id),
            None => None,
        };
        Ok(Accept {
            link,
            take: taken(object, target, &declared.take)?,
            once,
            interest: match &declared.interest {
                Some(interest) => Some(self.interest(object, target, interest)?),
                None => None,
            },
        })
    }

    fn interest(
        &self,
        object: &Object,
        client: &Object,
        declared: &InterestDeclaration,
    ) -> Result<Interest> {
        let (link, interest) = self.link(object, &declared.link)?;
        let of = interest.field(&declared.of)?;
        if of.target != Some(client.id) || interest.stage_field().is_none() {
            return Err(invalid(format!(
                "`{}` must have stages and refer to `{}` by `{}`",
                interest.name, client.name, of.name
            )));
        }
        Ok(Interest {
            link,
            of: of.id,
            take: taken(object, interest, &declared.take)?,
        })
    }

    /// A reference of `object` and what it refers to.
    fn link(&self, object: &Object, name: &str) -> Result<(FieldId, &Arc<Object>)> {
        let field = object.field(name)?;
        let target = field.target.and_then(|id| self.by_id(id));
        let target = target.ok_or_else(|| invalid("`link` is a reference").field(name))?;
        Ok((field.id, target))
    }

    /// Last pass: which fields of every object are compared by a rule of any.
    pub(super) fn settle_compared(&mut self) {
        let mut compared: BTreeMap<ObjectId, Compared> = BTreeMap::new();
        for object in &self.objects {
            for rule in &object.duplicates {
                let others = rule.also.iter().filter_map(|id| self.by_id(*id));
                for place in others.chain([object]) {
                    let known = compared.entry(place.id).or_default();
                    note_fields(known, object, place, rule);
                }
            }
        }
        for object in &mut self.objects {
            let now = compared.remove(&object.id).unwrap_or_default();
            if object.compared != now {
                Arc::make_mut(object).compared = now;
            }
        }
    }
}

/// Notes which fields of `place` a rule of `object` needs found: the exact ones of a rule that has
/// any, else those it compares by likeness.
fn note_fields(compared: &mut Compared, object: &Object, place: &Object, rule: &DuplicateRule) {
    let only_fuzzy = rule.all.iter().all(|one| one.how == Likeness::Fuzzy);
    for comparison in &rule.all {
        let field = object.by_id(comparison.field);
        let Some(field) = field.and_then(|field| place.find(&field.name)) else {
            continue;
        };
        let fields = match comparison.how {
            Likeness::Fuzzy if only_fuzzy => &mut compared.heads,
            Likeness::Fuzzy => continue,
            Likeness::Exact | Likeness::Normalised => &mut compared.forms,
        };
        if let Err(at) = fields.binary_search(&field.id) {
            fields.insert(at, field.id);
        }
    }
}

/// Pairs of a field of `target` and the field of `object` it is taken from, of one type.
fn taken(
    object: &Object,
    target: &Object,
    take: &BTreeMap<String, String>,
) -> Result<Vec<(FieldId, FieldId)>> {
    let mut pairs = Vec::new();
    for (to, from) in take {
        let (there, own) = (target.field(to)?, object.field(from)?);
        let settable = !there.is_system() && !there.computed;
        let same = there.value_type == own.value_type && there.target == own.target;
        let choices = !there.choices.is_empty();
        if !settable || !same || choices || own.is_system() {
            let text = format!("`{to}` of `{}` cannot take `{from}`", target.name);
            return Err(Error::new(Code::InvalidValue, text).field(from));
        }
        pairs.push((there.id, own.id));
    }
    Ok(pairs)
}
