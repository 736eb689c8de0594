//! Where networks are trained, and where they score in batches.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a network computes; `cpu` or `cuda:0` in settings.
///
/// A device that the build or the machine lacks is an error and is never replaced by another. Initial weights, batches
/// and random numbers are the same on every device, but only the CPU gives the same bits in every run.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Device, TrainingConfig};
///
/// let config: TrainingConfig = serde_json::from_str(r#"{"device": "cuda:1"}"#)?;
/// assert_eq!(config.device, Device::Cuda(1));
/// assert_eq!(Device::default().to_string(), "cpu");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Device {
    /// The processor, with operations of this crate.
    #[default]
    Cpu,
    /// The GPU of this number, from 0, with the operations of candle; needs the feature `cuda`.
    Cuda(usize),
}

/// The numbers that a network computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits: about 7 digits.
    #[default]
    Single,
    /// 16 bits (IEEE): about 3 digits, up to 65,504.
    Half,
}

impl Device {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// The text of a device.
const EXPECTED: &str = "`cpu` or `cuda:` and a number";

impl TryFrom<String> for Device {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
        match number.map_or(Self::Cpu, Self::Cuda) {
            device if device.to_string() == text => Ok(device),
            _ => Err(Error::invalid("device", EXPECTED, format!("{text:?}"))),
        }
    }
}
