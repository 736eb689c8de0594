//! Settings of a plan.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::qos::Prefix;

/// Largest number of prefixes in [`PlanConfig::never_act`].
const MAX_NEVER_ACT: usize = 10_000;

/// Limits of a [`Plan`](super::Plan).
///
/// | field | meaning | range |
/// |---|---|---|
/// | `max_hosts` | hosts that a plan may act on: addresses of IPv4, networks of /64 of IPv6 | 1 to 2^32 |
/// | `min_length_v4` | shortest IPv4 prefix that is planned | 8 to 32 |
/// | `min_length_v6` | shortest IPv6 prefix that is planned | 16 to 128 |
/// | `per_service` | one entry for each source, protocol and port instead of each source | |
/// | `never_act` | prefixes that no entry touches, in addition to the allow-list of the policy | at most 10,000 |
///
/// ```
/// use qosguard::qos::PlanConfig;
///
/// let config = PlanConfig { max_hosts: 100, never_act: vec!["192.0.2.1".parse()?], ..PlanConfig::default() };
/// assert_eq!((config.min_length_v4, config.min_length_v6), (24, 48));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// Hosts that a plan may act on.
    pub max_hosts: u64,
    /// Shortest IPv4 prefix that is planned.
    pub min_length_v4: u8,
    /// Shortest IPv6 prefix that is planned.
    pub min_length_v6: u8,
    /// Whether there is an entry for each source, protocol and destination port.
    pub per_service: bool,
    /// Prefixes that no entry touches.
    pub never_act: Vec<Prefix>,
}

impl Default for PlanConfig {
    /// 65,536 hosts, prefixes from /24 and /48 on, and all traffic of a source.
    fn default() -> Self {
        Self {
            max_hosts: 65_536,
            min_length_v4: 24,
            min_length_v6: 48,
            per_service: false,
            never_act: vec![],
        }
    }
}

impl PlanConfig {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a field outside its range.
    pub(super) fn check(&self) -> Result<()> {
        let out = |path: &str, expected: &str, got: u64| Err(Error::invalid(path, expected, got));
        if !(1..=1 << 32).contains(&self.max_hosts) {
            return out("max_hosts", "a whole number from 1 to 2^32", self.max_hosts);
        }
        if !(8..=32).contains(&self.min_length_v4) {
            return out("min_length_v4", "a prefix length from 8 to 32", self.min_length_v4.into());
        }
        if !(16..=128).contains(&self.min_length_v6) {
            return out("min_length_v6", "a prefix length from 16 to 128", self.min_length_v6.into());
        }
        if self.never_act.len() > MAX_NEVER_ACT {
            return out("never_act", "at most 10000 prefixes", self.never_act.len() as u64);
        }
        Ok(())
    }
}
