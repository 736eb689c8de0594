//! From the parts of an exponent to the parts of a power.

use super::Explanation;
use super::quadrature::Rule;

/// Quadrature nodes that are summed side by side.
const LANES: usize = 8;

impl Explanation {
    /// The explanation of `e^score`.
    ///
    /// With the parts `b + Σ φ_j` of the score, the worth of a set `S` of features is
    /// `e^(b + Σ_S φ_j) = e^b · Π_S (1 + q_j)` with `q_j = e^φ_j − 1`. This is a product game, so its Shapley
    /// values are
    ///
    /// `ψ_i = e^b · q_i · ∫₀¹ Π_{j ≠ i} (1 + t q_j) dt`,
    ///
    /// which Gauss–Legendre quadrature with half as many nodes as features gives without error. They sum to
    /// `e^score − e^b`, have the signs of `φ`, and are 0 where `φ` is 0.
    pub(crate) fn exponential(self) -> Self {
        let used = self.contributions.columns().into_iter().filter(|part| part.iter().any(|&phi| phi != 0.0));
        let mut rule = Rule::new(used.count().div_ceil(2).max(1));
        // Nodes of weight 0 fill the last lanes.
        let points = rule.nodes.len().next_multiple_of(LANES);
        rule.nodes.resize(points, 0.0);
        rule.weights.resize(points, 0.0);
        let base = self.base.exp();
        let mut contributions = self.contributions;
        let mut product = vec![0.0; points];
        for mut row in contributions.rows_mut() {
            product.clone_from(&rule.weights);
            for part in row.iter_mut().filter(|part| **part != 0.0) {
                *part = part.exp_m1();
                for (product, t) in product.iter_mut().zip(&rule.nodes) {
                    *product *= 1.0 + t * *part;
                }
            }
            for part in row.iter_mut().filter(|part| **part != 0.0) {
                *part *= base * integral_without(*part, &product, &rule.nodes);
            }
        }
        let scores = self.scores.into_iter().map(f64::exp).collect();
        let explanation = Self { base, contributions, scores };
        debug_assert!(explanation.check().is_ok(), "{:?}", explanation.check());
        explanation
    }
}

/// `Σ product[k] / (1 + t_k q)`, which takes one factor out of the product; no factor is 0, since `q > −1`.
fn integral_without(q: f64, product: &[f64], nodes: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (product, nodes) in product.as_chunks::<LANES>().0.iter().zip(nodes.as_chunks::<LANES>().0) {
        for ((sum, product), t) in sums.iter_mut().zip(product).zip(nodes) {
            *sum += product / (1.0 + t * q);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::rng::Stream;

    #[test]
    fn two_features_by_hand() {
        let (a, b) = (2.0_f64.ln(), 3.0_f64.ln());
        let exponent = Explanation::new(0.0, array![[a, b, 0.0]], vec![a + b]).unwrap();
        let power = exponent.exponential();
        // From 1 to 6: 2 − 1 or 6 − 3 for the first one, 3 − 1 or 6 − 2 for the second one.
        let expected = [2.0, 3.0, 0.0];
        assert!(power.contributions.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{power:?}");
        assert!(
            (power.base, power.contributions[[0, 2]]) == (1.0, 0.0) && (power.scores[0] - 6.0).abs() < 1e-14
        );
    }

    #[test]
    fn every_order_of_entry_counts_the_same() {
        let mut rng = Stream::new(3, 0);
        for features in [1, 2, 5, 12] {
            let phi = Array2::from_shape_simple_fn((1, features), || rng.normal());
            let exponent = Explanation::new(-0.3, phi.clone(), vec![-0.3 + phi.sum()]).unwrap();
            let worth = |set: usize| {
                (-0.3 + (0..features).filter(|j| set >> j & 1 == 1).map(|j| phi[[0, j]]).sum::<f64>()).exp()
            };
            let power = exponent.exponential();
            for (i, shapley) in super::super::brute::shapley(features, worth).into_iter().enumerate() {
                let gap = (power.contributions[[0, i]] - shapley).abs();
                assert!(gap < 1e-12 * power.scores[0].max(1.0), "{features} features, {i}: off by {gap}");
            }
        }
    }

    #[test]
    fn many_features_add_up() {
        let mut rng = Stream::new(4, 0);
        let phi = Array2::from_shape_simple_fn((3, 300), || 0.05 * rng.normal());
        let scores = phi.rows().into_iter().map(|row| 0.1 + row.sum()).collect();
        Explanation::new(0.1, phi, scores).unwrap().exponential().check().unwrap();
    }
}
