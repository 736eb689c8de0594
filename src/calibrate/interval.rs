//! Intervals around an observed share.

use serde::{Deserialize, Serialize};

/// An interval that covers the true value at a stated level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's interval of the probability behind `hits` out of `trials`, at `level` in (0, 1).
///
/// `(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)`; never empty, unlike the normal one at 0 hits. The
/// whole of [0, 1] for no trials.
///
/// # Source
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
pub(crate) fn wilson(hits: usize, trials: usize, level: f64) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = trials as f64;
    let p = hits as f64 / n;
    let z = normal_quantile(0.5 + level / 2.0);
    let z2 = z * z / n;
    let middle = p + z2 / 2.0;
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
    let scale = 1.0 + z2;
    // Rounding must not put the share itself outside, at no hit or nothing but hits.
    Interval {
        low: ((middle - half) / scale).max(0.0).min(p),
        high: ((middle + half) / scale).min(1.0).max(p),
    }
}

/// Standard normal quantile of `p` in (0, 1), within 4.5e-4.
///
/// # Source
///
/// M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 1964, formula 26.2.23.
fn normal_quantile(p: f64) -> f64 {
    let t = (-2.0 * p.min(1.0 - p).ln()).sqrt();
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let denominator = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - numerator / denominator).copysign(p - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_the_hand_computed_interval() {
        // 10 of 100 at 95 %: z = 1.959964, centre .115414, half width .060170.
        let Interval { low, high } = wilson(10, 100, 0.95);
        assert!((low - 0.055_229).abs() < 2e-5 && (high - 0.174_366).abs() < 4e-5, "{low} {high}");
        // No hit in 1,000: z²/(n + z²) = .003827.
        let Interval { low, high } = wilson(0, 1000, 0.95);
        assert!(low == 0.0 && (high - 0.003_827).abs() < 2e-6, "{low} {high}");
        for n in 1..200 {
            for level in [0.9, 0.95, 0.99] {
                assert_eq!((wilson(0, n, level).low, wilson(n, n, level).high), (0.0, 1.0), "{n}, {level}");
            }
        }
        assert_eq!(wilson(0, 0, 0.95), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn normal_quantiles_equal_the_published_tables() {
        for (p, z) in [(0.975, 1.959_964), (0.5, 0.0), (0.05, -1.644_854), (0.995, 2.575_829)] {
            assert!((normal_quantile(p) - z).abs() < 4.5e-4, "{p}");
        }
    }
}
