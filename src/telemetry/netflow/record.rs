//! One decoded record: its raw values by slot, and its times by the exporter's clock.

use super::element::Slot;

/// 1 January 1996, the year of the first flow export, in milliseconds since the Unix epoch. An exporter with an earlier
/// time never set its clock.
pub(super) const FIRST_EXPORT_MS: i64 = 820_454_400_000;

/// Seconds from 1970 to the year 5138, the latest time that all readers accept.
const MAX_TIME: f64 = 1e11;

/// Maximum duration of a flow with an uptime of 0 at one end, milliseconds. Routers report longer flows in parts.
const MAX_FLOW_MS: u32 = 1_800_000;

/// Maximum time that an uptime may be ahead of the uptime of its datagram, milliseconds. The exporter reads its clock
/// for each of them.
const MAX_AHEAD_MS: u32 = 60_000;

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

/// An address in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

/// The clock of a record's datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Time of the export, or else of the reception, milliseconds since the Unix epoch.
    pub(super) export_ms: Option<i64>,
    /// Milliseconds since the exporter started, modulo 2^32.
    pub(super) uptime_ms: Option<u32>,
}

/// Times of a flow, seconds since the Unix epoch; NaN if unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) duration: f64,
    /// Whether the record has no times and gets the time of the export.
    pub(super) estimated: bool,
    /// Whether a time of the record is impossible.
    pub(super) rejected: bool,
}

impl Clock {
    /// Milliseconds since the exporter started at `boot_ms`, modulo 2^32. `None` if the start is missing, after the
    /// export, or from before the clock was set.
    pub(super) fn since_boot(self, boot_ms: u64) -> Option<u32> {
        let now = self.export_ms?;
        let boot = i64::try_from(boot_ms).ok().filter(|boot| (1..=now).contains(boot))?;
        (boot >= FIRST_EXPORT_MS || now < FIRST_EXPORT_MS).then_some((now - boot) as u32)
    }
}

/// The unit of a time.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Milliseconds,
    Seconds,
    /// NTP format of 64 bits: seconds since 1900, and a fraction in units of 2^−32 s.
    Ntp,
    /// Microseconds before the export.
    Delta,
}

/// The slots of a flow's start and end by unit, in order of preference.
const ABSOLUTE: [(Slot, Slot, Unit); 5] = [
    (Slot::StartMillis, Slot::EndMillis, Unit::Milliseconds),
    (Slot::StartSeconds, Slot::EndSeconds, Unit::Seconds),
    (Slot::StartMicros, Slot::EndMicros, Unit::Ntp),
    (Slot::StartNanos, Slot::EndNanos, Unit::Ntp),
    (Slot::StartDelta, Slot::EndDelta, Unit::Delta),
];

/// Slots of the time of an event.
const EVENTS: [(Slot, Unit); 3] = [
    (Slot::EventMillis, Unit::Milliseconds),
    (Slot::EventSeconds, Unit::Seconds),
    (Slot::EventNtp, Unit::Ntp),
];

/// The times of a record that are found so far.
#[derive(Debug)]
struct FoundTimes {
    start: f64,
    end: f64,
    /// Whether a time is 0, which means that it is missing.
    has_zero: bool,
    /// Whether a time is impossible.
    rejected: bool,
}

impl FoundTimes {
    /// A time in seconds since the Unix epoch; NaN if it is missing or impossible.
    fn read(&mut self, value: u64, unit: Unit, clock: &Clock) -> f64 {
        if value == 0 {
            self.has_zero = true;
            return f64::NAN;
        }
        let time = match (unit, clock.export_ms) {
            (Unit::Milliseconds, _) => value as f64 / 1e3,
            (Unit::Seconds, _) => value as f64,
            (Unit::Ntp, _) => {
                let seconds = value as f64 / 4_294_967_296.0 - NTP_TO_UNIX;
                // NTP's second era starts in 2036.
                if seconds < 0.0 { seconds + 4_294_967_296.0 } else { seconds }
            }
            (Unit::Delta, Some(export)) => seconds(export) - value as f64 / 1e6,
            (Unit::Delta, None) => return f64::NAN,
        };
        if time.abs() < MAX_TIME {
            return time;
        }
        self.rejected = true;
        f64::NAN
    }
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

