//! The settings in which two policies differ.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::qos::Policy;

/// One setting in which a new policy differs from an old one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PolicyChange {
    /// Path of the setting; rules and scopes by their name, such as `rules[calls].prioritize.ttl_s`.
    pub path: String,
    /// The value in the old policy; `None` where it has none.
    pub old: Option<Value>,
    /// The value in the new policy.
    pub new: Option<Value>,
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {old} → {new}", self.path),
            (None, Some(new)) => write!(f, "{}: added {new}", self.path),
            (Some(old), None) => write!(f, "{}: removed {old}", self.path),
            (None, None) => write!(f, "{}: equal", self.path),
        }
    }
}

impl Policy {
    /// The settings in which another policy differs, in the order of their paths; nothing for equal policies.
    ///
    /// Rules and scopes are compared by name; another order of the same rules is one change. Lists of prefixes and words are compared
    /// without their order.
    ///
    /// ```
    /// use qosguard::qos::Policy;
    ///
    /// let old = Policy::from_toml("version = 1\nallow = ['192.0.2.1']")?;
    /// let new = Policy::from_toml("version = 1\nallow = ['192.0.2.1', '192.0.2.53']\ndry_run = false")?;
    /// let changes: Vec<String> = old.changes(&new).iter().map(ToString::to_string).collect();
    /// assert_eq!(changes, ["allow: added \"192.0.2.53/32\"", "dry_run: true → false"]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn changes(&self, new: &Self) -> Vec<PolicyChange> {
        let value = |policy: &Self| serde_json::to_value(policy).unwrap_or_default();
        let mut changes = Vec::new();
        compare("", &value(self), &value(new), &mut changes);
        changes
    }
}

fn compare(path: &str, old: &Value, new: &Value, changes: &mut Vec<PolicyChange>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => objects(path, old, new, changes),
        (Value::Array(old), Value::Array(new)) => lists(path, old, new, changes),
        _ if old == new => {}
        _ => changes.push(change(path, Some(old), Some(new))),
    }
}

fn change(path: &str, old: Option<&Value>, new: Option<&Value>) -> PolicyChange {
    PolicyChange { path: path.to_owned(), old: old.cloned(), new: new.cloned() }
}

fn objects(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, changes: &mut Vec<PolicyChange>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(&inner, old, new, changes),
            // A list that is left out is an empty one.
            (Some(Value::Array(old)), None) => lists(&inner, old, &[], changes),
            (None, Some(Value::Array(new))) => lists(&inner, &[], new, changes),
            (old, new) => changes.push(change(&inner, old, new)),
        }
    }
}

fn lists(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<PolicyChange>) {
    if old == new {
        return;
    }
    let Some((old_names, new_names)) = names(old).zip(names(new)) else {
        return plain_lists(path, old, new, changes);
    };
    let find = |list: &'_ [Value], names: &[&str], name: &str| {
        names.iter().position(|known| *known == name).and_then(|at| list.get(at).cloned())
    };
    for name in old_names.iter().chain(new_names.iter().filter(|name| !old_names.contains(name))) {
        let inner = format!("{path}[{name}]");
        match (find(old, &old_names, name), find(new, &new_names, name)) {
            (Some(old), Some(new)) => compare(&inner, &old, &new, changes),
            (old, new) => changes.push(change(&inner, old.as_ref(), new.as_ref())),
        }
    }
    let common = |names: &[&str], other: &[&str]| {
        let kept = names.iter().filter(|name| other.contains(name));
        Value::from(kept.map(|name| Value::from(*name)).collect::<Vec<_>>())
    };
    let (old_order, new_order) = (common(&old_names, &new_names), common(&new_names, &old_names));
    if old_order != new_order {
        changes.push(change(&format!("{path} (order)"), Some(&old_order), Some(&new_order)));
    }
}

/// Lists of values without names: as sets, or as a whole where their values are not plain.
fn plain_lists(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<PolicyChange>) {
    if old.iter().chain(new).any(Value::is_object) {
        let whole = |list: &[Value]| Value::from(list.to_vec());
        return changes.push(change(path, Some(&whole(old)), Some(&whole(new))));
    }
    // Values are compared as text: a list has up to 10,000 of them.
    let set = |list: &[Value]| -> BTreeSet<String> { list.iter().map(ToString::to_string).collect() };
    let (old_set, new_set) = (set(old), set(new));
    for value in old.iter().filter(|value| !new_set.contains(&value.to_string())) {
        changes.push(change(path, Some(value), None));
    }
    for value in new.iter().filter(|value| !old_set.contains(&value.to_string())) {
        changes.push(change(path, None, Some(value)));
    }
}

/// The names of a list of named objects; `None` for another list, and nothing for an empty one.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    list.iter().map(|value| value.get("name").and_then(Value::as_str)).collect()
}
