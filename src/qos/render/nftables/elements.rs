//! The elements of the sets, and how prefixes inside others are written.

use std::collections::BTreeMap;

use super::set::{Effect, SET_SIZE, Set, Shape};
use crate::qos::render::output::Rendered;
use crate::qos::{Plan, PlanEntry, Prefix};

/// Largest number of different rate limits, each of which has rules of its own.
const MAX_RATES: usize = 64;

/// One element of a set.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) set: Set,
    pub(super) key: String,
    pub(super) rest_s: u32,
    pub(super) id: String,
}

/// The elements of a plan, in the order of their sets, and the entries that have none.
pub(super) fn elements(plan: &Plan) -> (Rendered, Vec<Element>) {
    let mut rendered = Rendered::default();
    let mut by_set: BTreeMap<Set, Vec<&PlanEntry>> = BTreeMap::new();
    for entry in plan.entries() {
        match Set::of(entry) {
            Ok(set) => by_set.entry(set).or_default().push(entry),
            Err(reason) => rendered.skip(entry, reason),
        }
    }
    let mut rates: Vec<Effect> = Vec::new();
    let mut all = Vec::new();
    for (set, entries) in by_set {
        if matches!(set.effect, Effect::Limit(..)) && !rates.contains(&set.effect) {
            if rates.len() == MAX_RATES {
                skip_all(&mut rendered, &entries, "more than 64 different rate limits");
                continue;
            }
            rates.push(set.effect);
        }
        let mut left = SET_SIZE;
        for family in nested(&entries) {
            let parts = parts(set, family);
            if parts.len() > left {
                skip_all(&mut rendered, family, "the set has 1048576 elements already");
                continue;
            }
            left -= parts.len();
            rendered.entries += family.len() as u64;
            all.extend(parts);
        }
    }
    (rendered, all)
}

fn skip_all(rendered: &mut Rendered, entries: &[&PlanEntry], reason: &'static str) {
    for entry in entries {
        rendered.skip(entry, reason);
    }
}

/// Entries in the order of their keys, cut so that each part is one entry and the ones inside it.
fn nested<'a, 'b>(entries: &'a [&'b PlanEntry]) -> impl Iterator<Item = &'a [&'b PlanEntry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let outer = rest.first()?;
        let inside = |entry: &&PlanEntry| outer.key.source.contains_prefix(&entry.key.source);
        // The parts of a service set are hosts, of which none contains another.
        let is_net = !outer.key.source.is_host();
        let count = 1 + rest.iter().skip(1).take_while(|entry| is_net && inside(entry)).count();
        let (part, after) = rest.split_at(count);
        rest = after;
        Some(part)
    })
}

/// The elements of one entry and the ones inside it.
fn parts(set: Set, family: &[&PlanEntry]) -> Vec<Element> {
    let Some((outer, inner)) = family.split_first() else { return Vec::new() };
    if set.shape == Shape::Net {
        let mut elements = Vec::new();
        split(set, outer.key.source, outer, inner, &mut elements);
        return elements;
    }
    let address = outer.key.source.address();
    let key = match (outer.key.protocol, outer.key.dst_port) {
        (Some(protocol), Some(port)) => format!("{address} . {protocol} . {port}"),
        _ => address.to_string(),
    };
    vec![Element { set, key, rest_s: outer.rest_s, id: outer.id() }]
}

/// Writes a prefix with the timeout of `owner`, except for the prefixes inside it that last longer.
///
/// The elements of an interval set must not overlap, so what is around an inner prefix is written as the halves that do not contain
/// it.
fn split(set: Set, prefix: Prefix, owner: &PlanEntry, inner: &[&PlanEntry], elements: &mut Vec<Element>) {
    let (false, Some(halves)) = (inner.is_empty(), prefix.halves()) else {
        let id = owner.id();
        elements.push(Element { set, key: prefix.to_string(), rest_s: owner.rest_s, id });
        return;
    };
    let mut rest = inner;
    for half in halves {
        let count = rest.partition_point(|entry| half.contains_prefix(&entry.key.source));
        let (within, after) = rest.split_at(count);
        rest = after;
        match within.split_first() {
            Some((first, within)) if first.key.source == half => {
                let longer = if first.rest_s > owner.rest_s { first } else { owner };
                split(set, half, longer, within, elements);
            }
            _ => split(set, half, owner, within, elements),
        }
    }
}
