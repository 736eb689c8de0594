//! One decoded record: raw values by slot, and what they mean with the exporter's clock.

use super::element::Slot;

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_TO_UNIX: f64 = 2_208_988_800.0;

/// Values of a record by [`Slot`].
#[derive(Debug)]
pub(super) struct Record {
    pub(super) values: [u64; 64],
    /// Source and destination, IPv6.
    pub(super) v6: [[u8; 16]; 2],
    /// Bits of the slots that the record fills.
    pub(super) present: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self { values: [0; 64], v6: [[0; 16]; 2], present: 0 }
    }
}

/// An address as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

/// The clock of the datagram that a record came in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// When it was sent, milliseconds since the Unix epoch; where it does not say, when it came.
    pub(super) export_ms: Option<i64>,
    /// Milliseconds since the exporter started, modulo 2^32.
    pub(super) uptime_ms: Option<u32>,
}

/// Times of a flow in seconds since the Unix epoch; NaN where they are not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) duration: f64,
    /// Whether the times are only that of the export.
    pub(super) estimated: bool,
}

impl Record {
    /// Whether a slot is filled.
    #[inline]
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.present & slot.bit() != 0
    }

    /// The value of a slot.
    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<u64> {
        self.has(slot).then(|| self.values[slot as usize])
    }

    /// The value of a slot; NaN where there is none.
    #[inline]
    pub(super) fn number(&self, slot: Slot) -> f64 {
        if self.has(slot) { self.values[slot as usize] as f64 } else { f64::NAN }
    }

    /// Fills a slot.
    pub(super) fn set(&mut self, slot: Slot, value: u64) {
        self.values[slot as usize] = value;
        self.present |= slot.bit();
    }

    /// The source address.
    #[inline]
    pub(super) fn src(&self) -> Option<Address> {
        self.address(Slot::SrcV4, Slot::SrcV6, self.v6[0])
    }

    /// The destination address.
    #[inline]
    pub(super) fn dst(&self) -> Option<Address> {
        self.address(Slot::DstV4, Slot::DstV6, self.v6[1])
    }

    /// Where a record has both kinds, the one that is all zeros is not meant.
    #[inline]
    fn address(&self, v4: Slot, v6: Slot, address: [u8; 16]) -> Option<Address> {
        let has_v6 = self.has(v6);
        match self.get(v4) {
            Some(number) if number != 0 || !has_v6 => Some(Address::V4((number as u32).to_be_bytes())),
            _ => has_v6.then_some(Address::V6(address)),
        }
    }

    /// Start, end and duration.
    ///
    /// A record with one time has it at both ends. Times since the exporter's start need the clock of the
    /// datagram; where that does not tell the uptime, and where a record has no time, the flow ends at the export.
    #[inline]
    pub(super) fn times(&self, clock: &Clock) -> Times {
        let uptimes = (self.get(Slot::StartUptime), self.get(Slot::EndUptime));
        let clock = &self.clock(clock);
        let mut start = self.absolute(
            clock,
            uptimes.0,
            [Slot::StartMillis, Slot::StartSeconds, Slot::StartNtp, Slot::StartDelta],
        );
        let mut end = self.absolute(
            clock,
            uptimes.1,
            [Slot::EndMillis, Slot::EndSeconds, Slot::EndNtp, Slot::EndDelta],
        );
        if end.is_nan() && self.present & EVENTS != 0 {
            end = self.absolute(
                clock,
                None,
                [Slot::EventMillis, Slot::EventSeconds, Slot::EventNtp, Slot::EventNtp],
            );
        }
        let duration = self.duration(uptimes).unwrap_or(end - start);
        let estimated = start.is_nan() && end.is_nan() && clock.export_ms.is_some();
        if estimated {
            end = clock.export_ms.map_or(f64::NAN, seconds);
        }
        let length = if duration.is_nan() { 0.0 } else { duration };
        if start.is_nan() {
            start = end - length;
        }
        if end.is_nan() {
            end = start + length;
        }
        Times { start, end, duration, estimated }
    }

    /// The clock, with the uptime by the record's own word where it has one.
    #[inline]
    fn clock(&self, clock: &Clock) -> Clock {
        let boot = self.get(Slot::SystemInit).zip(clock.export_ms);
        let uptime_ms = boot.map(|(boot, now)| now.wrapping_sub(boot.cast_signed()) as u32);
        Clock { uptime_ms: uptime_ms.or(clock.uptime_ms), ..*clock }
    }

    /// The first time that the record has, in seconds since the Unix epoch; 0 stands for none.
    #[inline]
    fn absolute(&self, clock: &Clock, uptime: Option<u64>, [ms, s, ntp, delta]: [Slot; 4]) -> f64 {
        if let (Some(at), Some(now), Some(export)) = (uptime, clock.uptime_ms, clock.export_ms) {
            // The 32-bit clock runs over after 49.7 days; a flow is never as old as half of that.
            let age = now.wrapping_sub(at as u32).cast_signed();
            return seconds(export.saturating_sub(i64::from(age)));
        }
        let told = |slot| self.get(slot).filter(|&value| value != 0);
        if let Some(ms) = told(ms) {
            return ms as f64 / 1e3;
        }
        if let Some(s) = told(s) {
            return s as f64;
        }
        if let Some(ntp) = told(ntp) {
            let seconds = ntp as f64 / 4_294_967_296.0 - NTP_TO_UNIX;
            // NTP's second era starts in 2036.
            return if seconds < 0.0 { seconds + 4_294_967_296.0 } else { seconds };
        }
        match (self.get(delta), clock.export_ms) {
            (Some(micros), Some(export)) if delta != Slot::EventNtp => seconds(export) - micros as f64 / 1e6,
            _ => f64::NAN,
        }
    }

    /// The duration in seconds, from whole milliseconds where there are any, so that no bit of it is lost.
    #[inline]
    fn duration(&self, uptimes: (Option<u64>, Option<u64>)) -> Option<f64> {
        if let (Some(first), Some(last)) = uptimes {
            return Some(f64::from((last as u32).wrapping_sub(first as u32).cast_signed()) / 1e3);
        }
        let end = self.get(Slot::EndMillis).or_else(|| self.get(Slot::EventMillis));
        if let (Some(first), Some(last)) = (self.get(Slot::StartMillis), end) {
            return Some(last.wrapping_sub(first).cast_signed() as f64 / 1e3);
        }
        let told = self.get(Slot::DurationMillis).map(|ms| ms as f64 / 1e3);
        told.or_else(|| self.get(Slot::DurationMicros).map(|us| us as f64 / 1e6))
    }

    /// The sampling interval that the record itself tells: one packet of this many was seen.
    #[inline]
    pub(super) fn sampling_interval(&self) -> Option<f64> {
        if self.present & SAMPLING == 0 {
            return None;
        }
        let told = |slot| self.get(slot).filter(|&value| value != 0).map(|value| value as f64);
        let ratio = |whole: Option<f64>, part: Option<f64>| Some(whole? / part?);
        let space = self.get(Slot::PacketSpace).map(|space| space as f64);
        let probability = self.get(Slot::SamplingProbability).map(f64::from_bits);
        let interval = told(Slot::SamplingInterval)
            .or_else(|| told(Slot::SamplerInterval))
            .or_else(|| {
                let taken = told(Slot::PacketInterval)?;
                Some((taken + space?) / taken)
            })
            .or_else(|| ratio(told(Slot::SamplingPopulation), told(Slot::SamplingSize)))
            .or_else(|| probability.map(|p| 1.0 / p));
        interval.filter(|interval| (1.0..=f64::from(u32::MAX)).contains(interval))
    }
}

