//! The numbers inside tensors.

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor, bail};

/// The numbers of a contiguous tensor, as an operation gets them.
pub(super) fn of<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values: &[f32] = storage.as_slice()?;
    match layout.contiguous_offsets().and_then(|(start, end)| values.get(start..end)) {
        Some(values) => Ok(values),
        None => bail!("expected a contiguous tensor, found {layout:?}"),
    }
}

/// Calls `f` with the numbers of some contiguous tensors.
pub(super) fn read<const N: usize, T>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> Result<T>,
) -> Result<T> {
    let parts = tensors.map(Tensor::storage_and_layout);
    let mut values = [[].as_slice(); N];
    for (values, (storage, layout)) in values.iter_mut().zip(&parts) {
        match &**storage {
            Storage::Cpu(storage) => *values = of(storage, layout)?,
            other => bail!("expected a tensor in main memory, found one on {:?}", other.device()),
        }
    }
    f(values)
}

/// A new tensor.
pub(super) fn tensor(values: Vec<f32>, shape: &Shape) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)
}
