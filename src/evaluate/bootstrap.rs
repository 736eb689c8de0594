//! Bootstrap intervals.

use crate::calibrate::Interval;
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress;
use crate::quantile::quantile;
use crate::rng::Stream;

/// More resamples than this change no digit that anyone reads, and their values would fill the memory.
const MOST: usize = 1_000_000;

/// Percentile intervals of statistics, by resampling rows with replacement within each stratum.
///
/// `strata[i]` is the stratum of row `i`, usually its label, so that every resample has as many attacks as
/// the data. `statistic` gets how many times each row was drawn and returns values. The interval of each is
/// between the `(1 ± level) / 2` quantiles of its values, linear between neighbours. The same seed gives the
/// same bits for any thread count.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a level outside (0, 1) and for fewer than `2 / (1 − level)` resamples or
/// more than a million;
/// [`Error::InsufficientData`] without rows.
///
/// # Source
///
/// B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, section 13.3.
///
/// # Examples
///
/// ```
/// use qosguard::evaluate::bootstrap_intervals;
///
/// let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let mean = |drawn: &[u32]| {
///     [values.iter().zip(drawn).map(|(v, &n)| v * f64::from(n)).sum::<f64>() / 8.0]
/// };
/// let interval = bootstrap_intervals(&[true; 8], 1000, 0.95, 1, mean)?[0];
/// assert!(interval.low > 2.5 && interval.low < 4.5 && interval.high > 4.5 && interval.high < 6.5);
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn bootstrap_intervals<const N: usize>(
    strata: &[bool],
    resamples: usize,
    level: f64,
    seed: u64,
    statistic: impl Fn(&[u32]) -> [f64; N] + Sync,
) -> Result<[Interval; N]> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::invalid("level", "above 0 and below 1", level));
    }
    let needed = (2.0 / (1.0 - level)).round();
    if (resamples as f64) < needed || resamples > MOST {
        let expected = format!("at least {needed} at level {level} and at most {MOST}");
        return Err(Error::invalid("resamples", expected, resamples));
    }
    if strata.is_empty() {
        return Err(Error::InsufficientData { what: "rows".into(), needed: 1, got: 0 });
    }
    let stratum = |of: bool| -> Vec<usize> { (0..strata.len()).filter(|&row| strata[row] == of).collect() };
    let strata = [stratum(false), stratum(true)];
    let n = strata[0].len() + strata[1].len();
    let values = parallel::map(resamples, |resample| {
        progress::check()?;
        let mut rng = Stream::new(seed, resample as u64);
        let mut drawn = vec![0; n];
        for rows in &strata {
            for _ in 0..rows.len() {
                drawn[rows[rng.below(rows.len())]] += 1;
            }
        }
        Ok(statistic(&drawn))
    });
    let values = values.into_iter().collect::<Result<Vec<[f64; N]>>>()?;
    Ok(std::array::from_fn(|i| {
        let mut sorted: Vec<f64> = values.iter().map(|v| v[i]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Interval {
            low: quantile(&sorted, (1.0 - level) / 2.0),
            high: quantile(&sorted, f64::midpoint(1.0, level)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of 0, 1, …, 99, and the share of the rows drawn from the first ten.
    fn statistic(drawn: &[u32]) -> [f64; 2] {
        let sum = |rows: &[u32]| f64::from(rows.iter().sum::<u32>());
        let mean = drawn.iter().zip(0..).map(|(&n, v)| f64::from(n) * f64::from(v)).sum::<f64>() / 100.0;
        [mean, sum(&drawn[..10]) / sum(drawn)]
    }

    #[test]
    fn the_interval_of_a_mean_is_the_normal_one() {
        let [mean, _] = bootstrap_intervals(&[false; 100], 4000, 0.9, 5, statistic).unwrap();
        // The standard error of the mean of 0 to 99 is √(9999 / 12 / 100) = 2.887; 1.645 of them are 4.75.
        assert!(
            (mean.low - (49.5 - 4.75)).abs() < 0.3 && (mean.high - (49.5 + 4.75)).abs() < 0.3,
            "{mean:?}"
        );
    }

    #[test]
    fn strata_keep_their_size_and_seeds_their_bits() {
        let strata: Vec<bool> = (0..100).map(|row| row < 10).collect();
        let [mean, share] = bootstrap_intervals(&strata, 200, 0.95, 5, statistic).unwrap();
        assert_eq!(share, Interval { low: 0.1, high: 0.1 });
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one.install(|| bootstrap_intervals(&strata, 200, 0.95, 5, statistic)).unwrap();
        assert_eq!(again, [mean, share]);
        assert_ne!(bootstrap_intervals(&strata, 200, 0.95, 6, statistic).unwrap(), again);
    }

    #[test]
    fn bad_settings_are_refused() {
        for (resamples, level) in
            [(39, 0.95), (1_000_001, 0.95), (usize::MAX, 0.95), (1000, 1.0), (1000, 0.0), (1000, f64::NAN)]
        {
            let error = bootstrap_intervals(&[true; 100], resamples, level, 0, statistic).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument { .. }), "{error}");
        }
        assert!(bootstrap_intervals(&[true; 100], 40, 0.95, 0, statistic).is_ok());
        let empty = bootstrap_intervals(&[], 1000, 0.95, 0, statistic);
        assert!(matches!(empty, Err(Error::InsufficientData { .. })));
    }
}
