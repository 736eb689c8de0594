//! How many different items each entity saw in its windows: exact for few, estimated for many.

use serde::{Deserialize, Serialize};

use super::rings::{Mark, Rings};

/// Items that are kept exactly.
const EXACT: usize = 16;
/// Cells of a bitmap.
const CELLS: usize = 1024;
/// No bitmap.
const NONE: u32 = u32::MAX;

/// The items of one entity, each with the tick that it was last seen at.
#[derive(Clone, Debug)]
struct Set {
    len: u32,
    bitmap: u32,
    ticks: [u32; EXACT],
    items: [u64; EXACT],
}

/// The items of one entity as a value that can be written and read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum SavedItems {
    /// Ticks and items.
    Exact(Vec<(u32, u64)>),
    /// The ticks of the cells of a bitmap.
    Cells(Vec<u32>),
}

/// The sets of every entity of a scope.
///
/// Up to 16 items in the longest window are exact. Beyond, an item marks one of 1,024 cells by its hash with the tick that
/// it was last seen at, and the number of items follows from the number of cells that are marked (linear counting,
/// Whang et al. 1990): the standard error is 2 to 3 % up to 1,000 items and 6 % at 4,000; above 7,098 the estimate
/// stays there. The rings hold how many items were last seen in which bucket, so that reading does not walk over the items.
#[derive(Clone, Debug)]
pub(super) struct DistinctSets {
    /// Which lane of the rings' counts holds the items by bucket.
    lane: usize,
    sets: Vec<Set>,
    cells: Vec<u32>,
    free: Vec<u32>,
    /// Items by the number of marked cells.
    estimates: Vec<f64>,
}

impl DistinctSets {
    pub(super) fn new(lane: usize) -> Self {
        let cells = CELLS as f64;
        let estimate = |marked: usize| match CELLS - marked {
            0 => (cells * cells.ln()).round(),
            empty => (cells * (cells / empty as f64).ln()).round(),
        };
        let estimates = (0..=CELLS).map(estimate).collect();
        Self { lane, sets: Vec::new(), cells: Vec::new(), free: Vec::new(), estimates }
    }

    /// Makes room for one more entity.
    pub(super) fn grow(&mut self) {
        self.sets.push(Set { len: 0, bitmap: NONE, ticks: [0; EXACT], items: [0; EXACT] });
    }

    /// Forgets the items of an entity.
    pub(super) fn clear(&mut self, entity: usize) {
        let set = &mut self.sets[entity];
        set.len = 0;
        if set.bitmap != NONE {
            self.free.push(set.bitmap);
            set.bitmap = NONE;
        }
    }

    /// Copies the items of one entity to another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        self.clear(to);
        self.sets[to] = self.sets[from].clone();
        let bitmap = self.sets[from].bitmap;
        if bitmap != NONE {
            let copy = self.new_bitmap();
            let from = bitmap as usize * CELLS;
            self.cells.copy_within(from..from + CELLS, copy as usize * CELLS);
            self.sets[to].bitmap = copy;
        }
    }

    /// Counts an item at the tick of a record in the windows of an entity.
    pub(super) fn see(&mut self, rings: &mut Rings, entity: usize, marks: &[Mark], item: u64, tick: u32) {
        let lane = self.lane;
        if self.sets[entity].bitmap == NONE {
            let set = &mut self.sets[entity];
            let len = set.len as usize;
            let known = set.items[..len].iter().position(|&known| known == item);
            // Where there is no room, an item that left the longest window makes it.
            let place = known.or_else(|| match len {
                EXACT => set.ticks.iter().position(|&seen| rings.has_left(entity, marks, seen)),
                _ => Some(len),
            });
            if let Some(at) = place {
                if known.is_none() {
                    set.len = set.len.max(at as u32 + 1);
                    (set.items[at], set.ticks[at]) = (item, 0);
                }
                renew(rings, entity, marks, lane, &mut set.ticks[at], tick);
                return;
            }
            self.widen(rings, entity, marks);
        }
        let at = self.sets[entity].bitmap as usize * CELLS + cell(item);
        renew(rings, entity, marks, lane, &mut self.cells[at], tick);
    }

    /// The items of an entity.
    pub(super) fn saved(&self, entity: usize) -> SavedItems {
        let set = &self.sets[entity];
        if set.bitmap != NONE {
            let start = set.bitmap as usize * CELLS;
            return SavedItems::Cells(self.cells[start..start + CELLS].to_vec());
        }
        let (ticks, items) = (set.ticks.iter().copied(), set.items.iter().copied());
        SavedItems::Exact(ticks.zip(items).take(set.len as usize).collect())
    }

    /// Sets the items of an entity to saved ones. Returns whether they fit and are of ticks up to `latest`.
    pub(super) fn restore(&mut self, entity: usize, saved: &SavedItems, latest: u32) -> bool {
        self.clear(entity);
        match saved {
            SavedItems::Exact(items) if items.len() <= EXACT => {
                let set = &mut self.sets[entity];
                set.len = items.len() as u32;
                for (at, &(tick, item)) in items.iter().enumerate() {
                    (set.ticks[at], set.items[at]) = (tick, item);
                }
                items.iter().all(|&(tick, _)| tick <= latest)
            }
            SavedItems::Cells(cells) if cells.len() == CELLS => {
                let bitmap = self.new_bitmap();
                self.sets[entity].bitmap = bitmap;
                let start = bitmap as usize * CELLS;
                self.cells[start..start + CELLS].copy_from_slice(cells);
                cells.iter().all(|&tick| tick <= latest)
            }
            SavedItems::Exact(_) | SavedItems::Cells(_) => false,
        }
    }

    /// How many items there are, where the rings counted `counted`.
    pub(super) fn read(&self, entity: usize, counted: u32) -> f64 {
        if self.sets[entity].bitmap == NONE {
            return f64::from(counted);
        }
        self.estimates[(counted as usize).min(CELLS)]
    }

    /// Moves the items of a full set to a bitmap.
    fn widen(&mut self, rings: &mut Rings, entity: usize, marks: &[Mark]) {
        let bitmap = self.new_bitmap();
        let set = &mut self.sets[entity];
        set.bitmap = bitmap;
        let start = bitmap as usize * CELLS;
        for (&item, &tick) in set.items.iter().zip(&set.ticks) {
            let seen = &mut self.cells[start + cell(item)];
            // Of two items in one cell, the newer one is counted.
            rings.forget(entity, marks, self.lane, tick.min(*seen));
            *seen = tick.max(*seen);
        }
    }

    fn new_bitmap(&mut self) -> u32 {
        if let Some(bitmap) = self.free.pop() {
            let start = bitmap as usize * CELLS;
            self.cells[start..start + CELLS].fill(0);
            return bitmap;
        }
        let bitmap = (self.cells.len() / CELLS) as u32;
        self.cells.resize(self.cells.len() + CELLS, 0);
        bitmap
    }
}

