//! Features as bins: every value becomes a number below 256, and every limit between bins is a threshold.

use std::collections::HashMap;

use ndarray::{ArrayView1, ArrayView2};

use crate::detect::tree::Categories;
use crate::error::{Error, Result};
use crate::parallel;

/// The bin of a missing value, in every feature.
pub(super) const MISSING: u8 = 255;

/// Codes end here.
const END: f32 = Categories::END as f32;

/// Most bins for values of one feature.
pub(super) const MAX_BINS: usize = 255;

/// The bins of one feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bins {
    /// Bin `b` holds the values above `limits[b - 1]` that are at most `limits[b]`; the last one has no limit.
    Numbers(Vec<f32>),
    /// Bin `b` holds the code `codes[b]`; one more bin holds all other codes.
    Codes(Vec<u32>),
}

impl Bins {
    /// The bins of a column of numbers, as seen in a sample of its rows: one for each distinct value where
    /// they fit, else about the same number of rows in each.
    fn of_numbers(mut keys: Vec<u32>, bins: usize) -> Self {
        keys.sort_unstable();
        let distinct: Vec<(f32, usize)> =
            keys.chunk_by(|a, b| a == b).map(|run| (from_key(run[0]), run.len())).collect();
        let mut limits = Vec::new();
        let (mut rows_left, mut bins_left, mut held) = (keys.len(), bins, 0);
        for (i, pair) in distinct.windows(2).enumerate() {
            let [(value, count), (next, next_count)] = [pair[0], pair[1]];
            held += count;
            let fair = rows_left.div_ceil(bins_left);
            let all_fit = distinct.len() - i <= bins_left;
            if bins_left > 1 && (all_fit || held >= fair || next_count >= fair) {
                limits.push(between(value, next));
                rows_left -= held;
                bins_left -= 1;
                held = 0;
            }
        }
        Self::Numbers(limits)
    }

    /// The bins of a column of codes: one for each of the most frequent ones.
    fn of_codes(column: impl Iterator<Item = f32>, bins: usize) -> Self {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for value in column.filter(|value| !value.is_nan()) {
            *counts.entry(value as u32).or_default() += 1;
        }
        let mut by_count: Vec<(u32, usize)> = counts.into_iter().collect();
        by_count.sort_unstable_by_key(|&(code, count)| (usize::MAX - count, code));
        // One bin is kept for the others.
        Self::Codes(by_count.into_iter().take(bins - 1).map(|(code, _)| code).collect())
    }

    /// What brings the values of a column to bins.
    fn table(&self) -> Table {
        match self {
            Self::Numbers(limits) => {
                let mut padded = Box::new([f32::INFINITY; 256]);
                padded.iter_mut().zip(limits).for_each(|(to, &limit)| *to = limit);
                Table::Numbers(padded)
            }
            Self::Codes(codes) => {
                let end = codes.iter().max().map_or(0, |&code| code as usize + 1);
                let mut bins = vec![codes.len() as u8; end];
                codes.iter().enumerate().for_each(|(bin, &code)| bins[code as usize] = bin as u8);
                Table::Codes { bins, other: codes.len() as u8 }
            }
        }
    }
}

/// Bins as something to look values up in.
enum Table {
    Numbers(Box<[f32; 256]>),
    Codes { bins: Vec<u8>, other: u8 },
}

impl Table {
    fn bin(&self, value: f32) -> u8 {
        match self {
            _ if value.is_nan() => MISSING,
            Self::Numbers(limits) => {
                // How many limits lie below the value, by halves and without a branch.
                let mut below = 0_usize;
                for step in [128, 64, 32, 16, 8, 4, 2, 1] {
                    below += step * usize::from(limits[(below + step - 1) & 255] < value);
                }
                below as u8
            }
            Self::Codes { bins, other } => bins.get(value as usize).copied().unwrap_or(*other),
        }
    }
}

/// An integer that sorts as the float does; both zeros have the same one.
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn from_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// The middle of two numbers, at least `low` and below `high`, so that `x <= middle` keeps them apart.
fn between(low: f32, high: f32) -> f32 {
    let middle = f64::midpoint(f64::from(low), f64::from(high)) as f32;
    if middle < high { middle } else { low }
}

/// Rejects a value that is not a whole number from 0 in a column of codes; NaN is a missing value and is accepted.
pub(super) fn check_codes(x: &ArrayView2<'_, f32>, columns: &[usize]) -> Result<()> {
    for &column in columns {
        let bad = |value: f32| !value.is_nan() && (value.fract() != 0.0 || !(0.0..END).contains(&value));
        if let Some((row, value)) = x.column(column).iter().enumerate().find(|(_, value)| bad(**value)) {
            let expected = format!("a whole number in 0..{END} or NaN, for the column is categorical");
            return Err(Error::invalid(format!("x[{row}, {column}]"), expected, value));
        }
    }
    Ok(())
}

/// Bins of every feature, from a sample of the rows.
pub(super) fn find(x: &ArrayView2<'_, f32>, sample: &[u32], is_code: &[bool], bins: usize) -> Vec<Bins> {
    parallel::map(x.ncols(), |column| {
        let column_of_x: ArrayView1<'_, f32> = x.column(column);
        let values = sample.iter().map(|&row| column_of_x[row as usize]);
        if is_code[column] {
            Bins::of_codes(values, bins)
        } else {
            Bins::of_numbers(values.filter(|value| !value.is_nan()).map(key).collect(), bins)
        }
    })
}

/// Features whose bins lie side by side.
pub(super) const GROUP: usize = 8;

