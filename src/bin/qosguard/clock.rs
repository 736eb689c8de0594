//! The time of a command: given as text, or from the clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// A time in RFC 3339, such as `2026-12-01T10:00:00Z`, in seconds since the epoch.
pub(crate) fn time(text: &str) -> Result<f64, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| time.as_microsecond() as f64 / 1e6)
        .map_err(|_| "expected a time in RFC 3339, such as 2026-12-01T10:00:00Z".into())
}

/// The given time, or now.
pub(crate) fn or_now(time: Option<f64>) -> f64 {
    time.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}
