//! The flow table: packets in, flow records out, in bounded memory.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::clock::Clock;
use super::config::{FlowMeterConfig, Rules};
use super::end_reason::EndReason;
use super::flow_counts::FlowCounts;
use super::key::Key;
use super::packet::{Packet, TcpFlags};
use super::profile::Profile;
use super::rows::{Record, Rows};
use super::slab::{List, Slab};
use super::statistics::Flow;
use crate::error::Result;
use crate::telemetry::Schema;

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Flows that one packet lets expire at most, so that a leap of the clock cannot end all flows in one call.
const EXPIRED_PER_PACKET: usize = 8;

/// Bidirectional flows of packets that are pushed one by one, as they come.
///
/// Each packet costs constant time and no allocation. Time is event time: a flow's own timeouts use its packets'
/// times, and silent flows expire by the greatest packet time seen. A packet that is earlier than the one before
/// it counts with a gap of 0. When [`FlowMeterConfig::max_flows`] are held, the flow that has been silent for
/// longest ends. Hashing is keyed at random against flooding; what comes out does not depend on it.
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
    /// Slots by key.
    index: HashTable<u32>,
    slab: Slab,
    clock: Clock,
    rows: Rows,
    counts: FlowCounts,
    finished: bool,
}

impl FlowTable {
    /// An empty table.
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

    /// What was done up to now.
    pub fn counts(&self) -> &FlowCounts {
        &self.counts
    }

    /// Flows and silent connections held.
    pub fn held(&self) -> usize {
        self.slab.len()
    }

