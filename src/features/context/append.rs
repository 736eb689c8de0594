//! The columns that a context appends to a batch.

use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use crate::arrow::buffer::NullBuffer;
use crate::arrow::datatypes::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::telemetry::Column;

/// Rows whose values are written to the columns together.
const TILE: usize = 64;

/// The values of every row of a batch, one vector for each column.
pub(super) struct Appended {
    rows: usize,
    values: Vec<Vec<f64>>,
}

impl Appended {
    /// Room for the values of a number of columns and rows.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { rows, values: (0..columns).map(|_| Vec::with_capacity(rows)).collect() }
    }

    /// Calls `write` for each row with the place of its values, NaN for null.
    pub(super) fn fill(&mut self, mut write: impl FnMut(usize, &mut [f64])) {
        let width = self.values.len();
        // Rows are written side by side, and turned into columns where the processor's cache still has them.
        let mut tile = vec![0.0; TILE.min(self.rows) * width];
        for start in (0..self.rows).step_by(TILE) {
            let rows = TILE.min(self.rows - start);
            for (row, out) in tile.chunks_exact_mut(width).take(rows).enumerate() {
                write(start + row, out);
            }
            for (column, values) in self.values.iter_mut().enumerate() {
                values.extend((0..rows).map(|row| tile[row * width + column]));
            }
        }
    }

    /// The batch with the columns after its own.
    pub(super) fn to(self, batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
        let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
        let mut arrays = batch.columns().to_vec();
        for (column, values) in columns.iter().zip(self.values) {
            fields.push(Arc::new(Field::new(&column.name, DataType::Float64, true)));
            let is_null = values.iter().any(|value| value.is_nan());
            let nulls = is_null.then(|| values.iter().map(|value| !value.is_nan()).collect::<NullBuffer>());
            let array: ArrayRef = Arc::new(Float64Array::new(values.into(), nulls));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Error::invalid("records", "columns of one length", error))
    }
}
