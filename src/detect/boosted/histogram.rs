//! Sums of gradients, hessians and rows by bin, in whole numbers.
//!
//! Whole numbers add up to the same sum in any order, so neither the number of threads nor the way in which
//! a sum came about (added up, or the difference of two others) shows in the result.

use crate::parallel;

use super::bins::{Binned, GROUP};

/// Bits of [`Sums`] that count rows.
const COUNT_BITS: u32 = 28;

/// Most rows that a count can hold.
pub(super) const MAX_ROWS: usize = (1 << COUNT_BITS) - 1;

/// Gradients, hessians and rows, added up.
///
/// The first word is the sum of the scaled gradients, the second holds the sum of the scaled hessians above
/// the number of rows: two words are one addition of a vector register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums([u64; 2]);

impl Sums {
    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        Self([self.0[0].wrapping_add(other.0[0]), self.0[1].wrapping_add(other.0[1])])
    }

    #[inline]
    pub(super) fn minus(self, other: Self) -> Self {
        Self([self.0[0].wrapping_sub(other.0[0]), self.0[1].wrapping_sub(other.0[1])])
    }

    /// Scaled sum of the gradients.
    #[inline]
    pub(super) fn gradient(self) -> f64 {
        self.0[0].cast_signed() as f64
    }

    /// Scaled sum of the hessians.
    #[inline]
    pub(super) fn hessian(self) -> f64 {
        (self.0[1] >> COUNT_BITS).cast_signed() as f64
    }

    /// Number of rows.
    #[inline]
    pub(super) fn count(self) -> usize {
        (self.0[1] & MAX_ROWS as u64) as usize
    }
}

/// First and second derivative of the loss by the raw score of a row, times its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Derivatives {
    pub(super) gradient: f32,
    pub(super) hessian: f32,
}

/// The derivatives of all rows as whole numbers.
#[derive(Debug, Default)]
pub(super) struct Quantised {
    rows: Vec<(i32, u32)>,
    /// What one step of a scaled gradient is worth.
    pub(super) gradient_unit: f64,
    /// What one step of a scaled hessian is worth.
    pub(super) hessian_unit: f64,
}

impl Quantised {
    /// Rounds the derivatives to the finest steps at which no sum can overflow: 2^-31 of the greatest
    /// gradient, and about 2^-36 of the sum of the hessians.
    pub(super) fn set(&mut self, derivatives: &[Derivatives]) {
        let (mut steepest, mut greatest, mut sum) = (0.0_f32, 0.0_f32, 0.0_f64);
        for d in derivatives {
            steepest = steepest.max(d.gradient.abs());
            greatest = greatest.max(d.hessian);
            sum += f64::from(d.hessian);
        }
        let hessians = (1_u64 << (u64::BITS - COUNT_BITS)) as f64 - derivatives.len() as f64;
        self.gradient_unit = f64::from(steepest) / f64::from(i32::MAX);
        self.hessian_unit = (sum / hessians).max(f64::from(greatest) / f64::from(u32::MAX));
        // Nothing but zeros needs no scale.
        let inverse = |unit: f64| if unit > 0.0 { 1.0 / unit } else { 0.0 };
        let (per_gradient, per_hessian) = (inverse(self.gradient_unit), inverse(self.hessian_unit));
        let round = |d: &Derivatives| {
            // Half away from 0; the library's rounding would be a call for each row.
            let gradient = f64::from(d.gradient) * per_gradient;
            let gradient = (gradient + 0.5_f64.copysign(gradient)) as i32;
            (gradient, (f64::from(d.hessian) * per_hessian + 0.5) as u32)
        };
        self.rows.clear();
        self.rows.extend(derivatives.iter().map(round));
    }

    fn sums(&self, row: u32) -> Sums {
        let (gradient, hessian) = self.rows[row as usize];
        Sums([i64::from(gradient).cast_unsigned(), u64::from(hessian) << COUNT_BITS | 1])
    }
}

