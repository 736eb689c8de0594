//! The flow table: it groups packets into flow records in bounded memory.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::clock::Clock;
use super::config::FlowMeterConfig;
use super::end_reason::EndReason;
use super::flow_counts::FlowCounts;
use super::key::Key;
use super::packet::{Packet, TcpFlags};
use super::rows::{Record, Rows};
use super::rules::Rules;
use super::slab::{List, Slab};
use super::statistics::Flow;
use crate::error::Result;
use crate::telemetry::Schema;

/// Maximum number of flows that expire per packet. Without it, a jump of the clock would end all flows in one call.
const MAX_EXPIRED_PER_PACKET: usize = 8;

/// Groups packets, pushed one by one, into bidirectional flows.
///
/// Each packet costs constant time and no allocation. Time is event time: the timeouts of a flow compare the times of
/// its packets, and flows without packets expire by the latest packet time of the whole table. A packet with an earlier
/// time than the packet before it counts with a gap of 0. When the table holds [`FlowMeterConfig::max_flows`] flows, a
/// new flow ends the flow that has been idle for longest. The hash function has a random key, which protects it against
/// hash flooding; the result does not depend on that key.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::packets::{FlowMeterConfig, FlowTable, Packet};
///
/// let mut table = FlowTable::new(&FlowMeterConfig::default())?;
/// let mut packet = Packet::default();
/// (packet.src_port, packet.dst_port, packet.protocol, packet.frame_bytes) = (5353, 53, 17, 80);
/// table.push(&packet);
/// packet.time_ns += 2_000_000;
/// table.push(&packet);
/// table.finish();
/// let batch = table.take_batch()?.expect("one batch");
/// assert_eq!((batch.num_rows(), table.counts().packets), (1, 2));
/// assert!(table.take_batch()?.is_none());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct FlowTable {
    rules: Rules,
    max_flows: usize,
    hasher: DefaultHashBuilder,
    /// The slot of each key.
    index: HashTable<u32>,
    slab: Slab,
    clock: Clock,
    rows: Rows,
    counts: FlowCounts,
    finished: bool,
}

impl FlowTable {
    /// Creates an empty table.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for settings outside their domain.
    pub fn new(config: &FlowMeterConfig) -> Result<Self> {
        Ok(Self {
            rules: config.rules()?,
            max_flows: config.max_flows,
            hasher: DefaultHashBuilder::default(),
            index: HashTable::new(),
            slab: Slab::new(),
            clock: Clock::new(),
            rows: Rows::new(config.profile, config.batch_rows)?,
            counts: FlowCounts::default(),
            finished: false,
        })
    }

    /// Names and roles of the columns of every batch.
    pub fn schema(&self) -> &Arc<Schema> {
        self.rows.schema()
    }

    /// The counters up to now.
    pub fn counts(&self) -> &FlowCounts {
        &self.counts
    }

    /// Number of flows and remembered idle connections in the table.
    pub fn held(&self) -> usize {
        self.slab.len()
    }

    /// Adds a packet to its flow.
    #[inline]
    pub fn push(&mut self, packet: &Packet) {
        self.counts.packets += 1;
        let t = self.rules.ticks(packet.time_ns);
        let now = self.clock.advance(t, self.rules.idle);
        let (key, lower) = Key::of(packet);
        let hash = self.hasher.hash_one(key);
        let slab = &self.slab;
        match self.index.find(hash, |&at| slab.get(at).flow.key == key) {
            Some(&at) => self.update(at, hash, packet, lower, t, now),
            None => self.insert(key, hash, packet, lower, t, now),
        }
        for _ in 0..MAX_EXPIRED_PER_PACKET {
            if !self.expire(now) {
                break;
            }
        }
    }

    /// Marks the end of the packets. [`FlowTable::take_batch`] then also returns the flows that are still open.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether [`FlowTable::take_batch`] has a full batch.
    pub fn has_batch(&self) -> bool {
        self.rows.has_batch()
    }

