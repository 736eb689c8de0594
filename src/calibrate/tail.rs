//! The generalised-Pareto tail above a high quantile.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Shape that the tail has at least beyond the largest calibration score.
///
/// A quarter is a fourth-power law: a fit that would end at a finite score, or fall exponentially, is a
/// statement about scores that were seen and none about scores that were not.
const SHAPE_BEYOND: f64 = 0.25;

/// Exceedances that a fit needs; with fewer the shape is [`SHAPE_BEYOND`] and only the scale is estimated.
const FEWEST: usize = 5;

/// No fit to `f32` scores gives a larger shape in absolute value: it is a mean of logarithms.
const LARGEST_SHAPE: f64 = 1e3;

/// Keeps the share beyond every `f32` score above the smallest `f64`.
const SMALLEST_SCALE: f64 = f32::MIN_POSITIVE as f64;

/// Below this shape in absolute value the distribution is taken for exponential.
const EXPONENTIAL: f64 = 1e-9;

/// Generalised-Pareto distribution of the scores above a threshold.
///
/// `P(score > s | score > threshold) = (1 + shape · (s − threshold) / scale)^(−1 / shape)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tail {
    /// The score above which the tail holds; it is one of the calibration scores.
    pub threshold: f32,
    /// Shape ξ: negative for a bounded tail, 0 for an exponential one, positive for a power law.
    pub shape: f64,
    /// Scale σ, in score units, above 0.
    pub scale: f64,
}

impl Tail {
    /// Chooses the threshold in sorted scores and fits the tail above it.
    ///
    /// The tail begins below the largest `min(n/5, 3√n)` scores, or higher: at the highest score of that range
    /// which a tenth of it share, because a continuous law cannot carry such an atom. `sorted` is ascending,
    /// finite and not empty.
    ///
    /// # Source
    ///
    /// For the number of scores: A. Vehtari et al., "Pareto smoothed importance sampling", JMLR 25 (2024).
    pub(super) fn fit(sorted: &[f32]) -> Self {
        let n = sorted.len();
        let wanted = (n as f64 / 5.0).min(3.0 * (n as f64).sqrt()).ceil() as usize;
        let top = &sorted[n.saturating_sub(wanted + 1)..];
        let atom = (wanted / 10).max(3);
        let threshold = top
            .chunk_by(|a, b| a.total_cmp(b).is_eq())
            .rev()
            .find(|ties| ties.len() >= atom)
            .map_or(top[0], |ties| ties[0]);
        let first = sorted.partition_point(|&s| s <= threshold);
        let excesses: Vec<f64> =
            sorted[first..].iter().map(|&s| f64::from(s) - f64::from(threshold)).collect();
        let (shape, scale) = if excesses.len() >= FEWEST {
            zhang_stephens(&excesses)
        } else if excesses.is_empty() {
            (SHAPE_BEYOND, spread(sorted))
        } else {
            let mean = excesses.iter().sum::<f64>() / excesses.len() as f64;
            (SHAPE_BEYOND, mean * (1.0 - SHAPE_BEYOND))
        };
        Self { threshold, shape, scale: scale.max(SMALLEST_SCALE) }
    }

    /// Checks a tail that came from a file against the largest calibration score.
    pub(super) fn check(&self, largest: f32) -> Result<()> {
        let reach = f64::from(largest) - f64::from(self.threshold);
        let sound = reach >= 0.0
            && self.shape.abs() <= LARGEST_SHAPE
            && (SMALLEST_SCALE..f64::INFINITY).contains(&self.scale)
            && Self::survival(self.shape, self.scale, reach) > 0.0;
        if sound {
            return Ok(());
        }
        Err(Error::invalid(
            "tail",
            "a law that begins at or below the largest score and ends beyond it",
            format!("{self:?}"),
        ))
    }

    /// Share of the exceedances that lie above the threshold plus `excess`, in (0, 1].
    fn survival(shape: f64, scale: f64, excess: f64) -> f64 {
        let x = excess / scale;
        if shape.abs() < EXPONENTIAL { (-x).exp() } else { (-(shape * x).ln_1p() / shape).exp() }
    }

    /// Share of the exceedances that lie above `score`, for a score above the threshold.
    ///
    /// Up to `largest`, the largest calibration score, this is the fitted law. Beyond it the shape is at
    /// least [`SHAPE_BEYOND`], joined with the same value and the same hazard `1 / (scale + shape · excess)`.
    pub(super) fn share_above(&self, score: f32, largest: f32) -> f64 {
        let excess = f64::from(score.min(largest)) - f64::from(self.threshold);
        let within = Self::survival(self.shape, self.scale, excess);
        if score <= largest {
            return within;
        }
        let scale = (self.scale + self.shape * excess).max(SMALLEST_SCALE);
        let beyond = f64::from(score) - f64::from(largest);
        within * Self::survival(self.shape.max(SHAPE_BEYOND), scale, beyond)
    }
}

/// A scale where nothing exceeds the threshold: the range of the scores, their size, or 1.
fn spread(sorted: &[f32]) -> f64 {
    let (low, high) = (f64::from(sorted[0]), f64::from(sorted[sorted.len() - 1]));
    [high - low, high.abs(), 1.0].into_iter().find(|&s| s > 0.0).unwrap_or(1.0)
}

