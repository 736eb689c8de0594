//! Range-based precision and recall.

/// A time range `[start, end]` in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Range {
    fn length(self) -> f64 {
        self.end - self.start
    }
}

/// The reward of one range, which the `others` cover in part: the flat bias of Tatbul et al. with cardinality 1 / x.
///
/// The reward is `existence_weight`, if anything overlaps, plus `1 − existence_weight` times the covered share of the range
/// divided by the number of separate covered parts. A range of length 0 is covered if it lies in another range.
pub(super) fn reward(range: Range, others: impl Iterator<Item = Range>, existence_weight: f64) -> f64 {
    let clip = |other: Range| Range { start: other.start.max(range.start), end: other.end.min(range.end) };
    let mut parts: Vec<Range> = others.map(clip).filter(|part| part.start <= part.end).collect();
    if range.length() > 0.0 {
        parts.retain(|part| part.length() > 0.0);
    }
    if parts.is_empty() {
        return 0.0;
    }
    parts.sort_by(|a, b| a.start.total_cmp(&b.start));
    let mut merged: Vec<Range> = Vec::new();
    for part in parts {
        match merged.last_mut().filter(|last| part.start <= last.end) {
            Some(last) => last.end = last.end.max(part.end),
            None => merged.push(part),
        }
    }
    let covered: f64 = merged.iter().map(|part| part.length()).sum();
    let share = if range.length() > 0.0 { covered / range.length() } else { 1.0 };
    existence_weight + (1.0 - existence_weight) * share / merged.len() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "the values are exact in binary")]

    use super::*;

    fn of(parts: &[(f64, f64)], existence_weight: f64) -> f64 {
        let others = parts.iter().map(|&(start, end)| Range { start, end });
        reward(Range { start: 0.0, end: 8.0 }, others, existence_weight)
    }

    #[test]
    fn the_reward_by_hand() {
        assert_eq!(of(&[], 0.5), 0.0);
        assert_eq!(of(&[(9.0, 12.0)], 0.5), 0.0);
        assert_eq!(of(&[(8.0, 12.0)], 0.5), 0.0, "a common end point is not an overlap");
        assert_eq!(of(&[(-4.0, 12.0)], 0.0), 1.0);
        assert_eq!(of(&[(4.0, 12.0)], 0.0), 0.5);
        assert_eq!(of(&[(4.0, 12.0)], 0.5), 0.75);
        // Two parts cover 4 of 8 s: 4 / 8 / 2.
        assert_eq!(of(&[(0.0, 2.0), (4.0, 6.0)], 0.0), 0.25);
        // Overlapping and adjacent parts are one part.
        assert_eq!(of(&[(0.0, 3.0), (2.0, 4.0), (4.0, 6.0)], 0.0), 0.75);
        let point = Range { start: 3.0, end: 3.0 };
        assert_eq!(reward(point, [Range { start: 2.0, end: 4.0 }].into_iter(), 0.0), 1.0);
        assert_eq!(reward(point, [Range { start: 4.0, end: 5.0 }].into_iter(), 0.0), 0.0);
    }
}
