//! The penalised log-likelihood, in coordinates in which no direction is much steeper than another.

use ndarray::{ArrayView2, CowArray, Ix2};

use crate::parallel;

/// Rows whose sums are taken together; the parts are added in order, so the bits do not depend on threads.
const CHUNK: usize = 2048;

/// The mean weighted log-loss plus the penalty, as a function of scaled coefficients.
///
/// With centred columns `x_j − m_j` and `w_j = u_j s_j`, where `1/s_j²` is the second derivative at zero,
/// features of any magnitude have the same curvature, while value and penalty are computed for the raw `w`.
/// The coordinates are, for each row of coefficients, the `u` of every feature and then of the intercept.
pub(super) struct Objective<'a> {
    x: CowArray<'a, f32, Ix2>,
    labels: &'a [u32],
    weights: &'a [f64],
    total: f64,
    l2: f64,
    /// Rows of coefficients: 1 for two classes, else one per class.
    rows: usize,
    means: Vec<f64>,
    /// `s`, for every feature and then for the intercept; 0 for a constant feature.
    scales: Vec<f64>,
}

impl<'a> Objective<'a> {
    /// `labels` are below `classes`, `weights` are finite, at least 0, and not all 0.
    pub(super) fn new(
        x: &'a ArrayView2<'a, f32>,
        labels: &'a [u32],
        classes: usize,
        weights: &'a [f64],
        l2: f64,
    ) -> Self {
        let x = x.as_standard_layout();
        let total: f64 = weights.iter().sum();
        // Offsets from the first row make the variance of a constant column exactly 0.
        let shift: Vec<f64> = x.row(0).iter().map(|&v| f64::from(v)).collect();
        let sum = |power: i32, shift: &[f64]| -> Vec<f64> {
            let sums = sum_rows(&x, weights, shift.len(), |row, weight, sums| {
                for ((sum, &v), shift) in sums.iter_mut().zip(row).zip(shift) {
                    *sum += weight * (f64::from(v) - shift).powi(power);
                }
            });
            sums.iter().map(|sum| sum / total).collect()
        };
        let means: Vec<f64> = sum(1, &shift).iter().zip(&shift).map(|(off, shift)| shift + off).collect();
        let variances = sum(2, &means);
        // p (1 − p) where all classes are equally likely.
        let curvature = (1.0 - 1.0 / classes as f64) / classes as f64;
        let penalty = l2 / total;
        let mut scales: Vec<f64> = variances
            .iter()
            .map(|v| if *v > 0.0 { 1.0 / (curvature * v + penalty).sqrt() } else { 0.0 })
            .collect();
        scales.push(1.0 / curvature.sqrt());
        let rows = if classes == 2 { 1 } else { classes };
        Self { x, labels, weights, total, l2, rows, means, scales }
    }

    /// Weighted mean of every column.
    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    /// Number of coordinates.
    pub(super) fn len(&self) -> usize {
        self.rows * self.scales.len()
    }

    /// Raw coefficients, row after row, and intercepts.
    pub(super) fn raw(&self, u: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let d = self.means.len();
        let (mut coefficients, mut intercepts) = (Vec::with_capacity(self.rows * d), Vec::new());
        for u in u.chunks_exact(d + 1) {
            let w: Vec<f64> = u.iter().zip(&self.scales).map(|(u, s)| u * s).collect();
            let at_mean: f64 = w.iter().zip(&self.means).map(|(w, m)| w * m).sum();
            coefficients.extend(&w[..d]);
            intercepts.push(w[d] - at_mean);
        }
        (coefficients, intercepts)
    }

    /// The value at `u`; writes the gradient.
    pub(super) fn evaluate(&self, u: &[f64], gradient: &mut [f64]) -> f64 {
        let d = self.means.len();
        let (coefficients, intercepts) = self.raw(u);
        // The sums of `residual · x` and of `residual` for each row of coefficients, then the loss.
        let sums = self.sum_losses(&coefficients, &intercepts);
        let penalty = self.l2 / self.total;
        let mut value = sums[self.len()] / self.total;
        for (row, gradient) in gradient.chunks_exact_mut(d + 1).enumerate() {
            let sums = &sums[row * (d + 1)..][..=d];
            let w = &coefficients[row * d..][..d];
            for (j, gradient) in gradient.iter_mut().enumerate() {
                let mean = self.means.get(j).map_or(sums[d], |m| sums[j] - m * sums[d]) / self.total;
                let w = w.get(j).copied().unwrap_or(0.0);
                value += 0.5 * penalty * w * w;
                *gradient = self.scales[j] * (mean + penalty * w);
            }
        }
        value
    }

