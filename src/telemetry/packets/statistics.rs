//! The statistics of a flow, computed in one pass. Each profile uses a part of them.

use super::end_reason::EndReason;
use super::key::Key;
use super::packet::{Packet, TcpFlags};

/// Protocol numbers of ICMP and `ICMPv6` (IANA).
const ICMP: [u8; 2] = [1, 58];

/// Mean, spread and range of a stream of numbers (B. P. Welford, *Technometrics* 4(3), 1962).
///
/// The owner keeps the count, which it needs anyway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Moments {
    pub(super) const EMPTY: Self = Self { mean: 0.0, squares: 0.0, min: f64::INFINITY, max: 0.0 };

    /// Adds the `count`-th number, which must not be negative.
    #[inline]
    pub(super) fn push(&mut self, x: f64, count: u64) {
        let delta = x - self.mean;
        self.mean += delta / count as f64;
        self.squares += delta * (x - self.mean);
        self.min = if x < self.min { x } else { self.min };
        self.max = if x > self.max { x } else { self.max };
    }

    /// The moments of two streams together (T. F. Chan, G. H. Golub and R. J. `LeVeque`, 1979), of `n` and `m` numbers.
    pub(super) fn merge(self, n: u64, other: Self, m: u64) -> Self {
        if n == 0 || m == 0 {
            return if m == 0 { self } else { other };
        }
        let (n, m) = (n as f64, m as f64);
        let delta = other.mean - self.mean;
        Self {
            mean: self.mean + delta * (m / (n + m)),
            squares: self.squares + other.squares + delta * delta * (n * m / (n + m)),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    pub(super) const fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) const fn max(&self) -> f64 {
        self.max
    }

    /// The smallest number; 0 without numbers.
    pub(super) fn min(&self) -> f64 {
        if self.min.is_finite() { self.min } else { 0.0 }
    }

    /// Sample variance; 0 for fewer than two numbers.
    pub(super) fn variance(&self, count: u64) -> f64 {
        if count < 2 { 0.0 } else { self.squares / (count - 1) as f64 }
    }

    /// Sample standard deviation; 0 for fewer than two numbers.
    pub(super) fn std(&self, count: u64) -> f64 {
        self.variance(count).sqrt()
    }
}

/// Periods of a flow, such as its idle gaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periods {
    pub(super) count: u64,
    pub(super) lengths: Moments,
}

impl Periods {
    pub(super) const EMPTY: Self = Self { count: 0, lengths: Moments::EMPTY };

    pub(super) fn push(&mut self, length: f64) {
        self.count += 1;
        self.lengths.push(length, self.count);
    }
}

/// Bulks of one direction: four or more packets with payload, with gaps of at most 1 s and no payload in the other
/// direction between them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bulks {
    pub(super) count: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Ticks.
    pub(super) duration: i64,
}

/// Consecutive packets with payload, which may become a bulk.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    backward: bool,
    packets: u64,
    bytes: u64,
    start: i64,
    last: i64,
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    pub(super) packets: u64,
    /// Sum of the sizes of the profile: frames or payload.
    pub(super) bytes: u64,
    pub(super) sizes: Moments,
    /// Times between packets of this direction, in ticks; one fewer than packets.
    pub(super) gaps: Moments,
    /// Ticks.
    pub(super) first: i64,
    /// Ticks.
    pub(super) last: i64,
    /// Packets with each TCP flag, from the lowest bit, FIN, to CWR.
    pub(super) flags: [u32; 8],
    /// Transport header bytes.
    pub(super) header_bytes: u64,
    /// Packets with payload.
    pub(super) data_packets: u64,
    pub(super) header_min: u16,
    /// TCP window of the first packet.
    pub(super) first_window: u16,
    /// TCP window of the last packet.
    pub(super) last_window: u16,
    pub(super) bulks: Bulks,
}

impl Direction {
    const EMPTY: Self = Self {
        packets: 0,
        bytes: 0,
        sizes: Moments::EMPTY,
        gaps: Moments::EMPTY,
        first: 0,
        last: 0,
        flags: [0; 8],
        header_bytes: 0,
        data_packets: 0,
        header_min: 0,
        first_window: 0,
        last_window: 0,
        bulks: Bulks { count: 0, packets: 0, bytes: 0, duration: 0 },
    };

    /// Packets with a flag, one of the constants of [`TcpFlags`].
    pub(super) fn flag(&self, flag: u8) -> u64 {
        u64::from(self.flags.get(flag.trailing_zeros() as usize).copied().unwrap_or(0))
    }

