//! The parts of Arrow that this crate and its public API use, under the paths of the `arrow` crate.
//!
//! The umbrella crate `arrow` also compiles kernels that nothing here calls. Its types are the same ones: a `RecordBatch` of the
//! `arrow` crate of the same major version is a `qosguard::arrow::array::RecordBatch`.

/// Arrays, their builders and record batches.
pub mod array {
    pub use arrow_array::builder::*;
    pub use arrow_array::cast::*;
    pub use arrow_array::iterator::*;
    pub use arrow_array::*;
    pub use arrow_data::{ArrayData, ArrayDataBuilder};
}

/// Buffers, offsets and null masks.
pub mod buffer {
    pub use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
}

/// Selecting and joining rows.
pub mod compute {
    pub use arrow_select::concat::{concat, concat_batches};
    pub use arrow_select::filter::{filter, filter_record_batch};
    pub use arrow_select::interleave::interleave_record_batch;
    pub use arrow_select::take::{take, take_record_batch};
}

/// Schemas, fields and data types.
pub mod datatypes {
    pub use arrow_array::types::*;
    pub use arrow_schema::*;
}

/// Arrow's errors.
pub mod error {
    pub use arrow_schema::ArrowError;
}

/// The IPC format: files and streams.
pub mod ipc {
    pub use arrow_ipc::*;
}
