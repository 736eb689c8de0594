//! Errors whose `code` in JavaScript is the core's kind string and whose `details` are the core's.

use std::error::Error as _;

/// An error whose status string becomes `error.code`.
pub(crate) type Failure = napi::Error<&'static str>;

/// Result of every synchronous call.
pub(crate) type Result<T> = napi::Result<T, &'static str>;

/// The core's error with its chain of sources joined by `": "`, and its details as the cause.
pub(crate) fn into_js_err(error: &qosguard::Error) -> Failure {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    let mut failure = Failure::new(error.kind().as_str(), message);
    // napi converts only the code, the message and the cause. `lib/errors.js` makes `error.details` of this cause, which no
    // other error has: its code is `Ok`.
    failure.set_cause(napi::Error::new(napi::Status::Ok, error.details().to_string()));
    failure
}

/// An argument that JavaScript let through and the core's types cannot hold.
pub(crate) fn invalid(name: &str, expected: &str, got: impl ToString) -> Failure {
    into_js_err(&qosguard::Error::invalid(name, expected, got))
}
