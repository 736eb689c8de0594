//! Traffic series: one or more numbers per entity and time, on a regular grid.
//!
//! ```text
//! long: time, entity, value, …  ┐                                        ┌ EntitySeries: times, values, labels
//!                               ├► stamps ► order ► grid ► merge   ► gaps ┤
//! wide: time, entity, entity, … ┘                                        └ SeriesReport: gaps, duplicates, …
//! ```
//!
//! A [`Series`] is built from any [`Table`] ([`Series::from_table`]) or from a file with a header and without a schema
//! ([`read_series`]). Its times are seconds since the epoch, in UTC. Missing values are never filled: a step without a
//! row is NaN and part of a [`Gap`]. The [`SeriesReport`] lists the gaps, and counts duplicate times, times out of
//! order, times off the grid and daylight-saving changes. It also records the scale of the values.
//!
//! # Examples
//!
//! Local times over the end of summer time, in kbit/s:
//!
//! ```
//! use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions, Schema, Series, SeriesConfig};
//!
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "links"
//!     columns = [
//!       { name = "at", role = "time", kind = "text" },
//!       { name = "link", role = "entity", kind = "text" },
//!       { name = "kbps", role = "feature", kind = "number" },
//!     ]
//!     "#,
//! )?;
//! let text = "at,link,kbps\n\
//!     2024-10-27 01:00,a,1\n2024-10-27 02:00,a,2\n2024-10-27 02:00,a,3\n2024-10-27 03:00,a,4\n2024-10-27 05:00,a,6\n";
//! let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
//! let table = CsvReader::new(text.as_bytes(), "inline", &options)?.read()?;
//! let config = SeriesConfig {
//!     time_zone: "Europe/Berlin".into(),
//!     scale: 1000.0,
//!     unit: "bit/s".into(),
//!     ..SeriesConfig::default()
//! };
//! let series = Series::from_table(&table, &config)?;
//! let (link, report) = (series.entity("a").expect("a link"), series.report());
//! assert_eq!(link.values(0)[..4], [1000.0, 2000.0, 3000.0, 4000.0]);
//! assert_eq!((report.interval_s, report.daylight.second, report.gaps.len()), (Some(3600.0), 1, 1));
//! # Ok::<(), qosguard::Error>(())
//! ```

mod build;
mod config;
mod grid;
mod read;
mod report;
mod source;
mod stamps;
mod stored;

use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};

use build::build;
pub use config::{Duplicates, Interval, SeriesConfig};
pub use read::{read_series, read_series_with};
pub use report::{ColumnReport, Daylight, Gap, SeriesReport};

use crate::error::Result;
use crate::telemetry::{ReadOptions, ReadReport, Role, Schema, Table};

/// Rows of a batch of [`Series::table`], and bytes of names in one.
const BATCH_ROWS: usize = 65_536;
const BATCH_NAME_BYTES: usize = 1 << 28;

/// Numbers by entity and time, with a report about the source.
#[derive(Clone, Debug)]
pub struct Series {
    schema: Arc<Schema>,
    columns: Vec<String>,
    entities: Vec<EntitySeries>,
    report: SeriesReport,
}

/// The series of one entity. All slices have one element per step.
#[derive(Clone, Debug)]
pub struct EntitySeries {
    name: String,
    axis: Arc<Axis>,
    values: Vec<Vec<f64>>,
}

/// The steps of an entity, which the columns of a wide table share.
#[derive(Debug)]
struct Axis {
    times: Vec<f64>,
    present: Vec<bool>,
    labels: Option<Vec<f64>>,
}

impl EntitySeries {
    /// The entity's name; empty if the source has no entities.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Time of each step in seconds since the epoch, ascending.
    pub fn times(&self) -> &[f64] {
        &self.axis.times
    }

    /// The values of a column, by its position in [`Series::columns`]; empty if there is no such column.
    ///
    /// A value is NaN if the step has no row, or its row has no number.
    pub fn values(&self, column: usize) -> &[f64] {
        self.values.get(column).map_or(&[], Vec::as_slice)
    }

