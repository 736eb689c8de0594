//! Work off the event loop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{AsyncTask, ToNapiValue, TypeName};
use napi::{Env, JsError, Task};
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

/// Runs `work` off the event loop and settles a promise with what it returns.
pub(crate) fn spawn<T>(work: impl FnOnce() -> qosguard::Result<T> + Send + 'static) -> AsyncTask<Job<T>>
where
    T: Send + ToNapiValue + TypeName + 'static,
{
    AsyncTask::new(Job(Some(Box::new(|| work().map_err(|error| into_js_err(&error))))))
}

/// As [`spawn`], for a plain record of the core, which JavaScript gets as its [`mirror`].
pub(crate) fn spawn_mirror<C, T>(
    work: impl FnOnce() -> qosguard::Result<C> + Send + 'static,
) -> AsyncTask<Job<T>>
where
    C: Serialize,
    T: DeserializeOwned + Send + ToNapiValue + TypeName + 'static,
{
    let mirrored = || mirror(&work().map_err(|error| into_js_err(&error))?);
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
