//! How a table is taken as a series.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::telemetry::TimeUnit;

/// The distance between the steps of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Interval {
    /// The median distance of successive stamps, where at least half of them have just that; else an error.
    #[default]
    Infer,
    /// This many seconds, above 0. A stamp beside the grid counts for the nearest step, and is reported.
    Seconds(f64),
    /// No grid: every stamp is a step of its own, and nothing is known to be missing.
    Irregular,
}

/// What becomes of several rows of one entity that fall on one step.
///
/// Cells without a number do not count in a sum or a mean. The label of such rows is 1 if any is, but of the
/// first or last row where that is taken whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Duplicates {
    /// An error that names the second.
    #[default]
    Refuse,
    /// The first: the earliest stamp, of equal stamps the one that stands first.
    First,
    /// The last: the latest stamp, of equal stamps the one that stands last.
    Last,
    /// The sum, as for counts.
    Sum,
    /// The mean, as for rates.
    Mean,
}

/// Which columns of a table make a series, and how its times are to be understood.
///
/// Names that are not given are found: the time, entity, label and numeric features of a table by their roles,
/// in a file without a schema the first column as the time and all others as values.
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
    /// The column that says whose row it is; without one all rows are of one entity, whose name is empty.
    pub entity: Option<String>,
    /// The value columns.
    pub values: Vec<String>,
    /// The column of ground truth, which is no value; 0 is clean, 1 is not. A table has it by its role.
    pub label: Option<String>,
    /// Whether each value column is an entity of its own; their values are then called `value`.
    pub wide: bool,
    /// For a source without a time column: the time of an entity's first row, in seconds since the epoch. Its
    /// rows are then one interval apart, which must be given.
    pub start: Option<f64>,
    /// The distance between steps.
    pub interval: Interval,
    /// IANA name of the zone of times that are text and say no offset from UTC.
    pub time_zone: String,
    /// How such a text is written where it is not ISO 8601, as [`Column::format`](crate::telemetry::Column::format).
    pub time_format: Option<String>,
    /// What a time that is a number counts; seconds where it is absent.
    pub time_unit: Option<TimeUnit>,
    /// What becomes of rows that fall on one step.
    pub duplicates: Duplicates,
    /// What every value is multiplied by, finite and above 0; recorded with the series.
    pub scale: f64,
    /// Unit of the values after that, such as `bit/s`; recorded with the series.
    pub unit: String,
    /// Most numbers that the series may hold, times included, gaps too.
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
            return Err(Error::invalid("values", "names that differ", &self.values[twice]));
        }
        if self.wide && self.entity.is_some() {
            return Err(Error::invalid(
                "entity",
                "absent where `wide` says that columns are entities",
                "both",
            ));
        }
        if let Some(start) = self.start {
            if !start.is_finite() || start.abs() >= 1e11 {
                return Err(Error::invalid("start", "seconds since the epoch before the year 5138", start));
            }
            if self.time.is_some() {
                return Err(Error::invalid("start", "absent where there is a time column", start));
            }
            if !matches!(self.interval, Interval::Seconds(_)) {
                return Err(Error::invalid("interval", "in seconds where `start` is given", "none"));
            }
        }
        Ok(())
    }

    /// The zone of times that say none.
    pub(super) fn zone(&self) -> Result<jiff::tz::TimeZone> {
        jiff::tz::TimeZone::get(&self.time_zone).map_err(|_| {
            Error::invalid("time_zone", "an IANA time zone, such as `Europe/Berlin`", &self.time_zone)
        })
    }
}
