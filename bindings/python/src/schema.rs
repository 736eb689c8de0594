//! `Column` and `Schema`.

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3_arrow::error::PyArrowError;
use pyo3_arrow::input::AnyRecordBatch;
use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry;

use crate::convert::{from_json, json, spell, word};
use crate::error::forward;

/// One column of a `Schema`: its name, role and kind, and the limits of its legal values.
///
/// `role` is `feature`, `label`, `family`, `time`, `entity` or `ignore`; `kind` is `number`, `text` or
/// `time`, which becomes seconds since the epoch; `field` is what the column tells about a flow, by the name of its column in the preset `canonical_flow`,
/// and `scale` what takes its cells to the field's unit. A finite number outside `minimum` and `maximum`
/// rejects its row; the number `undefined` is read as missing. A time that is a number counts `unit` (`s`, `ms`,
/// `us`, `ns`, `excel` for days of a spreadsheet, or `auto` by its size); one that is text is ISO 8601, RFC 2822, or of the
/// strptime format `format`, with `year` for a format without a year. `time_of_day` names the column whose times of day
/// are added to the dates of this one.
///
/// >>> import qosguard as qg
/// >>> qg.Column("latency_ms", minimum=0.0).role
/// 'feature'
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column(pub(crate) telemetry::Column);

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

    /// Name as it stands in the header, trimmed.
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

    /// What the column tells about a flow.
    #[getter]
    fn field<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.field.map(|field| spell(py, field))
    }

    /// What a cell is multiplied by to get the field's unit; 1 where it is `None`.
    #[getter]
    fn scale(&self) -> Option<f64> {
        self.0.scale
    }

    /// Least legal value.
    #[getter]
    fn minimum(&self) -> Option<f64> {
        self.0.minimum
    }

    /// Greatest legal value.
    #[getter]
    fn maximum(&self) -> Option<f64> {
        self.0.maximum
    }

    /// The number that the source writes for "undefined".
    #[getter]
    fn undefined(&self) -> Option<f64> {
        self.0.undefined
    }

    /// What a time that is a number counts; seconds where it is `None`.
    #[getter]
    fn unit<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.unit.map(|unit| spell(py, unit))
    }

    /// How a time is written where ISO 8601 does not say it.
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
/// `clean` lists the label values that mean clean traffic; a leading `*` matches any prefix. Numeric
/// labels are clean when they are 0. Labels, families, identifiers and addresses can never become
/// features.
///
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
    /// Takes what `Table.from_arrow` takes. The readers do the same where no schema is given and no preset fits;
    /// `Table.report.inferred` then says what each column was taken for.
    ///
    /// >>> import polars, qosguard as qg
    /// >>> frame = polars.DataFrame({"rate": [0.5, 2.5], "class": ["Normal", "Flood"]})
    /// >>> [column.role for column in qg.Schema.infer(frame).columns]
    /// ['feature', 'label']
    #[staticmethod]
    #[pyo3(signature = (data: "object"))]
    fn infer(py: Python<'_>, data: AnyRecordBatch) -> PyResult<Self> {
        let mut batches = data.into_reader()?;
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