/// Shape and scale of a generalised-Pareto sample of ascending, positive excesses.
///
/// Quasi-Bayesian estimator with a data-driven prior on θ = −shape/scale; it exists for every sample and
/// its endpoint, where there is one, lies beyond the largest excess.
///
/// # Source
///
/// J. Zhang and M. A. Stephens, "A new and efficient estimation method for the generalized Pareto
/// distribution", Technometrics 51 (2009).
fn zhang_stephens(excesses: &[f64]) -> (f64, f64) {
    let n = excesses.len();
    let largest = excesses[n - 1];
    let quartile = excesses[((n as f64 / 4.0 + 0.5) as usize).max(1) - 1];
    let grid = 20 + (n as f64).sqrt() as usize;
    let shape_of = |theta: f64| excesses.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;

    let candidates: Vec<(f64, f64)> = (1..=grid)
        .map(|j| {
            let step = 1.0 - (grid as f64 / (j as f64 - 0.5)).sqrt();
            let theta = 1.0 / largest + step / (3.0 * quartile);
            let shape = shape_of(theta);
            // θ and shape have opposite signs; at 0 both, the ratio tends to the mean.
            let scale = if theta == 0.0 { excesses.iter().sum::<f64>() / n as f64 } else { -shape / theta };
            (theta, -(n as f64) * (scale.ln() + shape + 1.0))
        })
        .collect();
    let best = candidates.iter().map(|c| c.1).fold(f64::NEG_INFINITY, f64::max);
    let (mut weight, mut theta) = (0.0, 0.0);
    for (candidate, likelihood) in candidates {
        let w = (likelihood - best).exp();
        weight += w;
        theta += w * candidate;
    }
    let theta = theta / weight;
    let shape = shape_of(theta);
    if theta.abs() * largest < EXPONENTIAL {
        return (0.0, excesses.iter().sum::<f64>() / n as f64);
    }
    (shape, -shape / theta)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    /// `count` even quantiles of the generalised-Pareto law with scale 2.
    fn quantiles(shape: f64, count: usize) -> Vec<f64> {
        (0..count)
            .map(|i| {
                let above = 1.0 - (i as f64 + 0.5) / count as f64;
                if shape == 0.0 { -2.0 * above.ln() } else { 2.0 * (above.powf(-shape) - 1.0) / shape }
            })
            .collect()
    }

    #[test]
    fn the_estimator_finds_shape_and_scale() {
        for expected in [-0.4, 0.0, 0.2, 0.7] {
            let (shape, scale) = zhang_stephens(&quantiles(expected, 2000));
            assert!((shape - expected).abs() < 0.03, "{shape} for {expected}");
            assert!((scale / 2.0 - 1.0).abs() < 0.03, "{scale} at {expected}");
        }
    }

    #[test]
    fn the_estimator_exists_for_every_sample() {
        for sample in
            [vec![1.0; 5], vec![1e-45; 9], vec![1e-30, 1e-10, 1.0, 1e20, 1e38], vec![1.0, 1.0, 1.0, 1.0, 9.0]]
        {
            let (shape, scale) = zhang_stephens(&sample);
            let end = scale + shape * sample[sample.len() - 1];
            assert!(shape.is_finite() && scale > 0.0 && end > 0.0, "{sample:?}: {shape} {scale}");
        }
    }

    #[test]
    fn beyond_the_largest_score_the_law_is_heavy_and_smooth() {
        // A bounded law that would end at 4; the largest score is 3.
        let tail = Tail { threshold: 0.0, shape: -0.5, scale: 2.0 };
        assert_eq!(tail.share_above(3.0, 3.0), 0.0625); // (1 − 3/4)²
        // Joined scale 2 − 1.5 = 0.5: (1 + 0.25 · 2 / 0.5)^−4 = 1/16.
        assert!((tail.share_above(5.0, 3.0) - 0.0625 / 16.0).abs() < 1e-15);
        let hazard =
            |a: f32, b: f32| (tail.share_above(a, 3.0) / tail.share_above(b, 3.0)).ln() / f64::from(b - a);
        assert!((hazard(2.999, 3.0) / hazard(3.0, 3.001) - 1.0).abs() < 0.01);
        // A heavier fit goes on as it is.
        let heavy = Tail { shape: 0.5, ..tail };
        assert!((heavy.share_above(12.0, 3.0) - 0.0625).abs() < 1e-15); // (1 + 3)^−2
    }

    #[test]
    fn the_tail_starts_above_an_atom() {
        let mut scores: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        assert_eq!(Tail::fit(&scores).threshold, 904.0); // 3 √1000 = 94.9
        scores[940..960].fill(950.0);
        assert_eq!(Tail::fit(&scores).threshold, 950.0);
        scores[940..].fill(950.0);
        let tail = Tail::fit(&scores);
        assert_eq!((tail.threshold, tail.shape, tail.scale), (950.0, SHAPE_BEYOND, 950.0));
    }
}
