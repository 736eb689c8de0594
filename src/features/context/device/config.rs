//! Settings of the device windows.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Shortest and longest window, in seconds.
const WINDOW: (u32, u32) = (1, 86_400);
/// Fewest and most logs that a window needs.
const LOGS: (u32, u32) = (2, 1_000_000);
/// Fewest and most devices.
const DEVICES: (usize, usize) = (16, 10_000_000);

/// What each device reported in the current window; see [`DeviceWindows`](super::DeviceWindows).
///
/// # Examples
///
/// ```
/// use qosguard::features::{ContextConfig, DeviceWindowsConfig};
///
/// let config: ContextConfig = serde_json::from_str(r#"{"kind": "device_windows", "window": 60}"#)?;
/// assert_eq!(config, DeviceWindowsConfig { window: 60, ..Default::default() }.into());
/// assert!(DeviceWindowsConfig { window: 0, ..Default::default() }.check().is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceWindowsConfig {
    /// Length of a window in seconds, 1 to 86,400; default: 30.
    ///
    /// Windows follow each other, and begin at multiples of their length since the epoch.
    pub window: u32,
    /// Logs of a window from which on it has values, 2 to 1,000,000; default: 5.
    pub min_logs: u32,
    /// Devices that are kept, 16 to 10,000,000; default: 16,384.
    ///
    /// The one seen longest ago makes room for a new one.
    pub max_devices: usize,
}

impl Default for DeviceWindowsConfig {
    fn default() -> Self {
        Self { window: 30, min_logs: 5, max_devices: 16_384 }
    }
}

impl DeviceWindowsConfig {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let (low, high) = WINDOW;
        if !(low..=high).contains(&self.window) {
            return Err(Error::invalid("window", format!("{low} to {high} seconds"), self.window));
        }
        let (low, high) = LOGS;
        if !(low..=high).contains(&self.min_logs) {
            return Err(Error::invalid("min_logs", format!("{low} to {high}"), self.min_logs));
        }
        let (low, high) = DEVICES;
        if !(low..=high).contains(&self.max_devices) {
            return Err(Error::invalid("max_devices", format!("{low} to {high}"), self.max_devices));
        }
        Ok(())
    }
}
