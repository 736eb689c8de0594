//! Devices as candle opens them, and tensors on them.

use candle_core::{DType, Shape, Tensor, WithDType};

use super::config::{Device, Precision};
use crate::error::{Error, Result};

impl Device {
    /// Opens the device of the setting `name`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a device that does not exist.
    pub(crate) fn open(self, name: &str, precision: Precision) -> Result<Place> {
        let dtype = match precision {
            Precision::Single => DType::F32,
            Precision::Half => DType::F16,
        };
        let device = match self {
            Self::Cpu => candle_core::Device::Cpu,
            Self::Cuda(number) => candle_core::Device::new_cuda(number).map_err(|error| {
                let expected = if cfg!(feature = "cuda") {
                    "an existing device"
                } else {
                    "`cpu` in a build without the feature `cuda`"
                };
                Error::invalid(name, expected, format!("`{self}` ({error})"))
            })?,
        };
        Ok(Place { device, dtype })
    }
}

/// The device of tensors, and the type of their numbers.
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
    /// The place of a tensor of numbers.
    pub(crate) fn of(x: &Tensor) -> Self {
        Self { device: x.device().clone(), dtype: x.dtype() }
    }

    /// A tensor of numbers or codes in this place. An empty tensor stays in main memory: a GPU has no empty arrays.
    pub(crate) fn tensor<T: WithDType>(
        &self,
        values: Vec<T>,
        shape: impl Into<Shape>,
    ) -> candle_core::Result<Tensor> {
        let device = if values.is_empty() { &candle_core::Device::Cpu } else { &self.device };
        let tensor = Tensor::from_vec(values, shape.into(), device)?;
        if T::DTYPE.is_float() { tensor.to_dtype(self.dtype) } else { Ok(tensor) }
    }

    /// Rejects scores that exceeded the range of half precision.
    pub(crate) fn check(&self, scores: Vec<f32>) -> Result<Vec<f32>> {
        let lost = |score: &f32| self.dtype == DType::F16 && !score.is_finite();
        match scores.iter().position(lost) {
            None => Ok(scores),
            Some(row) => {
                let expected = format!("single, as numbers of row {row} exceed 65,504 in the network");
                Err(Error::invalid("precision", expected, "half"))
            }
        }
    }
}

/// Whether the operations of this crate take a tensor; all others use the operations of candle.
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
