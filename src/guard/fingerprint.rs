//! A stable 64-bit fingerprint of each raw record.

use crate::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};

use crate::telemetry::{Role, Schema};

/// Odd, with well-spread bits: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The value that is hashed for a missing cell.
const MISSING: u64 = 0x6D69_7373_696E_6721;

/// The places of the columns that make a record's fingerprint.
///
/// The columns are taken in the order of a guard's schema, by name; truth (label and family) is left out, so a
/// record has the same fingerprint with and without it. A column that the batches lack counts as missing.
#[derive(Debug)]
pub(super) struct FingerprintColumns(Vec<Option<usize>>);

impl FingerprintColumns {
    /// Finds the columns of a schema.
    pub(super) fn of(schema: &Schema, find: impl Fn(&str) -> Option<usize>) -> Self {
        let columns = schema.columns().iter().filter(|c| !matches!(c.role, Role::Label | Role::Family));
        Self(columns.map(|column| find(&column.name)).collect())
    }

    /// Folds the cells of every row of `batch` into `out`, which holds the starting values.
    ///
    /// This is a fast, stable hash, not a cryptographic one.
    pub(super) fn fold(&self, batch: &RecordBatch, out: &mut [u64]) {
        for place in &self.0 {
            fold_column(place.and_then(|place| batch.columns().get(place)), out);
        }
    }
}

/// Folds the cells of one column into the values of the rows.
fn fold_column(column: Option<&ArrayRef>, out: &mut [u64]) {
    let array = column.map(Array::as_any);
    if let Some(numbers) = array.and_then(|a| a.downcast_ref::<Float64Array>()) {
        for ((row, hash), value) in out.iter_mut().enumerate().zip(numbers.values()) {
            *hash = fold(*hash, if numbers.is_valid(row) { value.to_bits() } else { MISSING });
        }
    } else if let Some(texts) = array.and_then(|a| a.downcast_ref::<StringArray>()) {
        for (hash, text) in out.iter_mut().zip(texts) {
            *hash = text.map_or_else(|| fold(*hash, MISSING), |t| fold_text(*hash, t.as_bytes()));
        }
    } else {
        for hash in out.iter_mut() {
            *hash = fold(*hash, MISSING);
        }
    }
}

/// One round: exclusive or, multiply, fold the high half down.
pub(super) fn fold(hash: u64, word: u64) -> u64 {
    let mixed = (hash.rotate_left(5) ^ word).wrapping_mul(GOLDEN);
    mixed ^ (mixed >> 32)
}

fn fold_text(hash: u64, text: &[u8]) -> u64 {
    let words = text.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(fold(hash, text.len() as u64), fold)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::telemetry::{Column, Kind};

    fn schema() -> Schema {
        let columns = vec![
            Column::new("bytes", Role::Feature, Kind::Number),
            Column::new("proto", Role::Feature, Kind::Text),
            Column::new("label", Role::Label, Kind::Number),
        ];
        Schema::new("t", columns, vec![]).unwrap()
    }

    fn hashes(bytes: Vec<Option<f64>>, proto: Vec<Option<&str>>, label: f64) -> Vec<u64> {
        let n = bytes.len();
        let batch = RecordBatch::try_new(
            Arc::new(schema().to_arrow()),
            vec![
                Arc::new(Float64Array::from(bytes)),
                Arc::new(StringArray::from(proto)),
                Arc::new(Float64Array::from(vec![label; n])),
            ],
        );
        let mut out = vec![1; n];
        FingerprintColumns::of(&schema(), |name| schema().index_of(name)).fold(&batch.unwrap(), &mut out);
        out
    }

    #[test]
    fn every_cell_counts_and_truth_does_not() {
        let rows = hashes(
            vec![Some(1.0), Some(2.0), Some(1.0), None, Some(0.0)],
            vec![Some("tcp"), Some("tcp"), Some("udp"), Some("tcp"), Some("tcp")],
            0.0,
        );
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), 5, "{rows:?}");
        assert_eq!(
            rows[0],
            hashes(vec![Some(1.0)], vec![Some("tcp")], 1.0)[0],
            "the label is not part of the record"
        );
        assert_ne!(hashes(vec![None], vec![None], 0.0), hashes(vec![None], vec![Some("")], 0.0));
    }
}
