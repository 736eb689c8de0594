//! How much the classes count, for every classifier.

use serde::{Deserialize, Serialize};

/// How much the rows of a class count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassWeight {
    /// Every row counts once.
    #[default]
    None,
    /// A row of class `c` counts `W / (k · W_c)`: `W` is the weight of all rows, `W_c` the weight of the rows in
    /// the class, `k` the number of classes. All classes then weigh the same.
    Balanced,
}

impl ClassWeight {
    /// What a row of each class counts, for classes of these weights in all; 1 for a class without weight.
    pub(super) fn factors(self, totals: &[f64]) -> Vec<f64> {
        let all: f64 = totals.iter().sum();
        let factor = |&total: &f64| match self {
            Self::Balanced if total > 0.0 => all / (totals.len() as f64 * total),
            _ => 1.0,
        };
        totals.iter().map(factor).collect()
    }

    /// Multiplies the weight of every row by the factor of its class, where the classes weigh what their `counted`
    /// rows do. Each label is below `classes`.
    pub(super) fn apply(
        self,
        weights: &mut [f32],
        labels: &[u32],
        classes: usize,
        counted: impl Iterator<Item = usize>,
    ) {
        let mut totals = vec![0.0; classes];
        for row in counted {
            totals[labels[row] as usize] += f64::from(weights[row]);
        }
        let factors = self.factors(&totals);
        for (weight, &label) in weights.iter_mut().zip(labels) {
            *weight = (f64::from(*weight) * factors[label as usize]) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_weigh_the_same() {
        let labels = [0, 0, 0, 1, 1];
        let mut weights = [1.0, 2.0, 1.0, 1.0, 8.0];
        // The counted rows weigh 4 and 1, together 5: the factors are 5 / (2 · 4) and 5 / (2 · 1).
        ClassWeight::Balanced.apply(&mut weights, &labels, 2, 0..4);
        assert_eq!(weights, [0.625, 1.25, 0.625, 2.5, 20.0]);
        ClassWeight::None.apply(&mut weights, &labels, 2, 0..5);
        assert_eq!(weights, [0.625, 1.25, 0.625, 2.5, 20.0]);
    }

    #[test]
    fn a_class_without_rows_has_no_say() {
        assert_eq!(ClassWeight::Balanced.factors(&[3.0, 0.0, 1.0]), [4.0 / 9.0, 1.0, 4.0 / 3.0]);
    }
}
