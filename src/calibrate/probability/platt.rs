//! Platt scaling: a logistic curve of the score.

use serde::{Deserialize, Serialize};

use super::{inside, smoothed_targets};
use crate::error::{Error, Result};
use crate::stats::logistic;

/// Newton needs about ten steps.
const STEPS: usize = 100;

/// After a step as small as this the error is about its square.
const LAST_STEP: f64 = 1e-6;

/// `slope · score + offset` are the log-odds; the slope is never negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platt {
    slope: f64,
    offset: f64,
}

impl Platt {
    /// Maximum likelihood for the smoothed labels, by Newton steps that are halved until they descend.
    ///
    /// A negative slope would turn the order of the scores around; the best slope that does not is then 0,
    /// because the loss is convex.
    pub(super) fn fit(scores: &[f32], labels: &[bool]) -> Self {
        let targets = smoothed_targets(labels);
        let mean = labels.iter().map(|&l| targets[usize::from(l)]).sum::<f64>() / labels.len() as f64;
        let flat = Self { slope: 0.0, offset: (mean / (1.0 - mean)).ln() };
        // Centred and scaled to [−1, 1], where Newton's equations are well conditioned.
        let (low, high) = scores.iter().fold((f32::MAX, f32::MIN), |(l, h), &s| (l.min(s), h.max(s)));
        let centre = f64::midpoint(f64::from(low), f64::from(high));
        let scale = f64::from(high) - centre;
        if scale == 0.0 {
            return flat;
        }
        let rows = || {
            scores
                .iter()
                .zip(labels)
                .map(|(&s, &l)| ((f64::from(s) - centre) / scale, targets[usize::from(l)]))
        };
        let (mut a, mut b) = (0.0, flat.offset);
        let mut loss = Derivatives::at(rows(), a, b);
        for _ in 0..STEPS {
            let [step_a, step_b] = loss.newton();
            if step_a.abs().max(step_b.abs()) < LAST_STEP {
                (a, b) = (a + step_a, b + step_b);
                break;
            }
            let slope = loss.by_a * step_a + loss.by_b * step_b;
            let mut share = 1.0;
            let next = loop {
                let next = Derivatives::at(rows(), a + share * step_a, b + share * step_b);
                if next.loss < loss.loss + 1e-4 * share * slope {
                    break Some(next);
                }
                share /= 2.0;
                if share < 1e-10 {
                    break None;
                }
            };
            let Some(next) = next else { break };
            (a, b, loss) = (a + share * step_a, b + share * step_b, next);
        }
        if a <= 0.0 { flat } else { Self { slope: a / scale, offset: b - a * (centre / scale) } }
    }

    pub(super) fn log_odds(&self, score: f32) -> f64 {
        self.slope * f64::from(score) + self.offset
    }

    /// Rejects numbers that no fit gives.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.slope >= 0.0 && self.slope.is_finite()) {
            return Err(Error::invalid("slope", "finite and at least 0", self.slope));
        }
        if !self.offset.is_finite() {
            return Err(Error::invalid("offset", "finite", self.offset));
        }
        Ok(())
    }
}

/// Cross-entropy of `a x + b` as log-odds, with its derivatives.
struct Derivatives {
    loss: f64,
    by_a: f64,
    by_b: f64,
    by_aa: f64,
    by_ab: f64,
    by_bb: f64,
}

impl Derivatives {
    fn at(rows: impl Iterator<Item = (f64, f64)>, a: f64, b: f64) -> Self {
        // A trace of curvature keeps the equations solvable where every probability is certain.
        let mut sums = Self { loss: 0.0, by_a: 0.0, by_b: 0.0, by_aa: 1e-12, by_ab: 0.0, by_bb: 1e-12 };
        for (x, target) in rows {
            let z = a * x + b;
            let p = inside(logistic(z));
            let (gap, curvature) = (p - target, p * (1.0 - p));
            // −t ln p − (1 − t) ln(1 − p), without the logarithm of a rounded 1 − p.
            sums.loss += z.max(0.0) - target * z + (-z.abs()).exp().ln_1p();
            sums.by_a += gap * x;
            sums.by_b += gap;
            sums.by_aa += curvature * x * x;
            sums.by_ab += curvature * x;
            sums.by_bb += curvature;
        }
        sums
    }

    /// The step to the minimum of the parabola.
    fn newton(&self) -> [f64; 2] {
        let determinant = self.by_aa * self.by_bb - self.by_ab * self.by_ab;
        [
            (self.by_ab * self.by_b - self.by_bb * self.by_a) / determinant,
            (self.by_ab * self.by_a - self.by_aa * self.by_b) / determinant,
        ]
    }
}
