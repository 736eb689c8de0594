//! The storage of flows: slots in two linked lists, each in the order of the last packet.

use super::statistics::Flow;

/// No slot.
const NONE: u32 = u32::MAX;

/// Which list a slot is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Flows that are open.
    Live,
    /// Idle connections whose last record is written and that may continue.
    Remembered,
}

/// One flow and its place in its list.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) flow: Flow,
    /// The table's clock at its last packet.
    pub(super) seen: i64,
    before: u32,
    after: u32,
    pub(super) list: List,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

/// The slots of a flow table.
#[derive(Debug)]
pub(super) struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    ends: [Ends; 2],
}

impl Slab {
    pub(super) const fn new() -> Self {
        let empty = Ends { first: NONE, last: NONE };
        Self { slots: Vec::new(), free: Vec::new(), ends: [empty; 2] }
    }

    /// Number of flows in both lists.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.slots[at as usize]
    }

    /// The slot of a list that has been idle for longest.
    pub(super) fn first(&self, list: List) -> Option<u32> {
        Some(self.ends[list as usize].first).filter(|&at| at != NONE)
    }

    /// Puts a flow at the end of the live list.
    pub(super) fn insert(&mut self, flow: Flow, seen: i64) -> u32 {
        let slot = Slot { flow, seen, before: NONE, after: NONE, list: List::Live };
        let at = if let Some(at) = self.free.pop() {
            self.slots[at as usize] = slot;
            at
        } else {
            self.slots.push(slot);
            self.slots.len() as u32 - 1
        };
        self.append(at, List::Live);
        at
    }

    /// Takes a slot out of its list and frees it; its flow stays readable until the next insertion.
    pub(super) fn remove(&mut self, at: u32) {
        self.unlink(at);
        self.free.push(at);
    }

    /// Moves a slot to the end of a list.
    #[inline]
    pub(super) fn touch(&mut self, at: u32, list: List) {
        if self.ends[list as usize].last != at {
            self.unlink(at);
            self.append(at, list);
        }
    }

    fn append(&mut self, at: u32, list: List) {
        let ends = &mut self.ends[list as usize];
        let before = std::mem::replace(&mut ends.last, at);
        if before == NONE {
            ends.first = at;
        } else {
            self.slots[before as usize].after = at;
        }
        let slot = &mut self.slots[at as usize];
        (slot.before, slot.after, slot.list) = (before, NONE, list);
    }

    fn unlink(&mut self, at: u32) {
        let Slot { before, after, list, .. } = self.slots[at as usize];
        let ends = &mut self.ends[list as usize];
        if before == NONE {
            ends.first = after;
        }
        if after == NONE {
            ends.last = before;
        }
        if before != NONE {
            self.slots[before as usize].after = after;
        }
        if after != NONE {
            self.slots[after as usize].before = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;

    fn order(slab: &Slab, list: List) -> Vec<i64> {
        let mut order = Vec::new();
        let mut at = slab.ends[list as usize].first;
        while at != NONE {
            order.push(slab.get(at).seen);
            at = slab.get(at).after;
        }
        order
    }

    #[test]
    fn lists_keep_the_order_of_the_last_touch() {
        let mut slab = Slab::new();
        let at: Vec<u32> = (0..4).map(|i| slab.insert(Flow::new(Key::default(), true, 0), i)).collect();
        slab.touch(at[1], List::Live);
        slab.touch(at[1], List::Live);
        slab.touch(at[3], List::Live);
        assert_eq!(order(&slab, List::Live), [0, 2, 1, 3]);
        slab.touch(at[0], List::Remembered);
        slab.touch(at[1], List::Remembered);
        assert_eq!((order(&slab, List::Live), order(&slab, List::Remembered)), (vec![2, 3], vec![0, 1]));
        slab.remove(at[3]);
        slab.remove(at[0]);
        assert_eq!(
            (slab.len(), slab.first(List::Live), slab.first(List::Remembered)),
            (2, Some(at[2]), Some(at[1]))
        );
        let again = slab.insert(Flow::new(Key::default(), true, 0), 9);
        assert!(again == at[0] && slab.slots.len() == 4);
        assert_eq!((order(&slab, List::Live), order(&slab, List::Remembered)), (vec![2, 9], vec![1]));
    }
}
