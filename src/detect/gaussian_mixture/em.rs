//! Expectation and maximisation.

use super::cholesky::{inverse_factor, row_start};
use super::density::Density;
use super::{Covariance, GaussianMixtureConfig};
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::stats::log_sum_exp;

/// Rows whose densities are computed at a time.
const CHUNK: usize = 256;

/// A row that belongs to a component by less than this does not count there.
const NEGLIGIBLE: f64 = 1e-12;

/// Rows that a component must hold, or it is dropped.
const MIN_ROWS: f64 = 1.0;

/// Tries to make a covariance positive definite when rounding has eaten the regularisation.
const TRIES: i32 = 12;

/// What the search has found.
pub(super) struct Fitted {
    pub(super) weights: Vec<f64>,
    pub(super) means: Vec<f64>,
    /// Packed inverse Cholesky factors, or one over the standard deviations.
    pub(super) factors: Vec<f64>,
    pub(super) iterations: usize,
    pub(super) converged: bool,
    /// Mean over the rows, before the last step.
    pub(super) log_likelihood: f64,
}

/// One component after a maximisation.
struct Component {
    rows: f64,
    mean: Vec<f64>,
    factor: Vec<f64>,
}

/// Improves responsibilities, shape `(rows, components)`, until the mean log-likelihood converges.
pub(super) fn run(
    config: &GaussianMixtureConfig,
    rows: &[f64],
    d: usize,
    shares: Vec<f64>,
) -> Result<Fitted> {
    let n = rows.len() / d;
    let mut shares = shares;
    let mut fitted = maximise(config, rows, d, &shares)?;
    let mut before = f64::NEG_INFINITY;
    for iteration in 1..=config.max_iterations {
        let k = fitted.weights.len();
        let density = Density::new(d, config.covariance, &fitted.weights, &fitted.means, &fitted.factors);
        shares.resize(n * k, 0.0);
        let log_likelihood = expect(&density, rows, d, &mut shares)? / n as f64;
        fitted = maximise(config, rows, d, &shares)?;
        let converged = (log_likelihood - before).abs() < config.tolerance;
        (fitted.iterations, fitted.converged, fitted.log_likelihood) = (iteration, converged, log_likelihood);
        before = log_likelihood;
        let max = config.max_iterations;
        progress::report(&Progress::new("gaussian_mixture", Unit::Iterations, iteration, max))?;
        if converged {
            break;
        }
    }
    Ok(fitted)
}

/// Writes the responsibilities; returns the log-likelihood of all rows.
fn expect(density: &Density, rows: &[f64], d: usize, shares: &mut [f64]) -> Result<f64> {
    let k = density.n_components();
    parallel::for_each_chunk(shares, CHUNK * k, |start, shares| {
        let first = start / k;
        density.log_densities(|row, feature| rows[(first + row) * d + feature], shares);
        Ok(())
    })?;
    // In order, on one thread: the sum does not depend on how the rows were shared out.
    let mut total = 0.0;
    for shares in shares.chunks_exact_mut(k) {
        let log_density = log_sum_exp(shares.iter().copied());
        for share in shares {
            *share = (*share - log_density).exp();
        }
        total += log_density;
    }
    Ok(total)
}

/// The components that fit the responsibilities best.
fn maximise(config: &GaussianMixtureConfig, rows: &[f64], d: usize, shares: &[f64]) -> Result<Fitted> {
    let n = rows.len() / d;
    let k = shares.len() / n;
    let components = parallel::map(k, |component| {
        let belonging = rows.chunks_exact(d).zip(shares.chunks_exact(k));
        let belonging: Vec<(&[f64], f64)> = belonging
            .filter(|(_, shares)| shares[component] > NEGLIGIBLE)
            .map(|(row, shares)| (row, shares[component]))
            .collect();
        maximise_one(config, d, &belonging)
    });
    let mut fitted = Fitted {
        weights: Vec::new(),
        means: Vec::new(),
        factors: Vec::new(),
        iterations: 0,
        converged: false,
        log_likelihood: f64::NEG_INFINITY,
    };
    for component in components {
        if let Some(Component { rows, mean, factor }) = component? {
            fitted.weights.push(rows);
            fitted.means.extend(mean);
            fitted.factors.extend(factor);
        }
    }
    let total: f64 = fitted.weights.iter().sum();
    fitted.weights.iter_mut().for_each(|weight| *weight /= total);
    Ok(fitted)
}

