//! Plain values in and out: whole numbers, the core's words, and its records as dictionaries.

use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList, PyString};
use pyo3::{type_hint_identifier, type_hint_subscript, type_hint_union};
use qosguard::telemetry::{Kind, Schema};
use qosguard::{Error, settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::to_py;

/// `InvalidArgument` as a Python exception.
pub(crate) fn refuse(py: Python<'_>, name: &str, expected: &str, got: impl ToString) -> PyErr {
    to_py(py, &Error::invalid(name, expected, got))
}

/// An `InvalidTypeError`, which is a `TypeError` too.
pub(crate) fn wrong_type(py: Python<'_>, name: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    let raise = || -> PyResult<PyErr> {
        let message = format!("`{name}` must be {expected}, got {}", got.get_type().name()?);
        let error = py.import("qosguard.errors")?.getattr("InvalidTypeError")?.call1((message,))?;
        Ok(PyErr::from_value(error))
    };
    raise().unwrap_or_else(|error| error)
}

/// A Python integer, which is signed and has no limit: the number, or how it prints when it does not fit.
#[derive(Clone, Debug)]
pub(crate) struct Whole(Result<u64, String>);

impl Whole {
    /// A default.
    pub(crate) const fn new(number: u64) -> Self {
        Self(Ok(number))
    }

    /// The number, if it fits.
    pub(crate) fn get<T: TryFrom<u64>>(&self, py: Python<'_>, name: &str) -> PyResult<T> {
        let refuse = |got| refuse(py, name, "a whole number from 0", got);
        let number = *self.0.as_ref().map_err(|text| refuse(text.clone()))?;
        T::try_from(number).map_err(|_| refuse(number.to_string()))
    }
}

impl FromPyObject<'_, '_> for Whole {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_identifier!("typing", "SupportsIndex");

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self(object.extract::<u64>().map_err(|_| object.to_string())))
    }
}

/// Reads one of the core's words, such as the role `feature`.
pub(crate) fn word<T: DeserializeOwned + Serialize>(py: Python<'_>, name: &str, value: &str) -> PyResult<T> {
    settings::from_value(value.into()).map_err(|error| to_py(py, &error.with_path(|_| name.to_owned())))
}

/// One of the core's words as text.
pub(crate) fn spell(py: Python<'_>, value: impl Serialize) -> Bound<'_, PyString> {
    let value = serde_json::to_value(value).unwrap_or_default();
    PyString::new(py, value.as_str().unwrap_or_default())
}

/// A value as JSON text, for pickles.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_value(value).unwrap_or_default().to_string()
}

/// Reads what [`json`] wrote.
pub(crate) fn from_json<T: DeserializeOwned>(py: Python<'_>, text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| refuse(py, "text", "what a pickle holds", error))
}

const DICT: PyStaticExpr = type_hint_subscript!(
    type_hint_identifier!("builtins", "dict"),
    type_hint_identifier!("builtins", "str"),
    type_hint_identifier!("typing", "Any")
);

/// The fields of a record, given as a dictionary, as JSON text.
pub(crate) struct Fields {
    pub(crate) json: String,
}

impl FromPyObject<'_, '_> for Fields {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = DICT;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self { json: dumps(&object)? })
    }
}

/// The keyword arguments that a record of the core has by its own names.
pub(crate) struct Config(pub(crate) Value);

impl Config {
    /// The record; what is left out has its default.
    pub(crate) fn read<T: DeserializeOwned + Serialize>(self, py: Python<'_>) -> PyResult<T> {
        settings::from_value(self.0).map_err(|error| to_py(py, &error))
    }
}

impl<'py> FromPyObject<'_, 'py> for Config {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_identifier!("typing", "Any");

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        from_json(object.py(), &dumps(&object)?).map(Self)
    }
}

/// Records, given as one dictionary or many.
pub(crate) struct Records(Py<PyAny>);

impl Records {
    /// The records as JSON text that the core reads with a schema.
    pub(crate) fn json(&self, py: Python<'_>, schema: &Schema) -> PyResult<String> {
        let units = PyDict::new(py);
        for column in schema.columns().iter().filter(|column| column.kind == Kind::Number) {
            units.set_item(&column.name, column.duration_unit())?;
        }
        py.import("qosguard.records")?.call_method1("to_json", (&self.0, units))?.extract()
    }
}

impl FromPyObject<'_, '_> for Records {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr =
        type_hint_union!(DICT, type_hint_subscript!(type_hint_identifier!("builtins", "list"), DICT));

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self(object.to_owned().unbind()))
    }
}

/// JSON text by Python's own `json`; a value that JSON has no form for, such as NaN, is an error.
fn dumps(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = object.py();
    let options = [("allow_nan", false)].into_py_dict(py)?;
    match py.import("json")?.call_method("dumps", (object,), Some(&options)) {
        Ok(text) => text.extract(),
        Err(error) => Err(refuse(py, "value", "a value that JSON has a form for", error.value(py))),
    }
}

/// A record of the core as a `dict`.
pub(crate) struct Record(Value);

impl Record {
    /// Takes the fields that serde writes; 32-bit floats keep their exact value.
    pub(crate) fn new(record: &impl Serialize) -> Self {
        Self(serde_json::to_value(record).unwrap_or_default())
    }
}

impl<'py> IntoPyObject<'py> for Record {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    const OUTPUT_TYPE: PyStaticExpr = DICT;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(to_object(py, &self.0)?.cast_into::<PyDict>()?)
    }
}

fn to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::Array(values) => {
            let values = values.iter().map(|value| to_object(py, value)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, values)?.into_any()
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(name, to_object(py, value)?)?;
            }
            dict.into_any()
        }
    })
}
