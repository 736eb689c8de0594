//! A value for each entity, of a bounded number of entities.

use std::hash::Hash;

use serde::{Deserialize, Serialize, Serializer};

use super::entities::{Entities, Slot};
use super::state::is_counter;

/// Entities with a value each; the one seen longest ago makes room for a new one.
#[derive(Clone, Debug)]
pub(super) struct Kept<K, V> {
    entities: Entities<K>,
    /// By slot.
    values: Vec<V>,
}

/// Kept values as they are read; the serialization of [`Kept`] writes the same.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SavedKept<K, V> {
    evicted: u64,
    /// The one seen longest ago first.
    values: Vec<(K, V)>,
}

impl<K: Copy + Eq + Hash, V: Default> Kept<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entities: Entities::new(capacity), values: Vec::new() }
    }

    /// Forgets all entities.
    pub(super) fn clear(&mut self) {
        self.entities.clear();
        self.values.clear();
    }

    /// Entities that made room for others.
    pub(super) fn evicted(&self) -> u64 {
        self.entities.evicted
    }

    /// The value of an entity that is known.
    pub(super) fn find(&self, key: K) -> Option<&V> {
        self.values.get(self.entities.find(key)?)
    }

    /// The value of an entity that is seen now, the default one of a new entity; and whether it is new.
    pub(super) fn see(&mut self, key: K) -> (&mut V, bool) {
        let (slot, is_new) = match self.entities.see(key) {
            Slot::Known(slot) => (slot, false),
            Slot::New(slot) => {
                self.values.push(V::default());
                (slot, true)
            }
            Slot::Taken(slot) => {
                self.values[slot] = V::default();
                (slot, true)
            }
        };
        (&mut self.values[slot], is_new)
    }

    /// The values that were saved, of as many entities as are kept here; `None` for values that do not fit.
    pub(super) fn restored(&self, saved: SavedKept<K, V>, is_intact: impl Fn(&V) -> bool) -> Option<Self> {
        let mut kept = Self::new(self.entities.capacity());
        if saved.values.len() > self.entities.capacity() || !is_counter(saved.evicted) {
            return None;
        }
        for (key, value) in saved.values {
            // An entity that is there twice has a slot already.
            let (place, true) = kept.see(key) else { return None };
            if !is_intact(&value) {
                return None;
            }
            *place = value;
        }
        kept.entities.evicted = saved.evicted;
        Some(kept)
    }
}

impl<K: Copy + Serialize, V: Serialize> Serialize for Kept<K, V>
where
    K: Eq + Hash,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slots = self.entities.oldest_first().into_iter();
        let values: Vec<(K, &V)> = slots.map(|(key, slot)| (key, &self.values[slot])).collect();
        (self.entities.evicted, values).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept<u8, u32> {
        let mut kept = Kept::new(2);
        for key in [1, 2, 1, 3] {
            *kept.see(key).0 += 10;
        }
        kept
    }

    #[test]
    fn a_new_entity_has_a_new_value() {
        let mut kept = kept();
        assert_eq!(
            (kept.find(1), kept.find(2), kept.find(3), kept.evicted()),
            (Some(&20), None, Some(&10), 1)
        );
        assert_eq!(kept.see(2), (&mut 0, true));
        kept.clear();
        assert_eq!(kept.find(3), None);
        assert_eq!(kept.see(3), (&mut 0, true));
    }

    #[test]
    fn saved_values_continue() {
        let bytes = postcard::to_extend(&kept(), Vec::new()).unwrap();
        let saved: SavedKept<u8, u32> = postcard::from_bytes(&bytes).unwrap();
        let mut restored = kept().restored(saved.clone(), |_| true).unwrap();
        restored.see(4);
        assert_eq!((restored.find(1), restored.find(3), restored.evicted()), (None, Some(&10), 2));
        let with = |values: &[(u8, u32)], evicted| SavedKept { values: values.to_vec(), evicted };
        assert!(kept().restored(with(&[(1, 1), (1, 2)], 0), |_| true).is_none(), "one entity twice");
        assert!(kept().restored(with(&[(1, 1), (2, 2), (3, 3)], 0), |_| true).is_none(), "too many");
        assert!(kept().restored(with(&[], u64::MAX), |_| true).is_none());
        assert!(kept().restored(saved, |value| *value != 20).is_none());
    }
}
