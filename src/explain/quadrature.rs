//! Gauss–Legendre quadrature on [0, 1].

use std::f64::consts::PI;

/// Nodes and weights that integrate every polynomial of degree below twice their number without error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// Where the integrand is evaluated, in (0, 1), ascending.
    pub(crate) nodes: Vec<f64>,
    /// What each value counts; they sum to 1.
    pub(crate) weights: Vec<f64>,
}

impl Rule {
    /// The rule with `points` nodes.
    ///
    /// Each root of the Legendre polynomial is found by Newton's method from Tricomi's first guess.
    pub(crate) fn new(points: usize) -> Self {
        let mut rule = Self { nodes: vec![0.5; points], weights: vec![1.0; points] };
        for i in 0..points / 2 {
            let mut x = (PI * (i as f64 + 0.75) / (points as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..8 {
                let (value, derivative) = legendre(points, x);
                slope = derivative;
                x -= value / derivative;
            }
            let weight = 1.0 / ((1.0 - x * x) * slope * slope);
            (rule.nodes[i], rule.nodes[points - 1 - i]) = ((1.0 - x) / 2.0, f64::midpoint(1.0, x));
            (rule.weights[i], rule.weights[points - 1 - i]) = (weight, weight);
        }
        if points % 2 == 1 {
            let (_, slope) = legendre(points, 0.0);
            rule.weights[points / 2] = 1.0 / (slope * slope);
        }
        rule
    }
}

/// The Legendre polynomial of this degree, at least 1, and its derivative, at `x` inside (−1, 1).
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for n in 2..=degree {
        let n = n as f64;
        (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
    }
    (value, degree as f64 * (before - x * value) / (1.0 - x * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rules_by_hand() {
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        let one = Rule::new(1);
        assert!(near(&one.nodes, &[0.5]) && near(&one.weights, &[1.0]));
        let (two, h) = (Rule::new(2), 0.5 / 3.0_f64.sqrt());
        assert!(near(&two.nodes, &[0.5 - h, 0.5 + h]) && near(&two.weights, &[0.5, 0.5]));
        let (three, h) = (Rule::new(3), 0.5 * 0.6_f64.sqrt());
        assert!(near(&three.nodes, &[0.5 - h, 0.5, 0.5 + h]));
        assert!(near(&three.weights, &[5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0]));
    }

    #[test]
    fn powers_are_integrated_without_error() {
        for points in [1, 2, 3, 4, 5, 6, 8, 13, 21, 64, 256] {
            let rule = Rule::new(points);
            assert!(rule.nodes.is_sorted() && rule.nodes[0] > 0.0 && rule.nodes[points - 1] < 1.0);
            for power in [0, 1, points, 2 * points - 1] {
                let power = i32::try_from(power).unwrap();
                let sum: f64 = rule.nodes.iter().zip(&rule.weights).map(|(t, w)| w * t.powi(power)).sum();
                let exact = 1.0 / f64::from(power + 1);
                assert!((sum - exact).abs() < 1e-14, "{points} points, power {power}: {sum} and {exact}");
            }
        }
    }
}
