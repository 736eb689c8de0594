//! `Series`.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qosguard::telemetry::series::{self, EntitySeries};
use qosguard::telemetry::{self, SeriesConfig};
use serde_json::json;

use crate::array::Vector;
use crate::convert::{Config, Record, refuse};
use crate::error::{forward, interruptible};
use crate::table::Table;

/// Traffic series: numbers by entity and time, on a regular grid. A missing value is NaN and a gap of the report.
///
/// `read_series` and `Series.from_table` have these settings.
///
/// Parameters
/// ----------
/// time, entity, label
///     Names of columns; default: by their roles or places.
/// values
///     Names of the value columns, a list.
/// wide
///     Whether each value column is a separate entity.
/// start
///     Time of the first step in seconds since the epoch, for a source without a time column.
/// interval
///     Distance of steps in seconds, `"infer"` (the default) or `"irregular"`.
/// time_zone
///     IANA name of the zone of times without an offset.
/// time_format
///     strptime format of the times.
/// time_unit
///     Unit of times that are numbers: `"s"`, `"ms"`, `"us"`, `"ns"` or `"auto"`.
/// duplicates
///     `"refuse"` (the default), `"first"`, `"last"`, `"sum"` or `"mean"` for several rows at one time.
/// scale, unit
///     Factor on every value, and the unit of the result.
/// max_cells
///     Bound of the memory.
#[pyclass(frozen, module = "qosguard")]
#[derive(Debug)]
pub(crate) struct Series(series::Series);

impl Series {
    fn entity(&self, py: Python<'_>, name: &str) -> PyResult<&EntitySeries> {
        self.0.entity(name).ok_or_else(|| refuse(py, "entity", "one of `entities`", format!("{name:?}")))
    }
}

fn settings(py: Python<'_>, config: Option<Config>) -> PyResult<SeriesConfig> {
    let Some(mut config) = config else { return Ok(SeriesConfig::default()) };
    if let Some(interval) = config.0.get_mut("interval").filter(|interval| interval.is_number()) {
        *interval = json!({ "seconds": interval });
    }
    config.read(py)
}

/// Reads a CSV or JSON lines file into a `Series`; it needs a header and no schema. `config` has the settings of `Series`.
///
/// Without names, the first column is the time and all others are values.
#[pyfunction]
#[pyo3(signature = (path, **config: "object"))]
pub(crate) fn read_series(py: Python<'_>, path: PathBuf, config: Option<Config>) -> PyResult<Series> {
    let config = settings(py, config)?;
    interruptible(py, || telemetry::read_series(path, &config)).map(Series)
}

#[pymethods]
impl Series {
    /// Makes a series of a table; without names, the roles of its columns decide.
    #[staticmethod]
    #[pyo3(signature = (table, **config: "object"))]
    fn from_table(py: Python<'_>, table: &Table, config: Option<Config>) -> PyResult<Self> {
        let config = settings(py, config)?;
        interruptible(py, || series::Series::from_table(&table.0, &config)).map(Self)
    }

    /// Names of the entities, in order; one empty name if the source has none.
    #[getter]
    fn entities(&self) -> Vec<&str> {
        self.0.entities().iter().map(EntitySeries::name).collect()
    }

    /// Names of the value columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.0.columns().iter().map(String::as_str).collect()
    }

    /// The values of one entity in one column; NaN if missing.
    fn values(&self, py: Python<'_>, entity: &str, column: &str) -> PyResult<Vector<f64>> {
        self.entity(py, entity)?;
        let values = self.0.values(entity, column);
        let values = values.ok_or_else(|| refuse(py, "column", "one of `columns`", format!("{column:?}")))?;
        Ok(Vector(values.to_vec()))
    }

    /// Time of every step of an entity, in seconds since the epoch.
    fn times(&self, py: Python<'_>, entity: &str) -> PyResult<Vector<f64>> {
        Ok(Vector(self.entity(py, entity)?.times().to_vec()))
    }

    /// Whether each step of an entity has a row.
    fn present(&self, py: Python<'_>, entity: &str) -> PyResult<Vector<bool>> {
        Ok(Vector(self.entity(py, entity)?.present().to_vec()))
    }

    /// Ground truth of each step of an entity: 0 for clean, 1 for not, NaN in gaps; `None` without a label column.
    fn labels(&self, py: Python<'_>, entity: &str) -> PyResult<Option<Vector<f64>>> {
        Ok(self.entity(py, entity)?.labels().map(|labels| Vector(labels.to_vec())))
    }

    /// The source of the series, and what is missing, repeated or unusual in it.
    #[getter]
    fn report(&self) -> Record {
        Record::new(self.0.report())
    }

    /// The series as a table: `time`, `entity` if there are names, the values, and the label if there is one.
    fn table(&self, py: Python<'_>) -> PyResult<Table> {
        interruptible(py, || self.0.table()).map(Table)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.getattr("_from_bytes")?, (PyBytes::new(slf.py(), &slf.get().0.to_bytes()),)))
    }

    #[staticmethod]
    fn _from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        forward(py, || series::Series::from_bytes(data)).map(Self)
    }

    fn __repr__(&self) -> String {
        format!("Series({} entities, columns {:?})", self.0.entities().len(), self.0.columns())
    }
}
