//! Rows of numbers from JavaScript: a `Float32Array`, or a `Float64Array` for more than 24 bits.

use std::borrow::Cow;

use napi::Unknown;
use napi::bindgen_prelude::FromNapiValue;
use qosguard::Error;
use qosguard::detect::AnyRows;
use qosguard::ndarray::ArrayView2;

use crate::convert::refused;
use crate::error::Result;

/// The numbers of some rows, row after row.
pub(crate) enum Rows<'a> {
    F32(Cow<'a, [f32]>),
    F64(Cow<'a, [f64]>),
}

impl<'a> Rows<'a> {
    /// Borrows a typed array.
    pub(crate) fn new(x: Unknown<'a>) -> Result<Self> {
        match <&[f64]>::from_unknown(x) {
            Ok(x) => Ok(Self::F64(x.into())),
            Err(_) => <&[f32]>::from_unknown(x).map(|x| Self::F32(x.into())).map_err(refused),
        }
    }

    /// A copy that other threads can use.
    pub(crate) fn into_owned(self) -> Rows<'static> {
        match self {
            Self::F32(x) => Rows::F32(x.into_owned().into()),
            Self::F64(x) => Rows::F64(x.into_owned().into()),
        }
    }

    /// The numbers as a matrix of this many columns.
    pub(crate) fn view(&self, n_columns: usize) -> qosguard::Result<AnyRows<'_>> {
        Ok(match self {
            Self::F32(x) => matrix(x, n_columns)?.into(),
            Self::F64(x) => matrix(x, n_columns)?.into(),
        })
    }
}

/// A row-major view of `values`, which must be whole rows.
pub(crate) fn matrix<T>(values: &[T], n_columns: usize) -> qosguard::Result<ArrayView2<'_, T>> {
    let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
    let expected = n_rows.saturating_mul(n_columns);
    let mismatch = Error::ShapeMismatch { what: "numbers in whole rows", expected, got: values.len() };
    if expected != values.len() {
        return Err(mismatch);
    }
    ArrayView2::from_shape((n_rows, n_columns), values).map_err(|_| mismatch)
}