/// The sums of one feature by bin. The padding keeps equal bins of different features out of each other's
/// cache sets, and their addresses apart in the low bits by which a processor orders loads after stores.
pub(super) type Column = [Sums; 260];

const EMPTY: Column = [Sums([0; 2]); 260];

/// The sums of all features by bin, over some rows.
#[derive(Debug)]
pub(super) struct Histogram(Vec<Column>);

/// Rows whose bins are brought together before they are added up.
const BLOCK: usize = 2048;

/// Rows that are worth a thread of their own.
const PART: usize = 1 << 15;

/// Adds histograms up, and reuses the memory of histograms that are not needed any more.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    bins: &'a Binned,
    free: Vec<Histogram>,
    cells: Vec<[u8; GROUP]>,
    sums: Vec<Sums>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(bins: &'a Binned) -> Self {
        Self { bins, free: Vec::new(), cells: Vec::new(), sums: Vec::new() }
    }

    /// Memory that a histogram takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        self.bins.features() * size_of::<Column>()
    }

    /// Takes back a histogram.
    pub(super) fn recycle(&mut self, histogram: Histogram) {
        self.free.push(histogram);
    }

    /// Adds up the given rows.
    pub(super) fn build(&mut self, derivatives: &Quantised, rows: &[u32]) -> Histogram {
        if rows.len() <= PART || !parallel::is_parallel() {
            return self.build_part(derivatives, rows);
        }
        let parts: Vec<&[u32]> = rows.chunks(PART.max(rows.len().div_ceil(64))).collect();
        let bins = self.bins;
        let mut sums =
            parallel::map(parts.len(), |i| Builder::new(bins).build_part(derivatives, parts[i])).into_iter();
        let mut total = sums.next().unwrap_or_else(|| self.build_part(derivatives, &[]));
        sums.for_each(|part| total.combine(&part, Sums::plus));
        total
    }

    fn build_part(&mut self, derivatives: &Quantised, rows: &[u32]) -> Histogram {
        let mut histogram = self.free.pop().unwrap_or_else(|| Histogram(vec![EMPTY; self.bins.features()]));
        histogram.0.fill(EMPTY);
        self.cells.resize(BLOCK * self.bins.groups(), [0; GROUP]);
        for rows in rows.chunks(BLOCK) {
            // Far rows are fetched here, many at a time: loops as short as these keep many loads in flight.
            self.sums.clear();
            self.sums.extend(rows.iter().map(|&row| derivatives.sums(row)));
            for (group, cells) in self.cells.chunks_exact_mut(BLOCK).enumerate() {
                let cells = &mut cells[..rows.len()];
                cells.iter_mut().zip(rows).for_each(|(to, &row)| *to = self.bins.cell(row, group));
                add_group(&mut histogram.0[group * GROUP..], cells, &self.sums);
            }
        }
        histogram
    }
}

impl Histogram {
    fn combine(&mut self, other: &Self, by: impl Fn(Sums, Sums) -> Sums) {
        let others = other.0.as_flattened();
        self.0.as_flattened_mut().iter_mut().zip(others).for_each(|(to, &from)| *to = by(*to, from));
    }

    /// The sums over the rows that are in `self` and not in `part`.
    pub(super) fn without(mut self, part: &Self) -> Self {
        self.combine(part, Sums::minus);
        self
    }

    /// The sums of one feature by bin.
    pub(super) fn column(&self, feature: usize) -> &Column {
        &self.0[feature]
    }

    /// The sums over all rows.
    pub(super) fn total(&self) -> Sums {
        self.0
            .first()
            .map_or(Sums::default(), |column| column.iter().copied().fold(Sums::default(), Sums::plus))
    }
}

