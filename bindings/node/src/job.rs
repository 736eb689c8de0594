//! Work off the event loop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{AsyncTask, ToNapiValue, TypeName};
use napi::{Env, JsError, Task};

use crate::error::{Failure, Result, into_js_err};

/// Code of an error that only a bug in this package can cause.
const INTERNAL: &str = "internal";

type Work<T> = Box<dyn FnOnce() -> qosguard::Result<T> + Send>;

/// One call of the core on the libuv thread pool; it owns everything that it reads.
pub(crate) struct Job<T>(Option<Work<T>>);

/// Runs `work` off the event loop and settles a promise with what it returns.
pub(crate) fn spawn<T>(work: impl FnOnce() -> qosguard::Result<T> + Send + 'static) -> AsyncTask<Job<T>>
where
    T: Send + ToNapiValue + TypeName + 'static,
{
    AsyncTask::new(Job(Some(Box::new(work))))
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Job<T> {
    type Output = Result<T>;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let Some(work) = self.0.take() else {
            return Ok(Err(Failure::new(INTERNAL, "a job ran twice; please report it")));
        };
        // libuv calls this through plain `extern "C"`: an escaping panic would abort Node.
        Ok(catch_unwind(AssertUnwindSafe(work)).map_or_else(
            |_| Err(Failure::new(INTERNAL, "a panic inside qosguard; please report it")),
            |done| done.map_err(|error| into_js_err(&error)),
        ))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        // Through a JavaScript error object, which keeps the `code`.
        output.map_err(|failure| napi::Error::from(JsError::from(failure).into_unknown(env)))
    }
}
