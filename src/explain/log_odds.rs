//! From the margins of several classes to the log-odds of an attack.

use ndarray::Array2;

use super::Explanation;
use super::quadrature::Rule;
use crate::error::{Error, Result};
use crate::stats::log_sum_exp;

/// Quadrature nodes on one piece of the way.
const POINTS: usize = 16;

/// Most pieces that the way is cut into; each has a change of the margins of at most some units then.
const MAX_PIECES: usize = 1 << 12;

impl Explanation {
    /// The explanation of `ln Σ_{k > 0} e^m_k − m_0` from the explanations of the margins `m_k`, class by class.
    ///
    /// Let `b` be the bases and `d_kj` the part of feature `j` in margin `k`. On the straight way
    /// `m(t) = b + t (m − b)` every part of every margin enters at the same pace, and feature `j` gets
    /// `Σ_{k > 0} d_kj ∫₀¹ p_k(t) dt − d_0j`, with `p_k(t)` the probability of class `k` among the attacks.
    /// These are the Aumann–Shapley values of the log-odds as a function of the parts. For two classes
    /// `p_1 = 1`: a difference of margins has the difference of their explanations.
    ///
    /// The integrals are refined until the parts sum to the score within 1e-10.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the explanations differ in shape, [`Error::InsufficientData`] for
    /// fewer than two classes.
    ///
    /// # Source
    ///
    /// R. J. Aumann, L. S. Shapley, *Values of Non-Atomic Games*, 1974; as *integrated gradients* in
    /// M. Sundararajan, A. Taly, Q. Yan, ICML 2017.
    pub(crate) fn log_odds(classes: &[Self]) -> Result<Self> {
        let [clean, attacks @ ..] = classes else { return Err(too_few(0)) };
        match attacks {
            [] => Err(too_few(1)),
            [attack] => Self::weighted(&[(1.0, attack.clone()), (-1.0, clean.clone())]),
            _ => {
                // Rejects explanations of different shapes.
                Self::weighted(&classes.iter().map(|class| (1.0, class.clone())).collect::<Vec<_>>())?;
                let (rows, features) = clean.contributions.dim();
                let rule = Rule::new(POINTS);
                let bases: Vec<f64> = attacks.iter().map(|class| class.base).collect();
                let mut contributions = Array2::zeros((rows, features));
                let mut scores = Vec::with_capacity(rows);
                for i in 0..rows {
                    let margins: Vec<f64> = attacks.iter().map(|class| class.scores[i]).collect();
                    let mut row = contributions.row_mut(i);
                    for (class, share) in attacks.iter().zip(shares(&bases, &margins, &rule)) {
                        row.scaled_add(share, &class.contributions.row(i));
                    }
                    row -= &clean.contributions.row(i);
                    scores.push(log_sum_exp(margins.iter().copied()) - clean.scores[i]);
                }
                Self::new(log_sum_exp(bases.iter().copied()) - clean.base, contributions, scores)
            }
        }
    }
}

fn too_few(got: usize) -> Error {
    Error::InsufficientData { what: "explained classes".into(), needed: 2, got }
}

/// The mean probability of each class on the straight way `from` some margins `to` others.
fn shares(from: &[f64], to: &[f64], rule: &Rule) -> Vec<f64> {
    let rise = log_sum_exp(to.iter().copied()) - log_sum_exp(from.iter().copied());
    let mut pieces = 1;
    loop {
        let mut shares = vec![0.0; from.len()];
        let mut margins = vec![0.0; from.len()];
        for piece in 0..pieces {
            for (node, weight) in rule.nodes.iter().zip(&rule.weights) {
                let t = (f64::from(piece) + node) / f64::from(pieces);
                margins.iter_mut().zip(from.iter().zip(to)).for_each(|(m, (a, b))| *m = a + t * (b - a));
                let all = log_sum_exp(margins.iter().copied());
                let weight = weight / f64::from(pieces);
                shares.iter_mut().zip(&margins).for_each(|(share, m)| *share += weight * (m - all).exp());
            }
        }
        let got: f64 = shares.iter().zip(from.iter().zip(to)).map(|(share, (a, b))| share * (b - a)).sum();
        if (got - rise).abs() <= 1e-10 * rise.abs().max(1.0) || pieces as usize >= MAX_PIECES {
            return shares;
        }
        pieces *= 2;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn class(base: f64, parts: [f64; 2]) -> Explanation {
        Explanation::new(base, array![parts], vec![base + parts[0] + parts[1]]).unwrap()
    }

    #[test]
    fn two_classes_are_a_difference() {
        let odds = Explanation::log_odds(&[class(0.5, [1.0, 2.0]), class(-1.0, [3.0, -1.0])]).unwrap();
        assert_eq!(odds, class(-1.5, [2.0, -3.0]));
    }

    #[test]
    fn one_attack_of_two_that_moves_by_hand() {
        // The logistic function from 0 to 4 has the integral ln((1 + e^4) / 2).
        let odds =
            Explanation::log_odds(&[class(0.0, [0.0, 0.0]), class(0.0, [3.0, 1.0]), class(0.0, [0.0, 0.0])]);
        let odds = odds.unwrap();
        let rise = f64::midpoint(1.0, 4.0_f64.exp()).ln();
        assert!((odds.base - 2.0_f64.ln()).abs() < 1e-15);
        assert!((odds.contributions[[0, 0]] - 0.75 * rise).abs() < 1e-10);
        assert!((odds.contributions[[0, 1]] - 0.25 * rise).abs() < 1e-10);
    }

    #[test]
    fn sudden_turns_add_up_too() {
        let odds = Explanation::log_odds(&[
            class(0.0, [1.0, -2.0]),
            class(-300.0, [500.0, 700.0]),
            class(20.0, [-900.0, 30.0]),
            class(0.0, [1.0, 1.0]),
        ]);
        odds.unwrap().check().unwrap();
        assert!(Explanation::log_odds(&[class(0.0, [0.0, 0.0])]).is_err());
    }
}
