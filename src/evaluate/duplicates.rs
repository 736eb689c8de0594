//! Rows that repeat another row's features.

use std::collections::HashMap;

use crate::arrow::array::{Array, AsArray, RecordBatch};
use crate::arrow::datatypes::Float64Type;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::telemetry::{Kind, Role, Table};

/// The distinct rows of a table, by its feature columns.
///
/// Take them before splitting: a row in both parts has its answer in the training part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Distinct {
    /// The first occurrence of each distinct feature row, ascending.
    pub rows: Vec<usize>,
    /// Rows that repeat an earlier one.
    pub removed: usize,
    /// Removed rows whose label differs from the first occurrence; 0 without labels.
    pub conflicting: usize,
}

impl Distinct {
    /// Finds the first occurrences.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] without feature columns; as [`Table::labels`].
    pub fn of(table: &Table) -> Result<Self> {
        let labels = table.truth()?;
        let mut first = HashMap::new();
        let (mut rows, mut conflicting) = (Vec::new(), 0);
        let keys = feature_keys(table)?;
        let n = keys.len();
        for (row, key) in keys.into_iter().enumerate() {
            let original = *first.entry(key).or_insert(row);
            if original == row {
                rows.push(row);
            } else if labels.as_ref().is_some_and(|l| l[original].zip(l[row]).is_some_and(|(a, b)| a != b)) {
                conflicting += 1;
            }
        }
        Ok(Self { removed: n - rows.len(), rows, conflicting })
    }
}

/// A key per row that two rows share when all their feature cells are equal.
///
/// It is the first half of a SHA-256 over the cells, so two different rows are equal with a chance of
/// 2⁻¹²⁸. Numbers are compared by their bits, −0 as 0 and every NaN as one; a missing cell
/// equals a missing cell only.
pub(super) fn feature_keys(table: &Table) -> Result<Vec<[u8; 16]>> {
    let columns: Vec<(usize, Kind)> = (0..)
        .zip(table.schema().columns())
        .filter(|(_, column)| column.role == Role::Feature)
        .map(|(i, column)| (i, column.kind))
        .collect();
    if columns.is_empty() {
        return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
    }
    let mut keys = Vec::with_capacity(table.n_rows());
    let mut bytes = Vec::new();
    for batch in table.batches() {
        for row in 0..batch.num_rows() {
            bytes.clear();
            for &(column, kind) in &columns {
                push_cell(&mut bytes, batch, column, kind, row);
            }
            let digest = Sha256::digest(&bytes);
            let mut key = [0; 16];
            key.copy_from_slice(&digest[..16]);
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Appends a cell so that no two rows of different cells give the same bytes.
fn push_cell(bytes: &mut Vec<u8>, batch: &RecordBatch, column: usize, kind: Kind, row: usize) {
    let array = batch.column(column);
    bytes.push(u8::from(array.is_valid(row)));
    if array.is_null(row) {
        return;
    }
    match kind {
        Kind::Number | Kind::Time => {
            let value = array.as_primitive::<Float64Type>().value(row);
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            bytes.extend(value.to_bits().to_le_bytes());
        }
        Kind::Text => {
            let value = array.as_string::<i32>().value(row);
            bytes.extend((value.len() as u64).to_le_bytes());
            bytes.extend(value.as_bytes());
        }
    }
}
