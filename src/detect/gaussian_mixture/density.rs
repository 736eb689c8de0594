//! Log densities of many rows under every component.
//!
//! Each lane holds one row, so plain loops become vector code as wide as the processor has. No lane
//! ever meets another one, and a product is rounded before it is added, so a row has the same bits in any lane, in
//! any batch and on any processor.
#![allow(
    clippy::inline_always,
    reason = "the loops must be compiled with their callers, for wider registers"
)]

use super::cholesky::row_start;
use super::{Covariance, MAX_FEATURES};

/// Outputs that are computed side by side.
const BLOCK: usize = 4;

/// Components ready for scoring.
#[derive(Clone, Debug)]
pub(super) struct Density {
    d: usize,
    components: Vec<Component>,
}

#[derive(Clone, Debug)]
struct Component {
    /// `ln(weight) − d/2 · ln(2π) + ln(det factor)`.
    offset: f64,
    means: Vec<f64>,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    /// The inverse Cholesky factor in blocks of four rows. Block `b` holds its entries of column 0, of column
    /// 1, and so on to the last column of its last row.
    Full(Vec<[f64; BLOCK]>),
    /// One over the standard deviation of every feature.
    Diagonal(Vec<f64>),
}

impl Density {
    /// One entry of `weights`, `d` of `means`, and one packed inverse factor (or `d` of its diagonal) per component.
    pub(super) fn new(
        d: usize,
        covariance: Covariance,
        weights: &[f64],
        means: &[f64],
        factors: &[f64],
    ) -> Self {
        let length = covariance.factor_len(d);
        let components = weights.iter().zip(means.chunks_exact(d)).zip(factors.chunks_exact(length));
        let components = components.map(|((weight, means), factor)| {
            let (shape, diagonal): (_, Vec<f64>) = match covariance {
                Covariance::Full => {
                    (Shape::Full(blocks(factor, d)), (0..d).map(|i| factor[row_start(i) + i]).collect())
                }
                Covariance::Diagonal => (Shape::Diagonal(factor.to_vec()), factor.to_vec()),
            };
            let log_determinant: f64 = diagonal.iter().map(|value| value.ln()).sum();
            let offset = weight.ln() - 0.5 * d as f64 * std::f64::consts::TAU.ln() + log_determinant;
            Component { offset, means: means.to_vec(), shape }
        });
        Self { d, components: components.collect() }
    }

    pub(super) fn n_components(&self) -> usize {
        self.components.len()
    }

    /// Writes `ln(weight · density)` of each row under each component; `out` has the shape `(rows, components)`.
    ///
    /// `value(row, feature)` must be finite.
    pub(super) fn log_densities(&self, value: impl Fn(usize, usize) -> f64, out: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        if wide::log_densities(self, &value, out) {
            return;
        }
        self.in_lanes::<4>(&value, out);
    }

    /// Tiles of `N` rows, and tiles of 4 for what is left.
    #[allow(clippy::inline_always, reason = "compiled once per set of processor features")]
    #[inline(always)]
    fn in_lanes<const N: usize>(&self, value: &impl Fn(usize, usize) -> f64, out: &mut [f64]) {
        let k = self.n_components();
        let rows = out.len() / k;
        let (full, rest) = out.split_at_mut(rows / N * N * k);
        if !full.is_empty() {
            let mut tile = [[0.0; N]; MAX_FEATURES];
            for (i, out) in full.chunks_exact_mut(N * k).enumerate() {
                self.tile(&mut tile, i * N, value, out);
            }
        }
        if !rest.is_empty() {
            let mut tile = [[0.0; 4]; MAX_FEATURES];
            for (i, out) in rest.chunks_mut(4 * k).enumerate() {
                self.tile(&mut tile, rows / N * N + 4 * i, value, out);
            }
        }
    }

    /// Up to `N` rows from row `first` on.
    #[allow(clippy::inline_always, reason = "compiled once per set of processor features")]
    #[inline(always)]
    fn tile<const N: usize>(
        &self,
        tile: &mut [[f64; N]; MAX_FEATURES],
        first: usize,
        value: &impl Fn(usize, usize) -> f64,
        out: &mut [f64],
    ) {
        let k = self.n_components();
        let rows = out.len() / k;
        let tile = &mut tile[..self.d];
        for (feature, lanes) in tile.iter_mut().enumerate() {
            for (lane, to) in lanes.iter_mut().enumerate().take(rows) {
                *to = value(first + lane, feature);
            }
        }
        for (at, component) in self.components.iter().enumerate() {
            let squares = match &component.shape {
                Shape::Full(blocks) => full(tile, &component.means, blocks),
                Shape::Diagonal(scales) => diagonal(tile, &component.means, scales),
            };
            for (out, square) in out.chunks_exact_mut(k).zip(squares) {
                out[at] = component.offset - 0.5 * square;
            }
        }
    }
}

impl Covariance {
    /// Entries of a component's inverse factor.
    pub(super) const fn factor_len(self, d: usize) -> usize {
        match self {
            Self::Full => row_start(d),
            Self::Diagonal => d,
        }
    }
}

/// A packed lower triangle in blocks of rows.
fn blocks(factor: &[f64], d: usize) -> Vec<[f64; BLOCK]> {
    let entry = |i: usize, j: usize| if i < d && j <= i { factor[row_start(i) + j] } else { 0.0 };
    let first_rows = (0..d).step_by(BLOCK);
    first_rows
        .flat_map(|first| (0..d.min(first + BLOCK)).map(move |j| (first, j)))
        .map(|(first, j)| std::array::from_fn(|i| entry(first + i, j)))
        .collect()
}

