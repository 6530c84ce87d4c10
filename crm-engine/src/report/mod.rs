//! Reports: the funnel of an object that has stages, in figures and as a picture, and how often
//! something happens.

mod draw;
mod periodicity;
mod svg;
mod table;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::ids::FieldId;
use crate::index::{Group, Sums};
use crate::policy::Plan;
use crate::query;
use crate::schema::{Object, StageKind, Total, label_in};
use crate::store::Read;

pub use periodicity::Periodicity;
pub(crate) use periodicity::periodicity;
pub use svg::funnel_svg;
pub use table::{Chart, Table, TableColumn};

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
/// [`Code::InvalidArguments`] when the object has no stages or no total over them.
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
    let total = object
        .totals
        .iter()
        .find(|total| total.group == stages.id)
        .ok_or_else(|| {
            Error::new(
                Code::InvalidArguments,
                format!("`{}` keeps no total by stage", object.name),
            )
        })?;
    let sums = query::totals(read, plan, object, total)?;
    let summed = visible_sum(plan, total);
    let rows = stages
        .choices
        .iter()
        .filter_map(|choice| choice.stage.map(|kind| (choice, kind)))
        .map(|(choice, kind)| {
            let group = group_of(&sums, Some(choice.id));
            FunnelStage {
                stage: choice.name.clone(),
                label: label_in(&choice.labels, language, &choice.name).to_owned(),
                kind,
                count: group.map_or(0, |group| group.count),
                sums: group
                    .zip(summed)
                    .map_or_else(BTreeMap::new, |(g, (at, _))| amounts(g, at)),
            }
        })
        .collect();
    Ok(Funnel {
        object: object.name.clone(),
        sum: summed
            .and_then(|(_, field)| object.by_id(field))
            .map(|field| field.name.clone()),
        stages: rows,
        without_stage: group_of(&sums, None).map_or(0, |group| group.count),
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

fn group_of(sums: &Sums, choice: Option<crate::ids::ChoiceId>) -> Option<&Group> {
    sums.groups()
        .find(|(of, _)| *of == choice)
        .map(|(_, group)| group)
}

fn amounts(group: &Group, at: usize) -> BTreeMap<String, Decimal> {
    group
        .sums
        .get(at)
        .into_iter()
        .flatten()
        .map(|(currency, amount)| {
            (
                currency.map_or_else(String::new, |currency| currency.to_string()),
                *amount,
            )
        })
        .collect()
}