    /// The value of a slot; NaN if it is empty.
    #[inline]
    pub(super) fn number(&self, slot: Slot) -> f64 {
        if self.has(slot) { self.values[slot as usize] as f64 } else { f64::NAN }
    }

    /// Fills a slot.
    pub(super) fn set(&mut self, slot: Slot, value: u64) {
        self.values[slot as usize] = value;
        self.present |= slot.bit();
    }

    /// The first value of some slots that is not 0. If there is none, 0 if a slot is filled.
    #[inline]
    pub(super) fn first_of(&self, slots: &[Slot]) -> Option<u64> {
        let filled = slots.iter().filter_map(|&slot| self.get(slot));
        let mut zero = None;
        for value in filled {
            if value != 0 {
                return Some(value);
            }
            zero = Some(0);
        }
        zero
    }

    /// Source and destination address, of one family if the record has both.
    #[inline]
    pub(super) fn addresses(&self) -> [Option<Address>; 2] {
        let is_v6 = self.is_v6();
        [(Slot::SrcV4, Slot::SrcV6, self.v6[0]), (Slot::DstV4, Slot::DstV6, self.v6[1])].map(
            |(v4, v6, address)| {
                let v4 = self.get(v4).map(|number| Address::V4((number as u32).to_be_bytes()));
                let v6 = self.has(v6).then_some(Address::V6(address));
                if is_v6 { v6.or(v4) } else { v4.or(v6) }
            },
        )
    }

    /// Whether the record is IPv6. If it has addresses of both families, the family of all zeros is ignored. If both are
    /// zeros, it is IPv4. If neither is, the record's IP version decides; without it, it is IPv4.
    #[inline]
    fn is_v6(&self) -> bool {
        const V4: u64 = Slot::SrcV4.bit() | Slot::DstV4.bit();
        const V6: u64 = Slot::SrcV6.bit() | Slot::DstV6.bit();
        if self.present & V4 == 0 || self.present & V6 == 0 {
            return self.present & V4 == 0;
        }
        let v4 = [Slot::SrcV4, Slot::DstV4].into_iter().any(|slot| self.get(slot).is_some_and(|n| n != 0));
        let v6 = [Slot::SrcV6, Slot::DstV6].into_iter().zip(self.v6);
        let v6 = v6.into_iter().any(|(slot, address)| self.has(slot) && address != [0; 16]);
        v6 && (!v4 || self.get(Slot::IpVersion) == Some(6))
    }

    /// Start, end and duration.
    ///
    /// A time of 0 counts as missing. A record with only one time gets it as start and end. Absolute times are preferred to
    /// uptimes, which need the clock of the datagram. If that clock has no uptime, or the record has no time, the flow
    /// ends at the export.
    #[inline]
    pub(super) fn times(&self, clock: &Clock) -> Times {
        let clock = &self.clock(clock);
        let mut found = FoundTimes { start: f64::NAN, end: f64::NAN, has_zero: false, rejected: false };
        for (start, end, unit) in ABSOLUTE {
            if let Some(value) = self.get(start).filter(|_| found.start.is_nan()) {
                found.start = found.read(value, unit, clock);
            }
            if let Some(value) = self.get(end).filter(|_| found.end.is_nan()) {
                found.end = found.read(value, unit, clock);
            }
        }
        for (event, unit) in EVENTS {
            if let Some(value) = self.get(event).filter(|_| found.end.is_nan()) {
                found.end = found.read(value, unit, clock);
            }
        }
        let mut duration = self.whole_milliseconds(&found);
        let open = found.start.is_nan() || found.end.is_nan();
        if open && self.present & (Slot::StartUptime.bit() | Slot::EndUptime.bit()) != 0 {
            let uptimes = self.uptimes(clock, &mut found);
            // The duration is exact only if both ends come from the same clock.
            duration = duration.or(uptimes);
        }
        let FoundTimes { mut start, mut end, has_zero, rejected } = found;
        let length = self.length().filter(|&length| length != 0.0 || !has_zero);
        let duration = duration.or(length).unwrap_or(end - start);
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
        Times { start, end, duration, estimated, rejected }
    }

