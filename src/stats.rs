//! Functions of log-odds and log-probabilities that several stages compute, each with one order of operations, so that
//! all get the same bits.

/// `1 / (1 + e^−z)`, without overflow; NaN for NaN.
///
/// Each step is monotone when rounded, so the result never falls as `z` grows.
pub(crate) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// `ln Σ e^v`, without overflow for finite values.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::NEG_INFINITY, f64::max);
    max + values.map(|value| (value - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_do_not_overflow() {
        assert_eq!([logistic(-1e300), logistic(0.0), logistic(1e300)], [0.0, 0.5, 1.0]);
        assert!(logistic(f64::NAN).is_nan());
        let values = [1000.0, 1000.0];
        assert_eq!(log_sum_exp(values.into_iter()), 1000.0 + 2.0_f64.ln());
        assert_eq!(log_sum_exp([-1e300, 0.0].into_iter()), 0.0);
    }
}