fn add_group(columns: &mut [Column], cells: &[[u8; GROUP]], sums: &[Sums]) {
    match columns.len() {
        1 => add::<1>(columns, cells, sums),
        2 => add::<2>(columns, cells, sums),
        3 => add::<3>(columns, cells, sums),
        4 => add::<4>(columns, cells, sums),
        5 => add::<5>(columns, cells, sums),
        6 => add::<6>(columns, cells, sums),
        7 => add::<7>(columns, cells, sums),
        _ => add::<GROUP>(columns, cells, sums),
    }
}

/// The innermost loop of training: one addition for each row and feature, without a branch or a check.
#[inline(never)]
fn add<const FEATURES: usize>(columns: &mut [Column], cells: &[[u8; GROUP]], sums: &[Sums]) {
    let Some(columns) = columns.first_chunk_mut::<FEATURES>() else { return };
    for (cell, &sums) in cells.iter().zip(sums) {
        for feature in 0..FEATURES {
            let to = &mut columns[feature][cell[feature] as usize];
            *to = to.plus(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::bins;
    use super::*;
    use crate::rng::Stream;

    fn quantised(derivatives: &[Derivatives]) -> Quantised {
        let mut quantised = Quantised::default();
        quantised.set(derivatives);
        quantised
    }

    #[test]
    fn sums_equal_the_sums_over_rows_and_differences_are_exact() {
        let n = 5000;
        let mut rng = Stream::new(1, 0);
        let x = Array2::from_shape_simple_fn((n, 11), || rng.below(40) as f32);
        let all: Vec<u32> = (0..n as u32).collect();
        let found = bins::find(&x.view(), &all, &[false; 11], 255);
        let binned = Binned::new(&x.view(), &found).unwrap();
        let mut draw = || rng.normal() as f32;
        let derivatives: Vec<Derivatives> =
            (0..n).map(|_| Derivatives { gradient: draw(), hessian: draw().abs() }).collect();
        let whole = quantised(&derivatives);
        let mut builder = Builder::new(&binned);
        let everything = builder.build(&whole, &all);
        for feature in 0..11 {
            for value in 0..40_u8 {
                let rows = (0..n).filter(|&row| x[[row, feature]] == f32::from(value));
                let sum = |of: fn(&Derivatives) -> f32| {
                    rows.clone().map(|row| f64::from(of(&derivatives[row]))).sum::<f64>()
                };
                let got = everything.column(feature)[usize::from(value)];
                assert_eq!(got.count(), rows.clone().count());
                assert!((got.gradient() * whole.gradient_unit - sum(|d| d.gradient)).abs() < 1e-6);
                assert!((got.hessian() * whole.hessian_unit - sum(|d| d.hessian)).abs() < 1e-5);
            }
        }
        let (some, others): (Vec<u32>, Vec<u32>) = all.iter().partition(|&&row| row % 3 == 0);
        let (part, rest) = (builder.build(&whole, &some), builder.build(&whole, &others));
        assert_eq!(part.total().plus(rest.total()), everything.total());
        let difference = everything.without(&part);
        assert_eq!(difference.0, rest.0);
        // Memory that comes back is cleared.
        builder.recycle(difference);
        assert_eq!(builder.build(&whole, &some).0, part.0);
    }

    #[test]
    fn the_greatest_sums_do_not_overflow() {
        for (gradient, hessian) in [(1.0, 1.0), (-3e38, 3e38), (1e-38, 1e-38), (0.0, 0.0)] {
            let n = 100_000;
            let rows = quantised(&vec![Derivatives { gradient, hessian }; n]);
            let total = (0..n as u32).map(|row| rows.sums(row)).fold(Sums::default(), Sums::plus);
            assert_eq!(total.count(), n);
            let close = |got: f64, each: f32| {
                let wanted = f64::from(each) * n as f64;
                assert!((got - wanted).abs() <= 1e-4 * wanted.abs(), "{got} is not {wanted}");
            };
            close(total.gradient() * rows.gradient_unit, gradient);
            close(total.hessian() * rows.hessian_unit, hessian);
        }
    }
}