    /// The clock, with the uptime from the record's own start time of the exporter if it has one.
    #[inline]
    fn clock(&self, clock: &Clock) -> Clock {
        let own = self.get(Slot::SystemInit).and_then(|boot| clock.since_boot(boot));
        Clock { uptime_ms: own.or(clock.uptime_ms), ..*clock }
    }

    /// Completes start and end from the uptimes of the record. Returns the seconds between the two uptimes if they are the
    /// start and the end of the flow.
    ///
    /// An uptime of 0 counts as missing, unless the other uptime is so near that the flow started at 0 or the clock wrapped
    /// around. Uptimes in the future, or more than 24.9 days ago, are impossible: the 32-bit clock wraps around after
    /// 49.7 days.
    fn uptimes(&self, clock: &Clock, found: &mut FoundTimes) -> Option<f64> {
        let absolute = !found.start.is_nan() || !found.end.is_nan();
        let stamps = [Slot::StartUptime, Slot::EndUptime].map(|slot| self.get(slot).map(|ms| ms as u32));
        let between = match stamps {
            [Some(first), Some(last)] => Some(last.wrapping_sub(first).cast_signed()),
            _ => None,
        };
        let near = between.is_some_and(|ms| ms != 0 && ms.unsigned_abs() <= MAX_FLOW_MS);
        let given = stamps.map(|stamp| stamp.filter(|&stamp| stamp != 0 || near));
        found.has_zero |= stamps != given;
        if let (Some(now), Some(export)) = (clock.uptime_ms, clock.export_ms) {
            let ahead = |stamp: u32| Some(stamp.wrapping_sub(now)).filter(|&ms| ms <= MAX_AHEAD_MS);
            let now = now.wrapping_add(given.into_iter().flatten().filter_map(ahead).max().unwrap_or(0));
            let mut place = |stamp: Option<u32>| {
                let age = now.wrapping_sub(stamp?);
                found.rejected |= age.cast_signed() < 0;
                (age.cast_signed() >= 0).then(|| seconds(export.saturating_sub(i64::from(age))))
            };
            let [first, last] = given.map(&mut place);
            if found.start.is_nan() {
                found.start = first.unwrap_or(f64::NAN);
            }
            if found.end.is_nan() {
                found.end = last.unwrap_or(f64::NAN);
            }
            // If one of two uptimes is impossible, their difference is as well.
            if first.is_some() != last.is_some() {
                return None;
            }
        }
        let both = given.iter().all(Option::is_some) && !absolute;
        between.filter(|_| both).map(|ms| f64::from(ms) / 1e3)
    }

    /// The seconds between two times in milliseconds, computed without rounding.
    #[inline]
    fn whole_milliseconds(&self, found: &FoundTimes) -> Option<f64> {
        let given = |slot| self.get(slot).filter(|&ms| ms != 0);
        let end = given(Slot::EndMillis).or_else(|| given(Slot::EventMillis));
        let (first, last) = given(Slot::StartMillis).zip(end)?;
        let exact = last.wrapping_sub(first).cast_signed() as f64 / 1e3;
        Some(exact).filter(|_| found.start == first as f64 / 1e3 && found.end == last as f64 / 1e3)
    }

    /// The duration in the record, seconds.
    #[inline]
    fn length(&self) -> Option<f64> {
        let duration = self.get(Slot::DurationMillis).map(|ms| ms as f64 / 1e3);
        let duration = duration.or_else(|| self.get(Slot::DurationMicros).map(|us| us as f64 / 1e6));
        duration.filter(|&length| length < MAX_TIME)
    }

