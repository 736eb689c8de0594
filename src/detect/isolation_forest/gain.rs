//! The cut with the greatest pooled gain.

/// The greatest pooled gain `1 − (n_l σ_l + n_r σ_r) / (n σ)` of a cut of ascending values, and where: the
/// left side ends at this index. `None` where all values are equal.
pub(super) fn best_cut(values: &[f64]) -> Option<(f64, usize)> {
    let total = Spread::of(values).root();
    let mut right: Vec<f64> = Vec::with_capacity(values.len());
    let mut spread = Spread::default();
    for &value in values.iter().rev() {
        spread.add(value);
        right.push(spread.root());
    }
    let mut left = Spread::default();
    let mut best = None;
    for (i, pair) in values.windows(2).enumerate() {
        left.add(pair[0]);
        let gain = 1.0 - (left.root() + right[values.len() - 2 - i]) / total;
        if pair[0] < pair[1] && best.is_none_or(|(most, _)| gain > most) {
            best = Some((gain, i));
        }
    }
    best
}

/// Standard deviation of the values.
pub(super) fn standard_deviation(values: &[f64]) -> f64 {
    let spread = Spread::of(values);
    (spread.squares / spread.n).sqrt()
}

/// Count, mean and squared deviations, one value after the other (Welford's recurrence).
#[derive(Default)]
struct Spread {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let mut spread = Self::default();
        for &value in values {
            spread.add(value);
        }
        spread
    }

    fn add(&mut self, value: f64) {
        self.n += 1.0;
        let before = value - self.mean;
        self.mean += before / self.n;
        self.squares += before * (value - self.mean);
    }

    /// `n σ`.
    fn root(&self) -> f64 {
        (self.n * self.squares).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_by_hand() {
        // Left {0, 0}, right {10, 12}: n σ is 0 and 2; of all four, mean 5.5, squares 123, n σ = √492.
        let (gain, at) = best_cut(&[0.0, 0.0, 10.0, 12.0]).unwrap();
        assert_eq!(at, 1);
        assert!((gain - (1.0 - 2.0 / 492_f64.sqrt())).abs() < 1e-15, "{gain}");
        assert_eq!(best_cut(&[3.0; 5]), None);
        assert_eq!(best_cut(&[3.0]), None);
        assert_eq!(best_cut(&[1.0, 2.0]), Some((1.0, 0)));
    }

    #[test]
    fn equal_values_are_never_parted() {
        let (_, at) = best_cut(&[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0]).unwrap();
        assert!([0, 5].contains(&at));
    }

    #[test]
    fn the_deviation_by_hand() {
        assert!((standard_deviation(&[1.0, 2.0, 3.0, 4.0]) - 1.25_f64.sqrt()).abs() < 1e-15);
        assert_eq!(standard_deviation(&[1e30; 7]), 0.0);
    }
}
