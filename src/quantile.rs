//! Quantiles of sorted values.

/// Quantile of ascending, finite values by linear interpolation, for `q` in [0, 1]; 0 without values.
pub(crate) fn quantile<T: Copy + Into<f64>>(sorted: &[T], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = q * last as f64;
    let low = place as usize;
    let (a, b): (f64, f64) = (sorted[low].into(), sorted[(low + 1).min(last)].into());
    let share = place - low as f64;
    let width = b - a;
    if width.is_finite() { a + share * width } else { a * (1.0 - share) + b * share }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let values = [1.0_f32, 2.0, 4.0, 8.0, 16.0];
        let expected = [(0.0, 1.0), (0.125, 1.5), (0.5, 4.0), (0.625, 6.0), (0.75, 8.0), (1.0, 16.0)];
        for (q, value) in expected {
            assert_eq!(quantile(&values, q), value, "{q}");
        }
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
        assert_eq!(quantile::<f64>(&[], 0.5), 0.0);
        assert_eq!(quantile(&[0.1; 9], 0.3), 0.1, "equal values stay what they are");
        assert_eq!(quantile(&[f64::MIN, f64::MAX], 0.5), 0.0, "no overflow");
    }
}
