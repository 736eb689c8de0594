//! Arrow batches out as JSON lines that read back to the same values.

use std::io::{self, Write};

use super::cells::Cells;
use crate::arrow::array::RecordBatch;

/// Writes batches as JSON lines: an object per row, whose keys are the columns.
///
/// Numbers are written with the fewest digits that read back to the same bits. JSON has no NaN and no
/// infinities: they are written as the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, which
/// [`JsonReader`](crate::telemetry::JsonReader) reads as numbers. Nulls are `null`. Lines end in `\n`.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use qosguard::telemetry::JsonWriter;
///
/// let rates: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN), None]));
/// let mut writer = JsonWriter::new(Vec::new());
/// writer.write(&RecordBatch::try_from_iter([("rate", rates)])?)?;
/// assert_eq!(writer.finish()?, b"{\"rate\":0.5}\n{\"rate\":\"NaN\"}\n{\"rate\":null}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonWriter<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> JsonWriter<W> {
    /// A writer; give it a buffered one, it writes line by line.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    /// Writes one batch.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer, and [`io::ErrorKind::InvalidInput`] for a column of another type than `Float64`, `Float32`,
    /// `UInt32`, `UInt64`, `Boolean`, `Utf8`, or lists or structs of these.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (array, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
            let mut key = vec![if columns.is_empty() { b'{' } else { b',' }];
            serde_json::to_writer(&mut key, field.name())?;
            key.push(b':');
            columns.push((key, Cells::of(array, field, "JSON")?));
        }
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (key, cells) in &columns {
                self.line.extend_from_slice(key);
                cells.push_json(&mut self.line, row)?;
            }
            self.line.extend_from_slice(b"}\n");
            self.out.write_all(&self.line)?;
        }
        Ok(())
    }

    /// Hands everything that was written on to where it goes.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Flushes and hands the inner writer back.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
