//! What was found on the way to a series.

use serde::{Deserialize, Serialize};

use super::config::Duplicates;
use crate::telemetry::ReadReport;

/// A run of steps without a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// Whose rows are missing; empty where all entities share them, as in a wide table.
    pub entity: String,
    /// Time of the first missing step, in seconds since the epoch.
    pub start: f64,
    /// How many steps are missing.
    pub steps: u64,
}

/// What the zone's changes of its clocks did to the stamps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Daylight {
    /// Stamps that the zone's clocks show twice, as when they go back in autumn.
    pub twice: u64,
    /// Of these, the ones that were taken for the second showing, for the first is not after the row before.
    pub second: u64,
    /// Of these, the ones for which neither showing is after the row before; taken for the first.
    pub unresolved: u64,
    /// Stamps that the zone's clocks skip, as when they go forward in spring; moved forward by what is skipped.
    pub skipped: u64,
}

/// What is recorded of one column of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// The column's name in the source.
    pub name: String,
    /// What the source's numbers were multiplied by: the scale of the settings and of the column's schema.
    pub scale: f64,
    /// Steps that have a row, but no number in this column: empty or NaN.
    pub empty: u64,
}

/// What a series was made of, and what is missing, doubled or odd in it. Nothing of it was filled or dropped
/// in silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeriesReport {
    /// What the reader of the table read and rejected.
    pub read: ReadReport,
    /// Rows of the table that have a time and an entity, and those that have not; a `line` is a row of the
    /// table here, from 1.
    pub rows: ReadReport,
    /// Distance between steps in seconds; `None` without a grid.
    pub interval_s: Option<f64>,
    /// Steps of all entities, gaps too.
    pub steps: u64,
    /// Runs of steps without a row, by entity and time.
    pub gaps: Vec<Gap>,
    /// Rows that stand behind a later one of their entity.
    pub out_of_order: u64,
    /// Rows whose entity and time are those of another before them.
    pub duplicates: u64,
    /// Rows of another time than the one before them, that yet fall on its step.
    pub crowded: u64,
    /// What was done with both.
    pub policy: Duplicates,
    /// Rows beside the grid, taken to the nearest step.
    pub off_grid: u64,
    /// How far beside the grid at most, in seconds.
    pub off_grid_max_s: f64,
    /// Jumps of the zone's clocks.
    pub daylight: Daylight,
    /// Unit of the values, as the settings say.
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
