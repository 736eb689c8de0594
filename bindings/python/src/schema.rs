//! `Column` and `Schema`.

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3_arrow::error::PyArrowError;
use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry;

use crate::convert::{from_json, json, spell, word};
use crate::error::forward;
use crate::frame::FrameInput;

/// One column of a `Schema`: its name, role and kind, and the limits of its legal values.
///
/// Parameters
/// ----------
/// name
///     The name in the header.
/// role
///     `"feature"`, `"label"`, `"family"`, `"time"`, `"entity"` or `"ignore"`.
/// kind
///     `"number"`, `"text"` or `"time"`, which becomes seconds since the epoch.
/// field
///     The property of a flow that the column holds, by the name of its column in the preset `canonical_flow`.
/// scale
///     Factor from the cells to the field's unit.
/// minimum, maximum
///     Legal range; a finite number outside it rejects its row.
/// undefined
///     A number that is read as missing.
/// unit
///     Unit of a time that is a number: `"s"`, `"ms"`, `"us"`, `"ns"`, `"excel"` for days of a spreadsheet, or `"auto"` by
///     its size.
/// format
///     strptime format of a time that is text; default: ISO 8601 or RFC 2822.
/// year
///     Year of times whose format has none.
/// time_of_day
///     Name of the column whose times of day are added to the dates of this one.
///
/// Raises
/// ------
/// InvalidArgumentError
///     For another word.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> qg.Column("latency_ms", minimum=0.0).role
/// 'feature'
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column(pub(crate) telemetry::Column);

/// The labels that usually mean clean traffic, in lower case.
#[pyfunction]
pub(crate) fn clean_labels() -> Vec<&'static str> {
    telemetry::clean_labels().to_vec()
}

/// Whether a text label of an unknown source means clean traffic.
#[pyfunction]
pub(crate) fn is_clean_label(label: &str) -> bool {
    telemetry::is_clean_label(label)
}

#[pymethods]
impl Column {
    #[new]
    #[pyo3(signature = (name, role = "feature", kind = "number", *, field = None, scale = None, minimum = None, maximum = None, undefined = None, unit = None, format = None, year = None, time_of_day = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a record")]
    fn new(
        py: Python<'_>,
        name: &str,
        role: &str,
        kind: &str,
        field: Option<&str>,
        scale: Option<f64>,
        minimum: Option<f64>,
        maximum: Option<f64>,
        undefined: Option<f64>,
        unit: Option<&str>,
        format: Option<String>,
        year: Option<i16>,
        time_of_day: Option<String>,
    ) -> PyResult<Self> {
        let mut column = telemetry::Column::new(name, word(py, "role", role)?, word(py, "kind", kind)?);
        column.field = field.map(|field| word(py, "field", field)).transpose()?;
        column.scale = scale;
        column.minimum = minimum;
        column.maximum = maximum;
        column.undefined = undefined;
        column.unit = unit.map(|unit| word(py, "unit", unit)).transpose()?;
        column.format = format;
        (column.year, column.time_of_day) = (year, time_of_day);
        Ok(Self(column))
    }

    /// Name in the header, without blanks around it.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// What the column is used for.
    #[getter]
    fn role<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        spell(py, self.0.role)
    }

    /// How the column's cells are stored.
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        spell(py, self.0.kind)
    }

    /// The property of a flow that the column holds.
    #[getter]
    fn field<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.field.map(|field| spell(py, field))
    }

    /// Factor from a cell to the field's unit; `None` is 1.
    #[getter]
    fn scale(&self) -> Option<f64> {
        self.0.scale
    }

    /// Minimum legal value.
    #[getter]
    fn minimum(&self) -> Option<f64> {
        self.0.minimum
    }

    /// Maximum legal value.
    #[getter]
    fn maximum(&self) -> Option<f64> {
        self.0.maximum
    }

    /// The number that means "undefined" in the source.
    #[getter]
    fn undefined(&self) -> Option<f64> {
        self.0.undefined
    }

    /// Unit of a time that is a number; `None` is seconds.
    #[getter]
    fn unit<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.unit.map(|unit| spell(py, unit))
    }

    /// strptime format of a time that is not ISO 8601.
    #[getter]
    fn format(&self) -> Option<&str> {
        self.0.format.as_deref()
    }

    /// Year of times whose format has none.
    #[getter]
    fn year(&self) -> Option<i16> {
        self.0.year
    }

    /// Name of the column with the time of day, which is added to the date in this column.
    #[getter]
    fn time_of_day(&self) -> Option<&str> {
        self.0.time_of_day.as_deref()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        from_json(py, text).map(Self)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Column({:?}, role={}, kind={})", self.0.name, spell(py, self.0.role), spell(py, self.0.kind))
    }
}

