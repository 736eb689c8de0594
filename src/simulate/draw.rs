//! The distributions of the traffic.

use crate::rng::Stream;

impl Stream {
    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A whole number in `low..=high`.
    pub(super) fn count(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low + 1) as usize) as u64
    }

    /// `true` with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Exponential with the given mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    /// Poisson with a mean of at most about 100 (Knuth's product of uniform numbers).
    pub(super) fn poisson(&mut self, mean: f64) -> f64 {
        let limit = (-mean).exp();
        let (mut product, mut count) = (self.uniform(), 0.0);
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }

    /// Log-normal: the median, and the standard deviation of the logarithm.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_match_the_formulas() {
        let mut rng = Stream::new(1, 0);
        let n = 100_000;
        let mean = (0..n).map(|_| rng.exponential(3.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 3.0).abs() < 0.05, "{mean}");
        let below = (0..n).filter(|_| rng.log_normal(7.0, 1.5) < 7.0).count() as f64 / f64::from(n);
        assert!((below - 0.5).abs() < 0.01, "{below}");
        // The mean of a log-normal is median * exp(sigma^2 / 2).
        let mean = (0..n).map(|_| rng.log_normal(1.0, 0.5)).sum::<f64>() / f64::from(n);
        assert!((mean - 0.125_f64.exp()).abs() < 0.01, "{mean}");
        // The mean and the variance of a Poisson number are equal.
        let counts: Vec<f64> = (0..n).map(|_| rng.poisson(3.0)).collect();
        let mean = counts.iter().sum::<f64>() / f64::from(n);
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!((mean - 3.0).abs() < 0.03 && (variance - 3.0).abs() < 0.08, "{mean} {variance}");
        let mut seen = [0; 3];
        (0..n).for_each(|_| seen[(rng.count(4, 6) - 4) as usize] += 1);
        assert!(seen.iter().all(|&s| (33_333 - 700..33_333 + 700).contains(&s)), "{seen:?}");
    }
}
