//! `Series`: numbers by entity and time.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Either, Float64Array, Object};
use napi_derive::napi;
use qosguard::telemetry::series::{self, EntitySeries, Interval};
use qosguard::telemetry::{self, SeriesConfig};
use serde::Deserialize;
use serde_json::Value;

use crate::convert::{Settings, mirror, parse, settings, whole_or};
use crate::error::{Result, invalid};
use crate::job::{Job, spawn};
use crate::table::{ReadReport, Table};

/// Which columns make a series, and how its times are to be understood.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "one of two types has none")]
pub struct SeriesOptions {
    /// The time column; default: by its role, or the first.
    pub time: Option<String>,
    /// The column that identifies the entity of a row.
    pub entity: Option<String>,
    /// The value columns; default: all others.
    pub values: Option<Vec<String>>,
    /// The column of ground truth, which is not a value.
    pub label: Option<String>,
    /// Whether each value column is an entity of its own.
    pub wide: Option<bool>,
    /// For a source without a time column: the time of an entity's first row, in seconds since the epoch.
    pub start: Option<f64>,
    /// Seconds between steps; default: from the times.
    #[napi(ts_type = "number | 'infer' | 'irregular'")]
    pub interval: Option<Either<f64, String>>,
    /// IANA name of the zone of times that are text without an offset; default: `UTC`.
    pub time_zone: Option<String>,
    /// The strptime format of times that are text and not ISO 8601.
    pub time_format: Option<String>,
    /// Unit of a time that is a number; default: seconds.
    #[napi(ts_type = "'s' | 'ms' | 'us' | 'ns' | 'auto'")]
    pub time_unit: Option<String>,
    /// How several rows of one step are combined; default: `refuse`.
    #[napi(ts_type = "'refuse' | 'first' | 'last' | 'sum' | 'mean'")]
    pub duplicates: Option<String>,
    /// Factor on every value; default: 1.
    pub scale: Option<f64>,
    /// Unit of the values after that, such as `bit/s`.
    pub unit: Option<String>,
    /// Maximum number of values of the series; default: 2^26.
    pub max_cells: Option<f64>,
}

impl Settings for SeriesOptions {
    const KEYS: &'static [&'static str] = &[
        "time",
        "entity",
        "values",
        "label",
        "wide",
        "start",
        "interval",
        "timeZone",
        "timeFormat",
        "timeUnit",
        "duplicates",
        "scale",
        "unit",
        "maxCells",
    ];
}

impl SeriesOptions {
    fn into_core(self) -> Result<SeriesConfig> {
        let core = SeriesConfig::default();
        let word = |text: String| Value::String(text);
        Ok(SeriesConfig {
            time: self.time,
            entity: self.entity,
            values: self.values.unwrap_or_default(),
            label: self.label,
            wide: self.wide.unwrap_or_default(),
            start: self.start,
            interval: match self.interval {
                None => core.interval,
                Some(Either::A(seconds)) => Interval::Seconds(seconds),
                Some(Either::B(text)) => parse("interval", word(text))?,
            },
            time_zone: self.time_zone.unwrap_or(core.time_zone),
            time_format: self.time_format,
            time_unit: self.time_unit.map(|unit| parse("timeUnit", word(unit))).transpose()?,
            duplicates: match self.duplicates {
                None => core.duplicates,
                Some(text) => parse("duplicates", word(text))?,
            },
            scale: self.scale.unwrap_or(core.scale),
            unit: self.unit.unwrap_or(core.unit),
            max_cells: whole_or("maxCells", self.max_cells, core.max_cells)?,
        })
    }
}

/// A run of steps without a row.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Whose rows are missing; empty where all entities share them.
    pub entity: String,
    /// Time of the first missing step, in seconds since the epoch.
    pub start: f64,
    /// How many steps are missing.
    pub steps: f64,
}

/// What the zone's changes of its clocks did to the stamps.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daylight {
    /// Stamps that the zone's clocks show twice.
    pub twice: f64,
    /// Of these, the ones that were taken for the second showing.
    pub second: f64,
    /// Of these, the ones for which neither showing is after the row before; taken for the first.
    pub unresolved: f64,
    /// Stamps that the zone's clocks skip; moved forward by what is skipped.
    pub skipped: f64,
}

/// What is recorded of one column of values.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesColumn {
    /// The column's name in the source.
    pub name: String,
    /// What the source's numbers were multiplied by.
    pub scale: f64,
    /// Steps that have a row, but no number in this column.
    pub empty: f64,
}

