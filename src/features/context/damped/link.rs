//! Two streams in opposite directions, and how they move together.

use serde::{Deserialize, Serialize};

use super::stream::{Lanes, Stream, factors};

/// Values of a link for each decay.
pub(super) const VALUES: usize = 7;

/// The two streams between two ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Link {
    /// From the lower end to the higher one, and back.
    streams: [Stream; 2],
    /// Deviations of each stream's last number from its mean.
    residuals: [Lanes; 2],
    /// Sums of products of a residual and the other stream's last one.
    products: Lanes,
    last: Option<f64>,
}

impl Link {
    /// Adds a number to the stream of a direction, and fades both.
    pub(super) fn push(&mut self, is_back: bool, time: f64, value: f64) {
        let factors = factors(self.last.map_or(0.0, |last| time - last));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        let [own, other] = order(is_back);
        for at in [own, other] {
            self.streams[at].fade(&factors);
        }
        self.streams[own].push(value);
        for (lane, factor) in factors.iter().enumerate() {
            let residual = value - self.streams[own].mean(lane);
            self.products[lane] = self.products[lane] * factor + residual * self.residuals[other][lane];
            self.residuals[own][lane] = residual;
        }
    }

    /// Weight, mean, standard deviation, magnitude, radius, covariance and correlation, for a record of a direction.
    pub(super) fn values(&self, is_back: bool, lane: usize) -> [f64; VALUES] {
        let [own, other] = order(is_back).map(|at| &self.streams[at]);
        let [weight, mean, deviation] = own.values(lane);
        let variances = [own.variance(lane), other.variance(lane)];
        let magnitude = mean.hypot(other.mean(lane));
        let radius = variances[0].hypot(variances[1]);
        let covariance = self.products[lane] / (weight + other.weight(lane));
        let scale = deviation * variances[1].sqrt();
        let correlation = if scale > 0.0 { (covariance / scale).clamp(-1.0, 1.0) } else { 0.0 };
        [weight, mean, deviation, magnitude, radius, covariance, correlation]
    }
}

/// The places of the stream of a direction and of the other one.
const fn order(is_back: bool) -> [usize; 2] {
    if is_back { [1, 0] } else { [0, 1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_move_together_correlate() {
        let mut link = Link::default();
        for step in 0..2_000 {
            let (time, value) = (f64::from(step) * 0.01, f64::from(step * 7 % 11));
            link.push(false, time, value);
            link.push(true, time, 3.0 * value + 5.0);
        }
        let [weight, mean, deviation, magnitude, radius, covariance, correlation] = link.values(true, 4);
        assert!(weight > 1_000.0 && (mean - 20.0).abs() < 0.5, "{weight} {mean}");
        assert!((magnitude - 5.0_f64.hypot(20.0)).abs() < 0.5);
        assert!((radius - 10.0_f64.hypot(90.0)).abs() < 3.0, "{radius}");
        assert!((deviation - 90.0_f64.sqrt()).abs() < 0.3);
        // Each pair of numbers adds two products, of the pair and of the neighbours, over the weight of both streams.
        assert!(covariance > 0.0 && correlation > 0.0 && correlation < 1.0, "{covariance} {correlation}");
        let same = link.values(false, 4);
        assert_eq!(same[3..6], [magnitude, radius, covariance]);
    }

    #[test]
    fn one_direction_alone_has_no_covariance() {
        let mut link = Link::default();
        for step in 0..10 {
            link.push(true, f64::from(step), f64::from(step));
        }
        let values = link.values(true, 3);
        assert_eq!(values[3], values[1], "the other mean is 0");
        assert_eq!(values[5..], [0.0, 0.0]);
    }
}
