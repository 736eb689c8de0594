//! What entities counted in the windows: rings of buckets in one block of memory.

mod saved;

use std::ops::Range;

/// Buckets of a window.
pub(super) const BUCKETS: u32 = 8;
/// Slots of a ring of amounts: the buckets of the window, and as many ahead for flows that last.
const SLOTS: u32 = 2 * BUCKETS;
/// Counts and amounts of a bucket, so that one addition of four numbers adds them all.
const LANES: usize = 4;

pub(super) use saved::SavedWindow;

/// Sums of counts wrap at 2^32.
pub(super) type Counts = [u32; LANES];
pub(super) type Amounts = [f64; LANES];

/// Where one record is in one window: its bucket, and the buckets that its flow lasted.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// Ticks of a bucket.
    pub(super) width: u32,
    /// The record's bucket.
    pub(super) bucket: u32,
    /// Whether the newest record of all leaves the bucket open.
    pub(super) is_open: bool,
    n_parts: usize,
    /// Buckets and the parts of the flow that they hold.
    parts: [(u32, f64); SLOTS as usize + 1],
}

impl Mark {
    pub(super) fn new(width: u32) -> Self {
        let parts = [(0, 0.0); SLOTS as usize + 1];
        Self { width, bucket: 0, is_open: true, n_parts: 0, parts }
    }

    /// Moves to a record at a tick, whose flow lasted from `start` to `end` in ticks.
    pub(super) fn set(&mut self, tick: u32, start: f64, end: f64, latest: u32) {
        self.bucket = tick / self.width;
        self.is_open = self.bucket + BUCKETS > latest / self.width;
        self.n_parts = 0;
        let (open, width) = (open(self.bucket), f64::from(self.width));
        let bucket = |at: f64| (at / width).clamp(-1.0, f64::from(u32::MAX)).floor() as i64;
        let (first, last) = (bucket(start), bucket(end));
        if first == last {
            self.part(first, 1.0, &open);
            return;
        }
        let scale = (end - start).recip();
        for at in first.max(i64::from(open.start))..=last.min(i64::from(open.end) - 1) {
            let (low, high) = (start.max(at as f64 * width), end.min((at + 1) as f64 * width));
            self.part(at, (high - low).max(0.0) * scale, &open);
        }
    }

    fn part(&mut self, bucket: i64, part: f64, open: &Range<u32>) {
        if let Ok(bucket) = u32::try_from(bucket)
            && open.contains(&bucket)
        {
            self.parts[self.n_parts] = (bucket, part);
            self.n_parts += 1;
        }
    }

    /// The buckets that the flow lasted, with its part in each.
    fn parts(&self) -> &[(u32, f64)] {
        &self.parts[..self.n_parts]
    }
}

/// The buckets that a window with a newest bucket holds amounts of.
fn open(head: u32) -> Range<u32> {
    (head + 1).saturating_sub(BUCKETS)..head + 1 + BUCKETS
}

/// One window of one entity: which buckets of its rings hold something. The others are not even zero.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// The newest bucket.
    bucket: u32,
    /// The first and the last bucket with counts; the last one is before the first one where there are none.
    counts: (u32, u32),
    /// The same of the amounts.
    amounts: (u32, u32),
}

const EMPTY: Head = Head { bucket: 0, counts: (1, 0), amounts: (1, 0) };

impl Head {
    /// Moves the window on to a bucket. Returns whether everything left it.
    fn advance(&mut self, bucket: u32) -> bool {
        if bucket <= self.bucket {
            return false;
        }
        let left = bucket - self.bucket >= BUCKETS;
        self.bucket = bucket;
        let oldest = (bucket + 1).saturating_sub(BUCKETS);
        for span in [&mut self.counts, &mut self.amounts] {
            span.0 = span.0.max(oldest);
        }
        left
    }

