//! The best way to part the rows of a leaf, from its histogram.

use super::bins::{Bins, MISSING};
use super::histogram::{Column, Histogram, Quantised, Sums};
use super::settings::BoostedTreesConfig;
use crate::parallel;

/// Where the rows of a leaf part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    /// How much more the two leaves reduce the loss than the one did, times 2.
    pub(super) gain: f64,
    pub(super) feature: usize,
    pub(super) cut: Cut,
    pub(super) missing_left: bool,
    /// The sums of the rows that go left.
    pub(super) left: Sums,
}

/// Which bins go left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Those up to this one.
    AtMost(u8),
    /// These.
    OneOf(Vec<u8>),
}

impl Split {
    /// Whether each bin goes left.
    pub(super) fn goes_left(&self) -> [bool; 256] {
        let mut left = [false; 256];
        match &self.cut {
            Cut::AtMost(last) => left[..=usize::from(*last)].fill(true),
            Cut::OneOf(bins) => bins.iter().for_each(|&bin| left[usize::from(bin)] = true),
        }
        left[usize::from(MISSING)] = self.missing_left;
        left
    }
}

/// The least and the greatest value that a leaf may take.
pub(super) type Bounds = (f64, f64);

/// Replaces H + λ where the sum is 0, to avoid a division by 0.
const MIN_MASS: f64 = 1e-100;

/// No bounds.
pub(super) const UNBOUNDED: Bounds = (f64::NEG_INFINITY, f64::INFINITY);

/// What the search for splits of one tree goes by.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) config: &'a BoostedTreesConfig,
    pub(super) bins: &'a [Bins],
    pub(super) features: &'a [usize],
    pub(super) derivatives: &'a Quantised,
}

/// The rows of the leaf to part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    pub(super) sums: Sums,
    pub(super) bounds: Bounds,
}