    /// Rows of the incomplete batch.
    pub(super) fn pending(&self) -> usize {
        self.rows.pending()
    }

    /// Takes a full batch of ended flows, if there is one; after [`FlowTable::finish`] also the remaining flows.
    ///
    /// # Errors
    ///
    /// None for the columns of the profiles.
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.rows.take()? {
            return Ok(Some(batch));
        }
        if self.finished {
            while let Some(at) = self.slab.first(List::Live) {
                let reason = self.end_reason(at, EndReason::End);
                self.emit(at, reason);
                self.remove(at);
                if self.rows.pending() == 0 {
                    return self.rows.take();
                }
            }
        }
        if self.finished {
            self.rows.cut();
            while let Some(at) = self.slab.first(List::Remembered) {
                self.remove(at);
            }
        }
        self.rows.take()
    }

    /// Takes the flows that ended since the last batch, even if the batch is not full.
    ///
    /// # Errors
    ///
    /// As [`FlowTable::take_batch`].
    pub fn drain(&mut self) -> Result<Option<RecordBatch>> {
        self.rows.cut();
        self.take_batch()
    }

    /// Starts a flow with the packet of a new key.
    fn insert(&mut self, key: Key, hash: u64, packet: &Packet, lower: bool, t: i64, now: i64) {
        if self.slab.len() >= self.max_flows {
            self.make_room();
        }
        let at = self.slab.insert(Flow::new(key, self.initiator_is_lower(packet, lower), t), now);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.index.insert_unique(hash, at, |&at| hasher.hash_one(slab.get(at).flow.key));
        self.counts.max_held = self.counts.max_held.max(self.slab.len() as u64);
        self.start(at, t);
        self.count(at, packet, lower, t);
    }

    /// Adds a packet of a known key: to its flow, or to the next flow of that key.
    #[inline]
    fn update(&mut self, at: u32, hash: u64, packet: &Packet, lower: bool, t: i64, now: i64) {
        let slot = self.slab.get(at);
        let flow = &slot.flow;
        let idle = t.saturating_sub(flow.last) >= self.rules.idle;
        let timeout = idle || t.saturating_sub(flow.first) >= self.rules.active;
        let reopened = flow.closed.is_some() && packet.tcp_flags.has(TcpFlags::SYN);
        let remembered = slot.list == List::Remembered;
        if remembered || timeout || reopened {
            if !remembered {
                let timeout = if idle { EndReason::Idle } else { EndReason::Active };
                let reason = flow.closed.unwrap_or(timeout);
                self.emit(at, reason);
            }
            self.restart(at, packet, lower, t, idle);
        } else if t >= flow.due {
            self.emit(at, EndReason::Interim);
            let flow = &mut self.slab.get_mut(at).flow;
            let interim = self.rules.interim.unwrap_or(i64::MAX);
            let periods = t.saturating_sub(flow.first) / interim + 1;
            flow.due = flow.first.saturating_add(interim.saturating_mul(periods));
        }
        let continues = !(remembered || timeout || reopened);
        if continues && self.rules.is_last(packet) {
            self.count(at, packet, lower, t);
            self.emit(at, EndReason::Fin);
            self.remove_hashed(at, hash);
            return;
        }
        self.slab.get_mut(at).seen = now;
        self.slab.touch(at, List::Live);
        self.count(at, packet, lower, t);
    }

    /// Starts the next flow of a key in the slot of the previous one.
    fn restart(&mut self, at: u32, packet: &Packet, lower: bool, t: i64, idle: bool) {
        let flow = &self.slab.get(at).flow;
        let continues = flow.closed.is_none() && self.rules.continues(packet.protocol, idle);
        let mut next = Flow::new(flow.key, self.initiator_is_lower(packet, lower), t);
        if continues {
            (next.forward_lower, next.connection_first) = (flow.forward_lower, flow.connection_first);
        }
        self.slab.get_mut(at).flow = next;
        self.start(at, t);
    }

    fn start(&mut self, at: u32, t: i64) {
        self.counts.started += 1;
        if let Some(interim) = self.rules.interim {
            self.slab.get_mut(at).flow.due = t.saturating_add(interim);
        }
    }

    /// Whether the lower endpoint of the key initiated the flow that starts with this packet. `lower`: whether the lower
    /// endpoint sent the packet.
    const fn initiator_is_lower(&self, packet: &Packet, lower: bool) -> bool {
        lower != self.rules.starts_with_answer(packet)
    }

    /// Adds a packet to the statistics of its flow, and marks the connection as closed if the packet closes it.
    #[inline]
    fn count(&mut self, at: u32, packet: &Packet, lower: bool, t: i64) {
        let flow = &mut self.slab.get_mut(at).flow;
        let backwards = flow.add(packet, lower, t, &self.rules.measure);
        self.counts.backwards += u64::from(backwards);
        if self.rules.tracks_tcp() && flow.closed.is_none() {
            let flags = packet.tcp_flags;
            if flags.has(TcpFlags::RST) {
                flow.closed = Some(EndReason::Rst);
            } else if flags.has(TcpFlags::ACK)
                && !flags.has(TcpFlags::FIN)
                && flow.forward.flag(TcpFlags::FIN) > 0
                && flow.backward.flag(TcpFlags::FIN) > 0
            {
                flow.closed = Some(EndReason::Fin);
            }
        }
    }

    /// Ends the flow that has been idle for longest, if its timeout has passed. Returns whether there may be more.
    fn expire(&mut self, now: i64) -> bool {
        if let Some(at) = self.slab.first(List::Live)
            && self.is_overdue(at)
        {
            self.emit(at, self.end_reason(at, EndReason::Idle));
            let flow = &self.slab.get(at).flow;
            // A connection has packets of both sides, or an earlier flow.
            let answered = flow.forward.packets > 0 && flow.backward.packets > 0;
            let connected = answered || flow.connection_first < flow.first;
            if connected && flow.closed.is_none() && self.rules.remembers(flow.key.protocol()) {
                self.slab.touch(at, List::Remembered);
            } else {
                self.remove(at);
            }
            return true;
        }
        if let Some(at) = self.slab.first(List::Remembered)
            && now.saturating_sub(self.slab.get(at).seen) >= self.rules.remembered
        {
            self.remove(at);
            return true;
        }
        false
    }

    fn is_overdue(&self, at: u32) -> bool {
        self.clock.now().saturating_sub(self.slab.get(at).seen) >= self.rules.idle
    }

    /// The reason of a flow that ends now without a packet of its own; `otherwise` if its connection is neither closed
    /// nor idle.
    fn end_reason(&self, at: u32, otherwise: EndReason) -> EndReason {
        let reason = if self.is_overdue(at) { EndReason::Idle } else { otherwise };
        self.slab.get(at).flow.closed.unwrap_or(reason)
    }

    /// Frees a slot: of the remembered connection that has been idle for longest or, if there is none, of the flow.
    fn make_room(&mut self) {
        if let Some(at) = self.slab.first(List::Remembered) {
            self.counts.forgotten += 1;
            self.remove(at);
        } else if let Some(at) = self.slab.first(List::Live) {
            let reason = self.end_reason(at, EndReason::Evicted);
            self.emit(at, reason);
            self.remove(at);
        }
    }

    /// Writes the record of a flow.
    fn emit(&mut self, at: u32, reason: EndReason) {
        let flow = &mut self.slab.get_mut(at).flow;
        self.rows.push(&Record { flow, id: self.counts.records(), reason });
        flow.sequence = flow.sequence.saturating_add(1);
        self.counts.count(reason);
    }

    fn remove(&mut self, at: u32) {
        let hash = self.hasher.hash_one(self.slab.get(at).flow.key);
        self.remove_hashed(at, hash);
    }

    fn remove_hashed(&mut self, at: u32, hash: u64) {
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        self.slab.remove(at);
    }
}
