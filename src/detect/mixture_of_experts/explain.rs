//! Contributions of the features to the log-odds of a mixture.

use ndarray::{Array2, ArrayView2, Zip};

use super::MixtureOfExperts;
use crate::detect::Detector;
use crate::error::Result;
use crate::explain::Explanation;

impl MixtureOfExperts {
    /// Explains the score by the experts, and each expert by its features.
    ///
    /// The base is the score of a row in which the evidence of every expert is the evidence of its own base. Each expert
    /// adds its Shapley value `R_i` among the experts: the mean over all orders of how much the score changes when the
    /// expert's evidence replaces the evidence of its base. `R_i` includes the change of the gate's weights, and all
    /// values sum to the score exactly.
    ///
    /// An expert's contributions `φ_j` explain its score from its base `b`. With `l(s)` its log-odds, `A = Σ |φ_j|` and
    /// its weight in the row `w`, feature `j` gets `m φ_j + r |φ_j| / A`: `m = w (l(b + A) − l(b − A)) / 2A` is the
    /// slope, and the rest `r = R_i − m Σ φ_j` covers the curvature of `l` and the change of the gate. If the output is
    /// the output of one expert, `R = l(s) − l(b)` and its weight is 1.
    ///
    /// # Errors
    ///
    /// The error of the first expert that cannot score or explain a row.
    ///
    /// # Source
    ///
    /// L. S. Shapley, *A value for n-person games*, 1953.
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        let experts: Vec<usize> =
            self.alone.map_or_else(|| (0..self.detectors.len()).collect(), |alone| vec![alone]);
        let explained = experts.iter().map(|&i| self.detectors[i].explain(x));
        let explained = explained.collect::<Result<Vec<Explanation>>>()?;
        let evidence = |i: usize, score: f64| self.scorer.calibrations[i].evidence(score as f32);
        let evidence_of = |score: &dyn Fn(&Explanation) -> f64| -> Vec<f64> {
            experts.iter().zip(&explained).map(|(&i, explanation)| evidence(i, score(explanation))).collect()
        };
        let base = evidence_of(&|explanation| explanation.base);
        let floor = self.game(&base, &base).floor;
        let mut contributions = Array2::zeros((x.nrows(), x.ncols()));
        let mut scores = Vec::with_capacity(x.nrows());
        for (row, mut out) in contributions.rows_mut().into_iter().enumerate() {
            let game = self.game(&base, &evidence_of(&|explanation| explanation.scores[row]));
            for (expert_index, (&i, explanation)) in experts.iter().zip(&explained).enumerate() {
                let l = |score: f64| self.scorer.calibrations[i].log_odds(evidence(i, score));
                let (parts, b) = (explanation.contributions.row(row), explanation.base);
                let size: f64 = parts.iter().map(|part| part.abs()).sum();
                if size > 0.0 {
                    let slope = game.weights[expert_index] * (l(b + size) - l(b - size)) / (2.0 * size);
                    let rest = game.gains[expert_index] - slope * parts.sum();
                    Zip::from(&mut out)
                        .and(parts)
                        .for_each(|out, &part| *out += slope * part + rest * part.abs() / size);
                }
            }
            scores.push(floor + out.sum());
        }
        Explanation::new(floor, contributions, scores)
    }

    /// The game of the experts: their evidence moves from `base` to the evidence of a row.
    fn game(&self, base: &[f64], evidence: &[f64]) -> Game {
        if let Some(i) = self.alone {
            let [floor, top] =
                [base[0], evidence[0]].map(|evidence| self.scorer.calibrations[i].log_odds(evidence));
            return Game { floor, gains: vec![top - floor], weights: vec![1.0] };
        }
        let n = base.len();
        let sets = 1 << n;
        let coalitions: Vec<f64> = (0..sets)
            .flat_map(|set: usize| (0..n).map(move |i| if set >> i & 1 == 1 { evidence[i] } else { base[i] }))
            .collect();
        let (mut weights, mut worths) = (vec![0.0; sets * n], vec![0.0; sets]);
        self.scorer.combine(&coalitions, &mut weights, &mut worths);
        // s! (n − s − 1)! / n! for a set of s others.
        let mut share = vec![1.0 / n as f64; n];
        for s in 1..n {
            share[s] = share[s - 1] * s as f64 / (n - s) as f64;
        }
        let gain = |i: usize| -> f64 {
            let without = (0..sets).filter(|set| set >> i & 1 == 0);
            without.map(|set| share[set.count_ones() as usize] * (worths[set | 1 << i] - worths[set])).sum()
        };
        let weights = weights[(sets - 1) * n..].iter().map(|&weight| f64::from(weight)).collect();
        Game { floor: worths[0], gains: (0..n).map(gain).collect(), weights }
    }
}

/// How the score divides among the experts.
struct Game {
    /// The score at their bases.
    floor: f64,
    /// What each expert adds to it.
    gains: Vec<f64>,
    /// The weight of each expert in the row.
    weights: Vec<f64>,
}
