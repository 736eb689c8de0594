//! Logistic and softmax loss: where scores begin, what their derivatives are, how wrong they are.

use crate::error::Result;
use crate::parallel;
use crate::stats::{log_sum_exp, logistic};

use super::histogram::Derivatives;

/// What is predicted, and how much each row counts.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// Class of each row.
    pub(super) labels: &'a [u32],
    /// Weight of each row.
    pub(super) weights: &'a [f32],
    /// Number of classes.
    pub(super) classes: usize,
}

/// Rows that one thread takes at a time.
const CHUNK: usize = 8192;

impl Target<'_> {
    /// The raw scores that fit best before any tree: log-odds, or logarithms of the classes' shares.
    pub(super) fn base(&self, rows: &[u32]) -> Vec<f64> {
        let mut mass = vec![0.0; self.classes];
        for &row in rows {
            mass[self.labels[row as usize] as usize] += f64::from(self.weights[row as usize]);
        }
        if self.classes == 2 {
            return vec![(mass[1] / mass[0]).ln()];
        }
        let total: f64 = mass.iter().sum();
        mass.iter().map(|&mass| (mass / total).ln()).collect()
    }

    /// The derivatives of every row and output, where `scores` has one list per output.
    pub(super) fn derivatives(&self, scores: &[Vec<f64>], out: &mut [Vec<Derivatives>]) -> Result<()> {
        if let ([scores], [out]) = (scores, &mut *out) {
            return parallel::for_each_chunk(out, CHUNK, |start, part| {
                for (i, to) in part.iter_mut().enumerate() {
                    let row = start + i;
                    let p = logistic(scores[row]);
                    *to = self.derivative(row, p, self.labels[row] == 1, 1.0);
                }
                Ok(())
            });
        }
        // Friedman (2001), algorithm 6: the diagonal of the hessian, times K / (K - 1).
        let factor = self.classes as f64 / (self.classes as f64 - 1.0);
        let tops: Vec<(f64, f64)> = parallel::map(self.labels.len(), |row| top(scores, row));
        for (class, (scores, out)) in scores.iter().zip(out).enumerate() {
            parallel::for_each_chunk(out, CHUNK, |start, part| {
                for (i, to) in part.iter_mut().enumerate() {
                    let row = start + i;
                    let (greatest, sum) = tops[row];
                    let p = (scores[row] - greatest).exp() / sum;
                    *to = self.derivative(row, p, self.labels[row] as usize == class, factor);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn derivative(&self, row: usize, p: f64, hit: bool, factor: f64) -> Derivatives {
        let weight = f64::from(self.weights[row]);
        let gradient = (p - f64::from(u8::from(hit))) * weight;
        Derivatives { gradient: gradient as f32, hessian: (factor * p * (1.0 - p) * weight) as f32 }
    }

    /// Mean of −ln p(class of the row) over the given rows, by weight.
    pub(super) fn log_loss(&self, scores: &[Vec<f64>], rows: &[u32]) -> f64 {
        let (mut loss, mut mass) = (0.0, 0.0);
        for &row in rows {
            let row = row as usize;
            let label = self.labels[row] as usize;
            let weight = f64::from(self.weights[row]);
            let minus_log_p = if let [scores] = scores {
                let margin = if label == 1 { -scores[row] } else { scores[row] };
                // ln(1 + e^m), which e^m alone would overflow.
                margin.max(0.0) + (-margin.abs()).exp().ln_1p()
            } else {
                log_sum_exp(scores.iter().map(|scores| scores[row])) - scores[label][row]
            };
            loss += weight * minus_log_p;
            mass += weight;
        }
        loss / mass
    }
}

/// The greatest score of a row, and Σ e^(score − greatest).
fn top(scores: &[Vec<f64>], row: usize) -> (f64, f64) {
    let greatest = scores.iter().map(|scores| scores[row]).fold(f64::NEG_INFINITY, f64::max);
    (greatest, scores.iter().map(|scores| (scores[row] - greatest).exp()).sum())
}
