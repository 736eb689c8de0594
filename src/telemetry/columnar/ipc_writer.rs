//! Arrow batches out as Arrow IPC.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use crate::arrow::datatypes::{Fields, SchemaRef};
use crate::arrow::error::ArrowError;
use crate::arrow::ipc::writer::{FileWriter, StreamWriter};

use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::schema::time_columns::{TimeColumns, appended};
use crate::telemetry::table::Table;

/// Writes batches of a schema as an Arrow IPC file (Feather version 2) or stream, not packed, so that it can be
/// mapped into memory.
///
/// Every value reads back to the same bits, nulls as nulls.
///
/// # Examples
///
/// See [`IpcReader`](crate::telemetry::IpcReader).
pub struct IpcWriter<W: Write> {
    arrow: SchemaRef,
    times: TimeColumns,
    kind: Kind<W>,
}

enum Kind<W: Write> {
    File(FileWriter<W>),
    Stream(StreamWriter<W>),
}

impl<W: Write> std::fmt::Debug for IpcWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IpcWriter").field("arrow", &self.arrow).finish_non_exhaustive()
    }
}

impl<W: Write> IpcWriter<W> {
    /// A writer of a file, which pandas and Polars call Feather.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn file(out: W, schema: &Schema) -> io::Result<Self> {
        Self::file_with(out, schema, &Fields::empty())
    }

    /// A writer of a file that has further columns after the columns of a schema.
    pub(crate) fn file_with(out: W, schema: &Schema, more: &Fields) -> io::Result<Self> {
        let (arrow, times) = (Arc::new(appended(schema.to_arrow(), more)), TimeColumns::of(schema));
        let written = appended(times.arrow_schema(schema), more);
        let kind = FileWriter::try_new(out, &written).map(Kind::File).map_err(to_io)?;
        Ok(Self { arrow, times, kind })
    }

    /// A writer of a stream.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn stream(out: W, schema: &Schema) -> io::Result<Self> {
        let (arrow, times) = (Arc::new(schema.to_arrow()), TimeColumns::of(schema));
        let kind =
            StreamWriter::try_new(out, &times.arrow_schema(schema)).map(Kind::Stream).map_err(to_io)?;
        Ok(Self { arrow, times, kind })
    }

    /// Writes one batch.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer, and an error for a batch with other columns.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        // The writers of Arrow do not check this.
        if batch.schema_ref().fields() != self.arrow.fields() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a batch with other columns"));
        }
        let batch = self.times.as_columns(batch).map_err(to_io)?;
        match &mut self.kind {
            Kind::File(out) => out.write(&batch),
            Kind::Stream(out) => out.write(&batch),
        }
        .map_err(to_io)
    }

    /// Writes the end and hands the inner writer back.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn finish(self) -> io::Result<W> {
        let out = match self.kind {
            Kind::File(out) => out.into_inner(),
            Kind::Stream(out) => out.into_inner(),
        };
        let mut out = out.map_err(to_io)?;
        out.flush()?;
        Ok(out)
    }
}

impl Table {
    /// The table as an Arrow IPC stream.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where Arrow cannot write a batch.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{BatchReader, IpcReader, ReadOptions, Schema, Table};
    ///
    /// let schema = Schema::builder("s").feature("x").build()?;
    /// let table = Table::from_json(&schema, r#"[{"x": 1}, {"x": null}]"#)?;
    /// let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    /// let back = IpcReader::new(std::io::Cursor::new(table.to_ipc()?), "ipc", &options)?.read()?;
    /// assert_eq!(back.batches(), table.batches());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_ipc(&self) -> Result<Vec<u8>> {
        let write = || {
            let mut writer = IpcWriter::stream(Vec::new(), self.schema())?;
            self.batches().iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()
        };
        write().map_err(|e| Error::io(Path::new(&self.report().place), e))
    }
}

fn to_io(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    }
}
