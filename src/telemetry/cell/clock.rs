//! Times as they are written: numbers since the epoch, ISO 8601, and formats of one's own.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::fast_timestamp;
use super::number::{self, Cell};
use super::reason::Reason;
use crate::telemetry::schema::Column;

/// Seconds from 1970 to the year 5138; a later time likely has another unit.
const LATEST: f64 = 1e11;

/// 1 January 1970 in days since 30 December 1899, and the first day after the year 9999.
const EXCEL_EPOCH: f64 = 25_569.0;
const LAST_EXCEL_DAY: f64 = 2_958_466.0;

/// Unit of a time that is written as a number, counted from the start of 1970 in UTC.
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
    /// Days since 30 December 1899, as spreadsheets store times: `46082.5` is noon on 1 March 2026.
    ///
    /// Times are rounded to milliseconds, because a day has more digits than a cell shows.
    #[serde(rename = "excel")]
    ExcelDays,
    /// The unit of seconds to nanoseconds that puts the time between March 1973 and the year 5138, cell by cell.
    ///
    /// These ranges do not overlap, so two units are never possible; a number below 1e8 is rejected.
    #[serde(rename = "auto")]
    Auto,
}

/// A time as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stamp {
    /// Seconds since the epoch.
    Instant(f64),
    /// A date and a time of day without a zone.
    Civil(DateTime),
}

impl Stamp {
    fn next_second(self) -> Result<Self, Reason> {
        match self {
            Self::Instant(seconds) => Ok(Self::Instant(seconds + 1.0)),
            Self::Civil(civil) => civil
                .checked_add(SignedDuration::from_secs(1))
                .map(Self::Civil)
                .map_err(|_| Reason::year_out_of_range()),
        }
    }

    /// Seconds since the epoch; a time without a zone is taken as UTC.
    pub(crate) fn utc(self) -> Result<f64, Reason> {
        match self {
            Self::Instant(seconds) => Ok(seconds),
            Self::Civil(civil) => {
                Offset::UTC.to_timestamp(civil).map(seconds).map_err(|_| Reason::year_out_of_range())
            }
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
    /// The year of times whose format has none.
    year: Option<i16>,
    /// Whether the format has no date: times are seconds since midnight.
    of_day: bool,
    /// Whether the format writes times as digits: a number that it does not read is not a number of the unit.
    digits: bool,
}

impl Clock {
    /// A clock for numbers of a unit, seconds without one, and for texts of a format besides ISO 8601 and RFC 2822.
    pub(crate) fn new(unit: Option<TimeUnit>, format: Option<String>) -> Self {
        Self::with_year(unit, format, None)
    }

    /// The clock of a column.
    pub(crate) fn of(column: &Column) -> Self {
        Self::with_year(column.unit, column.format.clone(), column.year)
    }

    /// A clock with the year of times whose format has none.
    pub(crate) fn with_year(unit: Option<TimeUnit>, format: Option<String>, year: Option<i16>) -> Self {
        let of_day = format.as_ref().is_some_and(|f| !gives_date(f, year) && gives_time_of_day(f));
        let noon = jiff::civil::date(1970, 1, 1).at(12, 0, 0, 0);
        let written = format.as_ref().and_then(|format| strtime::format(format, noon).ok());
        // `%s` is a number of the unit too.
        let seconds = format.as_ref().is_some_and(|format| format.contains("%s"));
        let digits = written.is_some_and(|text| !seconds && text.bytes().all(|byte| byte.is_ascii_digit()));
        Self { unit, format, year, of_day, digits }
    }

    /// Whether every number in a cell is a number of the unit.
    pub(crate) fn is_plain(&self) -> bool {
        self.format.is_none()
    }

    /// The time in a cell.
    pub(crate) fn read(&self, cell: &[u8]) -> Result<Stamp, Reason> {
        let cell = cell.trim_ascii();
        let stamp = self.read_once(cell)?;
        match without_leap(cell) {
            // The parsers read second 60 as 59; it is the first second of the next minute, as in POSIX.
            Some(earlier) if self.read_once(&earlier).is_ok_and(|same| same == stamp) => stamp.next_second(),
            _ => Ok(stamp),
        }
    }

    fn read_once(&self, cell: &[u8]) -> Result<Stamp, Reason> {
        // A program that holds all numbers as floats writes digits with a fraction.
        let cell = if self.digits { cell.strip_suffix(b".0").unwrap_or(cell) } else { cell };
        if let Some(stamp) = self.format.as_ref().and_then(|format| self.own(format, cell)) {
            return Ok(stamp);
        }
        match number::parse(cell, false) {
            Cell::Value(_) if self.digits => Err(Reason::NotATime { format: self.format.clone() }),
            Cell::Value(value) => self.number(value).map(Stamp::Instant),
            Cell::TooLarge => Err(Reason::NumberTooLarge),
            Cell::Missing | Cell::Bad => iso(cell)
                .or_else(|| rfc_2822(cell))
                .ok_or_else(|| Reason::NotATime { format: self.format.clone() }),
        }
    }

    /// A time in the format.
    fn own(&self, format: &str, cell: &[u8]) -> Option<Stamp> {
        if self.of_day {
            time_of_day(format, cell).map(Stamp::Instant)
        } else {
            dated(format, self.year, cell)
        }
    }

    /// Seconds since the epoch of a time that is written as a number.
    pub(crate) fn number(&self, value: f64) -> Result<f64, Reason> {
        let size = value.abs();
        if self.unit == Some(TimeUnit::ExcelDays) {
            if !(0.0..LAST_EXCEL_DAY).contains(&value) {
                return Err(Reason::time_out_of_range("a time in days of the years 1900 to 9999"));
            }
            return Ok(((value - EXCEL_EPOCH) * 86_400_000.0).round() / 1e3);
        }
        let divisor = match self.unit {
            None | Some(TimeUnit::Seconds) => 1.0,
            Some(TimeUnit::Milliseconds) => 1e3,
            Some(TimeUnit::Microseconds) => 1e6,
            Some(TimeUnit::Nanoseconds) => 1e9,
            Some(TimeUnit::ExcelDays | TimeUnit::Auto) => match size {
                1e8..1e11 => 1.0,
                1e11..1e14 => 1e3,
                1e14..1e17 => 1e6,
                1e17..1e20 => 1e9,
                _ => {
                    return Err(Reason::time_out_of_range("a number since the epoch, later than March 1973"));
                }
            },
        };
        if size / divisor < LATEST {
            return Ok(value / divisor);
        }
        Err(Reason::time_out_of_range(match self.unit {
            None => "a time in seconds before the year 5138; milliseconds need the unit `ms`",
            Some(_) => "a time before the year 5138",
        }))
    }
}

/// Whether a format can be read, and gives a date, and no hour of twelve without its half of the day.
pub(crate) fn gives_date(format: &str, year: Option<i16>) -> bool {
    let at = |hour| strtime::format(format, jiff::civil::date(1970, 1, 1).at(hour, 0, 0, 0));
    let zoned = || strtime::format(format, &Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC));
    let year = year.map(|_| 1970);
    match (at(1), at(13)) {
        (Ok(night), Ok(noon)) => {
            dated(format, year, night.as_bytes()).is_some_and(|stamp| night != noon || stamp.utc() == Ok(0.0))
        }
        // A format with the offset cannot be written without one.
        _ => zoned().is_ok_and(|text| dated(format, year, text.as_bytes()).is_some()),
    }
}

/// Whether a format gives a time of day without a date.
pub(crate) fn gives_time_of_day(format: &str) -> bool {
    let reads = |hour: i8| {
        let text = strtime::format(format, jiff::civil::date(1970, 1, 1).at(hour, 0, 0, 0));
        text.ok().and_then(|text| time_of_day(format, text.as_bytes())) == Some(f64::from(hour) * 3_600.0)
    };
    reads(1) && reads(13)
}

/// A time in a strptime format; `year` is for a format without one.
fn dated(format: &str, year: Option<i16>, cell: &[u8]) -> Option<Stamp> {
    let mut parts = BrokenDownTime::parse(format, cell).ok()?;
    if parts.year().is_none() && year.is_some() {
        parts.set_year(year).ok()?;
    }
    if let Ok(time) = parts.to_timestamp() {
        return Some(Stamp::Instant(seconds(time)));
    }
    let date = parts.to_date().ok()?;
    // A date alone is its midnight, but an hour of twelve without its half of the day is not a time.
    let dated = parts.hour().is_none() && parts.minute().is_none();
    let civil = parts.to_datetime().ok().or_else(|| dated.then(|| date.at(0, 0, 0, 0)))?;
    Some(Stamp::Civil(civil))
}

/// Seconds since midnight in a strptime format without a date.
fn time_of_day(format: &str, cell: &[u8]) -> Option<f64> {
    let parts = BrokenDownTime::parse(format, cell).ok()?;
    let dated = parts.year().is_some() || parts.month().is_some() || parts.day().is_some();
    if dated || parts.hour().is_none() {
        return None;
    }
    let time = parts.to_time().ok()?;
    let civil = jiff::civil::date(1970, 1, 1).to_datetime(time);
    Offset::UTC.to_timestamp(civil).ok().map(seconds)
}

/// A time in RFC 2822, such as `Mon, 3 Jul 2017 08:55:58 +0200`.
fn rfc_2822(cell: &[u8]) -> Option<Stamp> {
    let text = std::str::from_utf8(cell).ok()?;
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Stamp::Instant(seconds(zoned.timestamp())))
}

