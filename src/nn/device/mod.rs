//! Where networks are trained, and where they score in batches.

use std::fmt;

use candle_core::{DType, Shape, Tensor, WithDType};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a network computes; `cpu` or `cuda:0` in settings.
///
/// A device that the build or the machine lacks is refused, never replaced by another. First weights, batches and all
/// that is random are the same everywhere, but only the CPU gives the same bits in every run.
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
    /// The processor, by operations of our own.
    #[default]
    Cpu,
    /// The GPU of this number, from 0, by candle's operations; it takes the feature `cuda`.
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

    /// Opens the device that the setting `name` asks for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for one that is not there.
    pub(crate) fn open(self, name: &str, precision: Precision) -> Result<Place> {
        let dtype = match precision {
            Precision::Single => DType::F32,
            Precision::Half => DType::F16,
        };
        let device = match self {
            Self::Cpu => candle_core::Device::Cpu,
            Self::Cuda(number) => candle_core::Device::new_cuda(number).map_err(|error| {
                let expected = if cfg!(feature = "cuda") {
                    "a device that is there"
                } else {
                    "`cpu` in a build without the feature `cuda`"
                };
                Error::invalid(name, expected, format!("`{self}` ({error})"))
            })?,
        };
        Ok(Place { device, dtype })
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

/// How a device is written.
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

/// Where tensors stand, and of which type their numbers are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    device: candle_core::Device,
    dtype: DType,
}

impl Default for Place {
    fn default() -> Self {
        Self { device: candle_core::Device::Cpu, dtype: DType::F32 }
    }
}

impl Place {
    /// Where a tensor of numbers stands.
    pub(crate) fn of(x: &Tensor) -> Self {
        Self { device: x.device().clone(), dtype: x.dtype() }
    }

    /// Brings numbers or codes there. A tensor without any stays in main memory: a GPU has no empty arrays.
    pub(crate) fn tensor<T: WithDType>(
        &self,
        values: Vec<T>,
        shape: impl Into<Shape>,
    ) -> candle_core::Result<Tensor> {
        let device = if values.is_empty() { &candle_core::Device::Cpu } else { &self.device };
        let tensor = Tensor::from_vec(values, shape.into(), device)?;
        if T::DTYPE.is_float() { tensor.to_dtype(self.dtype) } else { Ok(tensor) }
    }

    /// Refuses scores of half precision that went past what it holds.
    pub(crate) fn check(&self, scores: Vec<f32>) -> Result<Vec<f32>> {
        let lost = |score: &f32| self.dtype == DType::F16 && !score.is_finite();
        match scores.iter().position(lost) {
            None => Ok(scores),
            Some(row) => {
                let expected = format!("single, as numbers of row {row} pass 65,504 in the network");
                Err(Error::invalid("precision", expected, "half"))
            }
        }
    }
}

/// Whether our own operations take a tensor; candle's take all others.
pub(crate) fn is_ours(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The number in a scalar.
pub(crate) fn number(x: &Tensor) -> candle_core::Result<f64> {
    x.to_dtype(DType::F64)?.to_scalar()
}

/// The numbers of a tensor, row by row.
pub(crate) fn numbers(x: &Tensor) -> candle_core::Result<Vec<f32>> {
    x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
