//! Wide instructions: what the processor has, and functions that are compiled for each width.

mod dispatch;
mod processor;

#[cfg(feature = "neural")]
pub(crate) use dispatch::wide;
#[cfg(all(feature = "neural", target_arch = "x86_64"))]
pub(crate) use processor::Detected;
pub(crate) use processor::Processor;
