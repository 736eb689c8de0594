//! `Policy`.

use std::path::PathBuf;

use pyo3::prelude::*;
use qosguard::qos;

use crate::convert::{Fields, Record, json};
use crate::error::forward;

/// A validated QoS policy: the action for each severity, rules for some traffic, and addresses that are never acted on.
///
/// `Policy()` is a cautious default, in dry run. TOML, YAML, JSON and dictionaries have the same fields. An unknown field
/// is an error, and a missing section has its default.
///
/// Raises
/// ------
/// PolicyError
///     For a policy that is not valid. The message names the field and, in text, its line.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> policy = qg.Policy.from_dict({"version": 1, "dry_run": False, "allow": ["192.0.2.53"]})
/// >>> policy.dry_run, policy.to_dict()["allow"]
/// (False, ['192.0.2.53/32'])
/// >>> qg.Policy().dry_run
/// True
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy(pub(crate) qos::Policy);

#[pymethods]
impl Policy {
    #[new]
    fn new() -> Self {
        Self(qos::Policy::default())
    }

    /// Reads a policy file; its extension (`.toml`, `.yaml`, `.yml`, `.json`) determines the format.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        forward(py, || qos::Policy::load(path)).map(Self)
    }

    /// Reads a policy from TOML text.
    #[staticmethod]
    fn from_toml(py: Python<'_>, text: &str) -> PyResult<Self> {
        forward(py, || qos::Policy::from_toml(text)).map(Self)
    }

    /// Reads a policy from YAML text.
    #[staticmethod]
    fn from_yaml(py: Python<'_>, text: &str) -> PyResult<Self> {
        forward(py, || qos::Policy::from_yaml(text)).map(Self)
    }

    /// Reads a policy from JSON text.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        forward(py, || qos::Policy::from_json(text)).map(Self)
    }

    /// Reads a policy from a dictionary with the fields of a policy file.
    #[staticmethod]
    fn from_dict(py: Python<'_>, fields: Fields) -> PyResult<Self> {
        Self::from_json(py, &fields.json)
    }

    /// All mistakes of a policy text: dictionaries with `line`, `column`, `path`, `problem`, `expected`, `got` and `message`; `format` is
    /// `"toml"`, `"yaml"` or `"json"`.
    #[staticmethod]
    #[pyo3(signature = (text, format="toml"))]
    fn check(py: Python<'_>, text: &str, format: &str) -> PyResult<Vec<Record>> {
        let mistakes = forward(py, || qos::Policy::check_text(text, qos::PolicyFormat::from_name(format)?))?;
        Ok(mistakes.iter().map(Record::new).collect())
    }

    /// The JSON Schema of policy files, for editors.
    #[staticmethod]
    fn json_schema() -> Record {
        Record::new(&qos::Policy::json_schema())
    }

    /// The settings in which another policy differs: dictionaries with `path`, `old` and `new`.
    fn changes(&self, new: &Self) -> Vec<Record> {
        self.0.changes(&new.0).iter().map(Record::new).collect()
    }

    /// Runs cases in TOML: dictionaries with `name`, `answer` and the list `failures`, which is empty for a case that passes.
    fn test(&self, py: Python<'_>, cases: &str) -> PyResult<Vec<Record>> {
        let results = forward(py, || Ok(qos::PolicyCases::from_toml(cases)?.run(&self.0)))?;
        Ok(results.iter().map(Record::new).collect())
    }

    /// The whole policy as a dictionary, defaults included.
    fn to_dict(&self) -> Record {
        Record::new(&self.0)
    }

    /// The whole policy as TOML, defaults included.
    fn to_toml(&self, py: Python<'_>) -> PyResult<String> {
        forward(py, || self.0.to_toml())
    }

    /// The whole policy as YAML, defaults included.
    fn to_yaml(&self, py: Python<'_>) -> PyResult<String> {
        forward(py, || self.0.to_yaml())
    }

    /// The whole policy as JSON, defaults included.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        forward(py, || self.0.to_json())
    }

    /// The same policy with dry run switched on or off.
    fn with_dry_run(&self, dry_run: bool) -> Self {
        Self(self.0.clone().with_dry_run(dry_run))
    }

    /// The first prefix of the allow-list that has an address in common with an address or a prefix; `None` where there is none.
    fn allowed_by(&self, py: Python<'_>, entity: &str) -> PyResult<Option<String>> {
        forward(py, || Ok(self.0.allowed_by(entity.parse()?).map(|prefix| prefix.to_string())))
    }

    /// Whether decisions are made and reported, but nothing may be changed.
    #[getter]
    fn dry_run(&self) -> bool {
        self.0.dry_run()
    }

    /// SHA-256 of the policy's fields, 64 hexadecimal digits.
    #[getter]
    fn digest(&self) -> String {
        self.0.digest()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("from_json")?, (json(&slf.get().0),)))
    }

    fn __repr__(&self) -> String {
        let config = self.0.config();
        format!(
            "Policy(dry_run={}, {} allowed, {} rules)",
            config.dry_run,
            config.allow.len(),
            config.rules.len()
        )
    }
}
