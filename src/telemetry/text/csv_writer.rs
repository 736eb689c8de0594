//! Arrow batches out as CSV that reads back to the same values.

use std::io::{self, Write};

use super::cells::{Cells, push_text};
use crate::arrow::array::RecordBatch;

/// Writes batches as CSV: the header once, then a line per row.
///
/// Numbers are written with the fewest digits that read back to the same bits, nulls as empty cells,
/// and text is quoted where it has to be (RFC 4180). Lines end in `\n`.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{flows, FlowSimulatorConfig};
/// use qosguard::telemetry::CsvWriter;
///
/// let mut csv = CsvWriter::new(Vec::new());
/// for batch in flows(&FlowSimulatorConfig { rows: 3, ..Default::default() })? {
///     csv.write(&batch?)?;
/// }
/// let text = String::from_utf8(csv.finish()?)?;
/// assert!(text.starts_with("time,src_ip,"));
/// assert_eq!(text.lines().count(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CsvWriter<W> {
    out: W,
    line: Vec<u8>,
    header_written: bool,
}

impl<W: Write> CsvWriter<W> {
    /// A writer; give it a buffered one, it writes line by line.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new(), header_written: false }
    }

    /// Writes one batch. All batches must have the columns of the first.
    ///
    /// # Errors
    ///
    /// The errors of the inner writer, and [`io::ErrorKind::InvalidInput`] for a column of another type than `Float64`, `Float32`,
    /// `UInt32`, `UInt64`, `Boolean`, `Utf8`, or lists or structs of these, which are written as JSON.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (array, field) in batch.columns().iter().zip(schema.fields()) {
            columns.push(Cells::of(array, field, "CSV")?);
        }
        if !self.header_written {
            self.header_written = true;
            self.write_line(schema.fields().iter(), |line, field| {
                push_text(line, field.name());
                Ok(())
            })?;
        }
        for row in 0..batch.num_rows() {
            self.write_line(columns.iter(), |line, cells| cells.push_csv(line, row))?;
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

    fn write_line<T>(
        &mut self,
        cells: impl Iterator<Item = T>,
        push: impl Fn(&mut Vec<u8>, T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.line.clear();
        for (i, cell) in cells.enumerate() {
            if i > 0 {
                self.line.push(b',');
            }
            push(&mut self.line, cell)?;
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::arrow::array::{ArrayRef, BinaryArray, Float64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    fn write(batches: &[RecordBatch]) -> String {
        let mut csv = CsvWriter::new(Vec::new());
        for batch in batches {
            csv.write(batch).unwrap();
        }
        String::from_utf8(csv.finish().unwrap()).unwrap()
    }

    #[test]
    fn nulls_are_empty_and_text_is_quoted_where_needed() {
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(-0.5), Some(-0.0)]));
        let texts: ArrayRef =
            Arc::new(StringArray::from(vec![Some("a,b"), Some("say \"hi\""), None, Some("x y")]));
        let batch = batch(vec![("n", numbers), ("a \"name\"", texts)]);
        assert_eq!(
            write(&[batch.clone(), batch.slice(0, 1)]),
            "n,\"a \"\"name\"\"\"\n1,\"a,b\"\n,\"say \"\"hi\"\"\"\n-0.5,\n-0,x y\n1,\"a,b\"\n"
        );
    }

    #[test]
    fn another_type_is_rejected_by_name() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"up"]));
        let error = CsvWriter::new(Vec::new()).write(&batch(vec![("up", bytes)])).unwrap_err();
        assert_eq!(error.to_string(), "column `up`: cannot write Binary as CSV");
    }

    proptest! {
        #[test]
        fn numbers_read_back_to_the_same_bits(value in prop_oneof![any::<f64>(), (-1e6..1e6_f64).prop_map(f64::round)]) {
            let column: ArrayRef = Arc::new(Float64Array::from(vec![value]));
            let text = write(&[batch(vec![("n", column)])]);
            let back: f64 = fast_float2::parse(text.lines().nth(1).unwrap()).unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }
    }
}
