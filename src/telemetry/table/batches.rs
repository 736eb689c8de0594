//! What every reader is: a stream of Arrow batches with one schema and one report.

use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::report::ReadReport;
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::Table;

/// A source of telemetry, read batch by batch.
///
/// All batches have the columns of [`BatchReader::schema`], in its order: number and time columns are `Float64`, text
/// columns are `Utf8`, both nullable. A reader that gave an error gives nothing more, except that it continues after
/// [`Error::Cancelled`]; a capture gives [`Error::Cancelled`] again.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions};
///
/// let text = "dst_port,protocol,packet_count,byte_count,duration\n443,tcp,12,1024,3.4\n";
/// let mut reader: Box<dyn BatchReader> =
///     Box::new(CsvReader::new(text.as_bytes(), "inline", &ReadOptions::default())?);
/// let batch = reader.next().expect("one batch")?;
/// assert_eq!((batch.num_rows(), reader.report().accepted), (1, 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub trait BatchReader: Iterator<Item = Result<RecordBatch>> + Send {
    /// Names and roles of the columns of every batch.
    fn schema(&self) -> &Arc<Schema>;

    /// What was read and rejected up to now.
    fn report(&self) -> &ReadReport;

    /// Reads all batches that are left into a table.
    ///
    /// # Errors
    ///
    /// The errors of the reader.
    fn read(&mut self) -> Result<Table> {
        let batches = self.collect::<Result<Vec<_>>>()?;
        Table::new(Arc::clone(self.schema()), batches, self.report().clone())
    }

    /// Reads the next batch as a table, whose report counts its own rows; [`BatchReader::report`] has the sums.
    ///
    /// # Errors
    ///
    /// The errors of the reader.
    fn next_table(&mut self) -> Option<Result<Table>> {
        let batch = self.next()?;
        Some(batch.and_then(|batch| {
            let place = ReadReport::new(&self.report().place);
            let report = ReadReport { accepted: batch.num_rows() as u64, ..place };
            Table::new(Arc::clone(self.schema()), vec![batch], report)
        }))
    }
}

/// Whether a reader has nothing more to give after this outcome.
pub(crate) fn is_final<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(error) if !matches!(error, Error::Cancelled))
}

/// Implements [`BatchReader`] for a reader with the field `done` and with `next_batch(&mut self)`; its `$source` has
/// the schema and the report. A reader ends after an error other than [`Error::Cancelled`].
macro_rules! batch_reader {
    ($reader:ty, $source:ident) => {
        impl $crate::telemetry::table::batches::BatchReader for $reader {
            fn schema(&self) -> &std::sync::Arc<$crate::telemetry::schema::Schema> {
                self.$source.schema()
            }

            fn report(&self) -> &$crate::telemetry::table::report::ReadReport {
                self.$source.report()
            }
        }

        impl Iterator for $reader {
            type Item = $crate::Result<$crate::arrow::array::RecordBatch>;

            fn next(&mut self) -> Option<Self::Item> {
                if self.done {
                    return None;
                }
                let batch = $crate::progress::check().and_then(|()| self.next_batch());
                self.done |= $crate::telemetry::table::batches::is_final(&batch);
                batch.transpose()
            }
        }
    };
}

pub(crate) use batch_reader;