/// A time without the `UTC` or `GMT` after it.
fn without_utc(cell: &[u8]) -> Option<&[u8]> {
    let (head, zone) = cell.split_last_chunk::<4>()?;
    let is_utc = [*b" UTC", *b" GMT"].iter().any(|utc| zone.eq_ignore_ascii_case(utc));
    is_utc.then(|| head.trim_ascii_end())
}

/// A time in ISO 8601 or RFC 9557.
fn iso(cell: &[u8]) -> Option<Stamp> {
    if let Some(seconds) = fast_timestamp::seconds(cell) {
        return Some(Stamp::Instant(seconds));
    }
    if let Some(head) = without_utc(cell) {
        return match iso(head)? {
            Stamp::Civil(civil) => Stamp::Civil(civil).utc().ok().map(Stamp::Instant),
            // It has an offset already.
            Stamp::Instant(_) => None,
        };
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

    fn utc(clock: &Clock, cell: &str) -> Result<f64, Reason> {
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
    fn only_the_format_decides_which_of_two_numbers_is_the_day() {
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
            assert!(gives_date(format, None), "{format}");
        }
        for format in ["", "%H:%M", "%Q!", "%", "day", "%m/%d", "%d/%m/%Y %I:%M"] {
            assert!(!gives_date(format, None), "{format}");
        }
    }

    #[test]
    fn the_unit_of_a_number_is_never_guessed() {
        let number = |unit, value| Clock::new(unit, None).number(value);
        assert_eq!(number(None, 1.5e9), Ok(1.5e9));
        assert_eq!(number(None, 0.0), Ok(0.0));
        assert!(number(None, 1.5e12).unwrap_err().to_string().contains("`ms`"));
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
            let _ = gives_date(&format, None);
            let _ = Clock::new(Some(TimeUnit::Auto), Some(format)).read(&cell).map(Stamp::utc);
        }
    }
}
