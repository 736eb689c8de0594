//! What the columns of a source are inferred to be, in words.

use super::profile::Taken;
use crate::telemetry::cell::clock::TimeUnit;
use crate::telemetry::schema::{Column, Kind, Role};

/// Columns of a role that are named; the others are counted.
const NAMED: usize = 20;

/// One line for each role.
pub(super) fn lines(taken: &[Taken]) -> Vec<String> {
    let line = |what: &str, why: bool, fits: &dyn Fn(&Column) -> bool| {
        let mut listed: Vec<String> =
            taken.iter().filter(|t| fits(&t.column)).map(|t| named(t, why)).collect();
        let more = listed.len().saturating_sub(NAMED);
        listed.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!listed.is_empty()).then(|| format!("{what}: {}{more}", listed.join(", ")))
    };
    let role = |role: Role| move |c: &Column| c.role == role;
    let feature = |text: bool| move |c: &Column| c.role == Role::Feature && (c.kind == Kind::Text) == text;
    [
        line("label", true, &role(Role::Label)),
        line("family", false, &role(Role::Family)),
        line("time", false, &role(Role::Time)),
        line("entities", false, &role(Role::Entity)),
        line("numbers", false, &feature(false)),
        line("categories", false, &feature(true)),
        line("ignored", true, &role(Role::Ignore)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A column's name, and how it is read or why it has its role.
fn named(taken: &Taken, why: bool) -> String {
    let column = &taken.column;
    let unit = column.unit.and_then(|unit| match unit {
        TimeUnit::Milliseconds => Some("in milliseconds"),
        TimeUnit::Microseconds => Some("in microseconds"),
        TimeUnit::Nanoseconds => Some("in nanoseconds"),
        TimeUnit::ExcelDays => Some("in days of a spreadsheet"),
        TimeUnit::Seconds | TimeUnit::Auto => None,
    });
    let mut notes: Vec<String> = Vec::new();
    if why && !taken.why.is_empty() {
        notes.push(taken.why.clone());
    } else {
        notes.extend(unit.map(str::to_owned));
        notes.extend(column.format.as_ref().map(|format| format!("as {format}")));
        notes.extend(column.year.map(|year| format!("of the year {year}")));
        notes.extend(column.time_of_day.as_ref().map(|name| format!("with the time of day in `{name}`")));
    }
    if notes.is_empty() {
        format!("`{}`", column.name)
    } else {
        format!("`{}` ({})", column.name, notes.join(", "))
    }
}
