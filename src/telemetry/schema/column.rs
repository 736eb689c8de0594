//! A column of a schema: its name, role, kind and limits.

use serde::{Deserialize, Serialize};

use super::field::Field;
use crate::telemetry::cell::clock::{Clock, TimeUnit};

/// What a column is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// May become features.
    Feature,
    /// Ground truth: clean or attack. Never a feature.
    Label,
    /// Attack class. Never a feature.
    Family,
    /// The record's own clock. Never a feature.
    Time,
    /// Host, device, link or country of the record. Never a feature.
    Entity,
    /// Kept in the table, used for nothing.
    Ignore,
}

/// How a column's cells are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Arrow `Float64`; an empty cell is null, `NaN` and infinities stay as they are.
    Number,
    /// Arrow `Utf8`; an empty cell is null.
    Text,
    /// Arrow `Float64`: a time in seconds since the Unix epoch; an empty cell is null.
    ///
    /// A cell is a number in the column's [`unit`](Column::unit), a text in its
    /// [`format`](Column::format), ISO 8601 such as `2017-07-03 08:55:58.5` or `2017-07-03T08:55:58+02:00`, or RFC 2822
    /// such as `Mon, 3 Jul 2017 08:55:58 GMT`; `UTC` may follow a time.
    /// A text without an offset from UTC is read as UTC: times of a zone with daylight saving stay
    /// [`Kind::Text`], for [`Series`](crate::telemetry::Series) to resolve.
    Time,
}

/// One column of a [`Schema`](crate::telemetry::Schema).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// Name in the header, trimmed.
    pub name: String,
    /// What the column is used for.
    pub role: Role,
    /// How its cells are stored.
    pub kind: Kind,
    /// What it means for a flow, in the vocabulary of all sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// What a cell is multiplied by to get the field's unit, finite and above 0; default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Minimum; a finite number below it rejects the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Maximum; a finite number above it rejects the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The number that the source writes for "undefined"; read as null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<f64>,
    /// Unit of a time that is written as a number; default: seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// Format of a time that is not ISO 8601, such as `%d/%m/%Y %H:%M`.
    ///
    /// [`jiff::fmt::strtime`](https://docs.rs/jiff/latest/jiff/fmt/strtime/) lists the directives. A column of text and
    /// role `time` with a unit or a format rejects a cell that is not such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Year of times whose format has none, such as the times of syslog: `%b %e %H:%M:%S`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i16>,
    /// Name of the column with the time of day, which the readers add to the date in this column.
    ///
    /// Both columns have the kind [`Kind::Time`]. The other one has the role [`Role::Ignore`] and a format without a date,
    /// such as `%H:%M:%S`; its cells are seconds since midnight. A row without a time of day has no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_of_day: Option<String>,
    /// It was truth, time or identity before it was ignored; it never becomes a feature.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) barred: bool,
}

impl Column {
    /// A column with a role and a kind, without limits.
    pub fn new(name: impl Into<String>, role: Role, kind: Kind) -> Self {
        Self {
            name: name.into(),
            role,
            kind,
            field: None,
            scale: None,
            minimum: None,
            maximum: None,
            undefined: None,
            unit: None,
            format: None,
            year: None,
            time_of_day: None,
            barred: false,
        }
    }

    /// Whether it is, or was before it was ignored, truth, time or identity.
    pub(crate) fn is_barred(&self) -> bool {
        self.barred || !matches!(self.role, Role::Feature | Role::Ignore)
    }

    /// Whether it is, or may be, what the verdict should be.
    pub(crate) fn is_truth(&self) -> bool {
        self.barred || matches!(self.role, Role::Label | Role::Family)
    }

    /// Whether it holds ports, which some sources write in hexadecimal.
    pub(crate) fn is_port(&self) -> bool {
        matches!(self.field, Some(Field::SrcPort | Field::DstPort))
    }

    /// Whether it is text that must be a time.
    pub(crate) fn is_clocked(&self) -> bool {
        self.kind == Kind::Text && self.role == Role::Time && (self.unit.is_some() || self.format.is_some())
    }

    /// Seconds in one unit of a number column that holds lengths of time: `1e-6` for microseconds, 1 for seconds and for
    /// every other number column.
    ///
    /// Readers divide a duration by it, so that a column of durations fills a column of numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Column, Field, Kind, Role};
    ///
    /// let mut duration = Column::new("Flow Duration", Role::Feature, Kind::Number);
    /// duration.field = Some(Field::Duration);
    /// duration.scale = Some(1e-6);
    /// assert_eq!(duration.duration_unit(), 1e-6);
    /// ```
    pub fn duration_unit(&self) -> f64 {
        if self.field.is_some_and(|field| field.unit() == "s") { self.factor() } else { 1.0 }
    }

    /// What a cell is multiplied by to get the field's unit.
    pub(crate) fn factor(&self) -> f64 {
        self.scale.unwrap_or(1.0)
    }

    /// Reads a cell of text as a time, in seconds since the epoch; `None` for a cell that is not a time.
    pub(crate) fn time_reader(&self) -> impl Fn(&str) -> Option<f64> + use<> {
        let clock = Clock::with_year(self.unit, self.format.clone(), self.year);
        move |cell| clock.read(cell.as_bytes()).ok()?.utc().ok()
    }
}