/// The bins of all rows, laid out twice.
#[derive(Debug)]
pub(super) struct Binned {
    groups: usize,
    /// Row by row, for histograms: all features of a row are needed at once.
    cells: Vec<[u8; GROUP]>,
    /// Feature by feature, to part rows: one feature of many rows is needed.
    columns: Vec<Vec<u8>>,
}

/// Rows that one thread brings to bins at a time.
const CHUNK: usize = 4096;

impl Binned {
    /// Brings every value to its bin.
    pub(super) fn new(x: &ArrayView2<'_, f32>, bins: &[Bins]) -> Result<Self> {
        let groups = bins.len().div_ceil(GROUP);
        let tables: Vec<Table> = bins.iter().map(Bins::table).collect();
        let mut cells = vec![[0; GROUP]; x.nrows() * groups];
        parallel::for_each_chunk(&mut cells, CHUNK * groups, |start, part| {
            let first = start / groups;
            for (row, cells) in part.chunks_exact_mut(groups).enumerate() {
                let values = x.row(first + row);
                let cells = cells.as_flattened_mut();
                for ((&value, table), cell) in values.iter().zip(&tables).zip(cells) {
                    *cell = table.bin(value);
                }
            }
            Ok(())
        })?;
        let columns = parallel::map(bins.len(), |feature| {
            cells.chunks_exact(groups).map(|row| row[feature / GROUP][feature % GROUP]).collect()
        });
        Ok(Self { groups, cells, columns })
    }

    /// Number of features.
    pub(super) fn features(&self) -> usize {
        self.columns.len()
    }

    /// Number of groups in a row.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The bins of one group of features of one row.
    #[inline]
    pub(super) fn cell(&self, row: u32, group: usize) -> [u8; GROUP] {
        self.cells[row as usize * self.groups + group]
    }

    /// The bins of one feature of all rows.
    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.columns[feature]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn numbers(values: &[f32], bins: usize) -> (Vec<f32>, Table) {
        let found = Bins::of_numbers(values.iter().copied().map(key).collect(), bins);
        let table = found.table();
        let Bins::Numbers(limits) = found else { panic!("numbers") };
        (limits, table)
    }

    #[test]
    fn few_distinct_values_have_a_bin_each() {
        let (limits, table) = numbers(&[3.0, -0.0, 0.0, 1.0, 3.0, -2.0], 4);
        assert_eq!(limits, [-1.0, 0.5, 2.0]);
        let bins = [-9.0, -1.0, -0.0, 0.5, 0.6, 2.5, f32::MAX, f32::NAN].map(|value| table.bin(value));
        assert_eq!(bins, [0, 0, 1, 1, 2, 3, 3, MISSING]);
        assert!(numbers(&[7.0; 5], 255).0.is_empty());
        assert!(numbers(&[], 255).0.is_empty());
    }

    #[test]
    fn many_distinct_values_share_bins_evenly_and_a_frequent_one_stays_alone() {
        let mut values: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let (limits, table) = numbers(&values, 10);
        assert_eq!(limits.len(), 9);
        let mut counts = [0; 10];
        for &value in &values {
            counts[usize::from(table.bin(value))] += 1;
        }
        assert_eq!(counts, [100; 10]);
        values.extend([500.0; 1000]);
        let (_, table) = numbers(&values, 10);
        let alone = table.bin(500.0);
        assert!(table.bin(499.0) < alone && table.bin(501.0) > alone);
    }

    #[test]
    fn frequent_codes_have_their_own_bins_and_the_others_share_one() {
        let column = [5.0, 5.0, 9.0, 9.0, 9.0, 2.0, 40.0, f32::NAN];
        let bins = Bins::of_codes(column.into_iter(), 4);
        assert_eq!(bins, Bins::Codes(vec![9, 5, 2]));
        let table = bins.table();
        assert_eq!([9.0, 5.0, 2.0, 40.0, 60_000.0, 0.0].map(|code| table.bin(code)), [0, 1, 2, 3, 3, 3]);
        assert_eq!(table.bin(f32::NAN), MISSING);
    }

    #[test]
    fn rows_and_columns_hold_the_same_bins() {
        let x = Array2::from_shape_fn((50, 11), |(i, j)| ((i * 7 + j * 3) % 23) as f32);
        let sample: Vec<u32> = (0..50).collect();
        let bins = find(&x.view(), &sample, &[false; 11], 255);
        let binned = Binned::new(&x.view(), &bins).unwrap();
        assert_eq!((binned.features(), binned.groups()), (11, 2));
        for (feature, bins) in bins.iter().enumerate() {
            let table = bins.table();
            for (row, &bin) in binned.column(feature).iter().enumerate() {
                assert_eq!(bin, table.bin(x[[row, feature]]));
                assert_eq!(bin, binned.cell(row as u32, feature / GROUP)[feature % GROUP]);
            }
        }
    }

    proptest! {
        #[test]
        fn a_limit_parts_values_as_their_bins_do(
            values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 1..400),
            bins in 2_usize..=255,
        ) {
            let (limits, table) = numbers(&values, bins);
            prop_assert!(limits.len() < bins && limits.is_sorted_by(|a, b| a < b));
            for &value in &values {
                let bin = usize::from(table.bin(value));
                for (b, &limit) in limits.iter().enumerate() {
                    prop_assert_eq!(value <= limit, bin <= b);
                }
            }
        }

        #[test]
        fn keys_keep_the_order_of_floats(a in prop::num::f32::NORMAL, b in prop::num::f32::NORMAL) {
            prop_assert_eq!(a.partial_cmp(&b), key(a).partial_cmp(&key(b)));
            prop_assert_eq!(from_key(key(a)), a);
            prop_assert!(a >= b || (a <= between(a, b) && between(a, b) < b));
        }
    }
}
