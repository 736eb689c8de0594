//! Sorting that can be cancelled.

use std::cmp::Ordering;

use crate::error::Result;
use crate::progress;

/// Values that are sorted without a check for cancellation.
const BLOCK: usize = 1 << 17;

/// Sorts values in ascending order; equal ones come in any order.
///
/// # Errors
///
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub(crate) fn sort_by<T>(values: &mut [T], compare: impl Fn(&T, &T) -> Ordering) -> Result<()> {
    halve(values, &compare)
}

fn halve<T>(values: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> Result<()> {
    progress::check()?;
    if values.len() <= BLOCK {
        values.sort_unstable_by(compare);
        return Ok(());
    }
    let middle = values.len() / 2;
    let (below, _, above) = values.select_nth_unstable_by(middle, compare);
    halve(below, compare)?;
    halve(above, compare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::{Error, Monitor};

    #[test]
    fn many_values_are_sorted_as_few_are() {
        let mut rng = Stream::new(1, 0);
        for scale in [1.0, 300.0, 1e9] {
            let mut values: Vec<f32> =
                (0..3 * BLOCK).map(|_| (rng.normal() * scale).round() as f32).collect();
            let mut expected = values.clone();
            expected.sort_unstable_by(f32::total_cmp);
            sort_by(&mut values, f32::total_cmp).unwrap();
            assert!(values.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn a_cancelled_sort_ends() {
        let monitor = Monitor::default();
        monitor.cancel();
        let sorted = monitor.run(|| sort_by(&mut [2.0, 1.0], f32::total_cmp));
        assert!(matches!(sorted, Err(Error::Cancelled)));
    }
}