    /// Time from the first to the last packet, ticks.
    pub(super) const fn duration(&self) -> i64 {
        self.last.saturating_sub(self.first)
    }

    #[inline]
    fn add(&mut self, t: i64, size: u32, flags: TcpFlags) {
        self.packets += 1;
        self.bytes += u64::from(size);
        self.sizes.push(f64::from(size), self.packets);
        if self.packets == 1 {
            (self.first, self.last) = (t, t);
        } else {
            let gap = t.saturating_sub(self.last).max(0);
            self.gaps.push(gap as f64, self.packets - 1);
            self.last = self.last.max(t);
        }
        if flags.0 != 0 {
            for (bit, count) in self.flags.iter_mut().enumerate() {
                *count = count.saturating_add(u32::from(flags.0 >> bit & 1));
            }
        }
    }

    /// Statistics for the `CICFlowMeter` profiles only.
    #[inline]
    fn add_detail(&mut self, packet: &Packet) {
        self.header_bytes += u64::from(packet.header_bytes);
        self.data_packets += u64::from(packet.payload_bytes > 0);
        self.last_window = packet.window;
        if self.packets == 1 {
            (self.first_window, self.header_min) = (packet.window, packet.header_bytes);
        } else {
            self.header_min = self.header_min.min(packet.header_bytes);
        }
    }
}

/// Gap after which a subflow or bulk ends, and after which a flow was idle, in seconds.
const SUBFLOW_GAP_S: i64 = 1;
const IDLE_GAP_S: i64 = 5;
/// Packets that make a bulk.
const BULK_PACKETS: u64 = 4;

/// How packets are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Ticks of a second: 10^6 (`CICFlowMeter`) or 10^3 (`NFStream`).
    pub(super) ticks_per_second: i64,
    /// Whether a packet's size is its payload, and the statistics for the `CICFlowMeter` profiles are computed.
    pub(super) cic: bool,
}

/// A flow up to now.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) key: Key,
    /// Whether the lower endpoint of the key is the forward source.
    pub(super) forward_lower: bool,
    /// Why the connection is closed; `None` if it is open.
    pub(super) closed: Option<EndReason>,
    /// Whether the first packet went backward.
    pub(super) first_backward: bool,
    /// Flags of the first packet.
    pub(super) first_flags: TcpFlags,
    /// ICMP type and code of the first packet; `None` for the later fragments of a datagram, which have neither.
    pub(super) icmp: Option<(u8, u8)>,
    /// Size of the first packet.
    pub(super) first_size: u32,
    /// Records written of this flow.
    pub(super) sequence: u32,
    /// Ticks.
    pub(super) first: i64,
    /// Greatest packet time, ticks.
    pub(super) last: i64,
    /// Start of the connection, ticks. Timeouts split a connection into several flows.
    pub(super) connection_first: i64,
    /// When the next interim record is due, ticks.
    pub(super) due: i64,
    /// Times between packets, ticks.
    pub(super) gaps: Moments,
    pub(super) forward: Direction,
    pub(super) backward: Direction,
    /// Gaps of more than 1 s.
    pub(super) subflows: u64,
    run: Run,
    active_start: i64,
    pub(super) active: Periods,
    pub(super) idle: Periods,
}

impl Flow {
    /// A flow without packets that starts at `t`.
    pub(super) const fn new(key: Key, forward_lower: bool, t: i64) -> Self {
        Self {
            key,
            forward_lower,
            closed: None,
            first_backward: false,
            first_flags: TcpFlags(0),
            icmp: None,
            first_size: 0,
            sequence: 0,
            first: t,
            last: t,
            connection_first: t,
            due: i64::MAX,
            gaps: Moments::EMPTY,
            forward: Direction::EMPTY,
            backward: Direction::EMPTY,
            subflows: 0,
            run: Run { backward: false, packets: 0, bytes: 0, start: 0, last: 0 },
            active_start: t,
            active: Periods::EMPTY,
            idle: Periods::EMPTY,
        }
    }

    pub(super) const fn packets(&self) -> u64 {
        self.forward.packets + self.backward.packets
    }

    /// Sizes of the packets of both directions.
    pub(super) fn sizes(&self) -> Moments {
        let (there, back) = (&self.forward, &self.backward);
        there.sizes.merge(there.packets, back.sizes, back.packets)
    }

