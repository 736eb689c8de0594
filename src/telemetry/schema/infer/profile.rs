//! The values of one column of a sample.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::telemetry::cell::number::{self, Cell};
use crate::telemetry::schema::names::plain;
use crate::telemetry::schema::sample::{Sample, Sort};
use crate::telemetry::schema::{Column, Kind, Role};

/// Records from which on a column with one value is ignored, and one with a value for each record.
pub(super) const ENOUGH: usize = 20;

/// Largest number of different texts of a label, and of a category; of a category also half of the records.
pub(super) const CLASSES: usize = 1_000;
pub(super) const CATEGORIES: usize = 100;

/// A column of the inferred schema, and why it has its role.
pub(super) struct Taken {
    pub(super) column: Column,
    pub(super) why: String,
}

impl Taken {
    pub(super) fn new(column: Column) -> Self {
        Self { column, why: String::new() }
    }

    /// A column that nothing uses.
    pub(super) fn ignored(name: &str, why: impl Into<String>) -> Self {
        Self { column: Column::new(name, Role::Ignore, Kind::Text), why: why.into() }
    }
}

/// A column's values.
pub(super) struct Profile<'a> {
    pub(super) sample: &'a Sample,
    /// Name in small letters and digits.
    pub(super) name: String,
    /// Records with a value.
    pub(super) present: usize,
    pub(super) distinct: HashSet<&'a str>,
    /// The values, if all are numbers.
    pub(super) numbers: Option<Vec<f64>>,
}

impl<'a> Profile<'a> {
    pub(super) fn of(sample: &'a Sample) -> Self {
        let cells = || sample.cells.iter().flatten().map(String::as_str);
        let number = |cell: &str| match number::parse(cell.as_bytes(), false) {
            // `007` is an identifier: as a number it would lose its zeros.
            Cell::Value(_) if is_zero_padded(cell) => None,
            Cell::Value(value) => Some(Some(value)),
            Cell::Missing => Some(None),
            _ => None,
        };
        let numbers: Option<Vec<Option<f64>>> = cells().map(number).collect();
        let numbers: Option<Vec<f64>> = numbers.map(|numbers| numbers.into_iter().flatten().collect());
        Self {
            name: plain(&sample.name),
            present: cells().filter(|&cell| cell != "-").count(),
            distinct: cells().filter(|&cell| cell != "-").collect(),
            numbers: numbers.filter(|numbers| !numbers.is_empty() && sample.sort != Sort::Instant),
            sample,
        }
    }

    pub(super) fn named(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Whether nearly each record has another value.
    pub(super) fn is_unique(&self) -> bool {
        self.present >= ENOUGH && self.distinct.len() * 10 > self.present * 9
    }

    /// Whether the values can be classes.
    pub(super) fn has_classes(&self) -> bool {
        self.present > 0 && self.distinct.len() <= CLASSES && !self.is_unique()
    }

    /// Whether all values are addresses.
    pub(super) fn holds_addresses(&self) -> bool {
        self.numbers.is_none() && self.present > 0 && self.distinct.iter().all(|value| is_address(value))
    }
}

/// Whether a whole number begins with a zero that is not its only digit.
fn is_zero_padded(cell: &str) -> bool {
    cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a value is an IP address, with or without a prefix length, or a MAC address.
pub(super) fn is_address(value: &str) -> bool {
    let host = value.split_once('/').map_or(value, |(host, _)| host);
    let mac = || {
        let bytes: Vec<&str> = value.split([':', '-']).collect();
        bytes.len() == 6 && bytes.iter().all(|b| b.len() == 2 && b.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    host.parse::<IpAddr>().is_ok() || mac()
}
