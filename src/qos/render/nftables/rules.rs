//! The table with its sets, chains and rules.

use std::fmt::Write;

use super::TABLE;
use super::elements::Element;
use super::set::{Effect, Set, Shape};
use crate::qos::render::config::NftablesConfig;

/// The commands that make the table as the plan needs it, and empty its sets.
///
/// They can be loaded again and again: sets and chains are added where they are missing, chains are filled anew, and the elements of
/// an earlier plan are removed in the same transaction that adds the new ones.
pub(super) fn rules(elements: &[Element], config: &NftablesConfig) -> String {
    let mut sets: Vec<Set> = [Effect::Isolate, Effect::Drop]
        .into_iter()
        .flat_map(|effect| [false, true].map(|is_v6| (effect, is_v6)))
        .flat_map(|(effect, is_v6)| [Shape::Host, Shape::Net].map(|shape| Set { effect, is_v6, shape }))
        .collect();
    sets.extend(elements.chunk_by(|a, b| a.set == b.set).filter_map(|part| part.first()).map(|e| e.set));
    sets.sort_unstable();
    sets.dedup();

    let mut document = format!("add table {TABLE}\n");
    for set in &sets {
        set.declare(&mut document);
    }
    for set in &sets {
        let _ = writeln!(document, "flush set {TABLE} {}", set.name());
    }
    // Before connection tracking accepts packets of known connections, which an input or forward chain often does first.
    chain(&mut document, "incoming", "type filter hook prerouting priority mangle - 5; policy accept;");
    for set in &sets {
        rule(&mut document, set, config);
    }
    chain(&mut document, "local", "type filter hook output priority mangle - 5; policy accept;");
    for set in sets.iter().filter(|set| set.effect == Effect::Isolate) {
        let _ = writeln!(document, "add rule {TABLE} local {} @{} drop", set.selector("daddr"), set.name());
    }
    chain(&mut document, "marking", "type filter hook postrouting priority mangle; policy accept;");
    for set in &sets {
        if let Effect::Mark(dscp) = set.effect {
            let family = if set.is_v6 { "ip6" } else { "ip" };
            let _ = writeln!(
                document,
                "add rule {TABLE} marking {} @{} {family} dscp set {}",
                set.selector("saddr"),
                set.name(),
                dscp.name
            );
        }
    }
    document
}

fn chain(document: &mut String, name: &str, hook: &str) {
    let _ = writeln!(document, "add chain {TABLE} {name} {{ {hook} }}\nflush chain {TABLE} {name}");
}

/// The rules of one set in the chain of incoming packets.
fn rule(document: &mut String, set: &Set, config: &NftablesConfig) {
    let (source, name) = (set.selector("saddr"), set.name());
    let statement = match set.effect {
        Effect::Isolate => {
            let _ = writeln!(document, "add rule {TABLE} incoming {} @{name} drop", set.selector("daddr"));
            "drop".to_owned()
        }
        Effect::Drop => "drop".to_owned(),
        Effect::Mirror => format!("log group {}", config.log_group),
        Effect::Queue => format!("queue flags bypass to {}", config.queue),
        Effect::Limit(rate, burst) => format!(
            "update @{} {{ {source} limit rate over {rate} bytes/second burst {burst} bytes }} drop",
            set.meter()
        ),
        Effect::Mark(_) => return,
    };
    let _ = writeln!(document, "add rule {TABLE} incoming {source} @{name} {statement}");
}
