//! Thresholds of 64 bits in trees that compare numbers of 32 bits.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The numeric thresholds of a model that compares 64-bit numbers, and the f32 that replaces each in the trees.
///
/// Each feature has a map from f64 to f32 that keeps every comparison: `x <= threshold` in 64 bits exactly where
/// `map(x) <= replacement` in 32 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Thresholds(BTreeMap<u32, Feature>);

/// The thresholds of one feature.
#[derive(Clone, Debug)]
struct Feature {
    /// Finite and strictly ascending.
    exact: Vec<f64>,
    /// The f32 in the trees for each; finite and strictly ascending.
    replacements: Vec<f32>,
    /// Whether f32 values need the map too, because a replacement is not the largest f32 at or below its threshold.
    is_spread: bool,
}

impl Thresholds {
    /// Finds the replacements of the thresholds of some splits, each with its feature.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the feature for NaN, and for a feature of more thresholds than there
    /// are f32 values.
    pub(super) fn new(splits: impl IntoIterator<Item = (u32, f64)>) -> Result<Self> {
        let mut features: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (feature, threshold) in splits {
            if !threshold.is_finite() {
                let name = format!("thresholds of feature {feature}");
                return Err(Error::invalid(name, "finite numbers", threshold));
            }
            features.entry(feature).or_default().push(threshold);
        }
        let features =
            features.into_iter().map(|(feature, exact)| Ok((feature, Feature::new(feature, exact)?)));
        features.collect::<Result<_>>().map(Self)
    }

    /// The f32 that replaces a threshold in the trees; `None` for a threshold that [`Thresholds::new`] did not get.
    pub(super) fn replacement(&self, feature: u32, threshold: f64) -> Option<f32> {
        let of = self.0.get(&feature)?;
        let at = of.exact.partition_point(|&exact| exact < threshold);
        (*of.exact.get(at)? == threshold).then(|| of.replacements[at])
    }

    /// The threshold that a number in the trees replaces.
    pub(super) fn exact(&self, feature: u32, replacement: f32) -> Option<f64> {
        let of = self.0.get(&feature)?;
        let at = of.replacements.partition_point(|&other| other < replacement);
        (*of.replacements.get(at)? == replacement).then(|| of.exact[at])
    }

    /// The map of a feature for values of 64 bits.
    ///
    /// A feature without thresholds can have categories only, which are cut to whole numbers.
    pub(super) fn map(&self, feature: usize) -> impl Fn(f64) -> f32 {
        let of = u32::try_from(feature).ok().and_then(|feature| self.0.get(&feature));
        move |value| match of {
            _ if value.is_nan() => f32::NAN,
            Some(of) => of.map(value),
            None => (value.trunc() as f32).clamp(f32::MIN, f32::MAX),
        }
    }

    /// Whether f32 values of a feature need its map too.
    pub(super) fn is_spread(&self, feature: usize) -> bool {
        let of = u32::try_from(feature).ok().and_then(|feature| self.0.get(&feature));
        of.is_some_and(|of| of.is_spread)
    }

    /// Whether f32 values of any feature need its map too.
    pub(super) fn any_spread(&self) -> bool {
        self.0.values().any(|of| of.is_spread)
    }

    /// Memory that the thresholds take, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        let bytes = |of: &Feature| {
            size_of::<Feature>() + size_of_val(of.exact.as_slice()) + size_of_val(of.replacements.as_slice())
        };
        self.0.values().map(bytes).sum()
    }
}

impl Feature {
    /// Replaces each threshold by the largest f32 at or below it; where several have the same one, by the next f32
    /// values above it.
    fn new(feature: u32, mut exact: Vec<f64>) -> Result<Self> {
        exact.sort_by(f64::total_cmp);
        exact.dedup();
        let mut replacements: Vec<f32> = Vec::with_capacity(exact.len());
        for &threshold in &exact {
            let above = replacements.last().map_or(f32::MIN, |last| last.next_up());
            replacements.push(down(threshold).max(above));
        }
        // At the upper end of f32 there may be no room above.
        let mut ceiling = f32::MAX;
        for replacement in replacements.iter_mut().rev() {
            *replacement = replacement.min(ceiling);
            ceiling = replacement.next_down();
        }
        if replacements.first().is_some_and(|first| !first.is_finite()) {
            let name = format!("thresholds of feature {feature}");
            return Err(Error::invalid(name, "no more than there are f32 values", exact.len()));
        }
        let is_down = |(&exact, &replacement): (&f64, &f32)| at_or_below(exact) == Some(replacement);
        let is_spread = !exact.iter().zip(&replacements).all(is_down);
        Ok(Self { exact, replacements, is_spread })
    }