    /// Whether each step has a row.
    pub fn present(&self) -> &[bool] {
        &self.axis.present
    }

    /// Number of steps with a row. All other steps are in a gap.
    pub fn n_present(&self) -> usize {
        self.axis.present.iter().filter(|&&present| present).count()
    }

    /// Ground truth: 0 for clean, 1 for anomalous, NaN in gaps; `None` without a label column.
    pub fn labels(&self) -> Option<&[f64]> {
        self.axis.labels.as_deref()
    }
}

impl Series {
    /// Builds a series from a table.
    ///
    /// Rows without a readable time or without an entity are rejected and counted; more than 5 % of them is an error. The
    /// grid starts at the earliest time of all entities. Each entity spans from its own first to its own last time.
    /// Entities are in the order of their names.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for settings outside their domain, a
    /// missing column or one of another kind, times without an inferable interval, and more steps than
    /// [`SeriesConfig::max_cells`] allows; [`Error::BadRecord`](crate::Error::BadRecord) for a second row on a step with
    /// the policy [`Duplicates::Refuse`], and for a row without a label;
    /// [`Error::TooManyRejected`](crate::Error::TooManyRejected);
    /// [`Error::InsufficientData`](crate::Error::InsufficientData) if no row is left.
    pub fn from_table(table: &Table, config: &SeriesConfig) -> Result<Self> {
        build(table, config, ReadOptions::default().max_rejected_share)
    }

    /// The series of each entity, by name.
    pub fn entities(&self) -> &[EntitySeries] {
        &self.entities
    }

    /// The series of one entity.
    pub fn entity(&self, name: &str) -> Option<&EntitySeries> {
        self.entities.iter().find(|entity| entity.name == name)
    }

    /// Names of the value columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values of one entity in one column, as [`EntitySeries::values`].
    pub fn values(&self, entity: &str, column: &str) -> Option<&[f64]> {
        let column = self.columns.iter().position(|name| name == column)?;
        self.entity(entity).map(|entity| entity.values(column))
    }

    /// The report about the source of the series.
    pub fn report(&self) -> &SeriesReport {
        &self.report
    }

    /// The series as a table with the columns `time`, `entity` (if the entities have names), the values, and the label (if
    /// there is one).
    ///
    /// It has one row per step with a row, in the order of entity and time, and no rows for gaps. A missing value is null.
    /// [`Series::from_table`] of this table gives the same series.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`](crate::Error::BadRecord) if Arrow rejects it.
    pub fn table(&self) -> Result<Table> {
        let report = ReadReport { accepted: 0, ..ReadReport::new(&self.report.read.place) };
        let mut batches = Vec::new();
        for entity in &self.entities {
            let steps: Vec<usize> = (0..entity.times().len())
                .filter(|&step| entity.present().get(step).is_some_and(|&present| present))
                .collect();
            let rows = (BATCH_NAME_BYTES / entity.name.len().max(1)).clamp(1, BATCH_ROWS);
            for steps in steps.chunks(rows) {
                let batch =
                    RecordBatch::try_new(Arc::new(self.schema.to_arrow()), self.arrays(entity, steps));
                batches.push(batch.map_err(|e| report.arrow_error(&e))?);
            }
        }
        let accepted = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Table::new(Arc::clone(&self.schema), batches, ReadReport { accepted, ..report })
    }

    fn arrays(&self, entity: &EntitySeries, steps: &[usize]) -> Vec<ArrayRef> {
        let numbers = |values: &[f64]| -> ArrayRef {
            let cell = |&step: &usize| values.get(step).copied().filter(|value| !value.is_nan());
            Arc::new(steps.iter().map(cell).collect::<Float64Array>())
        };
        let mut arrays = vec![numbers(entity.times())];
        if self.schema.index_of_role(Role::Entity).is_some() {
            arrays.push(Arc::new(StringArray::from_iter_values(steps.iter().map(|_| &entity.name))));
        }
        arrays.extend(entity.values.iter().map(|values| numbers(values)));
        arrays.extend(entity.labels().map(numbers));
        arrays
    }
}