impl Search<'_> {
    /// The best split of a leaf; equal ones are ranked by feature, then by bin.
    pub(super) fn best(&self, histogram: &Histogram, parent: Parent) -> Option<Split> {
        let found =
            parallel::map(self.features.len(), |i| self.of_feature(histogram, self.features[i], parent));
        found.into_iter().flatten().reduce(|best, next| if next.gain > best.gain { next } else { best })
    }

    fn of_feature(&self, histogram: &Histogram, feature: usize, parent: Parent) -> Option<Split> {
        let column = histogram.column(feature);
        let without = self.score(parent.sums, parent.bounds, self.config.l2);
        // Sums are rounded, so a gain below this share of what there was is none.
        let needed = without + self.config.min_gain.max(1e-10 * without.abs());
        let best = match &self.bins[feature] {
            Bins::Numbers(limits) => self.numbers(column, limits.len() + 1, feature, parent, needed),
            Bins::Codes(codes) => self.codes(column, codes.len(), feature, parent, needed),
        };
        best.map(|split| Split { gain: split.gain - without, ..split })
    }

    fn numbers(
        &self,
        column: &Column,
        bins: usize,
        feature: usize,
        parent: Parent,
        needed: f64,
    ) -> Option<Split> {
        let missing = column[usize::from(MISSING)];
        let direction = self.config.monotone.get(feature).copied().unwrap_or_default();
        let free = parent.bounds == UNBOUNDED && direction == 0;
        let mut best: Option<(f64, usize, bool, Sums)> = None;
        let mut scan = |missing_left: bool| {
            let mut left = if missing_left { missing } else { Sums::default() };
            // Missing values alone may go right, too.
            let cuts = if missing.count() > 0 && !missing_left { bins } else { bins - 1 };
            for (bin, &sums) in column[..cuts].iter().enumerate() {
                left = left.plus(sums);
                if sums.count() == 0 || !self.large_enough(left) {
                    continue;
                }
                let right = parent.sums.minus(left);
                if !self.large_enough(right) {
                    break;
                }
                let score = if free {
                    self.free_pair(left, right)
                } else {
                    self.pair(left, right, parent.bounds, direction, self.config.l2)
                };
                if score > best.map_or(needed, |best| best.0) {
                    best = Some((score, bin, missing_left, left));
                }
            }
        };
        scan(false);
        if missing.count() > 0 {
            scan(true);
        }
        let (gain, bin, missing_left, left) = best?;
        // Without a training row that has a missing value, missing values go with the greater number of rows.
        let missing_left =
            if missing.count() > 0 { missing_left } else { 2 * left.count() >= parent.sums.count() };
        Some(Split { gain, feature, cut: Cut::AtMost(bin as u8), missing_left, left })
    }

    /// Whether a leaf may have so many rows and so much hessian.
    fn large_enough(&self, sums: Sums) -> bool {
        sums.count() >= self.config.min_rows_per_leaf
            && sums.hessian() * self.derivatives.hessian_unit >= self.config.min_hessian
    }

    /// What both sides reduce the loss by, times 2; nothing will do where they break a monotone constraint.
    fn pair(&self, left: Sums, right: Sums, bounds: Bounds, direction: i8, l2: f64) -> f64 {
        if direction != 0 {
            let step = self.value(right, bounds, l2) - self.value(left, bounds, l2);
            if step * f64::from(direction) < 0.0 {
                return f64::NEG_INFINITY;
            }
        }
        self.score(left, bounds, l2) + self.score(right, bounds, l2)
    }

    /// The same without bounds and constraint, and with one division instead of two.
    #[inline]
    fn free_pair(&self, left: Sums, right: Sums) -> f64 {
        let [gradient_unit, hessian_unit] = [self.derivatives.gradient_unit, self.derivatives.hessian_unit];
        let square = |sums: Sums| (sums.gradient() * gradient_unit).powi(2);
        let mass = |sums: Sums| (sums.hessian() * hessian_unit + self.config.l2).max(MIN_MASS);
        let (left_mass, right_mass) = (mass(left), mass(right));
        (square(left) * right_mass + square(right) * left_mass) / (left_mass * right_mass)
    }

    /// What a leaf reduces the loss by, times 2: G² / (H + λ) at the best value −G / (H + λ).
    #[inline]
    fn score(&self, sums: Sums, bounds: Bounds, l2: f64) -> f64 {
        let gradient = sums.gradient() * self.derivatives.gradient_unit;
        let hessian = (sums.hessian() * self.derivatives.hessian_unit + l2).max(MIN_MASS);
        if bounds == UNBOUNDED {
            return gradient * gradient / hessian;
        }
        let value = (-gradient / hessian).clamp(bounds.0, bounds.1);
        -(2.0 * gradient + hessian * value) * value
    }

    /// The best value of a leaf.
    pub(super) fn value(&self, sums: Sums, bounds: Bounds, l2: f64) -> f64 {
        let gradient = sums.gradient() * self.derivatives.gradient_unit;
        let hessian = sums.hessian() * self.derivatives.hessian_unit;
        leaf_value(gradient, hessian, l2, bounds)
    }

    /// The bounds of the two sides of a split: values of one do not pass the middle between both.
    pub(super) fn bounds(&self, split: &Split, parent: Parent) -> [Bounds; 2] {
        let bounds = parent.bounds;
        let [left, right] = [split.left, parent.sums.minus(split.left)];
        let middle = || {
            let of = |sums| self.value(sums, bounds, self.config.l2);
            f64::midpoint(of(left), of(right))
        };
        match self.config.monotone.get(split.feature) {
            Some(1) => [(bounds.0, middle()), (middle(), bounds.1)],
            Some(-1) => [(middle(), bounds.1), (bounds.0, middle())],
            _ => [bounds, bounds],
        }
    }

    /// The best set of codes: any single one of few, else those at either end of the order by −G / H.
    fn codes(
        &self,
        column: &Column,
        codes: usize,
        feature: usize,
        parent: Parent,
        needed: f64,
    ) -> Option<Split> {
        // A missing value is one more code.
        let mut bins: Vec<u8> = (0..codes as u8).chain([MISSING]).collect();
        bins.retain(|&bin| column[usize::from(bin)].count() >= MIN_ROWS_PER_CODE);
        let mut best: Option<(f64, Vec<u8>, Sums)> = None;
        let mut offer = |left: Sums, set: &[u8], l2: f64| {
            let right = parent.sums.minus(left);
            if self.large_enough(left) && self.large_enough(right) {
                let score = self.pair(left, right, parent.bounds, 0, l2);
                if score > best.as_ref().map_or(needed, |best| best.0) {
                    best = Some((score, set.to_vec(), left));
                }
            }
        };
        if bins.len() <= MAX_SINGLE_CODES {
            for &bin in &bins {
                offer(column[usize::from(bin)], &[bin], self.config.l2);
            }
        } else {
            let slope = |bin: u8| {
                let sums = column[usize::from(bin)];
                let hessian = sums.hessian() * self.derivatives.hessian_unit;
                sums.gradient() * self.derivatives.gradient_unit / (hessian + SMOOTHING)
            };
            bins.sort_by(|&a, &b| slope(a).total_cmp(&slope(b)).then(a.cmp(&b)));
            let longest = MAX_SET.min(bins.len().div_ceil(2));
            for from_end in [false, true] {
                if from_end {
                    bins.reverse();
                }
                let (mut left, mut since_last) = (Sums::default(), 0);
                for (i, &bin) in bins[..longest].iter().enumerate() {
                    left = left.plus(column[usize::from(bin)]);
                    since_last += column[usize::from(bin)].count();
                    let right = parent.sums.count() - left.count();
                    if since_last >= MIN_ROWS_PER_SET && right >= MIN_ROWS_PER_SET {
                        offer(left, &bins[..=i], self.config.l2 + SET_L2);
                        since_last = 0;
                    }
                }
            }
        }
        let (gain, mut set, left) = best?;
        let missing_left = set.contains(&MISSING);
        set.retain(|&bin| bin != MISSING);
        Some(Split { gain, feature, cut: Cut::OneOf(set), missing_left, left })
    }
}

/// −G / (H + λ), within bounds; 0 for no hessian at all.
pub(super) fn leaf_value(gradient: f64, hessian: f64, l2: f64, bounds: Bounds) -> f64 {
    let value = if hessian + l2 > 0.0 { -gradient / (hessian + l2) } else { 0.0 };
    value.clamp(bounds.0, bounds.1)
}

// What LightGBM sets by default, for the same purposes.

/// So many codes in a leaf are tried one by one.
const MAX_SINGLE_CODES: usize = 4;

/// A code with fewer rows in a leaf goes right.
const MIN_ROWS_PER_CODE: usize = 10;

/// Added to a code's hessian, so that codes of few rows are not at the ends of the order.
const SMOOTHING: f64 = 10.0;

/// More codes never go left.
const MAX_SET: usize = 32;

/// A longer set is tried once it has so many rows more, and as many are left.
const MIN_ROWS_PER_SET: usize = 100;

/// Added to λ where a set is scored, since the best of many sets looks better than it is.
const SET_L2: f64 = 10.0;
