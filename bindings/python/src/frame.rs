//! The way of tables and data frames of other libraries in and out.

use std::sync::Arc;

use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::type_hint_identifier;
use pyo3::types::PyCapsule;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;
use qosguard::arrow::array::{ArrayRef, RecordBatch, StructArray};
use qosguard::arrow::datatypes::{Field, Schema};

use crate::convert::{refuse, wrong_type};

/// A table or data frame of any library.
pub(crate) struct FrameInput(pub(crate) AnyRecordBatch);

impl FromPyObject<'_, '_> for FrameInput {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_identifier!("builtins", "object");

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let object = py.import("qosguard.frames")?.call_method1("arrow_input", (object,))?;
        let expected = "a table or data frame of pyarrow, Polars, pandas 2.2 or newer, or any library with the Arrow C \
                        stream interface";
        for method in ["__arrow_c_stream__", "__arrow_c_array__"] {
            if object.hasattr(method)? {
                return object.extract().map(Self).map_err(|_| match object.call_method0(method) {
                    // A column alone, such as a series, is not a table.
                    Ok(_) => wrong_type(py, "data", expected, &object),
                    Err(error) => not_convertible(py, &error),
                });
            }
        }
        if object.hasattr("__dataframe__")? {
            let interchange = py.import("pyarrow.interchange")?;
            let table = interchange.call_method1("from_dataframe", (object,));
            return table.map_err(|error| not_convertible(py, &error))?.extract().map(Self);
        }
        Err(wrong_type(py, "data", expected, &object))
    }
}

/// The error of a frame that its library cannot pass on, with that library's message, which names the column.
fn not_convertible(py: Python<'_>, error: &PyErr) -> PyErr {
    let parts = error.value(py).getattr("args").and_then(|args| args.extract::<Vec<Bound<'_, PyAny>>>());
    let parts = parts.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
    let refusal =
        refuse(py, "data", "a frame with unique names and one type of cell in each column", parts.join("; "));
    refusal.set_cause(py, Some(error.clone_ref(py)));
    refusal
}

/// A `pandas.DataFrame`.
pub(crate) struct Frame<'py>(Bound<'py, PyAny>);

impl<'py> Frame<'py> {
    /// Converts an object with the Arrow C stream interface by pyarrow.
    pub(crate) fn from_arrow(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let table = object.py().import("pyarrow")?.call_method1("table", (object,))?;
        table.call_method0("to_pandas").map(Self)
    }
}

impl<'py> IntoPyObject<'py> for Frame<'py> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = std::convert::Infallible;

    const OUTPUT_TYPE: PyStaticExpr = type_hint_identifier!("pandas", "DataFrame");

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

/// An Arrow C stream of batches.
pub(crate) fn stream<'py>(
    py: Python<'py>,
    batches: Vec<RecordBatch>,
    schema: &Schema,
    requested_schema: Option<Bound<'py, PyCapsule>>,
) -> PyArrowResult<Bound<'py, PyCapsule>> {
    let field = Field::new_struct("", schema.fields().clone(), false);
    let arrays = batches.into_iter().map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef));
    to_stream_pycapsule(py, Box::new(ArrayIterator::new(arrays, field.into())), requested_schema)
}