    fn sum_losses(&self, coefficients: &[f64], intercepts: &[f64]) -> Vec<f64> {
        let d = self.means.len();
        let chunks = self.labels.len().div_ceil(CHUNK);
        let parts = parallel::map(chunks, |chunk| {
            let rows = chunk * CHUNK..self.labels.len().min((chunk + 1) * CHUNK);
            let mut sums = vec![0.0; self.len() + 1];
            let mut margins = vec![0.0; self.rows];
            for i in rows {
                let row = self.x.row(i);
                let Some(row) = row.to_slice() else { continue };
                for ((margin, w), b) in margins.iter_mut().zip(coefficients.chunks_exact(d)).zip(intercepts) {
                    *margin = b + super::dot(w, row);
                }
                let (sums, loss) = sums.split_at_mut(self.len());
                loss[0] += self.weights[i] * residuals(&mut margins, self.labels[i] as usize);
                for (residual, sums) in margins.iter().zip(sums.chunks_exact_mut(d + 1)) {
                    let residual = self.weights[i] * residual;
                    sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += residual * f64::from(v));
                    sums[d] += residual;
                }
            }
            sums
        });
        add_up(parts, self.len() + 1)
    }
}

/// The log-loss of a row of class `label`; turns its margins into the derivatives of the loss.
fn residuals(margins: &mut [f64], label: usize) -> f64 {
    if let [margin] = margins {
        let z = *margin;
        let small = (-z.abs()).exp();
        let attack = if z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
        *margin = attack - label as f64;
        let against = if label == 1 { -z } else { z };
        return against.max(0.0) + small.ln_1p();
    }
    let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = margins.iter().map(|z| (z - top).exp()).sum();
    let loss = total.ln() + top - margins[label];
    for z in margins.iter_mut() {
        *z = (*z - top).exp() / total;
    }
    margins[label] -= 1.0;
    loss
}

/// Sums over all rows, chunk after chunk; `add` takes a row, its weight and the sums.
fn sum_rows(
    x: &CowArray<'_, f32, Ix2>,
    weights: &[f64],
    width: usize,
    add: impl Fn(&[f32], f64, &mut [f64]) + Sync,
) -> Vec<f64> {
    let parts = parallel::map(weights.len().div_ceil(CHUNK), |chunk| {
        let mut sums = vec![0.0; width];
        for (i, &weight) in weights.iter().enumerate().skip(chunk * CHUNK).take(CHUNK) {
            if let Some(row) = x.row(i).to_slice() {
                add(row, weight, &mut sums);
            }
        }
        sums
    });
    add_up(parts, width)
}

/// The parts added in order.
fn add_up(parts: Vec<Vec<f64>>, width: usize) -> Vec<f64> {
    parts.into_iter().fold(vec![0.0; width], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        total
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn losses_and_residuals_by_hand() {
        // ln(1 + e^-2) and σ(2) − 1.
        let mut margin = [2.0];
        assert!((residuals(&mut margin, 1) - 0.126_928_011_042_972_5).abs() < 1e-15);
        assert!((margin[0] + 0.119_202_922_022_117_6).abs() < 1e-15);
        let mut margin = [800.0];
        assert_eq!(residuals(&mut margin, 0), 800.0, "no overflow");
        assert_eq!(margin, [1.0]);
        // Odds of 1 : 2 : 5.
        let mut margins = [0.0, 2_f64.ln(), 5_f64.ln()];
        assert!((residuals(&mut margins, 1) - 4_f64.ln()).abs() < 1e-15);
        for (residual, expected) in margins.iter().zip([0.125, -0.75, 0.625]) {
            assert!((residual - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn the_gradient_equals_differences_of_the_value() {
        let x =
            Array2::from_shape_fn((50, 3), |(i, j)| ((i * (j + 5) + j) % 11) as f32 * [1.0, 10.0, 100.0][j]);
        let labels: Vec<u32> = (0..50).map(|i| (i * i % 7 % 3) as u32).collect();
        let weights: Vec<f64> = (0..50).map(|i| f64::from(i % 4)).collect();
        for classes in [2, 3] {
            let labels: Vec<u32> = labels.iter().map(|&label| label % classes).collect();
            let view = x.view();
            let objective = Objective::new(&view, &labels, classes as usize, &weights, 0.7);
            let u: Vec<f64> = (0..objective.len()).map(|i| ((i * 5 % 7) as f64 - 3.0) / 4.0).collect();
            let (mut gradient, mut unused) = (vec![0.0; u.len()], vec![0.0; u.len()]);
            objective.evaluate(&u, &mut gradient);
            for i in 0..u.len() {
                let mut at = |step: f64| {
                    let mut u = u.clone();
                    u[i] += step;
                    objective.evaluate(&u, &mut unused)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - gradient[i]).abs() < 1e-9, "{classes} {i}: {slope} {}", gradient[i]);
            }
        }
    }
}