/// What a series was made of, and what is missing, doubled or odd in it.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesReport {
    /// What the reader of the table read and rejected.
    pub read: ReadReport,
    /// Rows of the table that have a time and an entity, and those that have not.
    pub rows: ReadReport,
    /// Seconds between steps; absent without a grid.
    pub interval_s: Option<f64>,
    /// Steps of all entities, gaps too.
    pub steps: f64,
    /// Runs of steps without a row, by entity and time.
    pub gaps: Vec<Gap>,
    /// Rows that come after a later row of their entity.
    pub out_of_order: f64,
    /// Rows with the entity and time of an earlier row.
    pub duplicates: f64,
    /// Rows of another time than the one before them, that yet fall on its step.
    pub crowded: f64,
    /// What was done with both.
    #[napi(ts_type = "'refuse' | 'first' | 'last' | 'sum' | 'mean'")]
    pub policy: String,
    /// Rows off the grid, moved to the nearest step.
    pub off_grid: f64,
    /// Maximum distance from the grid, in seconds.
    pub off_grid_max_s: f64,
    /// Jumps of the zone's clocks.
    pub daylight: Daylight,
    /// Unit of the values.
    pub unit: String,
    /// The value columns.
    pub columns: Vec<SeriesColumn>,
}

/// Numbers by entity and time, on a regular grid: traffic series. What is missing stays missing: NaN, and a gap of the report.
#[napi]
#[derive(Clone, Debug)]
pub struct Series {
    inner: Arc<series::Series>,
}

impl From<series::Series> for Series {
    fn from(series: series::Series) -> Self {
        Self { inner: Arc::new(series) }
    }
}

#[napi]
impl Series {
    /// Takes a table as a series; without names, the roles of its columns decide.
    /// Rejects with `invalid_argument`, `bad_record`, `insufficient_data`.
    #[napi(catch_unwind, ts_return_type = "Promise<Series>")]
    pub fn from_table(
        table: &Table,
        #[napi(ts_arg_type = "SeriesOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<Series>>> {
        let config = settings::<SeriesOptions>(options)?.into_core()?;
        let table = Arc::clone(&table.inner);
        Ok(spawn(move || series::Series::from_table(&table, &config).map(Self::from)))
    }

    /// Names of the entities, in order; one empty name where the source has none.
    #[napi(getter, catch_unwind)]
    pub fn entities(&self) -> Vec<String> {
        self.inner.entities().iter().map(|entity| entity.name().to_owned()).collect()
    }

    /// Names of the value columns.
    #[napi(getter, catch_unwind)]
    pub fn columns(&self) -> Vec<String> {
        self.inner.columns().to_vec()
    }

    /// The values of one entity in one column, NaN where there is none. Throws `invalid_argument` for another name.
    #[napi(catch_unwind)]
    pub fn values(&self, entity: String, column: String) -> Result<Float64Array> {
        self.entity(&entity)?;
        let values = self.inner.values(&entity, &column);
        Ok(values.ok_or_else(|| invalid("column", "one of `columns`", column))?.to_vec().into())
    }

    /// Time of every step of an entity, in seconds since the epoch. Throws `invalid_argument` for another name.
    #[napi(catch_unwind)]
    pub fn times(&self, entity: String) -> Result<Float64Array> {
        Ok(self.entity(&entity)?.times().to_vec().into())
    }

    /// Whether each step of an entity has a row. Throws `invalid_argument` for another name.
    #[napi(catch_unwind)]
    pub fn present(&self, entity: String) -> Result<Vec<bool>> {
        Ok(self.entity(&entity)?.present().to_vec())
    }

    /// Ground truth of each step: 0 for clean, 1 for not, NaN in gaps; `null` without a label column.
    /// Throws `invalid_argument` for another name.
    #[napi(catch_unwind)]
    pub fn labels(&self, entity: String) -> Result<Option<Float64Array>> {
        Ok(self.entity(&entity)?.labels().map(|labels| labels.to_vec().into()))
    }

    /// What the series was made of, and what is missing, doubled or odd in it.
    #[napi(getter, catch_unwind)]
    pub fn report(&self) -> Result<SeriesReport> {
        mirror(self.inner.report())
    }

    /// The series as a table: `time`, `entity` where there are names, the values, the label where there is one.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn table(&self) -> AsyncTask<Job<Table>> {
        let series = Arc::clone(&self.inner);
        spawn(move || series.table().map(Table::from))
    }
}

impl Series {
    fn entity(&self, name: &str) -> Result<&EntitySeries> {
        self.inner.entity(name).ok_or_else(|| invalid("entity", "one of `entities`", name))
    }
}

/// Reads a CSV or JSON lines file that has only a header as a series; without names, the first column is the time and all
/// others are values. Rejects with `invalid_argument`, `io`, `bad_record`, `insufficient_data`.
#[napi(catch_unwind, ts_return_type = "Promise<Series>")]
pub fn read_series(
    path: String,
    #[napi(ts_arg_type = "SeriesOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Series>>> {
    let config = settings::<SeriesOptions>(options)?.into_core()?;
    let path = PathBuf::from(path);
    Ok(spawn(move || telemetry::read_series(path, &config).map(Series::from)))
}
