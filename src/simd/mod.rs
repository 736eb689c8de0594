//! Wide instructions: detection, and functions that are compiled for each width.

mod dispatch;
mod processor;

pub(crate) use dispatch::wide;
#[cfg(target_arch = "x86_64")]
pub(crate) use processor::Detected;
pub(crate) use processor::Processor;
