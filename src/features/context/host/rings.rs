//! What entities counted in the windows: rings of buckets in one block of memory.

use std::ops::Range;

/// Buckets of a window.
pub(super) const BUCKETS: u32 = 8;
/// Slots of a ring of amounts: the buckets of the window, and as many ahead for flows that last.
const SLOTS: u32 = 2 * BUCKETS;

/// A window's length, as so many buckets of whole ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width(pub(super) u32);

impl Width {
    /// The bucket of a tick.
    pub(super) fn bucket(self, tick: u32) -> u32 {
        tick / self.0
    }

    /// The part of a flow from `start` to `end`, in ticks, that each bucket holds, of the buckets in `open`.
    pub(super) fn spread(self, start: f64, end: f64, open: Range<u32>, mut add: impl FnMut(u32, f64)) {
        let width = f64::from(self.0);
        let bucket = |at: f64| (at / width).floor().clamp(-1.0, f64::from(u32::MAX)) as i64;
        let (first, last) = (bucket(start), bucket(end));
        if first == last {
            if let Ok(first) = u32::try_from(first)
                && open.contains(&first)
            {
                add(first, 1.0);
            }
            return;
        }
        let scale = (end - start).recip();
        let (from, to) = (first.max(i64::from(open.start)), last.min(i64::from(open.end) - 1));
        for at in from..=to {
            let low = start.max(at as f64 * width);
            let high = end.min((at + 1) as f64 * width);
            add(at as u32, (high - low).max(0.0) * scale);
        }
    }
}

/// The rings of every entity of a scope: counts of the buckets until now, and amounts of the same and the coming buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Rings {
    widths: Vec<Width>,
    n_counts: usize,
    n_amounts: usize,
    /// The newest bucket of each entity and window.
    heads: Vec<u32>,
    counts: Vec<u32>,
    amounts: Vec<f64>,
}

impl Rings {
    pub(super) fn new(widths: &[Width], n_counts: usize, n_amounts: usize) -> Self {
        Self { widths: widths.to_vec(), n_counts, n_amounts, ..Self::default() }
    }

    /// Makes room for one more entity.
    pub(super) fn grow(&mut self) {
        let windows = self.widths.len();
        self.heads.resize(self.heads.len() + windows, 0);
        self.counts.resize(self.counts.len() + windows * self.n_counts * BUCKETS as usize, 0);
        self.amounts.resize(self.amounts.len() + windows * self.n_amounts * SLOTS as usize, 0.0);
    }

    /// Empties the rings of an entity.
    pub(super) fn clear(&mut self, entity: usize) {
        let windows = self.widths.len();
        let all = |per: usize| entity * windows * per..(entity + 1) * windows * per;
        self.heads[all(1)].fill(0);
        self.counts[all(self.n_counts * BUCKETS as usize)].fill(0);
        self.amounts[all(self.n_amounts * SLOTS as usize)].fill(0.0);
    }

