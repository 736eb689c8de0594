//! Conformal p-values with a fitted tail.

use super::tail::Tail;
use crate::error::{Error, Result};
use crate::sorting::sort_by;

/// Clean scores that a calibration needs.
const FEWEST: usize = 20;

/// Scores per entry of the index: a million scores are searched as fast as ten thousand.
const BLOCK: usize = 64;

/// Turns a score into the share of clean traffic that scores at least as high.
///
/// Fitted on the scores of clean rows that the detector did not see. Let `n` be their number and `u` the
/// threshold of the [`Tail`]:
///
/// - up to `u`, the conformal rank `p = (1 + #{calibration ≥ score}) / (n + 1)`;
/// - above `u`, `p = q · P(S > score | S > u)` with the generalised-Pareto law of the exceedances and
///   `q = (1 + #{calibration > u}) / (n + 1)`, the value that the rank has just above `u`.
///
/// So p lies in (0, 1], never rises with the score, and keeps falling beyond the largest calibration
/// score, where ranks alone would all tie. Rates down to about `3/√n` rest on ranks, rates down to `1/n`
/// on a fit to scores that were seen; below that p is an extrapolation with a deliberately heavy tail. On
/// average over calibrations a rate is realised within a fifth from about `n = 2 / rate` on; a single
/// calibration strays from it by about `1 / √(n · rate)` of the rate.
/// With `n` from 20 to 24 there are too few exceedances for a fit and the shape of the tail is assumed.
///
/// # Source
///
/// Rank: V. Vovk, A. Gammerman and G. Shafer, *Algorithmic Learning in a Random World*, 2005, section 2.2.
/// Tail: see [`Tail`].
///
/// # Examples
///
/// ```
/// let clean: Vec<f32> = (1..=99).map(|i| i as f32).collect();
/// let conformal = qosguard::calibrate::Conformal::fit(&clean)?;
/// assert_eq!(conformal.p_value(50.0), 0.51); // 50 of the 99 score at least 50
/// assert!(conformal.p_value(1e9) < conformal.p_value(1e6));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Conformal {
    sorted: Vec<f32>,
    /// The first score of every block, which stays in the cache.
    index: Vec<f32>,
    tail: Tail,
    share: f64,
}

impl Conformal {
    /// Fits on the scores of clean rows, in any order.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for fewer than 20 scores, [`Error::NotFinite`] for NaN or an infinity;
    /// [`Error::Cancelled`].
    pub fn fit(clean_scores: &[f32]) -> Result<Self> {
        check_scores(clean_scores)?;
        let mut sorted = clean_scores.to_vec();
        sort_by(&mut sorted, f32::total_cmp)?;
        let tail = Tail::fit(&sorted);
        Self::from_parts(sorted, tail)
    }

    /// Puts a calibration together from what [`Conformal::scores`] and [`Conformal::tail`] gave.
    ///
    /// # Errors
    ///
    /// As [`Conformal::fit`]; [`Error::InvalidArgument`] for scores that do not ascend and for a tail that
    /// does not fit them.
    pub fn from_parts(sorted: Vec<f32>, tail: Tail) -> Result<Self> {
        check_scores(&sorted)?;
        if let Some(row) = sorted.windows(2).position(|w| w[0] > w[1]) {
            let got = format!("a descent at {row}");
            return Err(Error::invalid("scores", "in ascending order", got));
        }
        tail.check(sorted[sorted.len() - 1])?;
        let above = sorted.len() - sorted.partition_point(|&s| s <= tail.threshold);
        let share = (1 + above) as f64 / (1 + sorted.len()) as f64;
        let index = sorted.iter().copied().step_by(BLOCK).collect();
        Ok(Self { sorted, index, tail, share })
    }

    /// The calibration scores, ascending.
    pub fn scores(&self) -> &[f32] {
        &self.sorted
    }

