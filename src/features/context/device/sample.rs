//! Quantiles of the numbers of a window, in bounded memory.

use serde::{Deserialize, Serialize};

/// Numbers that are kept at most.
const CAPACITY: usize = 512;

/// Numbers in ascending order: all of them up to 512. Beyond, every second number by size is dropped and every second number
/// to come is left out, as often as that is necessary, so that at least 256 represent all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sample {
    values: Vec<f64>,
    /// One of 2^`halvings` numbers is kept.
    halvings: u32,
    /// Numbers that were left out since the last one that was kept.
    skipped: u64,
}

impl Sample {
    /// Forgets all numbers, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        (self.halvings, self.skipped) = (0, 0);
    }

    /// Whether a sample that was read can go on.
    pub(super) fn is_intact(&self) -> bool {
        self.values.len() <= CAPACITY && self.halvings < 64 && self.skipped < 1 << self.halvings
    }

    pub(super) fn push(&mut self, value: f64) {
        self.skipped += 1;
        if self.skipped < 1 << self.halvings {
            return;
        }
        self.skipped = 0;
        if self.values.len() >= CAPACITY {
            let mut rank = 0;
            self.values.retain(|_| {
                rank += 1;
                rank % 2 == 0
            });
            self.halvings = (self.halvings + 1).min(62);
        }
        let at = self.values.partition_point(|known| known.total_cmp(&value).is_le());
        self.values.insert(at, value);
    }

    /// The quantile at a share, linear between neighbours; `None` for no numbers.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let at = share * self.values.len().checked_sub(1)? as f64;
        let low = *self.values.get(at.floor() as usize)?;
        let high = self.values.get(at.ceil() as usize).copied().unwrap_or(low);
        Some(low + (high - low) * at.fract())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_numbers_are_exact() {
        let mut sample = Sample::default();
        assert_eq!(sample.quantile(0.95), None);
        for value in [3.0, 1.0, 2.0] {
            sample.push(value);
        }
        assert_eq!(
            [0.0, 0.25, 0.5, 0.95, 1.0].map(|q| sample.quantile(q).unwrap()),
            [1.0, 1.5, 2.0, 2.9, 3.0]
        );
        sample.clear();
        assert_eq!(sample.quantile(0.5), None);
    }

    #[test]
    fn many_numbers_are_within_two_percent_of_the_ranks() {
        let n = 100_003_u64;
        let mut sample = Sample::default();
        // A permutation of 0 to n - 1.
        (0..n).for_each(|i| sample.push((i * 7_919 % n) as f64));
        assert!(sample.values.len() <= CAPACITY && sample.is_intact());
        for share in [0.05, 0.5, 0.95] {
            let error = sample.quantile(share).unwrap() / n as f64 - share;
            assert!(error.abs() < 0.02, "{share}: {error}");
        }
    }
}
