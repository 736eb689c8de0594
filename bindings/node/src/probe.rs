//! Panics on purpose: proof that neither a synchronous call nor a job can take Node down.
#![allow(clippy::panic, reason = "the purpose")]

use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::job::{Job, spawn};

/// Panics on the event loop.
///
/// # Panics
///
/// Always.
#[napi(catch_unwind, skip_typescript)]
pub fn probe_panic_sync() {
    panic!("probe");
}

/// Panics on the thread pool.
///
/// # Panics
///
/// Never itself; the job that it starts always does.
#[napi(catch_unwind, skip_typescript)]
pub fn probe_panic() -> AsyncTask<Job<u32>> {
    spawn(|| panic!("probe"))
}
