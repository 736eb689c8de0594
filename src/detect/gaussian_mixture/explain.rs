//! What each feature adds to a row's negative log-likelihood.

use std::f64::consts::TAU;

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::cholesky::{inverse_factor, invert, row_start};
use super::{Covariance, GaussianMixture};
use crate::detect::{Detector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;
use crate::progress;
use crate::rng::Stream;
use crate::stats::log_sum_exp;

/// Random orders of the features that are averaged over, each once forwards and once backwards.
const ORDERS: u64 = 4;

/// Rows that one thread explains at a time.
const CHUNK: usize = 64;

/// The mixture with its features in another order.
struct Ordered {
    order: Vec<usize>,
    means: Vec<f64>,
    /// Inverse Cholesky factor of each component, one after the other.
    factors: Vec<f64>,
}

impl GaussianMixture {
    /// Explains the score by what each feature adds to it.
    ///
    /// A set of features is worth the negative log-likelihood `−ln p(z_S)` of their values alone, all others
    /// integrated out, so the base is 0. A feature is credited with `−ln p(z_j | the features before it)`, on
    /// average over four seeded random orders of the features, forwards and backwards: an estimate of the Shapley
    /// values, which sums to the score exactly in every order.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`]; [`Error::InvalidArgument`] where a covariance is not positive definite
    /// within rounding once its features are reordered.
    ///
    /// # Source
    ///
    /// E. Štrumbelj, I. Kononenko, *Explaining prediction models and individual predictions with feature
    /// contributions*, Knowledge and Information Systems 41, 2014 (sampled orders).
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, Fit, FitContext, GaussianMixtureConfig};
    /// use qosguard::ndarray::{Array2, array};
    ///
    /// let x = Array2::from_shape_fn((400, 3), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// let mixture = GaussianMixtureConfig { components: 2, ..Default::default() }.fit(x.view(), FitContext::default())?.model;
    /// let explanation = mixture.explain(array![[6.0, 40.0, 6.0]].view())?;
    /// assert_eq!(explanation.top(0, 1)[0].0, 1); // the feature that no row has like this
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let orders = self.orders()?;
        let blocks = parallel::map(x.nrows().div_ceil(CHUNK), |block| {
            let rows = block * CHUNK..x.nrows().min((block + 1) * CHUNK);
            rows.map(|row| {
                progress::check()?;
                Ok(self.explain_row(x.row(row), &orders))
            })
            .collect::<Result<Vec<_>>>()
        });
        let blocks = blocks.into_iter().collect::<Result<Vec<_>>>()?;
        let mut contributions = Array2::zeros(x.dim());
        let rows = blocks.into_iter().flatten();
        for (mut to, parts) in contributions.rows_mut().into_iter().zip(rows) {
            to.assign(&ArrayView1::from(&parts));
        }
        let scores = contributions.rows().into_iter().map(|row| row.sum()).collect();
        Explanation::new(0.0, contributions, scores)
    }

    fn explain_row(&self, row: ArrayView1<'_, f32>, orders: &[Ordered]) -> Vec<f64> {
        let z: Vec<f64> = match &self.normal {
            Some(normal) => row.iter().enumerate().map(|(j, &value)| normal.of(j, value)).collect(),
            None => row.iter().copied().map(f64::from).collect(),
        };
        let mut parts = vec![0.0; z.len()];
        let mut centred = vec![0.0; z.len() * self.n_components()];
        for ordered in orders {
            for (k, centred) in centred.chunks_exact_mut(z.len()).enumerate() {
                let means = &ordered.means[k * z.len()..];
                for ((to, &feature), mean) in centred.iter_mut().zip(&ordered.order).zip(means) {
                    *to = z[feature] - mean;
                }
            }
            let mut logs: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
            let mut known = log_sum_exp(logs.iter().copied());
            for (i, &feature) in ordered.order.iter().enumerate() {
                for (k, log) in logs.iter_mut().enumerate() {
                    *log += self.conditional(ordered, k, i, &centred[k * z.len()..]);
                }
                let now = log_sum_exp(logs.iter().copied());
                parts[feature] += (known - now) / orders.len() as f64;
                known = now;
            }
        }
        parts
    }

    /// `ln N(z_i | z_1 … z_{i−1})` of component `k`, in the order of the features there.
    fn conditional(&self, ordered: &Ordered, k: usize, i: usize, centred: &[f64]) -> f64 {
        let d = ordered.order.len();
        let factor = &ordered.factors[k * self.config.covariance.factor_len(d)..];
        let (scale, y) = match self.config.covariance {
            Covariance::Diagonal => (factor[i], factor[i] * centred[i]),
            Covariance::Full => {
                let row = &factor[row_start(i)..=row_start(i) + i];
                (row[i], row.iter().zip(centred).map(|(f, z)| f * z).sum())
            }
        };
        scale.ln() - 0.5 * (y * y + TAU.ln())
    }

    fn orders(&self) -> Result<Vec<Ordered>> {
        let d = self.n_features();
        let mut orders = Vec::new();
        for index in 0..ORDERS {
            let mut order: Vec<usize> = (0..d).collect();
            Stream::new(self.config.seed, index).shuffle(&mut order);
            let backwards = order.iter().rev().copied().collect();
            orders.extend([self.ordered(order)?, self.ordered(backwards)?]);
        }
        Ok(orders)
    }

    fn ordered(&self, order: Vec<usize>) -> Result<Ordered> {
        let d = order.len();
        let means = self.means.chunks_exact(d).flat_map(|means| order.iter().map(|&j| means[j])).collect();
        let mut factors = Vec::with_capacity(self.factors.len());
        for factor in self.factors.chunks_exact(self.config.covariance.factor_len(d)) {
            match self.config.covariance {
                Covariance::Diagonal => factors.extend(order.iter().map(|&j| factor[j])),
                Covariance::Full => {
                    let permuted =
                        inverse_factor(&permuted_covariance(factor, &order), d).ok_or_else(|| {
                            Error::invalid(
                                "covariance",
                                "positive definite in every order of the features",
                                "another",
                            )
                        })?;
                    factors.extend(permuted);
                }
            }
        }
        Ok(Ordered { order, means, factors })
    }
}

