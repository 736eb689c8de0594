//! Limits of the state of exporters.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Limits of the state of exporters. Every table has a maximum size, an eviction rule and a counter.
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
    /// Maximum number of observation domains (per exporter and format), 1 to 2^16. A new domain replaces the domain
    /// without datagrams for longest. Default: 1,024.
    pub max_domains: usize,
    /// Maximum number of templates of a domain, 1 to 2^16. A new template replaces the one unused for longest.
    /// Default: 256.
    pub max_templates: usize,
    /// Maximum number of fields of a template, 1 to 2^14. A longer template is rejected. Default: 512.
    pub max_fields: usize,
    /// Maximum number of samplers of a domain, 1 to 2^16. Further samplers are ignored. Default: 1,024.
    pub max_samplers: usize,
    /// Maximum number of data sets that wait for their template, 0 to 2^20. The oldest set of the exporter with the
    /// largest share makes room. Default: 1,024.
    pub max_kept_sets: usize,
    /// Maximum size of the data sets that wait for their template, bytes, 0 to 2^30. Default: 2^20.
    pub max_kept_bytes: usize,
    /// Seconds, by the exporter's clock, after which a data set that waits for its template is dropped, at least 0.
    /// Default: 1,800.
    pub keep_s: f64,
    /// Rows per batch, 1 to 2^20. A message is never split, so a batch may have more rows. Default: 65,536.
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
        for (name, got, min, max) in limits {
            if !(min..=max).contains(&got) {
                return Err(Error::invalid(name, format!("in {min}..={max}"), got));
            }
        }
        if self.keep_s.is_nan() || self.keep_s < 0.0 {
            return Err(Error::invalid("keep_s", "at least 0", self.keep_s));
        }
        Ok(())
    }
}
