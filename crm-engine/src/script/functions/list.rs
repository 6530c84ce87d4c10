//! Arrays and maps. Functions that take closures hold what they gather on the meter; the
//! closures' own steps are counted like any others.

use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use rhai::{Array, Dynamic, FnPtr, INT, ImmutableString, Map, Module, NativeCallContext};

use super::super::call::{Call, Stop};
use super::super::meter::weigh;
use super::compare::{compare, same};
use super::{Outcome, Rows};

/// The functions that take a closure. A closure stands only in their brackets, so none is ever
/// kept in a variable and none can come to contain itself.
pub(crate) const CLOSURE_TAKERS: &[&str] = &["map", "filter", "any", "all", "sort_by"];

pub(super) fn register(rows: &mut Rows<'_>) {
    arrays(rows);
    order(rows);
    closures(rows);
    maps(rows);
}

/// What `for` can walk: arrays and ranges.
pub(super) fn register_iterators(module: &mut Module) {
    module.set_iterable::<Array>().set_iterator::<Range<INT>>();
    module.set_iterator::<RangeInclusive<INT>>();
}

fn arrays(rows: &mut Rows<'_>) {
    rows.function(
        "len",
        (
            "array.len() -> integer",
            "How many items it has.",
            "[1, 2].len() == 2",
        ),
        |array: &mut Array| array.len() as INT,
    );
    rows.function(
        "is_empty",
        (
            "array.is_empty() -> bool",
            "Whether it has no items.",
            "[].is_empty()",
        ),
        |array: &mut Array| array.is_empty(),
    );
    rows.change(
        "push",
        (
            "array.push(item)",
            "Adds an item at the end. `array[0]` reads and sets items.",
            "let a = [1]; a.push(2); a == [1, 2]",
        ),
        |array: &mut Array, item: Dynamic| array.push(item),
    );
    rows.function(
        "contains",
        (
            "array.contains(item) -> bool",
            "Whether an item equals `item`; also written `item in array`.",
            "[1, 2].contains(2) && 1 in [1, 2]",
        ),
        |array: &mut Array, item: Dynamic| array.iter().any(|one| same(one, &item)),
    );
    rows.function(
        "join",
        (
            "array.join(between) -> text",
            "The items as text, with `between` between them.",
            r#"[1, "a"].join("-") == "1-a""#,
        ),
        |array: &mut Array, between: ImmutableString| -> Outcome<String> {
            let texts: Vec<String> = array.iter().map(super::super::convert::to_text).collect();
            let bytes = texts
                .iter()
                .map(|text| text.len() + between.len())
                .sum::<usize>();
            if bytes > crate::limits::SCRIPT_STRING_BYTES_MAX {
                return Err("`join` makes too long a text".into());
            }
            Ok(texts.join(&between))
        },
    );
}

fn order(rows: &mut Rows<'_>) {
    rows.function(
        "sort",
        (
            "array.sort() -> array",
            "The items in order; they must be comparable with one another.",
            "[3, 1, 2].sort() == [1, 2, 3]",
        ),
        |array: &mut Array| -> Outcome<Array> {
            let keyed = array
                .iter()
                .map(|item| (item.clone(), item.clone()))
                .collect();
            sorted(keyed)
        },
    );
    rows.function(
        "sort_by",
        (
            "array.sort_by(|item| key) -> array",
            "The items in the order of their keys; equal ones stay as they were.",
            "[#{n: 2}, #{n: 1}].sort_by(|item| item.n)[0].n == 1",
        ),
        |context: NativeCallContext, array: &mut Array, key: FnPtr| -> Outcome<Array> {
            let keys = gather(&context, array, |item| call(&context, &key, item))?;
            sorted(keys.into_iter().zip(array.iter().cloned()).collect())
        },
    );
}