    /// The fitted tail.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Share of clean traffic that scores at least `score`, in (0, 1].
    ///
    /// Infinities count as the largest and the smallest `f32`; NaN gives NaN.
    pub fn p_value(&self, score: f32) -> f64 {
        if score.is_nan() {
            return f64::NAN;
        }
        let score = score.clamp(f32::MIN, f32::MAX);
        if score > self.tail.threshold {
            return self.share * self.tail.share_above(score, self.sorted[self.sorted.len() - 1]);
        }
        let n = self.sorted.len();
        let at_least = n - self.count_below(score);
        (1 + at_least) as f64 / (1 + n) as f64
    }

    /// Calibration scores below `score`.
    fn count_below(&self, score: f32) -> usize {
        let blocks = self.index.partition_point(|&s| s < score);
        let (start, end) = (blocks.saturating_sub(1) * BLOCK, (blocks * BLOCK).min(self.sorted.len()));
        start + self.sorted[start..end].partition_point(|&s| s < score)
    }

    /// Writes the p-value of every score into `out`, without allocating.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ, [`Error::NotFinite`] for NaN or an infinity.
    pub fn p_values_into(&self, scores: &[f32], out: &mut [f64]) -> Result<()> {
        if scores.len() != out.len() {
            let (expected, got) = (scores.len(), out.len());
            return Err(Error::ShapeMismatch { what: "p-values", expected, got });
        }
        check_finite(scores)?;
        for (p, &score) in out.iter_mut().zip(scores) {
            *p = self.p_value(score);
        }
        Ok(())
    }

    /// The score above which, and only above which, `p_value(s) <= rate`.
    ///
    /// It is the largest `f32` whose p-value is above the rate; `f32::MAX`, which no score exceeds, for a
    /// rate that no score reaches.
    pub(super) fn score_at(&self, rate: f64) -> f32 {
        // Bisection over all f32 in order: p is 1 at the smallest and never rises.
        let (mut low, mut high) = (to_ordered(f32::MIN), to_ordered(f32::MAX));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.p_value(from_ordered(middle)) > rate { low = middle } else { high = middle - 1 }
        }
        from_ordered(low)
    }
}

