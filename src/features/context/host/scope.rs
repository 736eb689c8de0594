//! What is counted for one kind of entity: sources, destinations or pairs.

use super::distinct::DistinctSets;
use super::entities::{Entities, Key, Slot};
use super::rings::{BUCKETS, Rings, Width};
use super::{Counted, Flow};

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

/// The slot of the records that are read ahead or late.
const SPARE: usize = 0;
/// Counts of the rings.
const FLOWS: usize = 0;
const FAILED: usize = 1;
const PEERS: usize = 2;
const PORTS: usize = 3;
/// Amounts of the rings.
const UP: usize = 0;
const DOWN: usize = 1;
const PACKETS: usize = 2;

impl Scope {
    pub(super) fn new(counted: Counted, has_peers: bool, widths: &[Width], capacity: usize) -> Self {
        let mut scope = Self {
            counted,
            has_peers,
            entities: Entities::new(capacity),
            rings: Rings::new(widths, 4, 3),
            peers: DistinctSets::new(PEERS),
            ports: DistinctSets::new(PORTS),
            slots: 0,
        };
        scope.grow();
        scope
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
    pub(super) fn push(&mut self, key: Key, flow: &Flow, peer: Option<u64>, latest: u32, out: &mut [f64]) {
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
        self.add(slot, flow, peer);
        self.read(slot, flow, latest, out);
    }

    /// Reads the windows of an entity that end with a flow, without counting it for the flows to come.
    pub(super) fn peek(&mut self, key: Key, flow: &Flow, peer: Option<u64>, out: &mut [f64]) {
        match self.entities.find(key) {
            Some(slot) => {
                self.rings.copy(slot + 1, SPARE);
                self.peers.copy(slot + 1, SPARE);
                self.ports.copy(slot + 1, SPARE);
            }
            None => self.empty(SPARE),
        }
        self.add(SPARE, flow, peer);
        self.read(SPARE, flow, flow.tick, out);
    }

    /// The windows of an entity that only this flow is in.
    pub(super) fn alone(&mut self, flow: &Flow, peer: Option<u64>, out: &mut [f64]) {
        self.empty(SPARE);
        self.add(SPARE, flow, peer);
        self.read(SPARE, flow, flow.tick, out);
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

    fn add(&mut self, slot: usize, flow: &Flow, peer: Option<u64>) {
        let windows = self.rings.widths().len();
        for window in 0..windows {
            let width = self.rings.widths()[window];
            let bucket = width.bucket(flow.tick);
            let passed = self.rings.advance(slot, window, bucket);
            if passed && window + 1 == windows {
                self.peers.clear(slot);
                self.ports.clear(slot);
            }
            if self.rings.holds(slot, window, bucket) {
                *self.rings.count_mut(slot, window, FLOWS, bucket) += 1;
                *self.rings.count_mut(slot, window, FAILED, bucket) += u32::from(flow.failed);
            }
            let amounts = [flow.up, flow.down, flow.packets];
            if amounts != [0.0; 3] {
                let open = self.rings.open(slot, window);
                let rings = &mut self.rings;
                width.spread(flow.start, flow.end, open, |bucket, part| {
                    rings.add_amounts(slot, window, bucket, part, &amounts);
                });
            }
        }
        if let Some(peer) = peer.filter(|_| self.has_peers) {
            self.peers.see(&mut self.rings, slot, peer, flow.tick);
        }
        if let Some(port) = flow.port.filter(|_| self.counted.ports) {
            self.ports.see(&mut self.rings, slot, u64::from(port), flow.tick);
        }
    }

    fn read(&self, slot: usize, flow: &Flow, latest: u32, out: &mut [f64]) {
        for (window, out) in out.chunks_exact_mut(self.values()).enumerate() {
            let width = self.rings.widths()[window];
            let bucket = width.bucket(flow.tick);
            let open = bucket + BUCKETS > width.bucket(latest);
            let count = |count| if open { self.rings.count(slot, window, count, bucket).max(1) } else { 1 };
            let distinct = |sets: &DistinctSets| {
                if open { sets.read(&self.rings, slot, window, bucket).max(1.0) } else { 1.0 }
            };
            let amount = |amount| if open { self.rings.amount(slot, window, amount, bucket) } else { 0.0 };
            let mut at = 0;
            let mut put = |value: f64| {
                out[at] = value;
                at += 1;
            };
            let flows = f64::from(count(FLOWS));
            put(flows);
            if self.has_peers {
                put(distinct(&self.peers));
            }
            if self.counted.ports {
                put(distinct(&self.ports));
            }
            if self.counted.failed {
                let failed = if open {
                    self.rings.count(slot, window, FAILED, bucket)
                } else {
                    u32::from(flow.failed)
                };
                put(f64::from(failed) / flows);
            }
            let per_second = super::TICKS / f64::from(width.0 * BUCKETS);
            let (up, down) = (amount(UP), amount(DOWN));
            if self.counted.bytes {
                put((up + down) * per_second);
            }
            if self.counted.packets {
                put(amount(PACKETS) * per_second);
            }
            if self.counted.directions {
                put(if up + down > 0.0 { up / (up + down) } else { 0.5 });
            }
        }
    }
}
