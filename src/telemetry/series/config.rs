//! The settings of a series.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::telemetry::TimeUnit;

/// The distance between the steps of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Interval {
    /// The median distance between successive times. At least half of the distances must equal it; otherwise it is an
    /// error.
    #[default]
    Infer,
    /// This many seconds, above 0. A time off the grid belongs to the nearest step and is counted.
    Seconds(f64),
    /// No grid: each time is a step, and there are no gaps.
    Irregular,
}

/// What to do with several rows of one entity on the same step.
///
/// A sum or a mean ignores cells without a number; its label is 1 if one of the labels is 1. The policies `First` and `Last`
/// use the whole row with its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Duplicates {
    /// Return an error that names the second row.
    #[default]
    Refuse,
    /// Use the row with the earliest time; of equal times the first row in the table.
    First,
    /// Use the row with the latest time; of equal times the last row in the table.
    Last,
    /// Use the sum, as for counts.
    Sum,
    /// Use the mean, as for rates.
    Mean,
}

/// Which columns of a table make a series, and how its times are read.
///
/// Columns without a setting have defaults. In a table they are the columns with the roles time, entity and label, and
/// the numeric features. In a file without a schema, the first column is the time and all others are values.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::SeriesConfig;
/// use qosguard::telemetry::series::Interval;
///
/// let config = SeriesConfig {
///     time_zone: "Europe/Berlin".into(),
///     interval: Interval::Seconds(900.0),
///     ..SeriesConfig::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesConfig {
    /// The time column.
    pub time: Option<String>,
    /// The entity column. Without one, all rows belong to one entity with an empty name.
    pub entity: Option<String>,
    /// The value columns.
    pub values: Vec<String>,
    /// The column of ground truth, which is not a value: 0 is clean, 1 is anomalous. In a table, the role `label`
    /// determines it.
    pub label: Option<String>,
    /// Whether each value column is an entity. The only value column is then called `value`.
    pub wide: bool,
    /// For a source without a time column: the time of each entity's first row, in seconds since the epoch. The rows are
    /// then one interval apart, and [`SeriesConfig::interval`] must be set.
    pub start: Option<f64>,
    /// The distance between steps.
    pub interval: Interval,
    /// IANA name of the time zone of text times without a UTC offset. Default: `UTC`.
    pub time_zone: String,
    /// The format of text times, as in [`Column::format`](crate::telemetry::Column::format). Default: ISO 8601.
    pub time_format: Option<String>,
    /// The unit of numeric times. Default: seconds.
    pub time_unit: Option<TimeUnit>,
    /// What to do with several rows on the same step.
    pub duplicates: Duplicates,
    /// Factor of all values, finite and above 0. The report records it.
    pub scale: f64,
    /// Unit of the values after the scaling, such as `bit/s`. The report records it.
    pub unit: String,
    /// Maximum number of numbers in the series, including times and gaps.
    pub max_cells: usize,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self {
            time: None,
            entity: None,
            values: Vec::new(),
            label: None,
            wide: false,
            start: None,
            interval: Interval::Infer,
            time_zone: "UTC".into(),
            time_format: None,
            time_unit: None,
            duplicates: Duplicates::Refuse,
            scale: 1.0,
            unit: String::new(),
            max_cells: 1 << 26,
        }
    }
}

impl SeriesConfig {
    pub(super) fn check(&self) -> Result<()> {
        if let Interval::Seconds(step) = self.interval
            && !(step.is_finite() && step > 0.0)
        {
            return Err(Error::invalid("interval", "finite and above 0 seconds", step));
        }
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(Error::invalid("scale", "finite and above 0", self.scale));
        }
        if let Some(twice) = (1..self.values.len()).find(|&i| self.values[..i].contains(&self.values[i])) {
            return Err(Error::invalid("values", "different names", &self.values[twice]));
        }
        if self.wide && self.entity.is_some() {
            return Err(Error::invalid(
                "entity",
                "absent if `wide` is set, because the columns are then the entities",
                "both",
            ));
        }
        if let Some(start) = self.start {
            if !start.is_finite() || start.abs() >= 1e11 {
                return Err(Error::invalid("start", "seconds since the epoch before the year 5138", start));
            }
            if self.time.is_some() {
                return Err(Error::invalid("start", "absent if there is a time column", start));
            }
            if !matches!(self.interval, Interval::Seconds(_)) {
                return Err(Error::invalid("interval", "in seconds if `start` is given", "none"));
            }
        }
        Ok(())
    }

    /// The time zone of text times without a UTC offset.
    pub(super) fn zone(&self) -> Result<jiff::tz::TimeZone> {
        jiff::tz::TimeZone::get(&self.time_zone).map_err(|_| {
            Error::invalid("time_zone", "an IANA time zone, such as `Europe/Berlin`", &self.time_zone)
        })
    }
}
