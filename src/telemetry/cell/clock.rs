//! Times as they are written: numbers since the epoch, ISO 8601, and formats of one's own.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::fast_timestamp;
use super::number::{self, Cell};
use crate::telemetry::table::column_builder::Refusal;

/// Seconds from 1970 to the year 5138: what is later was likely written in another unit.
const LATEST: f64 = 1e11;

/// What a time that is written as a number counts, from the start of 1970 in UTC on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimeUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// The one of the four that puts the time between March 1973 and the year 5138, cell by cell.
    ///
    /// These ranges do not overlap, so no two units are possible; a number below 1e8 is refused.
    #[serde(rename = "auto")]
    Auto,
}

/// A time as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stamp {
    /// Seconds since the epoch.
    Instant(f64),
    /// A clock on a wall, whose zone is not said.
    Civil(DateTime),
}

impl Stamp {
    fn next_second(self) -> Result<Self, Refusal> {
        match self {
            Self::Instant(seconds) => Ok(Self::Instant(seconds + 1.0)),
            Self::Civil(civil) => civil
                .checked_add(SignedDuration::from_secs(1))
                .map(Self::Civil)
                .map_err(|_| "a time of the years -9999 to 9999".into()),
        }
    }

    /// Seconds since the epoch, a clock on a wall taken to show UTC.
    pub(crate) fn utc(self) -> Result<f64, Refusal> {
        match self {
            Self::Instant(seconds) => Ok(seconds),
            Self::Civil(civil) => Offset::UTC
                .to_timestamp(civil)
                .map(seconds)
                .map_err(|_| "a time of the years -9999 to 9999".into()),
        }
    }
}

/// A time with second 59 for the second 60 in front of its decimals; `None` where no 60 can be one.
fn without_leap(cell: &[u8]) -> Option<Vec<u8>> {
    let whole = cell.iter().position(|&b| matches!(b, b'.' | b',')).unwrap_or(cell.len());
    let at = memchr::memmem::rfind(cell.get(..whole)?, b"60").filter(|&at| at > 0)?;
    let mut earlier = cell.to_vec();
    earlier.get_mut(at..at + 2)?.copy_from_slice(b"59");
    Some(earlier)
}

/// Reads the times of one column.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    unit: Option<TimeUnit>,
    format: Option<String>,
}

impl Clock {
    /// A clock for numbers of a unit, seconds without one, and for texts of a format besides ISO 8601.
    pub(crate) fn new(unit: Option<TimeUnit>, format: Option<String>) -> Self {
        Self { unit, format }
    }

    /// Whether a format can be read, and gives a date, and no hour of twelve without its half of the day.
    pub(crate) fn knows(format: &str) -> bool {
        let at = |hour| strtime::format(format, jiff::civil::date(1970, 1, 1).at(hour, 0, 0, 0));
        let zoned = || strtime::format(format, &Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC));
        match (at(1), at(13)) {
            (Ok(night), Ok(noon)) => {
                own(format, night.as_bytes()).is_some_and(|stamp| night != noon || stamp.utc() == Ok(0.0))
            }
            // What says the offset cannot be written without one.
            _ => zoned().is_ok_and(|text| own(format, text.as_bytes()).is_some()),
        }
    }

    /// Whether a number in a cell can be nothing but a number of the unit.
    pub(crate) fn is_plain(&self) -> bool {
        self.format.is_none()
    }

    /// The time in a cell.
    pub(crate) fn read(&self, cell: &[u8]) -> Result<Stamp, Refusal> {
        let cell = cell.trim_ascii();
        let stamp = self.read_once(cell)?;
        match without_leap(cell) {
            // The parsers read second 60 as 59; it is the first second of the next minute, as in POSIX.
            Some(earlier) if self.read_once(&earlier).is_ok_and(|same| same == stamp) => stamp.next_second(),
            _ => Ok(stamp),
        }
    }

    fn read_once(&self, cell: &[u8]) -> Result<Stamp, Refusal> {
        if let Some(stamp) = self.format.as_ref().and_then(|format| own(format, cell)) {
            return Ok(stamp);
        }
        match number::parse(cell, false) {
            Cell::Value(value) => self.number(value).map(Stamp::Instant),
            Cell::TooLarge => Err("within the range of a 64-bit float".into()),
            Cell::Missing | Cell::Bad => iso(cell).ok_or_else(|| match &self.format {
                Some(format) => format!("a time such as `{format}` or ISO 8601"),
                None => "a time in ISO 8601 or a number since the epoch".into(),
            }),
        }
    }

    /// Seconds since the epoch of a time that is written as a number.
    pub(crate) fn number(&self, value: f64) -> Result<f64, Refusal> {
        let size = value.abs();
        let divisor = match self.unit {
            None | Some(TimeUnit::Seconds) => 1.0,
            Some(TimeUnit::Milliseconds) => 1e3,
            Some(TimeUnit::Microseconds) => 1e6,
            Some(TimeUnit::Nanoseconds) => 1e9,
            Some(TimeUnit::Auto) => match size {
                1e8..1e11 => 1.0,
                1e11..1e14 => 1e3,
                1e14..1e17 => 1e6,
                1e17..1e20 => 1e9,
                _ => return Err("a number since the epoch, later than March 1973".into()),
            },
        };
        if size / divisor < LATEST {
            return Ok(value / divisor);
        }
        Err(match self.unit {
            None => "a time in seconds before the year 5138; milliseconds need the unit `ms`".into(),
            Some(_) => "a time before the year 5138".into(),
        })
    }
}