/// Mean and covariance of weighted rows; `None` for fewer than [`MIN_ROWS`].
fn maximise_one(
    config: &GaussianMixtureConfig,
    d: usize,
    belonging: &[(&[f64], f64)],
) -> Result<Option<Component>> {
    let rows: f64 = belonging.iter().map(|(_, share)| share).sum();
    // Shares that sum to 1 in exact arithmetic may fall short of it by rounding.
    if rows < MIN_ROWS - 1e-9 {
        return Ok(None);
    }
    let mut mean = vec![0.0; d];
    for (row, share) in belonging {
        mean.iter_mut().zip(*row).for_each(|(mean, value)| *mean += share * value);
    }
    for mean in &mut mean {
        *mean /= rows;
    }
    let mut covariance = vec![0.0; config.covariance.factor_len(d)];
    let mut off = vec![0.0; d];
    for (i, (row, share)) in belonging.iter().enumerate() {
        if i % CHUNK == 0 {
            progress::check()?;
        }
        off.iter_mut().zip(*row).zip(&mean).for_each(|((off, value), mean)| *off = value - mean);
        match config.covariance {
            Covariance::Full => {
                for (i, a) in off.iter().enumerate() {
                    let a = share * a;
                    let sums = &mut covariance[row_start(i)..][..=i];
                    sums.iter_mut().zip(&off).for_each(|(sum, b)| *sum += a * b);
                }
            }
            Covariance::Diagonal => {
                covariance.iter_mut().zip(&off).for_each(|(sum, off)| *sum += share * off * off);
            }
        }
    }
    for sum in &mut covariance {
        *sum /= rows;
    }
    let factor = match config.covariance {
        Covariance::Full => regularised_factor(&mut covariance, d, config.regularisation)?,
        Covariance::Diagonal => {
            covariance.iter().map(|variance| 1.0 / (variance + config.regularisation).sqrt()).collect()
        }
    };
    Ok(Some(Component { rows, mean, factor }))
}

/// The inverse Cholesky factor with the regularisation on the diagonal, or, where rounding has eaten that,
/// with as little more as it takes.
fn regularised_factor(covariance: &mut [f64], d: usize, regularisation: f64) -> Result<Vec<f64>> {
    let diagonal = |i: usize| row_start(i) + i;
    let largest = (0..d).map(|i| covariance[diagonal(i)]).fold(0.0, f64::max);
    let mut added = 0.0;
    for attempt in 0..TRIES {
        let more = if attempt == 0 { 0.0 } else { largest * f64::EPSILON * 10_f64.powi(attempt) };
        let now = regularisation.max(more);
        (0..d).for_each(|i| covariance[diagonal(i)] += now - added);
        added = now;
        if let Some(factor) = inverse_factor(covariance, d) {
            return Ok(factor);
        }
    }
    Err(Error::invalid("regularisation", "large enough for the spread of the rows", regularisation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_component_is_the_mean_and_the_covariance() {
        let config = GaussianMixtureConfig { components: 1, regularisation: 0.5, ..Default::default() };
        // Mean (1, 2); covariances 2/3 · (1, 1; 1, 4/3).
        let rows = [0.0, 1.0, 1.0, 1.0, 2.0, 4.0];
        let fitted = run(&config, &rows, 2, vec![1.0; 3]).unwrap();
        assert_eq!(fitted.weights, [1.0]);
        assert_eq!(fitted.means, [1.0, 2.0]);
        let expected = inverse_factor(&[2.0 / 3.0 + 0.5, 1.0, 2.0 + 0.5], 2).unwrap();
        for (a, b) in fitted.factors.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12);
        }
        assert!(fitted.converged);
        assert_eq!(fitted.iterations, 2);
    }

    #[test]
    fn components_without_rows_are_dropped() {
        let config = GaussianMixtureConfig { components: 3, ..Default::default() };
        let shares = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let fitted = run(&config, &[0.0, 9.0, 1.0, 10.0], 1, shares.to_vec()).unwrap();
        assert_eq!(fitted.weights, [0.5, 0.5]);
    }

    #[test]
    fn rounding_does_not_break_the_factor() {
        // Two equal columns of 1e9 and a regularisation that is lost by rounding.
        let mut covariance = vec![1e18, 1e18, 1e18];
        assert!(regularised_factor(&mut covariance, 2, 1e-6).is_ok());
        assert_eq!(covariance[1], 1e18);
        assert!(regularised_factor(&mut [f64::NAN], 1, 1e-6).is_err());
    }
}
