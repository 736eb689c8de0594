//! Weighted statistics of one stream of numbers, for each decay.

use serde::{Deserialize, Serialize};

/// The decays λ per second: a number that is Δt seconds old has the weight 2^(−λΔt).
pub(super) const DECAYS: [f64; 5] = [5.0, 3.0, 1.0, 0.1, 0.01];
/// A stream of a smaller weight is empty.
const MIN_WEIGHT: f64 = 1e-30;

/// One number for each decay.
pub(super) type Lanes = [f64; DECAYS.len()];

/// What is left of a weight after a time in seconds; 1 for times that go back.
pub(super) fn factors(elapsed: f64) -> Lanes {
    let elapsed = elapsed.max(0.0);
    DECAYS.map(|decay| (-decay * elapsed).exp2())
}

/// Weight, mean and squared deviations of the numbers so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stream {
    weight: Lanes,
    mean: Lanes,
    squares: Lanes,
}

impl Stream {
    /// Multiplies all weights.
    pub(super) fn fade(&mut self, factors: &Lanes) {
        for (lane, factor) in factors.iter().enumerate() {
            self.weight[lane] *= factor;
            self.squares[lane] *= factor;
            if self.weight[lane] < MIN_WEIGHT {
                (self.weight[lane], self.mean[lane], self.squares[lane]) = (0.0, 0.0, 0.0);
            }
        }
    }

    /// Adds a number of weight 1.
    pub(super) fn push(&mut self, value: f64) {
        for lane in 0..DECAYS.len() {
            let before = self.weight[lane];
            let deviation = value - self.mean[lane];
            self.weight[lane] = before + 1.0;
            self.mean[lane] += deviation / self.weight[lane];
            // Exact also where the weight before is far below the 1 that is added.
            self.squares[lane] += deviation * deviation * (before / self.weight[lane]);
        }
    }

    pub(super) fn weight(&self, lane: usize) -> f64 {
        self.weight[lane]
    }

    pub(super) fn mean(&self, lane: usize) -> f64 {
        self.mean[lane]
    }

    pub(super) fn variance(&self, lane: usize) -> f64 {
        if self.weight[lane] > 0.0 { (self.squares[lane] / self.weight[lane]).max(0.0) } else { 0.0 }
    }

    /// Weight, mean and standard deviation.
    pub(super) fn values(&self, lane: usize) -> [f64; 3] {
        [self.weight(lane), self.mean(lane), self.variance(lane).sqrt()]
    }
}

/// A stream and the time of its last number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Timed {
    stream: Stream,
    last: Option<f64>,
}

impl Timed {
    /// Adds a number at a time.
    pub(super) fn push(&mut self, time: f64, value: f64) {
        self.stream.fade(&factors(self.last.map_or(0.0, |last| time - last)));
        self.stream.push(value);
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Adds the time since the last call, 0 for the first call and for times that go back.
    pub(super) fn push_interval(&mut self, time: f64) {
        let interval = self.last.map_or(0.0, |last| (time - last).max(0.0));
        self.push(time, interval);
    }

    pub(super) fn values(&self, lane: usize) -> [f64; 3] {
        self.stream.values(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_halves_in_the_inverse_of_its_decay() {
        let mut stream = Timed::default();
        stream.push(10.0, 4.0);
        assert_eq!(stream.values(2), [1.0, 4.0, 0.0]);
        stream.push(11.0, 1.0);
        // Weights ½ and 1: mean (2 + 1) / 1.5 = 2, variance (½·4 + 1·1) / 1.5 = 2.
        let [weight, mean, deviation] = stream.values(2);
        assert!((weight - 1.5).abs() < 1e-12 && (mean - 2.0).abs() < 1e-12);
        assert!((deviation - 2.0_f64.sqrt()).abs() < 1e-12);
        stream.push(9.0, 2.0);
        assert_eq!(stream.values(2)[0], 2.5, "times that go back take nothing away");
        stream.push(1e6, 7.0);
        assert_eq!(stream.values(2), [1.0, 7.0, 0.0]);
    }

    #[test]
    fn intervals_begin_with_zero() {
        let mut stream = Timed::default();
        for time in [5.0, 7.0, 6.0] {
            stream.push_interval(time);
        }
        let [weight, mean, _] = stream.values(4);
        let old = 2.0_f64.powf(-0.02);
        assert!((weight - (old + 2.0)).abs() < 1e-12);
        assert!((mean - 2.0 / (old + 2.0)).abs() < 1e-12, "intervals of 0, 2 and 0 s");
    }
}
