//! The learning rate of each step.

use std::f64::consts::PI;

use crate::nn::config::{Schedule, TrainingConfig};

/// The learning rate as a training goes on.
#[derive(Clone, Debug)]
pub(super) struct LearningRate {
    start: f64,
    schedule: Schedule,
    warmup: u64,
    /// Steps of all epochs.
    steps: u64,
    /// The product of the factors of all plateaus so far.
    scale: f64,
    /// Epochs since the last better one, or since the last fall.
    waited: usize,
}

impl LearningRate {
    pub(super) fn new(config: &TrainingConfig, steps_per_epoch: usize) -> Self {
        Self {
            start: config.learning_rate,
            schedule: config.schedule,
            warmup: config.warmup_steps as u64,
            steps: (steps_per_epoch as u64).saturating_mul(config.epochs as u64),
            scale: 1.0,
            waited: 0,
        }
    }

    /// The rate of a step, from 0. Warm-up step `i` of `n` has `(i + 1) / n` of the full rate.
    pub(super) fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.start * self.scale * (step + 1) as f64 / self.warmup as f64;
        }
        match self.schedule {
            Schedule::Constant | Schedule::Plateau { .. } => self.start * self.scale,
            Schedule::Cosine => {
                let t = (step - self.warmup) as f64 / self.steps.saturating_sub(self.warmup).max(1) as f64;
                self.start * 0.5 * (1.0 + (PI * t).cos())
            }
        }
    }

    /// Updates the rate after an epoch; `better` is true if it was better than all before it.
    pub(super) fn epoch_ended(&mut self, better: bool) {
        let Schedule::Plateau { factor, patience } = self.schedule else { return };
        self.waited = if better { 0 } else { self.waited + 1 };
        if self.waited == patience {
            self.scale *= factor;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: Schedule, warmup_steps: usize) -> LearningRate {
        let config =
            TrainingConfig { epochs: 4, learning_rate: 0.1, schedule, warmup_steps, ..Default::default() };
        LearningRate::new(&config, 5)
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-15, "{got} {expected}");
    }

    #[test]
    fn warm_up_rises_in_a_straight_line() {
        for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::Plateau { factor: 0.5, patience: 1 }]
        {
            let rate = rate(schedule, 4);
            for (step, expected) in [(0, 0.025), (1, 0.05), (2, 0.075), (3, 0.1), (4, 0.1)] {
                near(rate.at(step), expected);
            }
        }
        near(rate(Schedule::Constant, 0).at(0), 0.1);
        near(rate(Schedule::Constant, 0).at(19), 0.1);
    }

    #[test]
    fn a_cosine_falls_from_all_to_nothing() {
        let free = rate(Schedule::Cosine, 0);
        near(free.at(0), 0.1);
        near(free.at(5), 0.1 * (1.0 + 0.5_f64.sqrt()) / 2.0);
        near(free.at(10), 0.05);
        near(free.at(20), 0.0);
        let warm = rate(Schedule::Cosine, 10);
        near(warm.at(15), 0.05);
        near(warm.at(20), 0.0);
        // A warm-up over more steps than there are never gets to the cosine.
        near(rate(Schedule::Cosine, 40).at(19), 0.05);
    }

    #[test]
    fn a_plateau_halves_the_rate_and_waits_again() {
        let mut rate = rate(Schedule::Plateau { factor: 0.5, patience: 2 }, 0);
        let mut seen = Vec::new();
        for better in [true, false, true, false, false, false, false, true, false] {
            rate.epoch_ended(better);
            seen.push(rate.at(0));
        }
        assert_eq!(seen, [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025]);
    }
}
