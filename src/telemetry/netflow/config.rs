//! Limits of what is remembered of exporters.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How much is remembered of exporters; every table has a cap, an eviction rule and a counter.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::netflow::NetflowConfig;
///
/// let config = NetflowConfig { max_domains: 16, ..NetflowConfig::default() };
/// assert_eq!(config.max_templates, 256);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetflowConfig {
    /// Observation domains (per exporter and format) that are remembered, 1 to 2^16; the one silent for longest
    /// makes room.
    pub max_domains: usize,
    /// Templates of a domain, 1 to 2^16; the one unused for longest makes room.
    pub max_templates: usize,
    /// Fields of a template, 1 to 2^14; a longer one is refused.
    pub max_fields: usize,
    /// Samplers of a domain, 1 to 2^16; more are ignored.
    pub max_samplers: usize,
    /// Data sets that wait for their template, 0 to 2^20; the oldest makes room.
    pub max_kept_sets: usize,
    /// Bytes of the data sets that wait, 0 to 2^30.
    pub max_kept_bytes: usize,
    /// Seconds, by the exporter's clock, after which a data set that waits is dropped, at least 0.
    pub keep_s: f64,
    /// Rows of a batch, 1 to 2^20; the last message of a batch is read whole, so there may be some more.
    pub batch_rows: usize,
}

impl Default for NetflowConfig {
    fn default() -> Self {
        Self {
            max_domains: 1_024,
            max_templates: 256,
            max_fields: 512,
            max_samplers: 1_024,
            max_kept_sets: 1_024,
            max_kept_bytes: 1 << 20,
            keep_s: 1_800.0,
            batch_rows: 65_536,
        }
    }
}

impl NetflowConfig {
    pub(super) fn check(&self) -> Result<()> {
        let limits = [
            ("max_domains", self.max_domains, 1, 1 << 16),
            ("max_templates", self.max_templates, 1, 1 << 16),
            ("max_fields", self.max_fields, 1, 1 << 14),
            ("max_samplers", self.max_samplers, 1, 1 << 16),
            ("max_kept_sets", self.max_kept_sets, 0, 1 << 20),
            ("max_kept_bytes", self.max_kept_bytes, 0, 1 << 30),
            ("batch_rows", self.batch_rows, 1, 1 << 20),
        ];
        for (name, got, least, most) in limits {
            if !(least..=most).contains(&got) {
                return Err(Error::invalid(name, format!("in {least}..={most}"), got));
            }
        }
        if self.keep_s.is_nan() || self.keep_s < 0.0 {
            return Err(Error::invalid("keep_s", "at least 0", self.keep_s));
        }
        Ok(())
    }
}