/// A time in a strptime format.
fn own(format: &str, cell: &[u8]) -> Option<Stamp> {
    let parts = BrokenDownTime::parse(format, cell).ok()?;
    if let Ok(time) = parts.to_timestamp() {
        return Some(Stamp::Instant(seconds(time)));
    }
    let date = parts.to_date().ok()?;
    // A date alone is its midnight, but an hour of twelve without its half of the day is no time.
    let dated = parts.hour().is_none() && parts.minute().is_none();
    let civil = parts.to_datetime().ok().or_else(|| dated.then(|| date.at(0, 0, 0, 0)))?;
    Some(Stamp::Civil(civil))
}

/// A time in ISO 8601 or RFC 9557.
fn iso(cell: &[u8]) -> Option<Stamp> {
    if let Some(seconds) = fast_timestamp::seconds(cell) {
        return Some(Stamp::Instant(seconds));
    }
    let pieces = Pieces::parse(cell).ok()?;
    if pieces.time_zone_annotation().is_some() {
        let zoned: Zoned = std::str::from_utf8(cell).ok()?.parse().ok()?;
        return Some(Stamp::Instant(seconds(zoned.timestamp())));
    }
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    match pieces.to_numeric_offset() {
        Some(offset) => offset.to_timestamp(civil).ok().map(|time| Stamp::Instant(seconds(time))),
        None => Some(Stamp::Civil(civil)),
    }
}

