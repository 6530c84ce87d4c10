//! The funnel of an object that has stages.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::ids::FieldId;
use crate::index::Group;
use crate::policy::Plan;
use crate::query;
use crate::schema::{Object, StageKind, Total, label_in};
use crate::store::Read;
use crate::value::{Amounts, Value};

/// How many records stand on each stage and what they are worth, under one caller's rights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Funnel {
    /// The object counted.
    pub object: String,
    /// The field summed, if the caller may see it.
    pub sum: Option<String>,
    /// Every stage in its declared order, empty ones too.
    pub stages: Vec<FunnelStage>,
    /// Records that stand on no stage.
    pub without_stage: u64,
}

/// One stage of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunnelStage {
    /// The stage's API name.
    pub stage: String,
    /// Its label in the language asked for.
    pub label: String,
    /// How it counts.
    pub kind: StageKind,
    /// How many records stand on it.
    pub count: u64,
    /// What they are worth, by currency; plain numbers stand under an empty name.
    pub sums: BTreeMap<String, Decimal>,
}

/// Computes the funnel of `object` from its totals.
///
/// # Errors
/// [`Code::InvalidArguments`] when the object has no stages or no total over them,
/// [`Code::LimitExceeded`] for a sum of more than 28 digits.
pub(crate) fn funnel(
    read: &dyn Read,
    plan: &Plan,
    object: &Object,
    language: &str,
) -> Result<Funnel> {
    let stages = object
        .stage_field()
        .filter(|field| plan.shows(field.id))
        .ok_or_else(|| {
            Error::new(
                Code::InvalidArguments,
                format!("`{}` has no stages", object.name),
            )
        })?;
    let totals = object.totals.iter();
    let by_stage = totals.filter(|total| total.parts.last().is_some_and(|p| p.field == stages.id));
    let total = by_stage
        .min_by_key(|total| total.parts.len())
        .ok_or_else(|| {
            Error::new(
                Code::InvalidArguments,
                format!("`{}` keeps no total by stage", object.name),
            )
        })?;
    let groups = query::totals(read, plan, object, total)?;
    let summed = visible_sum(plan, total);
    let rows = stages
        .choices
        .iter()
        .filter_map(|choice| choice.stage.map(|kind| (choice, kind)))
        .map(|(choice, kind)| {
            let group = group_of(&groups, &Value::Choice(choice.id));
            Ok(FunnelStage {
                stage: choice.name.clone(),
                label: label_in(&choice.labels, language, &choice.name).to_owned(),
                kind,
                count: group.map_or(0, |group| group.count),
                sums: group
                    .zip(summed)
                    .map_or_else(|| Ok(BTreeMap::new()), |(g, (at, _))| amounts(g, at))?,
            })
        })
        .collect::<Result<Vec<FunnelStage>>>()?;
    Ok(Funnel {
        object: object.name.clone(),
        sum: summed
            .and_then(|(_, field)| object.by_id(field))
            .map(|field| field.name.clone()),
        stages: rows,
        without_stage: group_of(&groups, &Value::Null).map_or(0, |group| group.count),
    })
}

/// The first summed field the caller may see, with its place among the sums.
fn visible_sum(plan: &Plan, total: &Total) -> Option<(usize, FieldId)> {
    total
        .sums
        .iter()
        .copied()
        .enumerate()
        .find(|(_, field)| plan.shows(*field))
}

fn group_of<'g>(groups: &'g [(Value, Group)], stage: &Value) -> Option<&'g Group> {
    let found = groups.iter().find(|(of, _)| of == stage);
    found.map(|(_, group)| group)
}

fn amounts(group: &Group, at: usize) -> Result<BTreeMap<String, Decimal>> {
    let sums = group.sums.get(at).into_iter().flat_map(Amounts::iter);
    sums.map(|(currency, sum)| {
        let currency = currency.map_or_else(String::new, |currency| currency.to_string());
        let amount = sum.total();
        let too_long = || Error::new(Code::LimitExceeded, "a sum exceeds 28 digits");
        Ok((currency, amount.ok_or_else(too_long)?))
    })
    .collect()
}