fn closures(rows: &mut Rows<'_>) {
    rows.function(
        "map",
        (
            "array.map(|item| value) -> array",
            "What the closure makes of each item.",
            "let by = 2; [1, 2].map(|n| n * by) == [2, 4]",
        ),
        |context: NativeCallContext, array: &mut Array, make: FnPtr| -> Outcome<Array> {
            gather(&context, array, |item| call(&context, &make, item))
        },
    );
    rows.function(
        "filter",
        (
            "array.filter(|item| bool) -> array",
            "The items for which the closure says true.",
            "[1, 2, 3].filter(|n| n > 1) == [2, 3]",
        ),
        |context: NativeCallContext, array: &mut Array, keep: FnPtr| -> Outcome<Array> {
            let mut kept = Array::new();
            for item in array.iter() {
                if holds(&context, &keep, item)? {
                    kept.push(item.clone());
                }
            }
            Ok(kept)
        },
    );
    rows.function(
        "any",
        (
            "array.any(|item| bool) -> bool",
            "Whether the closure says true for some item.",
            "[1, 2].any(|n| n == 2)",
        ),
        |context: NativeCallContext, array: &mut Array, wanted: FnPtr| -> Outcome<bool> {
            array.iter().try_fold(false, |found, item| {
                Ok(found || holds(&context, &wanted, item)?)
            })
        },
    );
    rows.function(
        "all",
        (
            "array.all(|item| bool) -> bool",
            "Whether the closure says true for every item.",
            "[1, 2].all(|n| n > 0)",
        ),
        |context: NativeCallContext, array: &mut Array, wanted: FnPtr| -> Outcome<bool> {
            array
                .iter()
                .try_fold(true, |all, item| Ok(all && holds(&context, &wanted, item)?))
        },
    );
}

fn maps(rows: &mut Rows<'_>) {
    rows.function(
        "len",
        (
            "map.len() -> integer",
            "How many members it has.",
            "#{a: 1}.len() == 1",
        ),
        |map: &mut Map| map.len() as INT,
    );
    rows.function(
        "keys",
        (
            "map.keys() -> array",
            "The names of its members.",
            r#"#{b: 1, a: 2}.keys() == ["a", "b"]"#,
        ),
        |map: &mut Map| {
            map.keys()
                .map(|key| Dynamic::from(key.to_string()))
                .collect::<Array>()
        },
    );
    rows.function(
        "contains",
        (
            "map.contains(name) -> bool",
            "Whether it has such a member: reading one it has not is an error.",
            r#"#{a: 1}.contains("a")"#,
        ),
        |map: &mut Map, name: ImmutableString| map.contains_key(name.as_str()),
    );
    rows.function(
        "get_or",
        (
            "map.get_or(name, otherwise) -> value",
            "The member, or `otherwise` where it has none.",
            r#"#{a: 1}.get_or("b", 7) == 7"#,
        ),
        |map: &mut Map, name: ImmutableString, otherwise: Dynamic| {
            map.get(name.as_str()).cloned().unwrap_or(otherwise)
        },
    );
    rows.change(
        "set",
        (
            "map.set(name, value)",
            "Sets a member; also written `map[name] = value`.",
            r#"let m = #{}; m.set("a", 1); m.a == 1"#,
        ),
        |map: &mut Map, name: ImmutableString, value: Dynamic| {
            map.insert(name.as_str().into(), value);
        },
    );
}

/// What `make` makes of each item, held on the meter while it grows.
fn gather(
    context: &NativeCallContext<'_>,
    array: &Array,
    make: impl Fn(&Dynamic) -> Outcome<Dynamic>,
) -> Outcome<Array> {
    let script = Call::of(context);
    let mut made = Array::with_capacity(array.len());
    let mut held = Vec::with_capacity(array.len());
    for item in array {
        let value = make(item)?.flatten();
        held.push(script.meter.hold(weigh(&value)).map_err(Stop::Exhausted)?);
        made.push(value);
    }
    Ok(made)
}

fn call(context: &NativeCallContext<'_>, closure: &FnPtr, item: &Dynamic) -> Outcome<Dynamic> {
    closure.call_within_context(context, (item.clone(),))
}

fn holds(context: &NativeCallContext<'_>, closure: &FnPtr, item: &Dynamic) -> Outcome<bool> {
    let answer = call(context, closure, item)?;
    answer
        .as_bool()
        .map_err(|kind| format!("the closure must say true or false, not {kind}").into())
}

/// The second of each pair in the order of the first.
fn sorted(mut keyed: Vec<(Dynamic, Dynamic)>) -> Outcome<Array> {
    // What is comparable with the first is comparable with the rest: by type and currency.
    if let Some(((first, _), rest)) = keyed.split_first() {
        rest.iter()
            .try_for_each(|(key, _)| compare(first, key).map(drop))?;
    }
    keyed.sort_by(|(a, _), (b, _)| compare(a, b).unwrap_or(Ordering::Equal));
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}