/// Slots that tell the time of an event.
const EVENTS: u64 = Slot::EventMillis.bit() | Slot::EventSeconds.bit() | Slot::EventNtp.bit();

/// Slots that tell a sampling interval.
const SAMPLING: u64 = Slot::SamplingInterval.bit()
    | Slot::SamplerInterval.bit()
    | Slot::PacketInterval.bit()
    | Slot::SamplingPopulation.bit()
    | Slot::SamplingProbability.bit();

/// Milliseconds as seconds.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(values: &[(Slot, u64)]) -> Record {
        let mut record = Record::default();
        for &(slot, value) in values {
            record.set(slot, value);
        }
        record
    }

    fn times(values: &[(Slot, u64)], clock: Clock) -> (f64, f64, f64) {
        let times = record(values).times(&clock);
        (times.start, times.end, times.duration)
    }

    const CLOCK: Clock = Clock { export_ms: Some(1_000_000), uptime_ms: Some(5_000) };

    #[test]
    fn uptime_stamps_are_placed_by_the_datagram_and_run_over() {
        let stamps = [(Slot::StartUptime, 4_000), (Slot::EndUptime, 4_500)];
        assert_eq!(times(&stamps, CLOCK), (999.0, 999.5, 0.5));
        let wrapped = [(Slot::StartUptime, u64::from(u32::MAX)), (Slot::EndUptime, 0)];
        assert_eq!(times(&wrapped, CLOCK), (994.999, 995.0, 0.001));
        let unknown = Clock { uptime_ms: None, ..CLOCK };
        assert_eq!(times(&stamps, unknown), (999.5, 1_000.0, 0.5));
        assert!(record(&stamps).times(&unknown).estimated);
    }

    #[test]
    fn every_absolute_clock_is_read() {
        let ms = [(Slot::StartMillis, 1_500), (Slot::EndMillis, 2_000)];
        assert_eq!(times(&ms, CLOCK), (1.5, 2.0, 0.5));
        let s = [(Slot::StartSeconds, 3), (Slot::EndSeconds, 5)];
        assert_eq!(times(&s, CLOCK), (3.0, 5.0, 2.0));
        let ntp = |seconds: u64| seconds << 32 | 1 << 31;
        let ntp = [(Slot::StartNtp, ntp(2_208_988_801)), (Slot::EndNtp, ntp(2_208_988_803))];
        assert_eq!(times(&ntp, CLOCK), (1.5, 3.5, 2.0));
        assert_eq!(times(&[(Slot::EndNtp, 1 << 32)], CLOCK).1, 4_294_967_297.0 - NTP_TO_UNIX, "the next era");
        let delta = [(Slot::StartDelta, 2_000_000), (Slot::EndDelta, 500_000)];
        assert_eq!(times(&delta, CLOCK), (998.0, 999.5, 1.5));
        let event = [(Slot::StartMillis, 1_500), (Slot::EventMillis, 1_750)];
        assert_eq!(times(&event, CLOCK), (1.5, 1.75, 0.25));
    }

    #[test]
    fn one_time_and_a_duration_make_two() {
        let told = [(Slot::EndMillis, 10_000), (Slot::DurationMillis, 4_000)];
        assert_eq!(times(&told, CLOCK), (6.0, 10.0, 4.0));
        let told = [(Slot::StartMillis, 10_000), (Slot::DurationMicros, 4_000_000)];
        assert_eq!(times(&told, CLOCK), (10.0, 14.0, 4.0));
        let (start, end, duration) = times(&[(Slot::StartMillis, 10_000)], CLOCK);
        assert_eq!((start, end, duration.is_nan()), (10.0, 10.0, true));
        let (start, end, duration) = times(&[], CLOCK);
        assert_eq!((start, end, duration.is_nan()), (1_000.0, 1_000.0, true));
        let (start, end, _) = times(&[], Clock::default());
        assert!(start.is_nan() && end.is_nan());
    }

    #[test]
    fn sampling_is_told_in_five_ways() {
        let interval = |values: &[(Slot, u64)]| record(values).sampling_interval();
        assert_eq!(interval(&[(Slot::SamplingInterval, 1_000)]), Some(1_000.0));
        assert_eq!(interval(&[(Slot::SamplerInterval, 64)]), Some(64.0));
        assert_eq!(interval(&[(Slot::PacketInterval, 2), (Slot::PacketSpace, 198)]), Some(100.0));
        assert_eq!(interval(&[(Slot::SamplingSize, 4), (Slot::SamplingPopulation, 1_000)]), Some(250.0));
        assert_eq!(interval(&[(Slot::SamplingProbability, 0.125_f64.to_bits())]), Some(8.0));
        for nonsense in [0.0, -1.0, 2.0, f64::NAN, f64::INFINITY, 1e-300] {
            assert_eq!(interval(&[(Slot::SamplingProbability, f64::to_bits(nonsense))]), None, "{nonsense}");
        }
        assert_eq!(interval(&[(Slot::SamplingInterval, 0)]), None);
        assert_eq!(interval(&[(Slot::PacketInterval, 0), (Slot::PacketSpace, 9)]), None);
        assert_eq!(interval(&[(Slot::Packets, 9)]), None);
    }
}