/// Moves an item to the buckets of a record, where it was not seen later.
fn renew(rings: &mut Rings, entity: usize, marks: &[Mark], lane: usize, seen: &mut u32, tick: u32) {
    if *seen < tick {
        rings.renew(entity, marks, lane, *seen);
        *seen = tick;
    }
}

/// The cell of an item: the high bits of a mixed product, so that neighbouring ports and addresses spread.
fn cell(item: u64) -> usize {
    let mixed = (item ^ (item >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> (64 - CELLS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One {
        rings: Rings,
        sets: DistinctSets,
        marks: [Mark; 2],
    }

    impl One {
        fn new() -> Self {
            let (mut rings, mut sets) = (Rings::new(2), DistinctSets::new(0));
            rings.grow();
            sets.grow();
            Self { rings, sets, marks: [Mark::new(25), Mark::new(125)] }
        }

        fn see(&mut self, item: u64, tick: u32) {
            self.marks.iter_mut().for_each(|mark| mark.set(tick, 0.0, 0.0, tick));
            self.rings.add(0, &self.marks, [0; 4], [0.0; 4]);
            self.sets.see(&mut self.rings, 0, &self.marks, item, tick);
        }

        fn read(&self, window: usize) -> f64 {
            self.sets.read(0, self.rings.read(0, window, &self.marks[window]).0[0])
        }
    }

    #[test]
    fn few_items_are_exact_and_expire() {
        let mut one = One::new();
        for step in 0..100 {
            one.see(u64::from(step % 5), 1000 + step);
        }
        assert_eq!(one.read(0), 5.0);
        one.see(9, 1600);
        assert_eq!(one.read(0), 1.0, "200 ticks hold the last one only");
        assert_eq!(one.read(1), 6.0);
    }

    #[test]
    fn saved_items_are_checked() {
        let mut sets = DistinctSets::new(0);
        sets.grow();
        assert!(sets.restore(0, &SavedItems::Exact(vec![(9, 1); EXACT]), 9));
        assert!(!sets.restore(0, &SavedItems::Exact(vec![(9, 1); EXACT + 1]), 9));
        assert!(!sets.restore(0, &SavedItems::Exact(vec![(10, 1)]), 9), "after the newest record");
        assert!(sets.restore(0, &SavedItems::Cells(vec![9; CELLS]), 9));
        assert!(!sets.restore(0, &SavedItems::Cells(vec![9; CELLS - 1]), 9));
        assert!(!sets.restore(0, &SavedItems::Cells(vec![10; CELLS]), 9));
        assert_eq!(sets.cells.len(), CELLS, "the bitmap is used again");
    }

    #[test]
    fn many_items_are_within_the_stated_error() {
        for (n, error) in [(100_u64, 0.05), (1000, 0.08), (4000, 0.15)] {
            let mut one = One::new();
            (0..n).for_each(|item| one.see(item, 1000));
            let got = one.read(0);
            assert!((got - n as f64).abs() <= error * n as f64, "{n}: {got}");
        }
    }
}