/// Maps a finite `f32` to an integer with the same order.
fn to_ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// Inverse of [`to_ordered`].
fn from_ordered(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

fn check_scores(scores: &[f32]) -> Result<()> {
    if scores.len() < FEWEST {
        let what = "clean scores for a calibration".into();
        return Err(Error::InsufficientData { what, needed: FEWEST, got: scores.len() });
    }
    check_finite(scores)
}

/// Rejects NaN and infinities by row.
pub(super) fn check_finite(scores: &[f32]) -> Result<()> {
    match scores.iter().position(|s| !s.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite { row, column: "score".into(), value: f64::from(scores[row]) }),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Stream;

    /// Draws one score of a law.
    type Law = fn(&mut Stream) -> f32;

    const LAWS: [(&str, Law); 5] = [
        ("normal", |r| r.normal() as f32),
        ("exponential", |r| -(1.0 - r.uniform()).ln() as f32),
        ("lognormal", |r| r.normal().exp() as f32),
        // Bounded above, as an isolation forest's scores are.
        ("bounded", |r| (0.35 + 0.45 * (0..4).map(|_| r.uniform()).product::<f64>().sqrt()) as f32),
        // Quantised to a thousandth: many ties.
        ("tied", |r| (r.normal() * 250.0).round() as f32 / 1000.0),
    ];

    fn draw(law: Law, n: usize, rng: &mut Stream) -> Vec<f32> {
        (0..n).map(|_| law(rng)).collect()
    }

    /// Mean over many calibrations of the realised over the asked false-positive rate.
    fn realised_over_asked(law: Law, n: usize, rate: f64) -> f64 {
        let (repetitions, fresh) = (200, 20_000);
        let alarms: usize = (0..repetitions)
            .map(|repetition| {
                let mut rng = Stream::new(11, repetition);
                let conformal = Conformal::fit(&draw(law, n, &mut rng)).unwrap();
                let threshold = conformal.score_at(rate);
                draw(law, fresh, &mut rng).iter().filter(|&&s| s > threshold).count()
            })
            .sum();
        alarms as f64 / (repetitions as f64 * fresh as f64 * rate)
    }

    #[test]
    fn asked_rates_are_realised_within_a_fifth() {
        for (name, law) in LAWS {
            for (n, rate) in [(2000, 0.05), (2000, 0.01), (2000, 0.001), (10_000, 0.001)] {
                let ratio = realised_over_asked(law, n, rate);
                assert!((0.8..1.2).contains(&ratio), "{name}, {n} scores: {rate} became {ratio} of itself");
            }
        }
    }

    #[test]
    fn an_atom_in_the_tail_never_raises_the_rate() {
        // One clean row in 50 has the same high score, and one in 100 exceeds it.
        let law: Law = |r| match r.uniform() {
            u if u < 0.01 => (2.0 + r.uniform()) as f32,
            u if u < 0.03 => 2.0,
            _ => r.uniform() as f32,
        };
        for rate in [0.05, 0.02, 0.01, 0.001] {
            let ratio = realised_over_asked(law, 5000, rate);
            assert!(ratio < 1.2, "{rate} became {ratio} of itself");
        }
    }

    #[test]
    fn ranks_and_their_joint_are_exact() {
        let clean: Vec<f32> = (1..=99).map(|i| i as f32).collect();
        let conformal = Conformal::fit(&clean).unwrap();
        // min(99 / 5, 3 √99) = 19.8: the largest 20 scores exceed 79.
        assert_eq!(conformal.tail().threshold, 79.0);
        assert_eq!(conformal.p_value(-5.0), 1.0);
        assert_eq!(conformal.p_value(1.0), 1.0);
        assert_eq!(conformal.p_value(1.5), 0.99);
        assert_eq!(conformal.p_value(79.0), 0.22);
        assert!((conformal.p_value(79.0_f32.next_up()) - 0.21).abs() < 1e-6);
        assert!(conformal.p_value(f32::NAN).is_nan());
        assert_eq!(conformal.p_value(f32::INFINITY), conformal.p_value(f32::MAX));
    }

    #[test]
    fn the_index_counts_as_a_plain_search_does() {
        for n in [20, 63, 64, 65, 128, 1000] {
            let clean: Vec<f32> = (0..n).map(|i| (i / 3) as f32).collect();
            let conformal = Conformal::fit(&clean).unwrap();
            for step in -2..n {
                let score = step as f32 / 2.0;
                assert_eq!(conformal.count_below(score), clean.iter().filter(|&&s| s < score).count());
            }
        }
    }

    #[test]
    fn few_and_equal_scores_are_handled_and_too_few_rejected() {
        let equal = Conformal::fit(&[3.0; 40]).unwrap();
        assert_eq!(equal.p_value(3.0), 1.0);
        assert!(equal.p_value(3.1) < 1.0 / 41.0 && equal.p_value(3.1) > equal.p_value(3.2));
        let error = Conformal::fit(&[1.0; 19]).unwrap_err();
        assert!(matches!(error, Error::InsufficientData { needed: 20, got: 19, .. }), "{error}");
        let mut scores = [1.0; 30];
        scores[7] = f32::NAN;
        assert!(matches!(Conformal::fit(&scores), Err(Error::NotFinite { row: 7, .. })));
        let mut out = [0.0; 2];
        assert!(matches!(equal.p_values_into(&[1.0], &mut out), Err(Error::ShapeMismatch { .. })));
        assert!(matches!(
            equal.p_values_into(&[1.0, f32::INFINITY], &mut out),
            Err(Error::NotFinite { row: 1, .. })
        ));
    }

    #[test]
    fn parts_from_a_file_are_validated() {
        let conformal = Conformal::fit(&draw(LAWS[0].1, 500, &mut Stream::new(1, 0))).unwrap();
        let (scores, tail) = (conformal.scores().to_vec(), *conformal.tail());
        assert_eq!(Conformal::from_parts(scores.clone(), tail).unwrap(), conformal);
        let mut swapped = scores.clone();
        swapped.swap(0, 499);
        assert!(Conformal::from_parts(swapped, tail).is_err());
        let (largest, nan) = (scores[499], f64::NAN);
        for bad in [
            Tail { scale: 0.0, ..tail },
            Tail { scale: nan, ..tail },
            Tail { shape: nan, ..tail },
            Tail { shape: 1e9, ..tail },
            Tail { shape: -1.0, scale: f64::from(largest - tail.threshold) / 2.0, ..tail },
            Tail { threshold: largest.next_up(), ..tail },
            Tail { threshold: f32::NAN, ..tail },
        ] {
            let error = Conformal::from_parts(scores.clone(), bad).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument { .. }), "{bad:?}: {error}");
        }
    }

    /// Scores of any scale and sign, with anything from no ties to nothing but ties.
    fn scores() -> impl Strategy<Value = Vec<f32>> {
        (20_usize..300, any::<u64>(), 0_u32..4, -38_i32..37, any::<bool>()).prop_map(
            |(n, seed, levels, exponent, negative)| {
                let mut rng = Stream::new(seed, 0);
                let scale = 10_f64.powi(exponent) * if negative { -1.0 } else { 1.0 };
                let steps = [1.0, 3.0, 40.0, 1e9][levels as usize];
                let heavy = |rng: &mut Stream| (1.0 - rng.uniform()).powf(-0.3);
                (0..n).map(|_| ((heavy(&mut rng) * steps).floor() / steps * scale) as f32).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn p_is_in_range_and_never_rises(clean in scores(), probes in vec(any::<f32>(), 0..50)) {
            let conformal = Conformal::fit(&clean).unwrap();
            let mut all: Vec<f32> = clean.iter().flat_map(|s| [s.next_down(), *s, s.next_up()]).collect();
            all.extend(probes.iter().filter(|p| p.is_finite()));
            all.extend([f32::MIN, 0.0, f32::MAX]);
            all.sort_unstable_by(f32::total_cmp);
            let mut out = vec![0.0; all.len()];
            conformal.p_values_into(&all, &mut out).unwrap();
            prop_assert!(out.iter().all(|&p| p > 0.0 && p <= 1.0));
            prop_assert!(out.windows(2).all(|w| w[1] <= w[0]));
        }

        #[test]
        fn p_keeps_falling_beyond_the_largest_score(clean in scores()) {
            let conformal = Conformal::fit(&clean).unwrap();
            let largest = *conformal.scores().last().unwrap();
            let size = f64::from(conformal.scores()[0].abs().max(largest.abs()));
            let (mut last, mut step) = (conformal.p_value(largest), size * 1e-3);
            loop {
                let score = (f64::from(largest) + step).min(f64::from(f32::MAX)) as f32;
                let p = conformal.p_value(score);
                prop_assert!(p > 0.0 && p < last, "{score}: {p} after {last}");
                if score == f32::MAX { break }
                (last, step) = (p, step * 1.3);
            }
        }

        #[test]
        fn the_threshold_and_the_p_value_decide_alike(clean in scores(), rate in 1e-6_f64..1.0) {
            let conformal = Conformal::fit(&clean).unwrap();
            let threshold = conformal.score_at(rate);
            prop_assert!(conformal.p_value(threshold) > rate || threshold == f32::MAX);
            let near = [threshold.next_down(), threshold, threshold.next_up()];
            for &score in clean.iter().chain(&near).filter(|s| s.is_finite()) {
                prop_assert_eq!(score > threshold, conformal.p_value(score) <= rate);
            }
        }
    }
}
