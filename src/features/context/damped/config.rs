//! Settings of the damped statistics.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Fewest and most entities of a kind.
const ENTITIES: (usize, usize) = (16, 10_000_000);

/// Statistics of sources, channels and sockets that fade with time; see [`DampedStatistics`](super::DampedStatistics).
///
/// # Examples
///
/// ```
/// use qosguard::features::{ContextConfig, DampedStatisticsConfig};
///
/// let config: ContextConfig = serde_json::from_str(r#"{"kind": "damped_statistics", "max_entities": 1000}"#)?;
/// assert_eq!(config, DampedStatisticsConfig { max_entities: 1000 }.into());
/// assert!(DampedStatisticsConfig { max_entities: 0 }.check().is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DampedStatisticsConfig {
    /// Sources, channels and sockets that are kept, of each kind, 16 to 10,000,000; default: 16,384.
    ///
    /// The one seen longest ago makes room for a new one.
    pub max_entities: usize,
}

impl Default for DampedStatisticsConfig {
    fn default() -> Self {
        Self { max_entities: 16_384 }
    }
}

impl DampedStatisticsConfig {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let (low, high) = ENTITIES;
        if !(low..=high).contains(&self.max_entities) {
            return Err(Error::invalid("max_entities", format!("{low} to {high}"), self.max_entities));
        }
        Ok(())
    }
}