/// Seconds since the epoch, to the microsecond.
pub(crate) fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utc(clock: &Clock, cell: &str) -> Result<f64, Refusal> {
        clock.read(cell.as_bytes()).and_then(Stamp::utc)
    }

    #[test]
    fn iso_8601_is_always_read() {
        let clock = Clock::new(Some(TimeUnit::Milliseconds), Some("%d/%m/%Y %H:%M".into()));
        // 2017-07-03 08:55:58 UTC is 1499072158.
        for cell in [
            "2017-07-03 08:55:58",
            "2017-07-03T08:55:58Z",
            " 2017-07-03T10:55:58+02:00 ",
            "2017-07-03T10:55:58+02:00[Europe/Berlin]",
            "20170703T085558",
            "1499072158000",
            "1.499072158e12",
        ] {
            assert_eq!(utc(&clock, cell), Ok(1_499_072_158.0), "{cell}");
        }
        assert_eq!(utc(&clock, "2017-07-03 08:55:58.25"), Ok(1_499_072_158.25));
        assert_eq!(utc(&clock, "2017-07-03"), Ok(1_499_040_000.0));
        assert_eq!(utc(&clock, "03/07/2017 08:55"), Ok(1_499_072_100.0));
        for cell in ["", "-", "2017-13-03", "2017-07-03 25:00", "03/07/2017 08:55 AM", "soon", "2017-07-03 x"]
        {
            assert!(utc(&clock, cell).is_err(), "{cell}");
        }
    }

    #[test]
    fn a_leap_second_is_the_first_of_the_next_minute() {
        let clock = Clock::new(None, Some("%d/%m/%Y %H:%M:%S".into()));
        for (cell, want) in [
            ("2016-12-31T23:59:60Z", 1_483_228_800.0),
            ("2016-12-31T23:59:60.25Z", 1_483_228_800.25),
            ("2016-12-31 23:59:60", 1_483_228_800.0),
            ("20161231T235960Z", 1_483_228_800.0),
            ("2017-01-01 00:59:60+01:00", 1_483_228_800.0),
            ("31/12/2016 23:59:60", 1_483_228_800.0),
            ("2016-12-31T23:59:59.9Z", 1_483_228_799.9),
            ("1960-06-01 00:00:00.000060", -302_486_400.0 + 60e-6),
        ] {
            assert_eq!(utc(&clock, cell), Ok(want), "{cell}");
        }
    }

    #[test]
    fn day_and_month_are_told_apart_by_the_format_alone() {
        let none = Clock::new(None, None);
        assert!(utc(&none, "03/07/2017 08:55:58").is_err());
        let clock = |format: &str| Clock::new(None, Some(format.into()));
        assert_eq!(utc(&clock("%d/%m/%Y %I:%M:%S %p"), "03/07/2017 08:55:58 PM"), Ok(1_499_115_358.0));
        assert_eq!(utc(&clock("%m/%d/%Y"), "07/03/2017"), Ok(1_499_040_000.0));
        assert_eq!(utc(&clock("%Y%m%d"), "20170703"), Ok(1_499_040_000.0), "before numbers");
        assert_eq!(utc(&clock("%Y-%m-%d %H:%M %z"), "2017-07-03 10:55 +0200"), Ok(1_499_072_100.0));
    }

    #[test]
    fn a_format_is_one_that_gives_a_date() {
        for format in ["%d/%m/%Y %H:%M", "%F", "%s", "%Y-%j", "%b %d %Y %I %p"] {
            assert!(Clock::knows(format), "{format}");
        }
        for format in ["", "%H:%M", "%Q!", "%", "day", "%m/%d", "%d/%m/%Y %I:%M"] {
            assert!(!Clock::knows(format), "{format}");
        }
    }

    #[test]
    fn the_unit_of_a_number_is_never_guessed() {
        let number = |unit, value| Clock::new(unit, None).number(value);
        assert_eq!(number(None, 1.5e9), Ok(1.5e9));
        assert_eq!(number(None, 0.0), Ok(0.0));
        assert!(number(None, 1.5e12).unwrap_err().contains("`ms`"));
        for (unit, factor) in [
            (TimeUnit::Seconds, 1.0),
            (TimeUnit::Milliseconds, 1e3),
            (TimeUnit::Microseconds, 1e6),
            (TimeUnit::Nanoseconds, 1e9),
        ] {
            assert_eq!(number(Some(unit), 1_499_072_158.0 * factor), Ok(1_499_072_158.0));
            assert_eq!(number(Some(TimeUnit::Auto), 1_499_072_158.0 * factor), Ok(1_499_072_158.0));
            assert!(number(Some(unit), 1e11 * factor).is_err());
        }
        for value in [0.0, 12.0, 9.9e7, -5.0, 1e20, f64::NAN, f64::INFINITY] {
            assert!(number(Some(TimeUnit::Auto), value).is_err(), "{value}");
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(number(Some(TimeUnit::Nanoseconds), value).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_printed_time_reads_back(micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let time = Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(utc(&Clock::new(None, None), &time.to_string()), Ok(micros as f64 / 1e6));
        }

        #[test]
        fn no_bytes_panic(cell in proptest::collection::vec(any::<u8>(), 0..40), format in ".{0,12}") {
            let _ = Clock::knows(&format);
            let _ = Clock::new(Some(TimeUnit::Auto), Some(format)).read(&cell).map(Stamp::utc);
        }
    }
}
