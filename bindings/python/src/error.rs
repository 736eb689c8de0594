//! The border: every call into the core passes [`forward`], which releases the GIL, turns an
//! [`Error`] into the Python exception of its kind, and stops panics.

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use qosguard::Error;

/// Runs `work` without the GIL and converts what comes out.
///
/// A panic becomes `qosguard.errors.InternalError`, which `except Exception` catches; PyO3's own
/// `PanicException` would pass by.
///
/// The memory of NumPy arrays that `work` borrows stays valid, but another Python thread may write
/// to it meanwhile; not doing so is the caller's duty.
pub(crate) fn forward<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> qosguard::Result<T> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(to_py(py, &error)),
        Err(_) => {
            Err(exception(py, "internal", "qosguard panicked; please report it with what stands above", None))
        }
    }
}

/// The Python exception of an error, its chain of sources joined with `": "`.
pub(crate) fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        message = format!("{message}: {source}");
        next = source.source();
    }
    let refusal = match error {
        Error::Io { path, source } => source.raw_os_error().map(|code| (code, path.clone())),
        _ => None,
    };
    exception(py, error.kind().as_str(), &message, refusal)
}

/// Asks the Python face for the exception of a kind.
fn exception(py: Python<'_>, kind: &str, message: &str, refusal: Option<(i32, std::path::PathBuf)>) -> PyErr {
    let built = py
        .import("qosguard.errors")
        .and_then(|errors| errors.getattr("from_kind"))
        .and_then(|from_kind| from_kind.call1((kind, message, refusal)));
    match built {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Panics inside the border, so that a test can see what becomes of it.
#[pyfunction]
#[pyo3(name = "_provoke_panic")]
pub(crate) fn provoke_panic(py: Python<'_>) -> PyResult<()> {
    forward(py, || panic!("provoked"))
}
