//! Columns: Arrow memory, Arrow IPC and Parquet.

pub(crate) mod arrow;
mod caught;
pub(crate) mod convert;
pub(crate) mod ipc;
pub(crate) mod ipc_messages;
pub(crate) mod ipc_writer;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
#[cfg(feature = "parquet")]
pub(crate) mod parquet_writer;
pub(crate) mod text_array;
pub(crate) mod values;
