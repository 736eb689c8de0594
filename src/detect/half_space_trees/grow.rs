//! Halving the space at random.

use super::walk::Cut;
use crate::rng::Stream;

/// Least and greatest value of every feature; `rows` holds at least one row.
pub(super) fn ranges(rows: &[f32], n_features: usize) -> (Vec<f32>, Vec<f32>) {
    let mut low = rows[..n_features].to_vec();
    let mut high = low.clone();
    for row in rows.chunks_exact(n_features) {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(row) {
            *low = low.min(value);
            *high = high.max(value);
        }
    }
    (low, high)
}

/// The cuts of one tree of `depth` levels; cut `i` has the children `2 i` and `2 i + 1`, cut 0 is unused.
pub(super) fn grow(low: &[f32], high: &[f32], depth: usize, rng: &mut Stream) -> Vec<Cut> {
    let mut work: Vec<(f64, f64)> = low
        .iter()
        .zip(high)
        .map(|(&low, &high)| work_range(low.into(), high.into(), rng.uniform()))
        .collect();
    let mut cuts = vec![Cut::default(); 1 << depth];
    halve(&mut cuts, 1, &mut work, rng);
    cuts
}

/// What a tree takes for the range of a feature, around the point `s` of its range.
fn work_range(low: f64, high: f64, s: f64) -> (f64, f64) {
    let (low, width) = if high > low { (low, high - low) } else { (low - 0.5, 1.0) };
    let reach = 2.0 * s.max(1.0 - s);
    (low + (s - reach) * width, low + (s + reach) * width)
}

/// Cuts a random feature of the space `work` in its middle, and both halves in turn.
fn halve(cuts: &mut [Cut], at: usize, work: &mut [(f64, f64)], rng: &mut Stream) {
    if at >= cuts.len() {
        return;
    }
    let feature = rng.below(work.len());
    let (low, high) = work[feature];
    let middle = f64::midpoint(low, high);
    let threshold = middle.clamp(f32::MIN.into(), f32::MAX.into()) as f32;
    cuts[at] = Cut { threshold, feature: feature as u32 };
    work[feature] = (low, middle);
    halve(cuts, 2 * at, work, rng);
    work[feature] = (middle, high);
    halve(cuts, 2 * at + 1, work, rng);
    work[feature] = (low, high);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ranges_by_hand() {
        assert_eq!(work_range(0.0, 1.0, 0.25), (-1.25, 1.75));
        assert_eq!(work_range(10.0, 14.0, 0.75), (7.0, 19.0));
        assert_eq!(work_range(3.0, 3.0, 0.5), (2.0, 4.0), "a constant feature has a width of 1");
        for s in [0.0, 0.1, 0.5, 0.99] {
            let (low, high) = work_range(-2.0, 5.0, s);
            assert!(low <= -2.0 && high >= 5.0, "the range is inside");
        }
    }

    #[test]
    fn every_cut_halves_what_its_parent_left() {
        let cuts = grow(&[0.0], &[1.0], 4, &mut Stream::new(3, 0));
        let root = cuts[1].threshold;
        assert!((0.0..1.0).contains(&root), "the first cut is inside the range");
        for at in 2..16 {
            let (parent, this) = (cuts[at / 2].threshold, cuts[at].threshold);
            assert_eq!(this < parent, at % 2 == 0);
        }
        // Quarters and eighths of the work range lie evenly.
        let step = cuts[3].threshold - root;
        assert!((root - cuts[2].threshold - step).abs() < 1e-6);
        assert!((cuts[3].threshold - cuts[6].threshold - step / 2.0).abs() < 1e-6);
    }

    #[test]
    fn ranges_as_wide_as_numbers_go_give_finite_cuts() {
        let cuts = grow(&[f32::MIN, 0.0], &[f32::MAX, 0.0], 6, &mut Stream::new(1, 0));
        assert!(cuts.iter().all(|cut| cut.threshold.is_finite()));
    }
}