/// The packed covariance with its features in another order, from its inverse Cholesky factor.
fn permuted_covariance(inverse_factor: &[f64], order: &[usize]) -> Vec<f64> {
    let d = order.len();
    let mut factor = inverse_factor.to_vec();
    invert(&mut factor, d);
    let row = |i: usize| &factor[row_start(i)..=row_start(i) + i];
    let entry = |a: usize, b: usize| row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum();
    (0..d).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| entry(order[i], order[j])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Fit, FitContext, GaussianMixtureConfig};

    #[test]
    fn parts_sum_to_the_score_and_independent_features_do_not_interact() {
        let x = Array2::from_shape_fn((600, 4), |(i, j)| ((i * i + 31 * i * j) % 97) as f32);
        for covariance in [Covariance::Full, Covariance::Diagonal] {
            let config = GaussianMixtureConfig { components: 3, covariance, ..Default::default() };
            let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
            let explanation = mixture.explain(x.view()).unwrap();
            let scores = mixture.score(x.view()).unwrap();
            for (exact, score) in explanation.scores.iter().zip(scores) {
                assert!((exact - f64::from(score)).abs() < 1e-5 * exact.abs().max(1.0), "{exact} {score}");
            }
        }
        // One component with a diagonal: each feature's own negative log-likelihood, in any order.
        let config =
            GaussianMixtureConfig { components: 1, covariance: Covariance::Diagonal, ..Default::default() };
        let mixture = config.fit(x.view(), FitContext::default()).unwrap().model;
        let explanation = mixture.explain(x.view()).unwrap();
        for (row, parts) in x.rows().into_iter().zip(explanation.contributions.rows()) {
            for (j, part) in parts.iter().enumerate() {
                let z = mixture.normal.as_ref().unwrap().of(j, row[j]) - mixture.means[j];
                let expected = 0.5 * ((mixture.factors[j] * z).powi(2) + TAU.ln()) - mixture.factors[j].ln();
                assert!((part - expected).abs() < 1e-9, "{part} {expected}");
            }
        }
    }
}
