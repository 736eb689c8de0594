//! Matrix products on one thread, so that the bits do not depend on the number of threads.
//!
//! A small product has the same bits on any processor. A larger one is `gemm`'s, which adds in one order on processors with fused
//! multiply-adds (AVX2 and newer), up to 512 terms; other processors and longer sums may round otherwise.
#![allow(unsafe_code, reason = "the one call of gemm, which takes pointers")]

use candle_core::{Result, bail};
use gemm::Parallelism;

/// Maximum number of entries of a product for which `gemm` adds up the lanes of registers.
const MAX_SMALL: usize = 16 * 16;

/// A matrix inside a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// From one row to the next.
    down: usize,
    /// From one column to the next.
    right: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix of `rows` rows, each beginning `down` numbers after the one before.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize, down: usize) -> Result<Self> {
        if extent(rows, columns, down).is_none_or(|extent| values.len() < extent) {
            bail!("expected {rows} rows of {columns}, {down} apart, found {} numbers", values.len());
        }
        Ok(Self { values, rows, columns, down, right: 1 })
    }

    /// Rows and columns change places.
    pub(crate) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, down: self.right, right: self.down, ..self }
    }

    /// The product in row order.
    pub(crate) fn times(self, other: Matrix<'_>) -> Result<Vec<f32>> {
        let mut out = vec![0.0; self.rows * other.columns];
        self.times_into(other, &mut out, other.columns, false)?;
        Ok(out)
    }

    /// Writes the product, or adds it, to rows that begin `down` numbers after one another.
    pub(crate) fn times_into(self, other: Matrix<'_>, out: &mut [f32], down: usize, add: bool) -> Result<()> {
        let (m, n, k) = (self.rows, other.columns, self.columns);
        if k != other.rows {
            bail!("expected {k} rows in the second factor, found {}", other.rows);
        }
        if extent(m, n, down).is_none_or(|extent| out.len() < extent) {
            bail!("expected room for {m} rows of {n}, {down} apart, found {} numbers", out.len());
        }
        if self.right == 1 && other.down == 1 && (m == 1 || n == 1 || m * n <= MAX_SMALL) {
            self.small_times_into(other, out, down, add);
            return Ok(());
        }
        let kept = if add { 1.0 } else { 0.0 };
        // SAFETY: all three matrices lie inside their slices: `new` and the check above, which a transposition
        // does not change; `out` is borrowed alone. No slice is longer than `isize::MAX`.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                out.as_mut_ptr(),
                1,
                down.cast_signed(),
                add,
                self.values.as_ptr(),
                self.right.cast_signed(),
                self.down.cast_signed(),
                other.values.as_ptr(),
                other.right.cast_signed(),
                other.down.cast_signed(),
                kept,
                1.0_f32,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
        Ok(())
    }

    /// A product of rows and columns that are both contiguous. `gemm` adds up the lanes of a register for it, so its bits
    /// depend on the width of the processor's registers; here each sum is taken in order.
    fn small_times_into(self, other: Matrix<'_>, out: &mut [f32], down: usize, add: bool) {
        let columns: Vec<&[f32]> = (0..other.columns)
            .map(|j| &other.values[j * other.right..j * other.right + self.columns])
            .collect();
        for i in 0..self.rows {
            let row = &self.values[i * self.down..i * self.down + self.columns];
            let out = &mut out[i * down..i * down + other.columns];
            for (of_four, columns) in out.chunks_mut(4).zip(columns.chunks(4)) {
                // Four sums at once, since one alone waits for each addition.
                let mut sums = [0.0_f32; 4];
                for (k, &a) in row.iter().enumerate() {
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum += a * column[k];
                    }
                }
                for (value, sum) in of_four.iter_mut().zip(sums) {
                    *value = if add { *value + sum } else { sum };
                }
            }
        }
    }
}

/// Numbers from the first to the last; `None` for rows that overlap or a size that overflows.
fn extent(rows: usize, columns: usize, down: usize) -> Option<usize> {
    if rows == 0 || columns == 0 {
        return Some(0);
    }
    if rows > 1 && down < columns {
        return None;
    }
    (rows - 1).checked_mul(down)?.checked_add(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_match_sums_for_parts_and_transposes() {
        // A 3 x 2 matrix in rows of 4, and a 2 x 3 matrix.
        let a: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let b = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let (left, right) = (Matrix::new(&a[1..], 3, 2, 4).unwrap(), Matrix::new(&b, 2, 3, 3).unwrap());
        assert_eq!(left.times(right).unwrap(), [9., 12., 15., 29., 40., 51., 49., 68., 87.]);
        let transposed = right.transposed().times(left.transposed()).unwrap();
        assert_eq!(transposed, [9., 29., 49., 12., 40., 68., 15., 51., 87.]);
        let mut out = [1.0; 12];
        left.times_into(right, &mut out, 4, true).unwrap();
        assert_eq!(out, [10., 13., 16., 1., 30., 41., 52., 1., 50., 69., 88., 1.]);
    }

    #[test]
    fn products_of_contiguous_rows_and_columns_match_sums() {
        let numbers = |n: usize| (0..n).map(|i| (i % 13) as f32 - 6.0).collect::<Vec<_>>();
        // Few entries are added up here, many by `gemm`; whole numbers are exact in both.
        for (m, n, k) in [(1, 300, 7), (3, 5, 40), (16, 16, 9), (17, 16, 9)] {
            let (a, b) = (numbers(m * k), numbers(n * k));
            let left = Matrix::new(&a, m, k, k).unwrap();
            let right = Matrix::new(&b, n, k, k).unwrap().transposed();
            let entry = |i: usize, j: usize| (0..k).map(|t| a[i * k + t] * b[j * k + t]).sum::<f32>();
            let expected: Vec<f32> = (0..m * n).map(|at| entry(at / n, at % n)).collect();
            assert_eq!(left.times(right).unwrap(), expected, "{m} x {n}, {k} terms");
            let mut out = vec![2.0; m * n];
            left.times_into(right, &mut out, n, true).unwrap();
            assert!(out.iter().zip(&expected).all(|(out, sum)| *out == sum + 2.0), "{m} x {n}, {k} terms");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_rejected() {
        let a = [0.0; 6];
        let matrix = Matrix::new(&a, 2, 3, 3).unwrap();
        assert!(Matrix::new(&a, 3, 3, 3).is_err());
        assert!(Matrix::new(&a, 2, 3, 2).is_err());
        assert!(Matrix::new(&a, usize::MAX, 2, usize::MAX).is_err());
        assert!(matrix.times(matrix).is_err());
        assert!(matrix.times_into(matrix.transposed(), &mut [0.0; 3], 2, false).is_err());
        assert!(Matrix::new(&[], 0, 3, 3).unwrap().times(matrix.transposed()).unwrap().is_empty());
    }
}
