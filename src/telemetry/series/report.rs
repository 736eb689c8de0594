//! The report about the source of a series.

use serde::{Deserialize, Serialize};

use super::config::Duplicates;
use crate::telemetry::ReadReport;

/// A run of steps without a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// The entity; empty if all entities share their rows, as in a wide table.
    pub entity: String,
    /// Time of the first missing step, in seconds since the epoch.
    pub start: f64,
    /// Number of missing steps.
    pub steps: u64,
}

/// Text times at the daylight-saving changes of the time zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Daylight {
    /// Times that occur twice, when clocks go back in autumn.
    pub twice: u64,
    /// Of these, times read as the second occurrence, because the first one is not after the row before.
    pub second: u64,
    /// Of these, times of which neither occurrence is after the row before. They are read as the first.
    pub unresolved: u64,
    /// Times that do not occur, when clocks go forward in spring. They are moved forward by the length of the change.
    pub skipped: u64,
}

/// The report about one value column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// The column's name in the source.
    pub name: String,
    /// Factor of the source's numbers: the scale of the settings times the scale of the column's schema.
    pub scale: f64,
    /// Steps with a row but without a number in this column: empty or NaN.
    pub empty: u64,
}

/// The report about the source of a series: what was read, and what is missing, duplicate or off the grid. All values
/// that were merged or dropped are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeriesReport {
    /// The report of the reader of the table.
    pub read: ReadReport,
    /// Accepted rows have a time and an entity; the others are rejected. A `line` is a row of the table here, from 1.
    pub rows: ReadReport,
    /// Distance between steps in seconds; `None` without a grid.
    pub interval_s: Option<f64>,
    /// Steps of all entities, including gaps.
    pub steps: u64,
    /// Runs of steps without a row, by entity and time.
    pub gaps: Vec<Gap>,
    /// Rows that follow a row with a later time of the same entity.
    pub out_of_order: u64,
    /// Rows with the entity and the time of an earlier row.
    pub duplicates: u64,
    /// Rows on the step of the row before, with another time.
    pub crowded: u64,
    /// The policy for both.
    pub policy: Duplicates,
    /// Rows off the grid, which belong to the nearest step.
    pub off_grid: u64,
    /// Maximum distance of a row from the grid, seconds.
    pub off_grid_max_s: f64,
    /// Times at daylight-saving changes.
    pub daylight: Daylight,
    /// Unit of the values, from the settings.
    pub unit: String,
    /// The value columns.
    pub columns: Vec<ColumnReport>,
}

impl SeriesReport {
    /// Steps without a row.
    pub fn missing_steps(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.steps).sum()
    }
}