    /// Adds a packet of time `t`. `lower`: whether its source is the lower endpoint of the key. Returns whether its time
    /// is earlier than the time of the packet before; the gap then counts as 0.
    #[inline]
    pub(super) fn add(&mut self, packet: &Packet, lower: bool, t: i64, measure: &Measure) -> bool {
        let is_backward = lower != self.forward_lower;
        let before = self.packets();
        let size = if measure.cic { packet.payload_bytes } else { packet.frame_bytes };
        let gap = t.saturating_sub(self.last);
        if before == 0 {
            (self.first_backward, self.first_flags, self.first_size) = (is_backward, packet.tcp_flags, size);
            self.icmp = (ICMP.contains(&packet.protocol) && packet.header_bytes > 0)
                .then_some((packet.icmp_type, packet.icmp_code));
        } else {
            self.gaps.push(gap.max(0) as f64, before);
        }
        let direction = if is_backward { &mut self.backward } else { &mut self.forward };
        direction.add(t, size, packet.tcp_flags);
        if measure.cic {
            direction.add_detail(packet);
            self.add_detail(is_backward, t, gap, packet.payload_bytes, measure.ticks_per_second);
        }
        self.last = self.last.max(t);
        gap < 0
    }

    /// Subflows, periods of activity and bulks.
    #[inline]
    fn add_detail(&mut self, is_backward: bool, t: i64, gap: i64, payload: u32, second: i64) {
        if gap > SUBFLOW_GAP_S * second {
            self.subflows += 1;
            if gap > IDLE_GAP_S * second {
                let active = self.last.saturating_sub(self.active_start);
                if active > 0 {
                    self.active.push(active as f64);
                }
                self.idle.push(gap as f64);
                self.active_start = t;
            }
        }
        if payload == 0 {
            return;
        }
        let run = &mut self.run;
        let since = t.saturating_sub(run.last).max(0);
        if run.packets == 0 || run.backward != is_backward || since > SUBFLOW_GAP_S * second {
            *run = Run { backward: is_backward, packets: 1, bytes: u64::from(payload), start: t, last: t };
            return;
        }
        run.packets += 1;
        run.bytes += u64::from(payload);
        run.last = run.last.max(t);
        let bulks = if is_backward { &mut self.backward.bulks } else { &mut self.forward.bulks };
        if run.packets == BULK_PACKETS {
            bulks.count += 1;
            bulks.packets += run.packets;
            bulks.bytes += run.bytes;
            bulks.duration = bulks.duration.saturating_add(run.last.saturating_sub(run.start));
        } else if run.packets > BULK_PACKETS {
            bulks.packets += 1;
            bulks.bytes += u64::from(payload);
            bulks.duration = bulks.duration.saturating_add(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(numbers: &[f64]) -> Moments {
        let mut moments = Moments::EMPTY;
        for (i, &x) in numbers.iter().enumerate() {
            moments.push(x, i as u64 + 1);
        }
        moments
    }

    #[test]
    fn moments_of_small_samples_are_known() {
        let moments_of_eight = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(
            (moments_of_eight.mean(), moments_of_eight.min(), moments_of_eight.max()),
            (5.0, 2.0, 9.0)
        );
        assert!((moments_of_eight.variance(8) - 32.0 / 7.0).abs() < 1e-12);
        assert_eq!((Moments::EMPTY.mean(), Moments::EMPTY.min(), Moments::EMPTY.std(0)), (0.0, 0.0, 0.0));
        assert_eq!(moments(&[3.0]).std(1), 0.0);
    }

    #[test]
    fn merged_moments_equal_the_moments_of_all_numbers() {
        let (a, b) = ([1.0, 5.0, 2.5], [10.0, 0.0]);
        let merged = moments(&a).merge(3, moments(&b), 2);
        let all = moments(&[1.0, 5.0, 2.5, 10.0, 0.0]);
        assert!((merged.mean() - all.mean()).abs() < 1e-12);
        assert!((merged.std(5) - all.std(5)).abs() < 1e-12);
        assert_eq!((merged.min(), merged.max()), (0.0, 10.0));
        assert_eq!(moments(&a).merge(3, Moments::EMPTY, 0).mean(), moments(&a).mean());
        assert_eq!(Moments::EMPTY.merge(0, moments(&b), 2).max(), 10.0);
    }

    #[test]
    fn a_flow_fits_ten_cache_lines() {
        assert!(size_of::<Flow>() <= 640, "{}", size_of::<Flow>());
    }
}