    /// The f32 next to `value` that compares with every replacement as `value` compares with every threshold.
    ///
    /// Above a threshold that `f32::MAX` replaces this is infinity.
    fn map(&self, value: f64) -> f32 {
        let at = self.exact.partition_point(|&exact| exact < value);
        let above = at.checked_sub(1).map_or(f32::MIN, |below| self.replacements[below].next_up());
        let at_most = self.replacements.get(at).copied().unwrap_or(f32::INFINITY);
        down(value).max(above).min(at_most)
    }
}

/// The largest finite f32 at or below `threshold`: an f32 is at most the one where it is at most the other.
///
/// `None` where there is none, or for NaN.
pub(super) fn at_or_below(threshold: f64) -> Option<f32> {
    let nearest = threshold as f32;
    let below = if f64::from(nearest) > threshold { nearest.next_down() } else { nearest };
    let below = below.min(f32::MAX);
    (below.is_finite() && !threshold.is_nan()).then_some(below)
}

/// The largest finite f32 at or below a number, or the lowest finite f32.
pub(super) fn down(value: f64) -> f32 {
    at_or_below(value).unwrap_or(f32::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thresholds_are_rounded_down() {
        assert_eq!(at_or_below(0.5), Some(0.5));
        let tenth = at_or_below(0.1).unwrap();
        assert!(f64::from(tenth) <= 0.1 && f64::from(tenth.next_up()) > 0.1);
        assert_eq!(at_or_below(1e300), Some(f32::MAX));
        assert_eq!(at_or_below(f64::INFINITY), Some(f32::MAX));
        assert_eq!(at_or_below(1e-300), Some(0.0));
        assert_eq!(at_or_below(-1e-300), Some(-f32::from_bits(1)));
        assert_eq!((at_or_below(-1e300), at_or_below(f64::NAN)), (None, None));
    }

    /// Checks the map against the definition, at and around each threshold and for some other values.
    fn check(thresholds: &[f64], others: &[f64]) {
        let made = Thresholds::new(thresholds.iter().map(|&threshold| (3, threshold))).unwrap();
        let around = |&x: &f64| [x, x.next_up(), x.next_down(), f64::from(x as f32), f64::from(down(x))];
        let values: Vec<f64> = thresholds.iter().flat_map(around).chain(others.iter().copied()).collect();
        for &threshold in thresholds {
            let replacement = made.replacement(3, threshold).unwrap();
            assert!(replacement.is_finite());
            assert_eq!(made.exact(3, replacement), Some(threshold));
            for &value in values.iter().filter(|value| value.is_finite()) {
                let mapped = made.map(3)(value);
                assert_eq!(value <= threshold, mapped <= replacement, "{value:e} and {threshold:e}");
                if !made.is_spread(3) && f64::from(value as f32) == value {
                    assert_eq!(mapped, value as f32, "an f32 stays as it is");
                }
            }
        }
    }

    #[test]
    fn thresholds_that_are_equal_in_32_bits_are_spread() {
        let seconds: Vec<f64> = (0..200).map(|i| 1.7e9 + f64::from(i)).collect();
        check(&seconds, &[0.0, -1.0, 1.7e9 + 0.5, 2e9]);
        check(&[1e299, 1e300, f64::MAX, f64::from(f32::MAX)], &[1e298, 1.1e300, f64::MAX]);
        check(&[-1e300, -1e299, 0.0], &[-1.5e299, f64::MIN, f64::from(f32::MIN), -1.0]);
        check(&[-1e-300, 0.0, 1e-300, 2e-300], &[1.5e-300, -0.0, 5e-324]);
        let spread = Thresholds::new([(3, 1.7e9), (3, 1.7e9 + 1.0), (5, 0.5)]).unwrap();
        assert!(spread.is_spread(3) && !spread.is_spread(5) && spread.any_spread());
    }

    #[test]
    fn only_finite_thresholds_are_accepted() {
        let error = Thresholds::new([(7, f64::NAN)]).unwrap_err();
        assert_eq!(error.to_string(), "`thresholds of feature 7` must be finite numbers, got NaN");
        let none = Thresholds::default();
        assert_eq!((none.map(0)(2.999_999_999), none.map(0)(-0.999_999_999)), (2.0, -0.0));
        assert!(none.map(0)(f64::NAN).is_nan() && none.map(0)(1e300) == f32::MAX);
    }

    proptest! {
        #[test]
        fn any_numbers_keep_their_comparisons(
            bits in prop::collection::vec(any::<u64>(), 1..30),
            near in prop::collection::vec(0_u64..300, 0..30),
        ) {
            let mut thresholds: Vec<f64> = bits.iter().map(|&bits| f64::from_bits(bits)).collect();
            // Neighbours of the first one in 64 bits.
            thresholds.extend(near.iter().map(|&steps| f64::from_bits(bits[0].wrapping_add(steps))));
            thresholds.retain(|threshold| threshold.is_finite());
            check(&thresholds, &[0.0, -0.0, 1.0, -1.0]);
        }
    }
}
