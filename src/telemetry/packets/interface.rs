//! Interfaces of a pcapng section, and their clocks.

use pcap_parser::{OptionCode, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le};

use super::link::LinkType;
use super::record::ByteOrder;

/// The description of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Maximum number of captured bytes per frame; 0: no limit.
    pub(super) snap_bytes: u32,
    pub(super) clock: Clock,
}

/// The unit and the offset of an interface's time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    /// Seconds added to each time.
    offset_s: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// This many nanoseconds.
    Nanoseconds(u64),
    /// A nanosecond divided by this number.
    PartOfNanosecond(u64),
    /// 2 to the power of minus this number, in seconds.
    PowerOfTwo(u32),
}

impl Interface {
    /// Parses an interface description block; `None` if it is not readable.
    pub(super) fn read(order: ByteOrder, block: &[u8]) -> Option<Self> {
        let (_, block) = match order {
            ByteOrder::Little => parse_interfacedescriptionblock_le(block).ok()?,
            ByteOrder::Big => parse_interfacedescriptionblock_be(block).ok()?,
        };
        // `pcap-parser` returns wrong values for binary resolutions and big-endian offsets.
        let option = |code| {
            block.options.iter().find(|option| option.code == code).and_then(|option| option.as_bytes().ok())
        };
        let resolution = match option(OptionCode::IfTsresol) {
            Some(&[resolution]) => resolution,
            Some(_) => return None,
            None => 6,
        };
        let offset_s = match option(OptionCode::IfTsoffset) {
            Some(bytes) => order.i64(bytes)?,
            None => 0,
        };
        Some(Self {
            link: LinkType(u16::try_from(block.linktype.0).ok()?),
            snap_bytes: block.snaplen,
            clock: Clock::new(resolution, offset_s),
        })
    }
}

impl Clock {
    /// From `if_tsresol` and `if_tsoffset`. The resolution is a negative power of 10, or of 2 if its highest bit is set.
    fn new(resolution: u8, offset_s: i64) -> Self {
        let tick = match resolution {
            0..=9 => Tick::Nanoseconds(10_u64.pow(9 - u32::from(resolution))),
            10..=28 => Tick::PartOfNanosecond(10_u64.pow(u32::from(resolution) - 9)),
            // The largest 64-bit number of these ticks is less than a nanosecond.
            29..=127 => Tick::PowerOfTwo(127),
            128.. => Tick::PowerOfTwo(u32::from(resolution & 0x7f)),
        };
        Self { tick, offset_s }
    }

    /// Nanoseconds since the Unix epoch, rounded down; `None` before the year 1677 and after 2262.
    #[inline]
    pub(super) fn nanoseconds(self, ticks: u64) -> Option<i64> {
        let ticks = u128::from(ticks);
        let ns = match self.tick {
            Tick::Nanoseconds(ns) => ticks * u128::from(ns),
            Tick::PartOfNanosecond(parts) => ticks / u128::from(parts),
            Tick::PowerOfTwo(power) => (ticks * 1_000_000_000) >> power,
        };
        // Both are less than 2^127.
        i64::try_from(ns.cast_signed() + i128::from(self.offset_s) * 1_000_000_000).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_nanoseconds() {
        for (resolution, ticks, ns) in [
            (6, 1_500_000, Some(1_500_000_000)),
            (9, 7, Some(7)),
            (0, 2, Some(2_000_000_000)),
            (3, 1, Some(1_000_000)),
            (12, 12_345, Some(12)),
            (28, u64::MAX, Some(1)),
            (0x80, 3, Some(3_000_000_000)),
            (0x8a, 512, Some(500_000_000)),
            (0xff, u64::MAX, Some(0)),
            (6, u64::MAX, None),
            (9, i64::MAX as u64 + 1, None),
            (0x80, u64::MAX, None),
        ] {
            assert_eq!(Clock::new(resolution, 0).nanoseconds(ticks), ns, "{resolution} {ticks}");
        }
        assert_eq!(Clock::new(29, 5).nanoseconds(u64::MAX), Some(5_000_000_000));
        assert_eq!(Clock::new(127, 0).nanoseconds(u64::MAX), Some(0));
        assert_eq!(Clock::new(6, i64::MAX).nanoseconds(0), None);
        assert_eq!(Clock::new(0, i64::MAX).nanoseconds(u64::MAX), None);
        assert_eq!(Clock::new(6, -1).nanoseconds(1), Some(-999_999_000));
        assert_eq!(Clock::new(9, 1).nanoseconds(i64::MAX as u64), None);
        // The sum may be in range when one of its parts is not.
        assert_eq!(Clock::new(9, -10_000_000_000).nanoseconds(u64::MAX), Some(8_446_744_073_709_551_615));
    }
}