    /// Whether a bucket is in the window.
    fn holds(&self, bucket: u32) -> bool {
        bucket <= self.bucket && bucket + BUCKETS > self.bucket
    }
}

/// Makes a bucket part of a span; the slots of new buckets become empty.
fn reach<T: Copy>(span: &mut (u32, u32), bucket: u32, ring: &mut [T], empty: T) {
    if (span.0..=span.1).contains(&bucket) {
        return;
    }
    let n = ring.len() as u32;
    let fresh = match *span {
        (first, last) if first > last => bucket..=bucket,
        (first, _) if bucket < first => bucket..=first - 1,
        (_, last) => last + 1..=bucket,
    };
    *span = if span.0 > span.1 { (bucket, bucket) } else { (span.0.min(bucket), span.1.max(bucket)) };
    for bucket in fresh {
        ring[(bucket % n) as usize] = empty;
    }
}

/// The rings of every entity of a kind, one for each window.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    windows: usize,
    heads: Vec<Head>,
    counts: Vec<[Counts; BUCKETS as usize]>,
    amounts: Vec<[Amounts; SLOTS as usize]>,
}

impl Rings {
    pub(super) fn new(windows: usize) -> Self {
        Self { windows, heads: Vec::new(), counts: Vec::new(), amounts: Vec::new() }
    }

    /// Makes room for one more entity.
    pub(super) fn grow(&mut self) {
        let n = self.heads.len() + self.windows;
        self.heads.resize(n, EMPTY);
        self.counts.resize(n, [[0; LANES]; BUCKETS as usize]);
        self.amounts.resize(n, [[0.0; LANES]; SLOTS as usize]);
    }

    /// Empties the rings of an entity.
    pub(super) fn clear(&mut self, entity: usize) {
        let of = self.of(entity);
        self.heads[of].fill(EMPTY);
    }

