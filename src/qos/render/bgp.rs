//! What BGP renderers share: which entries `FlowSpec` can express, and which it must leave out.

use crate::qos::{Action, Plan, PlanEntry};

/// What a `FlowSpec` route does with its traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// Discard the traffic.
    Discard,
    /// Discard what goes beyond so many bytes per second.
    Limit(u64),
    /// Mark the traffic with a code point.
    Mark(u8),
}

/// What `FlowSpec` does for an entry, or why it cannot express it.
pub(super) fn then(entry: &PlanEntry) -> Result<Then, &'static str> {
    match entry.action {
        Action::Drop { .. } => Ok(Then::Discard),
        Action::Isolate { .. } => {
            Err("FlowSpec matches the traffic of a host and not the traffic to it; a drop can be expressed")
        }
        Action::RateLimit { bytes_per_second, .. } => Ok(Then::Limit(bytes_per_second)),
        Action::Inspect { .. } => Err("no inspector that FlowSpec could redirect to is known"),
        Action::Allow => Err("allow changes nothing"),
        action => {
            super::dscp::of(action).map(|dscp| Then::Mark(dscp.number)).ok_or("the class has no code point")
        }
    }
}

/// For each entry, whether a router would apply it in place of a stricter entry that contains its traffic: `FlowSpec` applies the most
/// specific rule first, and only that one.
pub(super) fn weakens(plan: &Plan) -> Vec<bool> {
    let entries = plan.entries();
    let mut around: Vec<usize> = Vec::new();
    let mut weakens = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let outer = |index: &usize| entries.get(*index);
        around.retain(|index| outer(index).is_some_and(|o| o.key.source.contains_prefix(&entry.key.source)));
        let is_weaker = |index: &usize| {
            outer(index).is_some_and(|outer| {
                outer.key.contains(&entry.key)
                    && then(outer).is_ok()
                    && !is_as_strict(entry.action, outer.action)
            })
        };
        weakens.push(around.iter().any(is_weaker));
        around.push(at);
    }
    weakens
}

/// Whether an action, without regard to its TTL, is at least as strict as another.
fn is_as_strict(action: Action, other: Action) -> bool {
    match (action, other) {
        (
            Action::RateLimit { bytes_per_second: own, .. },
            Action::RateLimit { bytes_per_second: other, .. },
        ) => own <= other,
        _ => action.rung() >= other.rung(),
    }
}

/// Why an entry that weakens another is left out.
pub(super) const WEAKENS: &str = "overlaps a stricter entry, which FlowSpec would not apply to its traffic";