/// Squared lengths of `factor · (row − means)`.
#[allow(clippy::inline_always, reason = "compiled once per set of processor features")]
#[inline(always)]
fn full<const N: usize>(tile: &[[f64; N]], means: &[f64], blocks: &[[f64; BLOCK]]) -> [f64; N] {
    let mut squares = [0.0; N];
    let (mut rest, mut width) = (blocks, 0);
    while !rest.is_empty() {
        width = tile.len().min(width + BLOCK);
        let (columns, others) = rest.split_at(width);
        rest = others;
        let mut sums = [[0.0; N]; BLOCK];
        for ((values, mean), column) in tile.iter().zip(means).zip(columns) {
            for (sums, entry) in sums.iter_mut().zip(column) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += entry * (value - mean);
                }
            }
        }
        for sums in sums {
            for (square, sum) in squares.iter_mut().zip(sums) {
                *square += sum * sum;
            }
        }
    }
    squares
}

/// Squared lengths of `scales · (row − means)`.
#[allow(clippy::inline_always, reason = "compiled once per set of processor features")]
#[inline(always)]
fn diagonal<const N: usize>(tile: &[[f64; N]], means: &[f64], scales: &[f64]) -> [f64; N] {
    let mut squares = [0.0; N];
    for ((values, mean), scale) in tile.iter().zip(means).zip(scales) {
        for (square, value) in squares.iter_mut().zip(values) {
            let off = scale * (value - mean);
            *square += off * off;
        }
    }
    squares
}

/// The same loops, compiled for wider registers.
#[cfg(target_arch = "x86_64")]
mod wide {
    #![allow(unsafe_code, reason = "code for a wider processor is called once the processor is known")]

    use super::Density;

    /// False where the processor has no wider registers.
    pub(super) fn log_densities(
        density: &Density,
        value: &impl Fn(usize, usize) -> f64,
        out: &mut [f64],
    ) -> bool {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F.
            unsafe { avx512(density, value, out) };
        } else if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { avx2(density, value, out) };
        } else {
            return false;
        }
        true
    }

    #[target_feature(enable = "avx512f")]
    fn avx512(density: &Density, value: &impl Fn(usize, usize) -> f64, out: &mut [f64]) {
        density.in_lanes::<16>(value, out);
    }

    #[target_feature(enable = "avx2")]
    fn avx2(density: &Density, value: &impl Fn(usize, usize) -> f64, out: &mut [f64]) {
        density.in_lanes::<8>(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Component after component, row after row, by the textbook.
    fn slowly(d: usize, weight: f64, means: &[f64], factor: &[f64], row: &[f64]) -> f64 {
        let mut square = 0.0;
        let mut log_determinant = 0.0;
        for i in 0..d {
            let y: f64 = (0..=i).map(|j| factor[row_start(i) + j] * (row[j] - means[j])).sum();
            square += y * y;
            log_determinant += factor[row_start(i) + i].ln();
        }
        weight.ln() - 0.5 * d as f64 * std::f64::consts::TAU.ln() + log_determinant - 0.5 * square
    }

    fn number(i: usize) -> f64 {
        ((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5
    }

    #[test]
    fn every_width_of_lanes_gives_the_bits_of_the_others_and_the_density_of_the_textbook() {
        for d in [1, 3, 4, 5, 42] {
            let factor: Vec<f64> = (0..d)
                .flat_map(|i| (0..=i).map(move |j| if i == j { 1.5 + number(i) } else { number(i * d + j) }))
                .collect();
            let means: Vec<f64> = (0..d).map(number).collect();
            let both = [factor.clone(), factor.iter().map(|f| f * 2.0).collect()].concat();
            let density = Density::new(d, Covariance::Full, &[0.3, 0.7], &means.repeat(2), &both);
            let rows = 41;
            let value = |row: usize, feature: usize| 4.0 * number(row * 31 + feature * 17 + 5);
            let mut fastest = vec![0.0; rows * 2];
            density.log_densities(value, &mut fastest);
            let bits = |out: &[f64]| out.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            let mut out = vec![0.0; rows * 2];
            density.in_lanes::<4>(&value, &mut out);
            assert_eq!(bits(&out), bits(&fastest));
            density.in_lanes::<8>(&value, &mut out);
            assert_eq!(bits(&out), bits(&fastest));
            density.in_lanes::<16>(&value, &mut out);
            assert_eq!(bits(&out), bits(&fastest));
            for row in 0..rows {
                let values: Vec<f64> = (0..d).map(|feature| value(row, feature)).collect();
                let expected = slowly(d, 0.3, &means, &factor, &values);
                assert!((fastest[2 * row] - expected).abs() < 1e-9 * expected.abs(), "{d} {row}");
            }
        }
    }

    #[test]
    fn a_diagonal_is_a_triangle_with_zeros() {
        let (scales, means) = ([2.0, 0.5, 1.0], [1.0, -1.0, 0.0]);
        let diagonal = Density::new(3, Covariance::Diagonal, &[1.0], &means, &scales);
        let packed = [2.0, 0.0, 0.5, 0.0, 0.0, 1.0];
        let full = Density::new(3, Covariance::Full, &[1.0], &means, &packed);
        let (mut a, mut b) = (vec![0.0; 9], vec![0.0; 9]);
        diagonal.log_densities(|row, feature| number(row * 3 + feature), &mut a);
        full.log_densities(|row, feature| number(row * 3 + feature), &mut b);
        assert_eq!(a, b);
    }
}
