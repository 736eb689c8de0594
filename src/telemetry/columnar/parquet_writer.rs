//! Arrow batches out as Parquet.

use std::io::{self, Write};
use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::arrow::datatypes::Fields;
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::time_columns::{TimeColumns, appended};

/// Writes batches of a schema as Parquet, packed with Zstandard; it holds one row group, packed.
///
/// Every value reads back to the same bits, nulls as nulls.
///
/// # Examples
///
/// See [`ParquetReader`](crate::telemetry::ParquetReader).
#[derive(Debug)]
pub struct ParquetWriter<W: Write + Send>(ArrowWriter<W>, TimeColumns);

impl<W: Write + Send> ParquetWriter<W> {
    /// A writer of tables with these columns.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn new(out: W, schema: &Schema) -> io::Result<Self> {
        Self::with(out, schema, &Fields::empty())
    }

    /// A writer of tables that have further columns after the columns of a schema.
    pub(crate) fn with(out: W, schema: &Schema, more: &Fields) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("qosguard ", env!("CARGO_PKG_VERSION")).into());
        let times = TimeColumns::of(schema);
        let arrow = Arc::new(appended(times.arrow_schema(schema), more));
        Ok(Self(ArrowWriter::try_new(out, arrow, Some(properties.build()))?, times))
    }

    /// Writes one batch.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer, and an error for a batch with other columns.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let batch = self.1.as_columns(batch).map_err(io::Error::other)?;
        Ok(self.0.write(&batch)?)
    }

    /// Writes the index and hands the inner writer back.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn finish(self) -> io::Result<W> {
        let mut out = self.0.into_inner()?;
        out.flush()?;
        Ok(out)
    }
}
