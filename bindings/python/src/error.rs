//! The border: every call into the core passes [`forward`] or [`interruptible`], which release the GIL, turn an
//! [`Error`] into the Python exception of its kind, and stop panics.

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use qosguard::{Error, Monitor};
use serde_json::{Value, json};

use crate::convert::Record;

/// Fewer rows are done before a signal can arrive.
const FEW: usize = 256;

/// How often long work checks for signals.
const LOOK: Duration = Duration::from_millis(50);

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
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    convert(py, outcome)
}

/// As [`forward`], for work that may take long: Ctrl-C cancels it and raises `KeyboardInterrupt`.
///
/// Python runs signal handlers on its main thread only, so the work runs on a thread of its own while this one looks
/// for signals.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> qosguard::Result<T> + Send,
) -> PyResult<T> {
    let monitor = Monitor::default();
    let mut raised = None;
    let outcome = thread::scope(|scope| {
        let (running, mut ended) = mpsc::channel::<()>();
        let inner = monitor.clone();
        let work = move || {
            // Dropped when the work ends, also by a panic.
            let _running = running;
            inner.run(work)
        };
        let thread = thread::Builder::new().name("qosguard".into()).spawn_scoped(scope, work);
        let thread = match thread {
            Ok(thread) => thread,
            Err(source) => return Ok(Err(Error::Io { path: "thread".into(), source })),
        };
        loop {
            let (outcome, receiver) = py.detach(move || (ended.recv_timeout(LOOK), ended));
            ended = receiver;
            if outcome != Err(RecvTimeoutError::Timeout) {
                break;
            }
            if raised.is_none()
                && let Err(error) = py.check_signals()
            {
                raised = Some(error);
                monitor.cancel();
            }
        }
        py.detach(|| thread.join())
    });
    let outcome = convert(py, outcome);
    raised.map_or(outcome, Err)
}

/// As [`interruptible`], without another thread for a few rows, which are done before a signal can arrive.
pub(crate) fn forward_rows<T: Send>(
    py: Python<'_>,
    rows: usize,
    work: impl FnOnce() -> qosguard::Result<T> + Send,
) -> PyResult<T> {
    if rows < FEW { forward(py, work) } else { interruptible(py, work) }
}

fn convert<T>(py: Python<'_>, outcome: thread::Result<qosguard::Result<T>>) -> PyResult<T> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(to_py(py, &error)),
        Err(_) => {
            let message = "qosguard panicked; please report it with the output above";
            Err(exception(py, "internal", message, &json!({}), None))
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
    exception(py, error.kind().as_str(), &message, &error.details(), refusal)
}

/// Builds the exception of a kind, which the Python package defines.
fn exception(
    py: Python<'_>,
    kind: &str,
    message: &str,
    details: &Value,
    refusal: Option<(i32, std::path::PathBuf)>,
) -> PyErr {
    let built = py
        .import("qosguard.errors")
        .and_then(|errors| errors.getattr("from_kind"))
        .and_then(|from_kind| from_kind.call1((kind, message, Record::new(details), refusal)));
    match built {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The kinds of all errors of the core, for a test of `qosguard.errors`.
#[pyfunction]
#[pyo3(name = "_error_kinds")]
pub(crate) fn error_kinds() -> Vec<&'static str> {
    qosguard::ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

/// Panics inside the border, so that a test can see what becomes of it.
#[pyfunction]
#[pyo3(name = "_provoke_panic")]
pub(crate) fn provoke_panic(py: Python<'_>) -> PyResult<()> {
    forward(py, || panic!("provoked"))
}
