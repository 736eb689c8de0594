//! What a valid schema is.

use std::collections::HashSet;

use super::field::Field;
use super::{Column, Kind, Role};
use crate::error::{Error, Result};
use crate::telemetry::cell::clock;

/// Checks the columns of a schema: their names, roles, limits, kinds and times.
pub(super) fn columns(columns: &[Column]) -> Result<()> {
    let mut seen = HashSet::new();
    for column in columns {
        if column.name.is_empty() || !seen.insert(column.name.as_str()) {
            return Err(Error::invalid("columns", "unique, non-empty names", &column.name));
        }
        check_feature(column)?;
    }
    for column in columns {
        check_limits(column)?;
        check_kind(column)?;
    }
    for column in columns {
        check_time(column, columns)?;
    }
    for role in [Role::Label, Role::Family, Role::Time] {
        if columns.iter().filter(|c| c.role == role).count() > 1 {
            return Err(Error::invalid(
                "columns",
                "at most one label, family and time",
                format!("{role:?} twice"),
            ));
        }
    }
    Ok(())
}

/// The error of a column.
fn invalid(column: &Column, expected: impl Into<String>, got: impl ToString) -> Error {
    Error::invalid(format!("columns.{}", column.name), expected, got)
}

/// A feature is neither truth nor identity.
fn check_feature(column: &Column) -> Result<()> {
    let address = matches!(column.field, Some(Field::SrcIp | Field::DstIp));
    if column.role == Role::Feature && (address || column.barred || is_reserved(&column.name)) {
        let expected = "no feature: it names a label, an identifier or an address";
        return Err(invalid(column, expected, "role = feature"));
    }
    Ok(())
}

/// Limits are finite and in order, and a scale is above 0.
fn check_limits(column: &Column) -> Result<()> {
    let limits = [column.minimum, column.maximum, column.undefined];
    if let Some(limit) = limits.into_iter().flatten().find(|limit| !limit.is_finite()) {
        return Err(invalid(column, "finite limits", limit));
    }
    if column.minimum.zip(column.maximum).is_some_and(|(low, high)| low > high) {
        let got = format!("{:?} and {:?}", column.minimum, column.maximum);
        return Err(invalid(column, "minimum at most maximum", got));
    }
    if column.scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
        return Err(invalid(column, "a scale above 0", format!("{:?}", column.scale)));
    }
    Ok(())
}

/// A field has one kind: a rule would find nothing in a column of another kind, without a message.
fn check_kind(column: &Column) -> Result<()> {
    let kind = match column.field {
        // A protocol may be a number or a name, a time may be written out.
        Some(Field::Protocol | Field::StartTime | Field::EndTime) | None => column.kind,
        Some(field) => field.kind(),
    };
    if column.kind == kind {
        return Ok(());
    }
    Err(invalid(column, format!("kind = {kind:?} for its field"), format!("kind = {:?}", column.kind)))
}

/// Units, formats, years and times of day are for times, and formats can be read.
fn check_time(column: &Column, columns: &[Column]) -> Result<()> {
    if column.kind == Kind::Time && !matches!(column.role, Role::Time | Role::Ignore) {
        let got = format!("role = {:?}", column.role);
        return Err(invalid(column, "role = time or ignore for kind = time", got));
    }
    let is_time = column.kind == Kind::Time || (column.kind == Kind::Text && column.role == Role::Time);
    if (column.unit.is_some() || column.format.is_some()) && !is_time {
        let got = format!("kind = {:?}", column.kind);
        return Err(invalid(column, "kind = time for a unit or a format", got));
    }
    if let Some(year) = column.year
        && !(column.format.is_some() && (1970..=9999).contains(&year))
    {
        return Err(invalid(column, "a year of 1970 to 9999, with a format", year));
    }
    if let Some(name) = &column.time_of_day {
        let other = columns.iter().find(|other| other.name == *name && other.name != column.name);
        if column.kind != Kind::Time || !other.is_some_and(|other| other.kind == Kind::Time) {
            let expected = "the name of another column of kind = time, for a column of kind = time";
            return Err(invalid(column, expected, format!("time_of_day = {name:?}")));
        }
    }
    let Some(format) = &column.format else { return Ok(()) };
    // A time of day alone is added to a date.
    let adds = columns.iter().any(|other| other.time_of_day.as_ref() == Some(&column.name));
    let reads = clock::gives_date(format, column.year) || (adds && clock::gives_time_of_day(format));
    if reads { Ok(()) } else { Err(invalid(column, "a strptime format of a date", format)) }
}

/// Names for truth and for identity, in small letters and digits.
const RESERVED: [&str; 28] = [
    "label",
    "labels",
    "class",
    "attackcat",
    "attackcategory",
    "attacktype",
    "attack",
    "difficulty",
    "difficultylevel",
    "family",
    "target",
    "isanomaly",
    "isattack",
    "id",
    "uid",
    "flowid",
    "srcip",
    "dstip",
    "sourceip",
    "destinationip",
    "srcaddr",
    "dstaddr",
    "saddr",
    "daddr",
    "timestamp",
    "stime",
    "ltime",
    "attemptedcategory",
];

/// Whether a name is one that the public data sets use for truth or for identity.
///
/// The readers call the second column of a name `name.1`, which is not another name.
pub(super) fn is_reserved(name: &str) -> bool {
    let again = name.rsplit_once('.').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    let name = again.map_or(name, |(name, _)| name);
    RESERVED.contains(&super::names::plain(name).as_str())
}
