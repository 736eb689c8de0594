//! Commands for `nft -f`: one table of our own, sets for the hosts and prefixes of each action, and their elements.
//!
//! The rules depend on the kinds of actions in the plan and not on the number of entries. Every element has a timeout, so an action ends
//! in the kernel by itself.

mod elements;
mod rules;
mod set;

use std::fmt::Write;

use self::elements::{Element, elements};
use super::config::NftablesConfig;
use super::output::Rendered;
use crate::qos::Plan;

/// The table.
const TABLE: &str = "inet qosguard";

pub(super) fn render(plan: &Plan, config: &NftablesConfig) -> Rendered {
    let (mut rendered, elements) = elements(plan);
    let mut first = rules::rules(&elements, config);
    let mut parts = elements.chunks(config.elements_per_transaction);
    write_elements(&mut first, parts.next().unwrap_or_default(), true);
    rendered.documents.push(first);
    for part in parts {
        let mut document = String::new();
        write_elements(&mut document, part, true);
        rendered.documents.push(document);
    }
    rendered
}

pub(super) fn rollback(plan: &Plan, config: &NftablesConfig) -> Rendered {
    let (mut rendered, elements) = elements(plan);
    if !config.keep_table {
        // `add` makes the deletion succeed where the table is gone already.
        rendered.documents.push(format!("add table {TABLE}\ndelete table {TABLE}\n"));
        return rendered;
    }
    for part in elements.chunks(config.elements_per_transaction) {
        let mut document = String::new();
        // An element may have expired, and deleting an absent one fails with all others of its transaction: it is added first.
        write_elements(&mut document, part, true);
        write_elements_of(&mut document, part, "delete", false);
        rendered.documents.push(document);
    }
    rendered
}

fn write_elements(document: &mut String, part: &[Element], with_timeout: bool) {
    write_elements_of(document, part, "add", with_timeout);
}

/// Writes one command for the elements of each set; the elements are in the order of their sets.
fn write_elements_of(document: &mut String, part: &[Element], verb: &str, with_timeout: bool) {
    for of_one_set in part.chunk_by(|a, b| a.set == b.set) {
        let Some(set) = of_one_set.first().map(|element| &element.set) else { continue };
        let _ = writeln!(document, "{verb} element {TABLE} {} {{", set.name());
        for (at, element) in of_one_set.iter().enumerate() {
            let end = if at + 1 == of_one_set.len() { "" } else { "," };
            let _ = write!(document, "    {}", element.key);
            if with_timeout {
                let _ = write!(document, " timeout {}s comment \"qg:{}\"", element.rest_s, element.id);
            }
            let _ = writeln!(document, "{end}");
        }
        document.push_str("}\n");
    }
}
