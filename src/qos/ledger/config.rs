//! The settings of a ledger.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Minimum of [`LedgerConfig::max_file_bytes`].
const MIN_FILE_BYTES: u64 = 4096;

/// The settings of a [`Ledger`](super::Ledger).
///
/// # Examples
///
/// ```
/// use qosguard::qos::LedgerConfig;
///
/// let config = LedgerConfig::default();
/// assert_eq!((config.max_file_bytes, config.max_live, config.sync), (64 << 20, 100_000, false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Size in bytes at which a file is finished and a new one starts, at least 4,096. A new file starts with the live
    /// decisions, so a file is finished at twice the size of them where that is more.
    pub max_file_bytes: u64,
    /// Maximum number of live decisions, from 1 to 10,000,000. A decision beyond it gets the outcome `skipped`.
    pub max_live: usize,
    /// Whether each write waits until the disk has it. Without it, the last lines may be lost when the machine stops;
    /// they are never lost when only the program stops.
    pub sync: bool,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { max_file_bytes: 64 << 20, max_live: 100_000, sync: false }
    }
}

impl LedgerConfig {
    /// The first setting outside its range as an error.
    pub(super) fn check(&self) -> Result<()> {
        if self.max_file_bytes < MIN_FILE_BYTES {
            let expected = format!("at least {MIN_FILE_BYTES}");
            return Err(Error::invalid("max_file_bytes", expected, self.max_file_bytes));
        }
        if !(1..=10_000_000).contains(&self.max_live) {
            return Err(Error::invalid("max_live", "from 1 to 10000000", self.max_live));
        }
        Ok(())
    }
}
