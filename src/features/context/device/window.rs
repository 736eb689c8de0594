//! What one device reported in one window, and the values that follow from it.

use serde::{Deserialize, Serialize};

use super::sample::Sample;
use crate::features::context::state::is_counter;

/// What one log reports, as far as it has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) latency: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) retries: Option<f64>,
    pub(super) code: Option<f64>,
    pub(super) traffic: Option<f64>,
    pub(super) resets: Option<f64>,
}

/// Number, sum, mean, squared deviations, minimum and maximum of numbers (Welford 1962).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Moments {
    n: u64,
    sum: f64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Moments {
    fn push(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        if self.n == 0 {
            (self.min, self.max) = (value, value);
        }
        self.n += 1;
        self.sum += value;
        let deviation = value - self.mean;
        self.mean += deviation / self.n as f64;
        self.squares += deviation * (value - self.mean);
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// The sample variance, of 2 numbers or more.
    fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / (self.n - 1) as f64)
    }
}

/// How many of some numbers have a property.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Share {
    of: u64,
    n: u64,
}

impl Share {
    fn push(&mut self, has: Option<bool>) {
        self.of += u64::from(has.is_some());
        self.n += u64::from(has == Some(true));
    }

    fn get(&self) -> Option<f64> {
        (self.of > 0).then(|| self.n as f64 / self.of as f64)
    }
}

/// The logs of one device in one window so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Window {
    /// Which window since the epoch.
    pub(super) index: i64,
    logs: u64,
    latency: Moments,
    latencies: Sample,
    loss: Moments,
    retries: Moments,
    retried: Share,
    errors: Share,
    server_errors: Share,
    traffic: Moments,
    resets: Moments,
}

impl Window {
    /// Starts a window; the memory of the one before is used again.
    pub(super) fn start(&mut self, index: i64) {
        let mut latencies = std::mem::take(&mut self.latencies);
        latencies.clear();
        *self = Self { index, latencies, ..Self::default() };
    }

    pub(super) fn push(&mut self, log: &Log) {
        self.logs += 1;
        self.latency.push(log.latency);
        if let Some(latency) = log.latency {
            self.latencies.push(latency);
        }
        self.loss.push(log.loss);
        self.retries.push(log.retries);
        self.retried.push(log.retries.map(|retries| retries > 0.0));
        self.errors.push(log.code.map(|code| code != 200.0));
        self.server_errors.push(log.code.map(|code| code >= 500.0));
        self.traffic.push(log.traffic);
        self.resets.push(log.resets);
    }

    /// Writes the values in the order of the columns, NaN for one that the logs do not give and for all of a window with fewer
    /// than `min_logs` logs. `length` is of the window, in seconds.
    pub(super) fn write(&self, has: super::Has, min_logs: u32, length: f64, devices: u64, out: &mut [f64]) {
        if self.logs < u64::from(min_logs) {
            out.fill(f64::NAN);
            return;
        }
        let values = [
            (has.latency, self.latency.mean()),
            (has.latency, self.latency.variance()),
            (has.latency, self.latency.max()),
            (has.latency, self.latencies.quantile(0.95)),
            (has.loss, self.loss.mean()),
            (has.loss, self.loss.max()),
            (has.loss, self.loss.variance()),
            (has.retries, self.retries.mean()),
            (has.retries, self.retries.max()),
            (has.retries, self.retried.get()),
            (has.code, self.errors.get()),
            (has.code, self.server_errors.get()),
            (has.traffic, self.traffic.mean()),
            (has.traffic, self.traffic.variance()),
            (has.traffic, self.traffic.max().map(|max| max - self.traffic.min)),
            (has.resets, self.resets.mean()),
            (has.resets, (self.resets.n > 0).then_some(self.resets.sum)),
            (true, Some(self.logs as f64 / length)),
            (true, Some(devices as f64)),
        ];
        let values = values.into_iter().filter(|(is_there, _)| *is_there);
        for (out, (_, value)) in out.iter_mut().zip(values) {
            *out = value.unwrap_or(f64::NAN);
        }
    }

    /// Whether a window that was read can go on.
    pub(super) fn is_intact(&self) -> bool {
        let moments = [&self.latency, &self.loss, &self.retries, &self.traffic, &self.resets];
        let shares = [&self.retried, &self.errors, &self.server_errors];
        is_counter(self.logs)
            && moments.iter().all(|moments| is_counter(moments.n))
            && shares.iter().all(|share| is_counter(share.of) && share.n <= share.of)
            && self.latencies.is_intact()
    }
}