    /// Counts a packet in its flow.
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
            None => self.open(key, hash, packet, lower, t, now),
        }
        for _ in 0..EXPIRED_PER_PACKET {
            if !self.expire(now) {
                break;
            }
        }
    }

    /// Says that no more packets come: [`FlowTable::take_batch`] then gives the flows that are left.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether [`FlowTable::take_batch`] has a full batch.
    pub fn has_batch(&self) -> bool {
        self.rows.has_batch()
    }

    /// Rows that wait for their batch to be full.
    pub(super) fn pending(&self) -> usize {
        self.rows.pending()
    }

    /// A full batch of ended flows, if there is one; after [`FlowTable::finish`] also the rest.
    ///
    /// # Errors
    ///
    /// None with columns as the profiles make them.
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.rows.take()? {
            return Ok(Some(batch));
        }
        if self.finished {
            while let Some(at) = self.slab.first(List::Live) {
                let reason = self.why(at, EndReason::End);
                self.emit(at, reason);
                self.remove(at);
                if self.rows.pending() == 0 {
                    return self.rows.take();
                }
            }
        }
        if self.finished {
            self.rows.cut();
            while let Some(at) = self.slab.first(List::Quiet) {
                self.remove(at);
            }
        }
        self.rows.take()
    }

    /// All flows that ended since, without waiting for a full batch.
    ///
    /// # Errors
    ///
    /// As [`FlowTable::take_batch`].
    pub fn drain(&mut self) -> Result<Option<RecordBatch>> {
        self.rows.cut();
        self.take_batch()
    }

    /// A packet of a key that is not held.
    fn open(&mut self, key: Key, hash: u64, packet: &Packet, lower: bool, t: i64, now: i64) {
        if self.slab.len() >= self.max_flows {
            self.make_room();
        }
        let at = self.slab.insert(Flow::new(key, self.faces(packet, lower), t), now);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.index.insert_unique(hash, at, |&at| hasher.hash_one(slab.get(at).flow.key));
        self.counts.most_held = self.counts.most_held.max(self.slab.len() as u64);
        self.start(at, t);
        self.count(at, packet, lower, t);
    }

    /// A packet of a key that is held.
    #[inline]
    fn update(&mut self, at: u32, hash: u64, packet: &Packet, lower: bool, t: i64, now: i64) {
        let slot = self.slab.get(at);
        let flow = &slot.flow;
        let idle = t.saturating_sub(flow.last) >= self.rules.idle;
        let timeout = idle || t.saturating_sub(flow.first) >= self.rules.active;
        let reopened = flow.closed.is_some() && packet.tcp_flags.has(TcpFlags::SYN);
        let quiet = slot.list == List::Quiet;
        if quiet || timeout || reopened {
            if !quiet {
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
        let goes_on = !(quiet || timeout || reopened);
        if goes_on && self.rules.profile == Profile::CicLegacy && packet.tcp_flags.has(TcpFlags::FIN) {
            self.count(at, packet, lower, t);
            self.emit(at, EndReason::Fin);
            self.remove_hashed(at, hash);
            return;
        }
        self.slab.get_mut(at).seen = now;
        self.slab.touch(at, List::Live);
        self.count(at, packet, lower, t);
    }

    /// Begins the next flow of a key in the slot of the one before.
    fn restart(&mut self, at: u32, packet: &Packet, lower: bool, t: i64, idle: bool) {
        let flow = &self.slab.get(at).flow;
        // CICFlowMeter: a timeout does not end the connection, which keeps its direction and its start.
        let goes_on = flow.closed.is_none()
            && match (self.rules.profile, packet.protocol) {
                (Profile::Nfstream, _) => false,
                (Profile::CicLegacy, _) | (_, TCP) => true,
                (_, protocol) => protocol == UDP && !idle,
            };
        let mut next = Flow::new(flow.key, self.faces(packet, lower), t);
        if goes_on {
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

    /// Whether the lower endpoint is the forward source of a flow that starts with this packet.
    fn faces(&self, packet: &Packet, lower: bool) -> bool {
        let answer = TcpFlags::SYN | TcpFlags::ACK;
        lower != (self.rules.profile == Profile::Cic && packet.tcp_flags.has(answer))
    }

    /// Adds a packet to the statistics, and sees whether it closes the connection.
    #[inline]
    fn count(&mut self, at: u32, packet: &Packet, lower: bool, t: i64) {
        let flow = &mut self.slab.get_mut(at).flow;
        let backwards = flow.add(packet, lower, t, &self.rules.measure);
        self.counts.backwards += u64::from(backwards);
        if self.rules.profile == Profile::Cic && flow.closed.is_none() {
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

    /// Ends the longest silent flow if it is due. Returns whether there may be more.
    fn expire(&mut self, now: i64) -> bool {
        if let Some(at) = self.slab.first(List::Live)
            && self.is_overdue(at)
        {
            self.emit(at, self.why(at, EndReason::Idle));
            let flow = &self.slab.get(at).flow;
            // Only `cic` tells the time of a whole connection, and only what was answered, or went on, is one.
            let answered = flow.forward.packets > 0 && flow.backward.packets > 0;
            let connected = answered || flow.connection_first < flow.first;
            let open = flow.closed.is_none() && flow.key.protocol() == TCP && connected;
            if open && self.rules.profile == Profile::Cic {
                self.slab.touch(at, List::Quiet);
            } else {
                self.remove(at);
            }
            return true;
        }
        if let Some(at) = self.slab.first(List::Quiet)
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

    /// Why a flow ends that ends now without a packet of its own.
    fn why(&self, at: u32, otherwise: EndReason) -> EndReason {
        let reason = if self.is_overdue(at) { EndReason::Idle } else { otherwise };
        self.slab.get(at).flow.closed.unwrap_or(reason)
    }

    /// Frees a slot: of the connection that has been silent for longest, or else of such a flow.
    fn make_room(&mut self) {
        if let Some(at) = self.slab.first(List::Quiet) {
            self.counts.forgotten += 1;
            self.remove(at);
        } else if let Some(at) = self.slab.first(List::Live) {
            let reason = self.why(at, EndReason::Evicted);
            self.emit(at, reason);
            self.remove(at);
        }
    }

    /// Writes a record.
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
