//! What a renderer returns.

use serde::Serialize;

use crate::qos::{Plan, PlanEntry, PlanKey};

/// An entry that a renderer cannot express.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unrendered {
    /// The traffic.
    pub key: PlanKey,
    /// The id that names the entry ([`PlanEntry::id`](crate::qos::PlanEntry::id)).
    pub id: String,
    /// Why it is not in the configuration, as a phrase.
    pub reason: &'static str,
}

/// Configuration text, and the entries that are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rendered {
    /// The text, in parts that are applied one after the other. Only nftables has more than one part.
    pub documents: Vec<String>,
    /// Number of entries in the configuration.
    pub entries: u64,
    /// The entries that are not in it.
    pub skipped: Vec<Unrendered>,
}

impl Rendered {
    /// All parts as one text.
    pub fn text(&self) -> String {
        self.documents.concat()
    }

    /// How many entries are skipped for each reason, in the order in which the reasons occur.
    pub fn skip_counts(&self) -> Vec<(&'static str, u64)> {
        let mut counts: Vec<(&'static str, u64)> = Vec::new();
        for Unrendered { reason, .. } in &self.skipped {
            match counts.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => counts.push((reason, 1)),
            }
        }
        counts
    }

    /// Adds an entry that the configuration cannot express.
    pub(super) fn skip(&mut self, entry: &PlanEntry, reason: &'static str) {
        self.skipped.push(Unrendered { key: entry.key, id: entry.id(), reason });
    }

    /// One document of one text for each entry, or the reason why it has none.
    pub(super) fn of_entries(
        plan: &Plan,
        mut text: impl FnMut(&PlanEntry) -> Result<String, &'static str>,
    ) -> Self {
        let (mut rendered, mut document) = (Self::default(), String::new());
        for entry in plan.entries() {
            match text(entry) {
                Ok(text) => {
                    document.push_str(&text);
                    rendered.entries += 1;
                }
                Err(reason) => rendered.skip(entry, reason),
            }
        }
        if !document.is_empty() {
            rendered.documents.push(document);
        }
        rendered
    }
}
