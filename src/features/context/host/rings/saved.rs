//! The rings of one entity as values that can be written and read.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Amounts, Counts, EMPTY, Head, Mark, Rings, open};

/// One window of one entity: what its rings hold, and nothing of the buckets that are not used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct SavedWindow {
    /// The newest bucket.
    bucket: u32,
    counts: Held<Counts>,
    amounts: Held<Amounts>,
}

/// The first bucket that a ring holds, and the values from there on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held<T> {
    first: u32,
    values: Vec<T>,
}

impl<T: Copy> Held<T> {
    fn of((first, last): (u32, u32), ring: &[T]) -> Self {
        let values = (first..=last).filter_map(|bucket| ring.get(bucket as usize % ring.len()).copied());
        Self { first, values: values.collect() }
    }

    /// Puts the values into a ring. Returns the buckets that it holds then, `None` for values outside the open ones.
    fn put(&self, open: Range<u32>, ring: &mut [T]) -> Option<(u32, u32)> {
        let Some(ahead) = self.values.len().checked_sub(1) else { return Some(EMPTY.counts) };
        let last = self.first.checked_add(u32::try_from(ahead).ok()?)?;
        if self.first < open.start || last >= open.end {
            return None;
        }
        let n = ring.len();
        for (bucket, &value) in (self.first..=last).zip(&self.values) {
            ring[bucket as usize % n] = value;
        }
        Some((self.first, last))
    }
}

impl Rings {
    /// The windows of an entity.
    pub(in super::super) fn saved(&self, entity: usize) -> Vec<SavedWindow> {
        let window = |at: usize| {
            let head = &self.heads[at];
            let (counts, amounts) =
                (Held::of(head.counts, &self.counts[at]), Held::of(head.amounts, &self.amounts[at]));
            SavedWindow { bucket: head.bucket, counts, amounts }
        };
        self.of(entity).map(window).collect()
    }

    /// Sets the windows of an entity to saved ones. Returns whether they are windows of these marks up to the tick `latest`.
    pub(in super::super) fn restore(
        &mut self,
        entity: usize,
        saved: &[SavedWindow],
        marks: &[Mark],
        latest: u32,
    ) -> bool {
        let of = self.of(entity);
        saved.len() == of.len()
            && of
                .zip(saved)
                .zip(marks)
                .all(|((at, window), mark)| self.restore_one(at, window, mark, latest).is_some())
    }

    fn restore_one(&mut self, at: usize, window: &SavedWindow, mark: &Mark, latest: u32) -> Option<()> {
        if window.bucket > latest / mark.width {
            return None;
        }
        let open = open(window.bucket);
        let counts = window.counts.put(open.start..window.bucket + 1, &mut self.counts[at])?;
        let amounts = window.amounts.put(open, &mut self.amounts[at])?;
        self.heads[at] = Head { bucket: window.bucket, counts, amounts };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::BUCKETS;
    use super::*;

    #[test]
    fn windows_outside_their_rings_are_rejected() {
        let marks = [Mark::new(10)];
        let held = |first, n: u32| Held { first, values: vec![[1_u32; 4]; n as usize] };
        let restored = |bucket, counts| {
            let mut rings = Rings::new(1);
            rings.grow();
            let amounts = Held { first: 0, values: Vec::new() };
            rings.restore(0, &[SavedWindow { bucket, counts, amounts }], &marks, 1009)
        };
        assert!(restored(100, held(93, BUCKETS)) && restored(100, held(7, 0)));
        assert!(!restored(101, held(100, 1)), "after the newest record");
        assert!(!restored(100, held(92, 2)), "before the window");
        assert!(!restored(100, held(100, 2)), "after the window");
        assert!(!restored(100, held(u32::MAX, 2)));
        let mut rings = Rings::new(1);
        rings.grow();
        assert!(!rings.restore(0, &[], &marks, 1009), "one window is missing");
    }
}