    /// The sampling interval in the record: one packet in this many was observed.
    #[inline]
    pub(super) fn sampling_interval(&self) -> Option<f64> {
        if self.present & SAMPLING == 0 {
            return None;
        }
        let positive = |slot| self.get(slot).filter(|&value| value != 0).map(|value| value as f64);
        let ratio = |whole: Option<f64>, part: Option<f64>| Some(whole? / part?);
        let space = self.get(Slot::PacketSpace).map(|space| space as f64);
        let probability = self.get(Slot::SamplingProbability).map(f64::from_bits);
        let interval = positive(Slot::SamplingInterval)
            .or_else(|| positive(Slot::SamplerInterval))
            .or_else(|| {
                let taken = positive(Slot::PacketInterval)?;
                Some((taken + space?) / taken)
            })
            .or_else(|| ratio(positive(Slot::SamplingPopulation), positive(Slot::SamplingSize)))
            .or_else(|| probability.map(|p| 1.0 / p));
        interval.filter(|interval| (1.0..=f64::from(u32::MAX)).contains(interval))
    }
}

/// Slots that determine a sampling interval.
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
    fn uptimes_are_relative_to_the_datagram_and_wrap_around() {
        let stamps = [(Slot::StartUptime, 4_000), (Slot::EndUptime, 4_500)];
        assert_eq!(times(&stamps, CLOCK), (999.0, 999.5, 0.5));
        let wrapped = [(Slot::StartUptime, u64::from(u32::MAX)), (Slot::EndUptime, 0)];
        assert_eq!(times(&wrapped, CLOCK), (994.999, 995.0, 0.001));
        let unknown = Clock { uptime_ms: None, ..CLOCK };
        assert_eq!(times(&stamps, unknown), (999.5, 1_000.0, 0.5));
        assert!(record(&stamps).times(&unknown).estimated);
    }

    #[test]
    fn every_unit_of_absolute_times_is_read() {
        let ms = [(Slot::StartMillis, 1_500), (Slot::EndMillis, 2_000)];
        assert_eq!(times(&ms, CLOCK), (1.5, 2.0, 0.5));
        let s = [(Slot::StartSeconds, 3), (Slot::EndSeconds, 5)];
        assert_eq!(times(&s, CLOCK), (3.0, 5.0, 2.0));
        let ntp = |seconds: u64| seconds << 32 | 1 << 31;
        let ntp = [(Slot::StartMicros, ntp(2_208_988_801)), (Slot::EndMicros, ntp(2_208_988_803))];
        assert_eq!(times(&ntp, CLOCK), (1.5, 3.5, 2.0));
        assert_eq!(
            times(&[(Slot::EndMicros, 1 << 32)], CLOCK).1,
            4_294_967_297.0 - NTP_TO_UNIX,
            "the next era"
        );
        let delta = [(Slot::StartDelta, 2_000_000), (Slot::EndDelta, 500_000)];
        assert_eq!(times(&delta, CLOCK), (998.0, 999.5, 1.5));
        let event = [(Slot::StartMillis, 1_500), (Slot::EventMillis, 1_750)];
        assert_eq!(times(&event, CLOCK), (1.5, 1.75, 0.25));
    }

    #[test]
    fn one_time_and_a_duration_make_two() {
        let given = [(Slot::EndMillis, 10_000), (Slot::DurationMillis, 4_000)];
        assert_eq!(times(&given, CLOCK), (6.0, 10.0, 4.0));
        let given = [(Slot::StartMillis, 10_000), (Slot::DurationMicros, 4_000_000)];
        assert_eq!(times(&given, CLOCK), (10.0, 14.0, 4.0));
        let (start, end, duration) = times(&[(Slot::StartMillis, 10_000)], CLOCK);
        assert_eq!((start, end, duration.is_nan()), (10.0, 10.0, true));
        let (start, end, duration) = times(&[], CLOCK);
        assert_eq!((start, end, duration.is_nan()), (1_000.0, 1_000.0, true));
        let (start, end, _) = times(&[], Clock::default());
        assert!(start.is_nan() && end.is_nan());
    }

    #[test]
    fn the_sampling_interval_comes_from_any_of_five_elements() {
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