/// Names and roles of the columns of a source, in file order.
///
/// Labels, families, identifiers and addresses can never become features.
///
/// Parameters
/// ----------
/// name
///     A name for messages.
/// columns
///     The columns.
/// clean
///     Labels of clean traffic; a leading `*` matches any prefix. A numeric label is clean if it is 0.
///
/// Raises
/// ------
/// InvalidArgumentError
///     For columns that contradict each other; the message names the column.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> columns = [qg.Column("latency_ms"), qg.Column("state", "label", "text")]
/// >>> schema = qg.Schema("probe", columns, clean=["ok"])
/// >>> [column.name for column in schema.columns]
/// ['latency_ms', 'state']
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema(pub(crate) telemetry::Schema);

#[pymethods]
impl Schema {
    #[new]
    #[pyo3(signature = (name, columns, clean = Vec::new()))]
    fn new(
        py: Python<'_>,
        name: String,
        columns: Vec<PyRef<'_, Column>>,
        clean: Vec<String>,
    ) -> PyResult<Self> {
        let columns = columns.iter().map(|column| column.0.clone()).collect();
        forward(py, || telemetry::Schema::new(name, columns, clean)).map(Self)
    }

    /// The schema's name, such as `unsw_nb15`.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The columns, in file order.
    #[getter]
    fn columns(&self) -> Vec<Column> {
        self.0.columns().iter().cloned().map(Column).collect()
    }

    /// The schema of a public data set: one of `Schema.presets()`.
    #[staticmethod]
    fn preset(py: Python<'_>, name: &str) -> PyResult<Self> {
        forward(py, || telemetry::Schema::preset(name)).map(Self)
    }

    /// Names of the schemas that come with the package.
    #[staticmethod]
    fn presets() -> Vec<&'static str> {
        telemetry::Schema::presets().iter().map(telemetry::Schema::name).collect()
    }

    /// Reads a schema from TOML text.
    #[staticmethod]
    fn from_toml(py: Python<'_>, text: &str) -> PyResult<Self> {
        forward(py, || telemetry::Schema::from_toml(text)).map(Self)
    }

    /// A schema for data that no preset describes, from the names and the first 2,000 rows of its columns.
    ///
    /// The readers do the same if no schema is given and no preset fits; `Table.report.inferred` then explains the
    /// role of each column.
    ///
    /// Parameters
    /// ----------
    /// data
    ///     A table or data frame that `Table.from_arrow` takes.
    ///
    /// Returns
    /// -------
    /// Schema
    ///     The inferred schema; `to_toml` writes it for edits.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     If no column can be a feature.
    ///
    /// Examples
    /// --------
    /// >>> import polars, qosguard as qg
    /// >>> frame = polars.DataFrame({"rate": [0.5, 2.5], "class": ["Normal", "Flood"]})
    /// >>> [column.role for column in qg.Schema.infer(frame).columns]
    /// ['feature', 'label']
    #[staticmethod]
    #[pyo3(signature = (data: "object"))]
    fn infer(py: Python<'_>, data: FrameInput) -> PyResult<Self> {
        let mut batches = data.0.into_reader()?;
        let empty = RecordBatch::new_empty(batches.schema());
        let first = batches.next().transpose().map_err(PyArrowError::from)?.unwrap_or(empty);
        forward(py, || telemetry::Schema::infer(&first)).map(Self)
    }

    /// The schema as TOML, one column per line. `Schema.from_toml` reads it, also after edits.
    fn to_toml(&self) -> String {
        self.0.to_toml()
    }

    /// The same schema with another role for one column.
    fn with_role(&self, py: Python<'_>, column: &str, role: &str) -> PyResult<Self> {
        let role = word(py, "role", role)?;
        forward(py, || self.0.with_role(column, role)).map(Self)
    }

    /// This schema with only the columns that a table of another one can fill.
    fn common_with(&self, source: &Self) -> Self {
        Self(self.0.common_with(&source.0))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        from_json(py, text).map(Self)
    }

    fn __repr__(&self) -> String {
        format!("Schema({:?}, {} columns)", self.0.name(), self.0.columns().len())
    }
}
