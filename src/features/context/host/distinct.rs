//! How many different items each entity saw in its windows: exact for few, estimated for many.

use super::rings::{Rings, Width};

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

/// The sets of every entity of a scope.
///
/// Up to 16 items in the longest window are exact. Beyond, an item marks one of 1,024 cells by its hash with the tick that
/// it was last seen at, and the number of items follows from the number of cells that are marked (linear counting,
/// Whang et al. 1990): the standard error is 2 to 3 % up to 1,000 items and 6 % at 4,000; above 7,098 the estimate
/// stays there. How many were last seen in which bucket stands in the rings, so that reading costs no walk over the items.
#[derive(Clone, Debug)]
pub(super) struct DistinctSets {
    /// Which count of the rings holds the items by bucket.
    count: usize,
    sets: Vec<Set>,
    cells: Vec<u32>,
    free: Vec<u32>,
    /// Items by the number of marked cells.
    estimates: Vec<f64>,
}

impl DistinctSets {
    pub(super) fn new(count: usize) -> Self {
        let cells = CELLS as f64;
        let estimate = |marked: usize| match CELLS - marked {
            0 => (cells * cells.ln()).round(),
            empty => (cells * (cells / empty as f64).ln()).round(),
        };
        let estimates = (0..=CELLS).map(estimate).collect();
        Self { count, sets: Vec::new(), cells: Vec::new(), free: Vec::new(), estimates }
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

    /// Counts an item at a tick in the windows of an entity.
    pub(super) fn see(&mut self, rings: &mut Rings, entity: usize, item: u64, tick: u32) {
        let count = self.count;
        if self.sets[entity].bitmap == NONE {
            let set = &mut self.sets[entity];
            let len = set.len as usize;
            if let Some(at) = set.items[..len].iter().position(|&known| known == item) {
                let seen = &mut set.ticks[at];
                renew(rings, entity, count, seen, tick);
                return;
            }
            // Where there is no room, an item that left the longest window makes it.
            let longest = rings.widths().len() - 1;
            let width = rings.widths()[longest];
            let expired = |&seen: &u32| !rings.holds(entity, longest, width.bucket(seen));
            let place = if len < EXACT { Some(len) } else { set.ticks.iter().position(expired) };
            if let Some(at) = place {
                set.len = set.len.max(at as u32 + 1);
                (set.items[at], set.ticks[at]) = (item, 0);
                renew(rings, entity, count, &mut set.ticks[at], tick);
                return;
            }
            self.widen(rings, entity);
        }
        let at = self.sets[entity].bitmap as usize * CELLS + cell(item);
        renew(rings, entity, count, &mut self.cells[at], tick);
    }

    /// How many items the window that ends with a bucket saw.
    pub(super) fn read(&self, rings: &Rings, entity: usize, window: usize, bucket: u32) -> f64 {
        let counted = rings.count(entity, window, self.count, bucket);
        if self.sets[entity].bitmap == NONE {
            return f64::from(counted);
        }
        self.estimates[(counted as usize).min(CELLS)]
    }

    /// Moves the items of a full set to a bitmap.
    fn widen(&mut self, rings: &mut Rings, entity: usize) {
        let bitmap = self.new_bitmap();
        let set = &mut self.sets[entity];
        set.bitmap = bitmap;
        let start = bitmap as usize * CELLS;
        for (&item, &tick) in set.items.iter().zip(&set.ticks) {
            let seen = &mut self.cells[start + cell(item)];
            // Of two items in one cell, the newer one is counted.
            let (older, newer) = (tick.min(*seen), tick.max(*seen));
            if older != 0 {
                forget(rings, entity, self.count, older);
            }
            *seen = newer;
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

/// Moves an item from the bucket that it was last seen in to the bucket of a tick.
fn renew(rings: &mut Rings, entity: usize, count: usize, seen: &mut u32, tick: u32) {
    if *seen >= tick {
        return;
    }
    for window in 0..rings.widths().len() {
        let Width(width) = rings.widths()[window];
        let (old, new) = (*seen / width, tick / width);
        if *seen != 0 && old == new {
            continue;
        }
        if *seen != 0 && rings.holds(entity, window, old) {
            uncount(rings.count_mut(entity, window, count, old));
        }
        if rings.holds(entity, window, new) {
            *rings.count_mut(entity, window, count, new) += 1;
        }
    }
    *seen = tick;
}

/// Takes an item out of the bucket that it was last seen in.
fn forget(rings: &mut Rings, entity: usize, count: usize, seen: u32) {
    for window in 0..rings.widths().len() {
        let old = rings.widths()[window].bucket(seen);
        if rings.holds(entity, window, old) {
            uncount(rings.count_mut(entity, window, count, old));
        }
    }
}

fn uncount(count: &mut u32) {
    *count = count.saturating_sub(1);
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

    fn one() -> (Rings, DistinctSets) {
        let mut rings = Rings::new(&[Width(25), Width(125)], 1, 0);
        let mut sets = DistinctSets::new(0);
        rings.grow();
        sets.grow();
        (rings, sets)
    }

    fn see(rings: &mut Rings, sets: &mut DistinctSets, item: u64, tick: u32) {
        for window in 0..2 {
            rings.advance(0, window, rings.widths()[window].bucket(tick));
        }
        sets.see(rings, 0, item, tick);
    }

    #[test]
    fn few_items_are_exact_and_expire() {
        let (mut rings, mut sets) = one();
        for step in 0..100 {
            see(&mut rings, &mut sets, u64::from(step % 5), 1000 + step);
        }
        assert_eq!(sets.read(&rings, 0, 0, 1099 / 25), 5.0);
        see(&mut rings, &mut sets, 9, 1600);
        assert_eq!(sets.read(&rings, 0, 0, 1600 / 25), 1.0, "200 ticks hold the last one only");
        assert_eq!(sets.read(&rings, 0, 1, 1600 / 125), 6.0);
    }

    #[test]
    fn many_items_are_within_the_stated_error() {
        for (n, error) in [(100_u64, 0.05), (1000, 0.08), (4000, 0.15)] {
            let (mut rings, mut sets) = one();
            for item in 0..n {
                see(&mut rings, &mut sets, item, 1000);
            }
            let got = sets.read(&rings, 0, 0, 40);
            assert!((got - n as f64).abs() <= error * n as f64, "{n}: {got}");
        }
    }
}