    /// Copies the rings of one entity to another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let (from, to) = (self.of(from), self.of(to).start);
        self.heads.copy_within(from.clone(), to);
        self.counts.copy_within(from.clone(), to);
        self.amounts.copy_within(from, to);
    }

    fn of(&self, entity: usize) -> Range<usize> {
        entity * self.windows..(entity + 1) * self.windows
    }

    /// Counts a record in the windows of an entity. Returns whether everything before it left the longest one.
    pub(super) fn add(&mut self, entity: usize, marks: &[Mark], counts: Counts, amounts: Amounts) -> bool {
        let mut left = false;
        for (at, mark) in self.of(entity).zip(marks) {
            let head = &mut self.heads[at];
            left = head.advance(mark.bucket);
            if head.holds(mark.bucket) {
                let ring = &mut self.counts[at];
                reach(&mut head.counts, mark.bucket, ring, [0; LANES]);
                for (sum, count) in ring[(mark.bucket % BUCKETS) as usize].iter_mut().zip(counts) {
                    *sum = sum.wrapping_add(count);
                }
            }
            let open = open(head.bucket);
            let ring = &mut self.amounts[at];
            for &(bucket, part) in mark.parts().iter().filter(|(bucket, _)| open.contains(bucket)) {
                reach(&mut head.amounts, bucket, ring, [0.0; LANES]);
                for (sum, amount) in ring[(bucket % SLOTS) as usize].iter_mut().zip(amounts) {
                    *sum += amount * part;
                }
            }
        }
        left
    }

    /// Moves what a lane counts from the bucket of the tick `seen`, 0 for none, to the buckets of a record that was added
    /// and is later.
    pub(super) fn renew(&mut self, entity: usize, marks: &[Mark], lane: usize, seen: u32) {
        for (at, mark) in self.of(entity).zip(marks) {
            if seen != 0 && seen >= mark.bucket * mark.width {
                continue;
            }
            self.uncount(at, mark.width, lane, seen);
            if self.heads[at].holds(mark.bucket) {
                let count = &mut self.counts[at][(mark.bucket % BUCKETS) as usize][lane];
                *count = count.wrapping_add(1);
            }
        }
    }

    /// Takes one that a lane counts out of the buckets of the tick `seen`.
    pub(super) fn forget(&mut self, entity: usize, marks: &[Mark], lane: usize, seen: u32) {
        for (at, mark) in self.of(entity).zip(marks) {
            self.uncount(at, mark.width, lane, seen);
        }
    }

    fn uncount(&mut self, at: usize, width: u32, lane: usize, seen: u32) {
        let (first, last) = self.heads[at].counts;
        if seen == 0 || seen < first * width {
            return;
        }
        let bucket = seen / width;
        if bucket <= last {
            let count = &mut self.counts[at][(bucket % BUCKETS) as usize][lane];
            *count = count.saturating_sub(1);
        }
    }

    /// Whether a tick has left the longest window of an entity.
    pub(super) fn has_left(&self, entity: usize, marks: &[Mark], seen: u32) -> bool {
        let longest = self.of(entity).zip(marks).next_back();
        longest.is_none_or(|(at, mark)| !self.heads[at].holds(seen / mark.width))
    }

    /// What a window counted, as it ended with the record of a mark.
    pub(super) fn read(&self, entity: usize, window: usize, mark: &Mark) -> (Counts, Amounts) {
        let at = self.of(entity).start + window;
        let (mut counts, mut amounts) = ([0_u32; LANES], [0.0; LANES]);
        let oldest = (mark.bucket + 1).saturating_sub(BUCKETS);
        let within = |(first, last): (u32, u32)| first.max(oldest)..=last.min(mark.bucket);
        for bucket in within(self.heads[at].counts) {
            for (sum, count) in counts.iter_mut().zip(self.counts[at][(bucket % BUCKETS) as usize]) {
                *sum = sum.wrapping_add(count);
            }
        }
        for bucket in within(self.heads[at].amounts) {
            for (sum, amount) in amounts.iter_mut().zip(self.amounts[at][(bucket % SLOTS) as usize]) {
                *sum += amount;
            }
        }
        (counts, amounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_spread_over_the_buckets_that_it_lasted() {
        let parts = |tick: u32, start, end| {
            let mut mark = Mark::new(10);
            mark.set(tick, start, end, tick);
            mark.parts().to_vec()
        };
        assert_eq!(parts(13, 13.0, 17.0), [(1, 1.0)]);
        assert_eq!(parts(15, 15.0, 35.0), [(1, 0.25), (2, 0.5), (3, 0.25)]);
        assert_eq!(parts(15, -15.0, 5.0), [(0, 0.25)], "what is outside is left out");
        assert_eq!(parts(15, 1e12, 2e12), []);
        assert_eq!(parts(200, 200.0, 1200.0).len(), 9, "the bucket of the record and 8 ahead");
    }

    #[test]
    fn a_ring_keeps_eight_buckets() {
        let mut rings = Rings::new(1);
        rings.grow();
        let mut marks = [Mark::new(10)];
        for bucket in 100..120 {
            let tick = bucket * 10;
            marks[0].set(tick, f64::from(tick), f64::from(tick), tick);
            rings.add(0, &marks, [1, 0, 0, 0], [2.0, 0.0, 0.0, 0.0]);
            let held = (bucket - 99).min(BUCKETS);
            let (counts, amounts) = rings.read(0, 0, &marks[0]);
            assert_eq!((counts[0], amounts[0]), (held, 2.0 * f64::from(held)));
        }
        marks[0].set(1150, 1150.0, 1150.0, 1190);
        assert_eq!(rings.read(0, 0, &marks[0]).0[0], 4, "buckets 112 to 115 are left");
        marks[0].set(1300, 1300.0, 1300.0, 1300);
        assert!(rings.add(0, &marks, [0; 4], [0.0; 4]));
        assert_eq!(rings.read(0, 0, &marks[0]), ([0; 4], [0.0; 4]));
    }
}
