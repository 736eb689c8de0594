//! What is counted for one kind of entity: sources, destinations or pairs.

use serde::{Deserialize, Serialize, Serializer};

use super::distinct::{DistinctSets, SavedItems};
use super::rings::{BUCKETS, Mark, Rings, SavedWindow};
use super::{Counted, Flow};
use crate::features::context::entities::{Entities, Key, Slot};
use crate::features::context::state::is_counter;

/// The counts and amounts of every entity of a kind.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    counted: Counted,
    /// Whether peers are counted: sources and destinations have some.
    has_peers: bool,
    entities: Entities,
    rings: Rings,
    peers: DistinctSets,
    ports: DistinctSets,
    /// Slots that have memory; the first one is for records that are read ahead.
    slots: usize,
}

/// A scope as a value that can be read; the serialization of a [`Scope`] writes the same.
#[derive(Debug, Deserialize)]
pub(super) struct SavedScope {
    evicted: u64,
    /// The one seen longest ago first.
    entities: Vec<SavedEntity>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedEntity {
    key: Key,
    windows: Vec<SavedWindow>,
    peers: SavedItems,
    ports: SavedItems,
}

/// The entities of a scope, written one after the other.
struct EntitiesOf<'a>(&'a Scope);

impl Serialize for EntitiesOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(scope) = self;
        serializer.collect_seq(scope.entities.oldest_first().into_iter().map(|(key, slot)| SavedEntity {
            key,
            windows: scope.rings.saved(slot + 1),
            peers: scope.peers.saved(slot + 1),
            ports: scope.ports.saved(slot + 1),
        }))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.entities.evicted, EntitiesOf(self)).serialize(serializer)
    }
}

/// The slot of records that are read ahead or alone.
const SPARE: usize = 0;
/// Lanes of the counts.
const FLOWS: usize = 0;
const FAILED: usize = 1;
const PEERS: usize = 2;
const PORTS: usize = 3;
/// Lanes of the amounts.
const UP: usize = 0;
const DOWN: usize = 1;
const PACKETS: usize = 2;

impl Scope {
    pub(super) fn new(counted: Counted, has_peers: bool, windows: usize, capacity: usize) -> Self {
        let mut scope = Self {
            counted,
            has_peers,
            entities: Entities::new(capacity),
            rings: Rings::new(windows),
            peers: DistinctSets::new(PEERS),
            ports: DistinctSets::new(PORTS),
            slots: 0,
        };
        scope.grow();
        scope
    }

    /// A scope like this one with a saved state, up to the tick `latest`; `None` for a state that does not fit.
    pub(super) fn restored(&self, saved: &SavedScope, marks: &[Mark], latest: u32) -> Option<Self> {
        let capacity = self.entities.capacity();
        if saved.entities.len() > capacity || !is_counter(saved.evicted) {
            return None;
        }
        let mut scope = Self::new(self.counted, self.has_peers, marks.len(), capacity);
        for entity in &saved.entities {
            // An entity that is there twice has a slot already.
            let Slot::New(slot) = scope.entities.see(entity.key) else { return None };
            scope.grow();
            let fits = scope.rings.restore(slot + 1, &entity.windows, marks, latest)
                && scope.peers.restore(slot + 1, &entity.peers, latest)
                && scope.ports.restore(slot + 1, &entity.ports, latest);
            if !fits {
                return None;
            }
        }
        scope.entities.evicted = saved.evicted;
        Some(scope)
    }

    /// Entities that made room for others.
    pub(super) fn evicted(&self) -> u64 {
        self.entities.evicted
    }

    /// Values of one window.
    pub(super) fn values(&self) -> usize {
        self.counted.values(self.has_peers)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entities.clear();
    }

    /// Counts a flow of an entity, and reads the entity's windows that end with it.
    pub(super) fn push(&mut self, key: Key, marks: &[Mark], flow: &Flow, peer: Option<u64>, out: &mut [f64]) {
        let slot = match self.entities.see(key) {
            Slot::Known(slot) => slot + 1,
            Slot::New(slot) | Slot::Taken(slot) => {
                while self.slots <= slot + 1 {
                    self.grow();
                }
                self.empty(slot + 1);
                slot + 1
            }
        };
        self.add(slot, marks, flow, peer);
        self.read(slot, marks, flow, out);
    }

    /// Reads the windows of an entity that end with a flow, without counting it for the flows to come.
    pub(super) fn peek(&mut self, key: Key, marks: &[Mark], flow: &Flow, peer: Option<u64>, out: &mut [f64]) {
        match self.entities.find(key) {
            Some(slot) => {
                self.rings.copy(slot + 1, SPARE);
                self.peers.copy(slot + 1, SPARE);
                self.ports.copy(slot + 1, SPARE);
            }
            None => self.empty(SPARE),
        }
        self.add(SPARE, marks, flow, peer);
        self.read(SPARE, marks, flow, out);
    }

    /// The windows of an entity that only this flow is in.
    pub(super) fn alone(&mut self, marks: &[Mark], flow: &Flow, peer: Option<u64>, out: &mut [f64]) {
        self.empty(SPARE);
        self.add(SPARE, marks, flow, peer);
        self.read(SPARE, marks, flow, out);
    }

    fn grow(&mut self) {
        self.rings.grow();
        self.peers.grow();
        self.ports.grow();
        self.slots += 1;
    }

    fn empty(&mut self, slot: usize) {
        self.rings.clear(slot);
        self.peers.clear(slot);
        self.ports.clear(slot);
    }

    fn add(&mut self, slot: usize, marks: &[Mark], flow: &Flow, peer: Option<u64>) {
        let counts = [1, u32::from(flow.failed), 0, 0];
        if self.rings.add(slot, marks, counts, [flow.up, flow.down, flow.packets, 0.0]) {
            self.peers.clear(slot);
            self.ports.clear(slot);
        }
        if let Some(peer) = peer.filter(|_| self.has_peers) {
            self.peers.see(&mut self.rings, slot, marks, peer, flow.tick);
        }
        if let Some(port) = flow.port.filter(|_| self.counted.ports) {
            self.ports.see(&mut self.rings, slot, marks, u64::from(port), flow.tick);
        }
    }

    fn read(&self, slot: usize, marks: &[Mark], flow: &Flow, out: &mut [f64]) {
        for (window, (mark, out)) in marks.iter().zip(out.chunks_exact_mut(self.values())).enumerate() {
            let (mut counts, mut amounts) = self.rings.read(slot, window, mark);
            if !mark.is_open {
                // The record is not counted: its values are of itself alone.
                (counts, amounts) = ([1, u32::from(flow.failed), 1, 1], [0.0; 4]);
            }
            let flows = f64::from(counts[FLOWS].max(1));
            let per_second = super::TICKS / f64::from(mark.width * BUCKETS);
            let bytes = amounts[UP] + amounts[DOWN];
            let Counted { ports, failed, bytes: has_bytes, packets, directions } = self.counted;
            let values = [
                (true, flows),
                (self.has_peers, self.peers.read(slot, counts[PEERS]).max(1.0)),
                (ports, self.ports.read(slot, counts[PORTS]).max(1.0)),
                (failed, f64::from(counts[FAILED]) / flows),
                (has_bytes, bytes * per_second),
                (packets, amounts[PACKETS] * per_second),
                (directions, if bytes > 0.0 { amounts[UP] / bytes } else { 0.5 }),
            ];
            let values = values.into_iter().filter(|(is_there, _)| *is_there);
            for (out, (_, value)) in out.iter_mut().zip(values) {
                *out = value;
            }
        }
    }
}
