//! NumPy arrays in and out.

use ndarray::{Array2, ArrayView2};
use numpy::{
    Element, PyArray1, PyArray2, PyArrayDescrMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::{type_hint_identifier, type_hint_subscript, type_hint_union};
use qosguard::detect::AnyRows;

use crate::convert::refuse;

const NDARRAY: PyStaticExpr = type_hint_identifier!("numpy.typing", "NDArray");

/// A matrix in C order, borrowed without a copy; default: float32.
///
/// NumPy calls a column-major array contiguous too, and as a slice it would be transposed. Here it is an error; the Python
/// package converts before it calls.
pub(crate) struct Matrix<'py, T: Element = f32>(PyReadonlyArray2<'py, T>);

impl<T: Element> Matrix<'_, T> {
    pub(crate) fn view(&self) -> ArrayView2<'_, T> {
        self.0.as_array()
    }
}

impl<'py, T: Scalar> FromPyObject<'_, 'py> for Matrix<'py, T> {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_subscript!(NDARRAY, T::NAME);

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let matrix: PyReadonlyArray2<'py, T> = object.extract()?;
        if matrix.is_c_contiguous() {
            return Ok(Self(matrix));
        }
        let expected = "C-contiguous: numpy.ascontiguousarray(X)";
        Err(refuse(object.py(), "X", expected, "another memory layout"))
    }
}

/// A matrix of float32 or float64.
pub(crate) enum Numbers<'py> {
    F32(Matrix<'py>),
    F64(Matrix<'py, f64>),
}

impl Numbers<'_> {
    pub(crate) fn view(&self) -> AnyRows<'_> {
        match self {
            Self::F32(x) => x.view().into(),
            Self::F64(x) => x.view().into(),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Numbers<'py> {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_union!(Matrix::<f32>::INPUT_TYPE, Matrix::<f64>::INPUT_TYPE);

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.cast::<PyArray2<f64>>().is_ok() {
            return object.extract().map(Self::F64);
        }
        object.extract().map(Self::F32)
    }
}

/// A vector that lies in one piece, borrowed without a copy.
pub(crate) struct Slice<'py, T: Element>(PyReadonlyArray1<'py, T>);

impl<T: Element> Slice<'_, T> {
    pub(crate) fn get(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }
}

impl<'py, T: Scalar> FromPyObject<'_, 'py> for Slice<'py, T> {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_subscript!(NDARRAY, T::NAME);

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.extract()?))
    }
}

/// Row numbers, from 0: an integer array or a list.
pub(crate) struct Rows(pub(crate) Vec<usize>);

impl<'py> FromPyObject<'_, 'py> for Rows {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_identifier!("numpy.typing", "ArrayLike");

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let array = object.py().import("numpy")?.call_method1("asarray", (object,))?;
        let array = array.cast_into::<PyUntypedArray>()?;
        // Neither a mask nor fractions may pass for row numbers; an empty list is an array of floats.
        if array.ndim() != 1 || !(matches!(array.dtype().kind(), b'i' | b'u') || array.is_empty()) {
            return Err(PyTypeError::new_err("rows: expected whole numbers in one dimension"));
        }
        let rows: PyReadonlyArray1<'_, i64> = array.call_method1("astype", ("int64",))?.extract()?;
        let row = |&row: &i64| {
            usize::try_from(row).map_err(|_| refuse(object.py(), "rows", "row numbers from 0", row))
        };
        rows.as_array().iter().map(row).collect::<PyResult<_>>().map(Self)
    }
}

/// A vector that becomes a NumPy array without a copy.
pub(crate) struct Vector<T>(pub(crate) Vec<T>);

/// An element type and its name in NumPy.
pub(crate) trait Scalar: Element {
    const NAME: PyStaticExpr;
}

impl Scalar for bool {
    const NAME: PyStaticExpr = type_hint_identifier!("numpy", "bool_");
}

impl Scalar for u32 {
    const NAME: PyStaticExpr = type_hint_identifier!("numpy", "uint32");
}

impl Scalar for i64 {
    const NAME: PyStaticExpr = type_hint_identifier!("numpy", "int64");
}

impl Scalar for f32 {
    const NAME: PyStaticExpr = type_hint_identifier!("numpy", "float32");
}

impl Scalar for f64 {
    const NAME: PyStaticExpr = type_hint_identifier!("numpy", "float64");
}

impl<'py, T: Scalar> IntoPyObject<'py> for Vector<T> {
    type Target = PyArray1<T>;
    type Output = Bound<'py, Self::Target>;
    type Error = std::convert::Infallible;

    const OUTPUT_TYPE: PyStaticExpr = type_hint_subscript!(NDARRAY, T::NAME);

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(PyArray1::from_vec(py, self.0))
    }
}

/// A matrix that becomes a NumPy array without a copy.
pub(crate) struct Grid<T>(pub(crate) Array2<T>);

impl<'py, T: Scalar> IntoPyObject<'py> for Grid<T> {
    type Target = PyArray2<T>;
    type Output = Bound<'py, Self::Target>;
    type Error = std::convert::Infallible;

    const OUTPUT_TYPE: PyStaticExpr = type_hint_subscript!(NDARRAY, T::NAME);

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(PyArray2::from_owned_array(py, self.0))
    }
}
