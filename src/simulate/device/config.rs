//! The settings of the device simulator.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::simulate::config::MAX_START_TIME;
use crate::simulate::disturbance::Disturbance;

/// Minimum number of records of a device.
const MIN_RECORDS: f64 = 60.0;
/// Maximum number of records of all devices.
const MAX_RECORDS: f64 = 5e6;
/// Earliest start: before it, a number of seconds is not a time of the schema `device_log`.
const MIN_START_TIME: u64 = 200_000_000;

/// What is wrong with a device during an event of [`devices`](super::devices).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeviceAnomaly {
    /// Latency N(300, 50) ms, and retries Poisson(3).
    LatencySpike,
    /// Packet loss N(15, 5) %, and retries Poisson(5).
    LossBurst,
    /// Error codes 500, 502, 503 and 504, and retries Poisson(8).
    ErrorStorm,
    /// Traffic N(100, 20) MB, and connection resets Poisson(5).
    TrafficSurge,
}

impl DeviceAnomaly {
    /// Every kind of anomaly.
    pub const ALL: [Self; 4] = [Self::LatencySpike, Self::LossBurst, Self::ErrorStorm, Self::TrafficSurge];

    /// The name of the kind.
    ///
    /// ```
    /// assert_eq!(qosguard::simulate::DeviceAnomaly::ErrorStorm.as_str(), "error_storm");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LatencySpike => "latency_spike",
            Self::LossBurst => "loss_burst",
            Self::ErrorStorm => "error_storm",
            Self::TrafficSurge => "traffic_surge",
        }
    }
}

/// Settings of [`devices`](super::devices).
///
/// ```
/// use qosguard::simulate::DeviceSimulatorConfig;
///
/// let config = DeviceSimulatorConfig { devices: 5, ..Default::default() };
/// assert_eq!((config.anomaly_share, config.interval_s), (0.05, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceSimulatorConfig {
    /// Number of devices, at least 1. Default: 20.
    pub devices: u32,
    /// Length of the simulation in seconds. Each device has `duration_s / interval_s` records, at least 60; at most 5·10^6
    /// records in total. Default: 600.
    pub duration_s: f64,
    /// Seconds between two records of a device, 0.01 to 3,600. Default: 1.
    pub interval_s: f64,
    /// Share of anomalous records, in `[0, 0.5]`, realised to the nearest record. Default: 0.05.
    pub anomaly_share: f64,
    /// The anomalies, without repetition. Default: all.
    pub anomalies: Vec<DeviceAnomaly>,
    /// Start of the simulation, seconds since the Unix epoch, from 200,000,000 to the year 9999.
    /// Default: 2026-01-05, 00:00 UTC.
    pub start_time: u64,
    /// Seconds that the clock of the first device is ahead, −86,400 to 86,400. Default: 0.
    pub clock_skew_s: f64,
    /// Share of the records that arrive late, in `[0, 1]`, realised to the nearest record. Default: 0.
    pub late_fraction: f64,
    /// Maximum delay of a late record in seconds, above 0 and at most 86,400; the minimum is a quarter of it.
    /// Default: 120.
    pub late_s: f64,
    /// Share of the records that occur twice, in `[0, 1]`, realised to the nearest record. Default: 0.
    pub duplicate_fraction: f64,
    /// Seed of all random draws. Default: 0.
    pub seed: u64,
}

impl Default for DeviceSimulatorConfig {
    fn default() -> Self {
        Self {
            devices: 20,
            duration_s: 600.0,
            interval_s: 1.0,
            anomaly_share: 0.05,
            anomalies: DeviceAnomaly::ALL.to_vec(),
            start_time: 1_767_571_200, // Monday 2026-01-05, 00:00 UTC
            clock_skew_s: 0.0,
            late_fraction: 0.0,
            late_s: 120.0,
            duplicate_fraction: 0.0,
            seed: 0,
        }
    }
}

impl DeviceSimulatorConfig {
    /// Checks every field.
    pub(super) fn validate(&self) -> Result<()> {
        if self.devices == 0 {
            return Err(Error::invalid("devices", "at least 1", self.devices));
        }
        if !(0.01..=3_600.0).contains(&self.interval_s) {
            return Err(Error::invalid("interval_s", "in [0.01, 3600]", self.interval_s));
        }
        let records = (self.duration_s / self.interval_s).floor();
        if !(records >= MIN_RECORDS && records * f64::from(self.devices) <= MAX_RECORDS) {
            let expected = format!(
                "at least {MIN_RECORDS} records per device and at most {MAX_RECORDS} records of {} devices",
                self.devices
            );
            return Err(Error::invalid("duration_s", expected, self.duration_s));
        }
        if !(0.0..=0.5).contains(&self.anomaly_share) {
            return Err(Error::invalid("anomaly_share", "in [0, 0.5]", self.anomaly_share));
        }
        if self.anomalies.is_empty() && self.anomaly_share > 0.0 {
            return Err(Error::invalid("anomalies", "not empty when anomaly_share is above 0", "[]"));
        }
        for (i, anomaly) in self.anomalies.iter().enumerate() {
            if self.anomalies.iter().take(i).any(|other| other == anomaly) {
                return Err(Error::invalid("anomalies", "distinct", format!("{} twice", anomaly.as_str())));
            }
        }
        if !(MIN_START_TIME..=MAX_START_TIME).contains(&self.start_time) {
            return Err(Error::invalid("start_time", "in 200000000..=253402300799", self.start_time));
        }
        self.disturbance().validate(self.start_time)
    }

    /// Number of records of each device.
    pub(super) fn records_per_device(&self) -> usize {
        (self.duration_s / self.interval_s).floor() as usize
    }

    /// What happens to the records between the device and the reader.
    pub(super) fn disturbance(&self) -> Disturbance {
        Disturbance {
            clock_skew_s: self.clock_skew_s,
            late_fraction: self.late_fraction,
            late_s: self.late_s,
            duplicate_fraction: self.duplicate_fraction,
        }
    }
}