    /// Copies the rings of one entity to another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let windows = self.widths.len();
        let of = |entity: usize, per: usize| entity * windows * per..(entity + 1) * windows * per;
        self.heads.copy_within(of(from, 1), to * windows);
        let per = self.n_counts * BUCKETS as usize;
        self.counts.copy_within(of(from, per), to * windows * per);
        let per = self.n_amounts * SLOTS as usize;
        self.amounts.copy_within(of(from, per), to * windows * per);
    }

    pub(super) fn widths(&self) -> &[Width] {
        &self.widths
    }

    /// The newest bucket of an entity's window.
    pub(super) fn head(&self, entity: usize, window: usize) -> u32 {
        self.heads[entity * self.widths.len() + window]
    }

    /// Moves a window on to a bucket, which empties what leaves it. Returns whether everything left it.
    pub(super) fn advance(&mut self, entity: usize, window: usize, bucket: u32) -> bool {
        let head = self.head(entity, window);
        if bucket <= head {
            return false;
        }
        self.heads[entity * self.widths.len() + window] = bucket;
        let passed = bucket - head;
        let (counts, amounts) = (self.counts_at(entity, window), self.amounts_at(entity, window));
        let (counts, amounts) = (&mut self.counts[counts], &mut self.amounts[amounts]);
        if passed >= BUCKETS {
            counts.fill(0);
        } else {
            for new in head + 1..=bucket {
                let slot = (new % BUCKETS) as usize;
                for ring in counts.chunks_exact_mut(BUCKETS as usize) {
                    ring[slot] = 0;
                }
            }
        }
        if passed >= SLOTS {
            amounts.fill(0.0);
        } else {
            for new in head + 1 + BUCKETS..=bucket + BUCKETS {
                let slot = (new % SLOTS) as usize;
                for ring in amounts.chunks_exact_mut(SLOTS as usize) {
                    ring[slot] = 0.0;
                }
            }
        }
        passed >= BUCKETS
    }

    /// The buckets that an entity's window holds amounts of.
    pub(super) fn open(&self, entity: usize, window: usize) -> Range<u32> {
        let head = self.head(entity, window);
        (head + 1).saturating_sub(BUCKETS)..head + 1 + BUCKETS
    }

    /// Whether a bucket is in an entity's window, and not ahead of it.
    pub(super) fn holds(&self, entity: usize, window: usize, bucket: u32) -> bool {
        let head = self.head(entity, window);
        bucket <= head && bucket + BUCKETS > head
    }

    /// The count of one bucket.
    pub(super) fn count_mut(&mut self, entity: usize, window: usize, count: usize, bucket: u32) -> &mut u32 {
        let at = self.counts_at(entity, window).start;
        &mut self.counts[at + count * BUCKETS as usize + (bucket % BUCKETS) as usize]
    }

    /// Adds to the amounts of one bucket.
    pub(super) fn add_amounts(
        &mut self,
        entity: usize,
        window: usize,
        bucket: u32,
        part: f64,
        amounts: &[f64],
    ) {
        let range = self.amounts_at(entity, window);
        let rings = self.amounts[range].chunks_exact_mut(SLOTS as usize);
        for (ring, amount) in rings.zip(amounts) {
            ring[(bucket % SLOTS) as usize] += amount * part;
        }
    }

    /// What the window that ends with a bucket counted.
    pub(super) fn count(&self, entity: usize, window: usize, count: usize, bucket: u32) -> u32 {
        let at = self.counts_at(entity, window).start + count * BUCKETS as usize;
        let ring = &self.counts[at..at + BUCKETS as usize];
        let head = self.head(entity, window);
        if bucket == head {
            return ring.iter().sum();
        }
        // Of a window that ended earlier, what is left.
        let first = (head.max(bucket) + 1).saturating_sub(BUCKETS);
        (first..=head.min(bucket)).map(|b| ring[(b % BUCKETS) as usize]).sum()
    }

    /// The amount of the window that ends with a bucket.
    pub(super) fn amount(&self, entity: usize, window: usize, amount: usize, bucket: u32) -> f64 {
        let at = self.amounts_at(entity, window).start + amount * SLOTS as usize;
        let ring = &self.amounts[at..at + SLOTS as usize];
        let open = self.open(entity, window);
        let first = open.start.max((bucket + 1).saturating_sub(BUCKETS));
        (first..open.end.min(bucket + 1)).map(|b| ring[(b % SLOTS) as usize]).sum()
    }

    fn counts_at(&self, entity: usize, window: usize) -> Range<usize> {
        let per = self.n_counts * BUCKETS as usize;
        let at = (entity * self.widths.len() + window) * per;
        at..at + per
    }

    fn amounts_at(&self, entity: usize, window: usize) -> Range<usize> {
        let per = self.n_amounts * SLOTS as usize;
        let at = (entity * self.widths.len() + window) * per;
        at..at + per
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_spread_over_the_buckets_that_it_lasted() {
        let width = Width(10);
        let parts = |start, end, open| {
            let mut parts = Vec::new();
            width.spread(start, end, open, |bucket, part| parts.push((bucket, part)));
            parts
        };
        assert_eq!(parts(13.0, 17.0, 0..9), [(1, 1.0)]);
        assert_eq!(parts(15.0, 35.0, 0..9), [(1, 0.25), (2, 0.5), (3, 0.25)]);
        assert_eq!(parts(15.0, 35.0, 2..3), [(2, 0.5)], "what is outside the window is left out");
        assert_eq!(parts(-15.0, 5.0, 0..9), [(0, 0.25)]);
        assert_eq!(parts(1e12, 2e12, 0..9), []);
    }

    #[test]
    fn a_ring_keeps_eight_buckets() {
        let mut rings = Rings::new(&[Width(10)], 1, 1);
        rings.grow();
        for bucket in 100..120 {
            rings.advance(0, 0, bucket);
            *rings.count_mut(0, 0, 0, bucket) += 1;
            rings.add_amounts(0, 0, bucket, 1.0, &[2.0]);
            let held = (bucket - 99).min(BUCKETS);
            assert_eq!(rings.count(0, 0, 0, bucket), held);
            assert_eq!(rings.amount(0, 0, 0, bucket), 2.0 * f64::from(held));
        }
        assert_eq!(rings.count(0, 0, 0, 115), 4, "buckets 112 to 115 are left");
        assert!(rings.advance(0, 0, 130));
        assert_eq!((rings.count(0, 0, 0, 130), rings.amount(0, 0, 0, 130)), (0, 0.0));
    }
}
