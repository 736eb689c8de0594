//! Work off the event loop.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{AsyncTask, External, ToNapiValue, TypeName};
use napi::{Env, JsError, Task};
use napi_derive::napi;
use qosguard::Monitor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::convert::mirror;
use crate::error::{Failure, Result, into_js_err};

/// One call of the core on the libuv thread pool; it owns everything that it reads.
pub struct Job<T>(Option<Box<dyn FnOnce() -> Result<T> + Send>>);

impl<T> std::fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

thread_local! {
    /// What cancels the next job that this thread starts.
    static NEXT: RefCell<Option<Monitor>> = const { RefCell::new(None) };
}

/// Binds the next job that this thread starts to a monitor that `cancelJob` cancels; `index.js` calls it where a call has
/// an `AbortSignal`.
#[napi(skip_typescript, catch_unwind)]
pub fn bind_next_job() -> External<Monitor> {
    let monitor = Monitor::default();
    NEXT.set(Some(monitor.clone()));
    External::new(monitor)
}

/// Leaves the next job unbound, if it was not started.
#[napi(skip_typescript, catch_unwind)]
pub fn release_next_job() {
    NEXT.take();
}

/// Cancels the job that was bound.
#[napi(skip_typescript, catch_unwind)]
pub fn cancel_job(monitor: &External<Monitor>) {
    monitor.cancel();
}

/// The monitor that the job which starts now is bound to, or one that is never cancelled.
fn bound() -> Monitor {
    NEXT.take().unwrap_or_default()
}

/// Runs `work` off the event loop and settles a promise with what it returns.
pub(crate) fn spawn<T>(work: impl FnOnce() -> qosguard::Result<T> + Send + 'static) -> AsyncTask<Job<T>>
where
    T: Send + ToNapiValue + TypeName + 'static,
{
    let monitor = bound();
    AsyncTask::new(Job(Some(Box::new(move || monitor.run(work).map_err(|error| into_js_err(&error))))))
}

/// As [`spawn`], for a plain record of the core, which JavaScript gets as its [`mirror`].
pub(crate) fn spawn_mirror<C, T>(
    work: impl FnOnce() -> qosguard::Result<C> + Send + 'static,
) -> AsyncTask<Job<T>>
where
    C: Serialize,
    T: DeserializeOwned + Send + ToNapiValue + TypeName + 'static,
{
    let monitor = bound();
    let mirrored = move || mirror(&monitor.run(work).map_err(|error| into_js_err(&error))?);
    AsyncTask::new(Job(Some(Box::new(mirrored))))
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Job<T> {
    type Output = Result<T>;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let internal = |what| Err(Failure::new("internal", format!("{what}; please report it")));
        let Some(work) = self.0.take() else { return Ok(internal("a job ran twice")) };
        // libuv calls this through plain `extern "C"`: an escaping panic would abort Node.
        Ok(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| internal("a panic inside qosguard")))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        // Through a JavaScript error object, which keeps the `code`.
        output.map_err(|failure| napi::Error::from(JsError::from(failure).into_unknown(env)))
    }
}
