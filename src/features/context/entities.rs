//! Which entities are kept: an index over slots, and their order by when they were last seen.

use std::collections::HashMap;
use std::hash::Hash;

/// An entity of most contexts: an address, the two of a pair, or a device. IPv6 addresses count by their first 64 bits.
pub(super) type Key = (u64, u64);

/// No slot.
const NONE: u32 = u32::MAX;

/// A bounded set of entities, each with a slot below [`Entities::len`]; the one seen longest ago makes room for a new one.
#[derive(Clone, Debug)]
pub(super) struct Entities<K = Key> {
    capacity: usize,
    index: HashMap<K, u32>,
    keys: Vec<K>,
    /// Neighbours of each slot in the order of when it was last seen.
    older: Vec<u32>,
    newer: Vec<u32>,
    oldest: u32,
    newest: u32,
    /// Entities that made room for others.
    pub(super) evicted: u64,
}

/// The slot of an entity, and how it came to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Slot {
    Known(usize),
    /// A slot that was not used before.
    New(usize),
    /// The slot of an entity that was evicted.
    Taken(usize),
}

impl<K: Copy + Eq + Hash> Entities<K> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            index: HashMap::new(),
            keys: Vec::new(),
            older: Vec::new(),
            newer: Vec::new(),
            oldest: NONE,
            newest: NONE,
            evicted: 0,
        }
    }

    /// Forgets all entities. Their slots stay, as new ones.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.keys.clear();
        self.older.clear();
        self.newer.clear();
        (self.oldest, self.newest) = (NONE, NONE);
    }

    /// Entities that are kept at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The entities and their slots, the one seen longest ago first.
    pub(super) fn oldest_first(&self) -> Vec<(K, usize)> {
        let mut slots = Vec::with_capacity(self.keys.len());
        let mut slot = self.oldest;
        while slot != NONE {
            slots.push((self.keys[slot as usize], slot as usize));
            slot = self.newer[slot as usize];
        }
        slots
    }

    /// The slot of an entity that is known.
    pub(super) fn find(&self, key: K) -> Option<usize> {
        self.index.get(&key).map(|&slot| slot as usize)
    }

    /// The slot of an entity that is seen now.
    pub(super) fn see(&mut self, key: K) -> Slot {
        if let Some(&slot) = self.index.get(&key) {
            if slot != self.newest {
                self.unlink(slot);
                self.link(slot);
            }
            return Slot::Known(slot as usize);
        }
        if self.keys.len() < self.capacity {
            let slot = self.keys.len() as u32;
            self.keys.push(key);
            self.older.push(NONE);
            self.newer.push(NONE);
            self.link(slot);
            self.index.insert(key, slot);
            return Slot::New(slot as usize);
        }
        let slot = self.oldest;
        self.unlink(slot);
        self.index.remove(&self.keys[slot as usize]);
        self.keys[slot as usize] = key;
        self.link(slot);
        self.index.insert(key, slot);
        self.evicted += 1;
        Slot::Taken(slot as usize)
    }

    fn link(&mut self, slot: u32) {
        (self.older[slot as usize], self.newer[slot as usize]) = (self.newest, NONE);
        if self.newest == NONE {
            self.oldest = slot;
        } else {
            self.newer[self.newest as usize] = slot;
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let (older, newer) = (self.older[slot as usize], self.newer[slot as usize]);
        if older == NONE {
            self.oldest = newer;
        } else {
            self.newer[older as usize] = newer;
        }
        if newer == NONE {
            self.newest = older;
        } else {
            self.older[newer as usize] = older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entity_seen_longest_ago_makes_room() {
        let mut entities = Entities::new(2);
        assert_eq!(entities.see((1, 0)), Slot::New(0));
        assert_eq!(entities.see((2, 0)), Slot::New(1));
        assert_eq!(entities.see((1, 0)), Slot::Known(0));
        assert_eq!(entities.see((3, 0)), Slot::Taken(1));
        assert_eq!((entities.find((2, 0)), entities.find((1, 0)), entities.evicted), (None, Some(0), 1));
        assert_eq!(entities.see((2, 0)), Slot::Taken(0));
        assert_eq!(entities.oldest_first(), [((3, 0), 1), ((2, 0), 0)]);
    }
}
