//! Every feature on the normal scale, by its rank in the training rows.

use ndarray::ArrayView2;

use crate::parallel;

/// Knots that a feature keeps at most.
pub(super) const MAX_KNOTS: usize = 256;

/// A monotone, piecewise linear map per feature; see [`Normalise::Quantile`](super::Normalise::Quantile).
#[derive(Clone, Debug)]
pub(super) struct NormalScores {
    features: Vec<Knots>,
}

/// The map of one feature.
#[derive(Clone, Debug)]
pub(super) struct Knots {
    /// Ascending values, at least one.
    values: Vec<f32>,
    /// What each value is mapped to, ascending.
    scores: Vec<f64>,
    /// Slope from each knot to the next.
    slopes: Vec<f64>,
    /// Distance beyond the ends that counts `ln 2`.
    range: f64,
}

impl Knots {
    /// `values` and `scores` are finite, ascending, of the same length, and not empty.
    pub(super) fn new(values: Vec<f32>, scores: Vec<f64>) -> Self {
        let wide: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        let slopes = wide.windows(2).zip(scores.windows(2)).map(|(v, s)| (s[1] - s[0]) / (v[1] - v[0]));
        let width = wide[wide.len() - 1] - wide[0];
        let range = if width > 0.0 { width } else { 1.0 };
        Self { slopes: slopes.collect(), values, scores, range }
    }

    /// The knots of a feature's training values.
    fn fit(mut column: Vec<f32>) -> Self {
        column.sort_unstable_by(f32::total_cmp);
        let rows = column.len() as f64;
        let (mut values, mut scores, mut below) = (Vec::new(), Vec::new(), 0);
        for equal in column.chunk_by(|a, b| a == b) {
            values.push(equal[0]);
            scores.push(probit((f64::from(below) + equal.len() as f64 / 2.0) / rows));
            below += equal.len() as u32;
        }
        let last = values.len() - 1;
        if values.len() > MAX_KNOTS {
            let step = (scores[last] - scores[0]) / (MAX_KNOTS - 1) as f64;
            let mut kept: Vec<usize> = (0..MAX_KNOTS)
                .map(|i| {
                    let level = scores[0] + i as f64 * step;
                    scores.partition_point(|&score| score < level).min(last)
                })
                .collect();
            kept.dedup();
            values = kept.iter().map(|&i| values[i]).collect();
            scores = kept.iter().map(|&i| scores[i]).collect();
        }
        Self::new(values, scores)
    }

    fn of(&self, value: f32) -> f64 {
        let above = self.values.partition_point(|&knot| knot <= value);
        let at = above.saturating_sub(1);
        let off = f64::from(value) - f64::from(self.values[at]);
        if above == 0 {
            return self.scores[0] - (-off / self.range).ln_1p();
        }
        match self.slopes.get(at) {
            Some(slope) => self.scores[at] + slope * off,
            None => self.scores[at] + (off / self.range).ln_1p(),
        }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn scores(&self) -> &[f64] {
        &self.scores
    }
}

impl NormalScores {
    /// Learns the ranks of every column of `x`, which has at least one row.
    pub(super) fn fit(x: &ArrayView2<'_, f32>) -> Self {
        Self::new(parallel::map(x.ncols(), |feature| Knots::fit(x.column(feature).to_vec())))
    }

    pub(super) fn new(features: Vec<Knots>) -> Self {
        Self { features }
    }

    /// The normal score of a finite value.
    pub(super) fn of(&self, feature: usize, value: f32) -> f64 {
        self.features[feature].of(value)
    }

    pub(super) fn features(&self) -> &[Knots] {
        &self.features
    }
}

/// `Φ⁻¹(p)` for `p` in (0, 1), to a relative error of about 1e-9: rational functions after P. J. Acklam, *An
/// algorithm for computing the inverse normal cumulative distribution function*, 2003.
#[allow(clippy::excessive_precision, reason = "the coefficients as published")]
fn probit(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_690e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    /// Where the central approximation ends and the one for the tails begins.
    const TAIL: f64 = 0.02425;
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p > 0.5 {
        return -probit(1.0 - p);
    }
    if p < TAIL {
        let q = (-2.0 * p.ln()).sqrt();
        return polynomial(&C, q) / polynomial(&D, q);
    }
    let q = p - 0.5;
    q * polynomial(&A, q * q) / polynomial(&B, q * q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probit_by_the_table() {
        for (p, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.841_344_746_068_542_9, 1.0),
            (0.01, -2.326_347_874_040_841),
            (1e-6, -4.753_424_308_822_899),
        ] {
            assert!((probit(p) - z).abs() < 1e-8, "{p}: {}", probit(p));
        }
    }

    #[test]
    fn ranks_by_hand() {
        // Of ten rows five are 0, four are 2, one is 10: middle ranks .25, .7, .95.
        let knots = Knots::fit([vec![0.0; 5], vec![2.0; 4], vec![10.0]].concat());
        let (low, middle, high) = (probit(0.25), probit(0.7), probit(0.95));
        assert_eq!(knots.scores(), [low, middle, high]);
        assert_eq!(knots.of(2.0), middle);
        assert!((knots.of(4.0) - (middle + 0.25 * (high - middle))).abs() < 1e-15);
        assert!((knots.of(20.0) - (high + 2_f64.ln())).abs() < 1e-15, "one range beyond the end");
        assert!((knots.of(-30.0) - (low - 4_f64.ln())).abs() < 1e-15);
    }

    #[test]
    fn a_constant_column_and_the_ends_of_numbers_stay_finite_and_in_order() {
        let constant = Knots::fit(vec![7.0; 20]);
        assert_eq!(constant.of(7.0), 0.0);
        assert!((constant.of(8.0) - 2_f64.ln()).abs() < 1e-15);
        for knots in
            [constant, Knots::fit(vec![f32::MIN, 0.0, f32::MAX]), Knots::fit(vec![0.0, f32::MIN_POSITIVE])]
        {
            let mapped = [f32::MIN, -1.0, 0.0, 7.0, 1e30, f32::MAX].map(|value| knots.of(value));
            assert!(mapped.iter().all(|z| z.is_finite()) && mapped.is_sorted(), "{mapped:?}");
        }
    }

    #[test]
    fn the_number_of_knots_is_bounded_and_the_scale_kept() {
        let values: Vec<f32> = (0..10_000).map(|i| (i as f32 / 100.0).exp2()).collect();
        let knots = Knots::fit(values.clone());
        assert!(knots.values().len() <= MAX_KNOTS && knots.values().len() > 200);
        for (i, &value) in values.iter().enumerate() {
            let exact = probit((i as f64 + 0.5) / 10_000.0);
            assert!((knots.of(value) - exact).abs() < 0.03, "{i}");
        }
    }
}
