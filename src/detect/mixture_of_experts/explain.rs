//! What each feature adds to a mixture's log-odds.

use ndarray::{Array2, ArrayView2, Zip};

use super::MixtureOfExperts;
use crate::detect::Detector;
use crate::error::Result;
use crate::explain::Explanation;

impl MixtureOfExperts {
    /// Explains the score by the experts, and each expert by its features.
    ///
    /// The base is the score of a row at which every expert says its own base. What each expert adds to it, `R_i`, is
    /// its Shapley value among the experts: the mean over all orders in which they may speak of what the score
    /// moves when what it says takes the place of what its base says. It holds what the expert says and what
    /// that makes of the gate's weights, and all of them add up to the score exactly.
    ///
    /// An expert's contributions `φ_j` explain its score from its base `b`. With `l(s)` its log-odds, `A = Σ |φ_j|` and
    /// its weight in the row `w`, feature `j` gets `m φ_j + r |φ_j| / A`: `m = w (l(b + A) − l(b − A)) / 2A` is the
    /// slope, and the rest `r = R_i − m Σ φ_j` is what the curve of `l` and the moving gate add. An expert that
    /// speaks alone has `R = l(s) − l(b)` and the weight 1.
    ///
    /// # Errors
    ///
    /// That of the first expert that cannot score or explain a row.
    ///
    /// # Source
    ///
    /// L. S. Shapley, *A value for n-person games*, 1953.
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        let speakers: Vec<usize> =
            self.alone.map_or_else(|| (0..self.detectors.len()).collect(), |alone| vec![alone]);
        let explained = speakers.iter().map(|&i| self.detectors[i].explain(x));
        let explained = explained.collect::<Result<Vec<Explanation>>>()?;
        let says = |i: usize, score: f64| self.panel.voices[i].says(score as f32);
        let said_of = |score: &dyn Fn(&Explanation) -> f64| -> Vec<f64> {
            speakers.iter().zip(&explained).map(|(&i, explanation)| says(i, score(explanation))).collect()
        };
        let base = said_of(&|explanation| explanation.base);
        let floor = self.game(&base, &base).floor;
        let mut contributions = Array2::zeros((x.nrows(), x.ncols()));
        let mut scores = Vec::with_capacity(x.nrows());
        for (row, mut out) in contributions.rows_mut().into_iter().enumerate() {
            let game = self.game(&base, &said_of(&|explanation| explanation.scores[row]));
            for (who, (&i, explanation)) in speakers.iter().zip(&explained).enumerate() {
                let l = |score: f64| self.panel.voices[i].log_odds(says(i, score));
                let (parts, b) = (explanation.contributions.row(row), explanation.base);
                let size: f64 = parts.iter().map(|part| part.abs()).sum();
                if size > 0.0 {
                    let slope = game.weights[who] * (l(b + size) - l(b - size)) / (2.0 * size);
                    let rest = game.gains[who] - slope * parts.sum();
                    Zip::from(&mut out)
                        .and(parts)
                        .for_each(|out, &part| *out += slope * part + rest * part.abs() / size);
                }
            }
            scores.push(floor + out.sum());
        }
        Explanation::new(floor, contributions, scores)
    }

    /// The game of those who speak, from what their bases say to what a row makes them say.
    fn game(&self, base: &[f64], said: &[f64]) -> Game {
        if let Some(i) = self.alone {
            let [floor, top] = [base[0], said[0]].map(|said| self.panel.voices[i].log_odds(said));
            return Game { floor, gains: vec![top - floor], weights: vec![1.0] };
        }
        let n = base.len();
        let sets = 1 << n;
        let sayings: Vec<f64> = (0..sets)
            .flat_map(|set: usize| (0..n).map(move |i| if set >> i & 1 == 1 { said[i] } else { base[i] }))
            .collect();
        let (mut weights, mut worths) = (vec![0.0; sets * n], vec![0.0; sets]);
        self.panel.judge(&sayings, &mut weights, &mut worths);
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

/// What those who speak share out among them.
struct Game {
    /// The score at their bases.
    floor: f64,
    /// What each adds to it.
    gains: Vec<f64>,
    /// How much each counts in the row.
    weights: Vec<f64>,
}
