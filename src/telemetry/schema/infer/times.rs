//! Which columns are times, and how they are written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::profile::{Profile, Taken};
use crate::telemetry::cell::clock::{Clock, Stamp, TimeUnit};
use crate::telemetry::schema::names::{CLOCKS, TIMES, plain};
use crate::telemetry::schema::sample::Sort;
use crate::telemetry::schema::{Column, Kind, Role};

/// Formats besides ISO 8601 and RFC 2822. Where both of a pair fit, day and month cannot be distinguished.
const FORMATS: [(&str, Option<&str>); 18] = [
    ("%d/%m/%Y %H:%M:%S%.f", Some("%m/%d/%Y %H:%M:%S%.f")),
    ("%d/%m/%Y %H:%M", Some("%m/%d/%Y %H:%M")),
    ("%d/%m/%Y %I:%M:%S %p", Some("%m/%d/%Y %I:%M:%S %p")),
    ("%d/%m/%Y %I:%M %p", Some("%m/%d/%Y %I:%M %p")),
    ("%d/%m/%Y", Some("%m/%d/%Y")),
    ("%d-%m-%Y %H:%M:%S%.f", Some("%m-%d-%Y %H:%M:%S%.f")),
    ("%d-%m-%Y", Some("%m-%d-%Y")),
    ("%d.%m.%Y %H:%M:%S%.f", None),
    ("%d.%m.%Y %H:%M", None),
    ("%d.%m.%Y", None),
    ("%Y/%m/%d %H:%M:%S%.f", None),
    ("%Y/%m/%d", None),
    ("%d/%b/%Y:%H:%M:%S %z", None),
    ("%d-%b-%Y %H:%M:%S%.f", None),
    ("%d %b %Y %H:%M:%S%.f", None),
    ("%b %d, %Y %H:%M:%S%.f", None),
    ("%b %d %Y %H:%M:%S%.f", None),
    ("%a %b %d %H:%M:%S %Y", None),
];

/// The time of syslog (RFC 3164), which has no year.
const SYSLOG: &str = "%b %d %H:%M:%S";

/// Formats of digits alone, and how many digits they have.
const DIGITS: [(&str, usize); 3] = [("%Y%m%d%H%M%S", 14), ("%Y%m%d%H%M", 12), ("%Y%m%d", 8)];

/// Seconds from 1970 to the years 1990 and 2100: digits are a date where it lies between them.
const DIGITS_FROM: f64 = 631_152_000.0;
const DIGITS_TO: f64 = 4_102_444_800.0;

/// Days of the years 2000 to 2100 in a spreadsheet.
const EXCEL_FROM: f64 = 36_526.0;
const EXCEL_TO: f64 = 73_051.0;

/// Formats of times of day.
const OF_DAY: [&str; 4] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];

/// Bytes that a text has if it is a time with a date.
const SHORTEST: usize = 8;

impl Profile<'_> {
    /// A time, or what looks like one and cannot be read.
    pub(super) fn time(&self) -> Option<Taken> {
        let mut column = Column::new(&self.sample.name, Role::Time, Kind::Time);
        if self.sample.sort == Sort::Instant {
            return Some(Taken::new(column));
        }
        let zeros = self.distinct.iter().any(|value| is_zero(value));
        if zeros && self.distinct.len() > 1 {
            // A time of 0 is not given.
            column.undefined = Some(0.0);
        }
        if self.numbers.is_some() { self.numeric_time(column) } else { self.text_time(column) }
    }

    /// A time in numbers, of a column with the name of one.
    fn numeric_time(&self, mut column: Column) -> Option<Taken> {
        if !(self.named(&TIMES)
            || ["timestamp", "date", "datetime"].iter().any(|end| self.name.ends_with(end)))
        {
            return None;
        }
        let numbers = self.numbers.as_ref()?;
        if let Some(format) = self.digits() {
            column.format = Some(format.to_owned());
            return Some(Taken::new(column));
        }
        let given = || numbers.iter().copied().filter(|n| *n != 0.0);
        let within =
            |low: f64, high: f64| given().next().is_some() && given().all(|n| (low..high).contains(&n));
        let dated = self.name.contains("date") || self.name.ends_with("timestamp");
        column.unit = if within(1e8, 1e11) {
            None
        } else if within(1e11, 1e14) {
            Some(TimeUnit::Milliseconds)
        } else if within(1e14, 1e17) {
            Some(TimeUnit::Microseconds)
        } else if within(1e17, 1e20) {
            Some(TimeUnit::Nanoseconds)
        } else if within(EXCEL_FROM, EXCEL_TO) && dated {
            Some(TimeUnit::ExcelDays)
        } else if self.named(&CLOCKS) {
            if numbers.iter().any(|n| !(0.0..1e11).contains(n)) {
                return Some(Taken::ignored(&self.sample.name, "times of no known unit"));
            }
            // They count from another moment than 1970, so 0 is a time.
            column.undefined = None;
            None
        } else {
            return None;
        };
        Some(Taken::new(column))
    }

    /// The format of digits that all values have.
    fn digits(&self) -> Option<&'static str> {
        let values = || {
            let values = self.distinct.iter().filter(|value| !is_zero(value));
            values.map(|value| value.strip_suffix(".0").unwrap_or(value))
        };
        let fits = |format: &str, digits: usize| {
            let clock = Clock::new(None, Some(format.to_owned()));
            let date = |value: &str| {
                let time = clock.read(value.as_bytes()).and_then(Stamp::utc);
                value.len() == digits && time.is_ok_and(|time| (DIGITS_FROM..DIGITS_TO).contains(&time))
            };
            values().next().is_some() && values().all(date)
        };
        DIGITS.iter().find(|(format, digits)| fits(format, *digits)).map(|(format, _)| *format)
    }

    /// A time in text.
    fn text_time(&self, mut column: Column) -> Option<Taken> {
        if self.reads(&Clock::new(None, None)) {
            return Some(Taken::new(column));
        }
        let reads = |format: &str| self.reads(&Clock::new(None, Some(format.to_owned())));
        for (format, twin) in FORMATS {
            let format = match (reads(format), twin.filter(|twin| reads(twin))) {
                (true, None) => format,
                (false, Some(twin)) => twin,
                (true, Some(twin)) => {
                    let why = format!("times that are `{format}` or `{twin}`");
                    return Some(Taken::ignored(&self.sample.name, why));
                }
                (false, None) => continue,
            };
            column.format = Some(format.to_owned());
            return Some(Taken::new(column));
        }
        let year = self.syslog_year()?;
        (column.format, column.year) = (Some(SYSLOG.to_owned()), Some(year));
        Some(Taken::new(column))
    }

    /// Whether a clock reads all values.
    fn reads(&self, clock: &Clock) -> bool {
        let mut values = self.distinct.iter().filter(|value| !is_zero(value)).peekable();
        values.peek().is_some()
            && values.all(|value| value.len() >= SHORTEST && clock.read(value.as_bytes()).is_ok())
    }

    /// The year of times of syslog: the present one, or the one before if a time would be more than a day ahead.
    fn syslog_year(&self) -> Option<i16> {
        let now = Timestamp::now();
        let year = now.to_zoned(TimeZone::UTC).year();
        let clock = |year| Clock::with_year(None, Some(SYSLOG.to_owned()), Some(year));
        // 29 February is in leap years only.
        let year = (year - 8..=year).rev().find(|&year| {
            let clock = clock(year);
            let ahead = now.as_second() as f64 + 86_400.0;
            let past = |value: &&str| {
                let time = clock.read(value.as_bytes()).and_then(Stamp::utc);
                is_zero(value) || time.is_ok_and(|time| time <= ahead)
            };
            self.distinct.iter().all(past)
        })?;
        self.reads(&clock(year)).then_some(year)
    }

    /// The format of the times of day that all values are.
    fn time_of_day(&self) -> Option<&'static str> {
        let reads = |format: &&&str| {
            let clock = Clock::new(None, Some((**format).to_owned()));
            let reads = |value: &&str| value.contains(':') && clock.read(value.as_bytes()).is_ok();
            self.numbers.is_none() && self.present > 0 && self.distinct.iter().all(reads)
        };
        OF_DAY.iter().find(reads).copied()
    }

    /// Whether all values are midnights, as the column reads them.
    fn holds_dates(&self, column: &Column) -> bool {
        let clock = Clock::of(column);
        let midnight = |value: &&str| {
            let time = clock.read(value.as_bytes()).and_then(Stamp::utc);
            is_zero(value) || time.is_ok_and(|time| time.rem_euclid(86_400.0) == 0.0)
        };
        self.sample.sort != Sort::Instant && self.present > 0 && self.distinct.iter().all(midnight)
    }
}

/// Whether a value is the number 0, which means that no time is given.
fn is_zero(value: &str) -> bool {
    matches!(value, "0" | "0.0")
}

/// A date next to a time of day is one time, and a time of day without a date is none.
pub(super) fn join_dates(taken: &mut [Taken], profiles: &[Profile<'_>]) {
    for i in 0..profiles.len() {
        let Some(format) = profiles[i].time_of_day() else { continue };
        if taken[i].column.kind == Kind::Time || matches!(taken[i].column.role, Role::Label | Role::Family) {
            continue;
        }
        let is_date = |&j: &usize| {
            let column = taken.get(j).map(|t| &t.column);
            let date = column.is_some_and(|c| c.role == Role::Time && c.kind == Kind::Time);
            date && taken[j].column.time_of_day.is_none() && profiles[j].holds_dates(&taken[j].column)
        };
        let neighbours = [i.checked_sub(1), i.checked_add(1)];
        let name = taken[i].column.name.clone();
        if let Some(date) = neighbours.into_iter().flatten().find(is_date) {
            taken[date].column.time_of_day = Some(name.clone());
            let mut column = Column::new(name, Role::Ignore, Kind::Time);
            column.format = Some(format.to_owned());
            taken[i] = Taken { column, why: format!("the time of day of `{}`", taken[date].column.name) };
        } else if profiles[i].named(&TIMES) {
            taken[i] = Taken::ignored(&name, "times of day without a date");
        }
    }
}

/// Of several times the one with the best name is the record's.
pub(super) fn only_one_time(taken: &mut [Taken]) {
    let rank = |t: &Taken| {
        let name = plain(&t.column.name);
        TIMES.iter().position(|&time| time == name).unwrap_or(TIMES.len())
    };
    let times = taken.iter().enumerate().filter(|(_, t)| t.column.role == Role::Time);
    let Some((best, _)) = times.min_by_key(|(_, t)| rank(t)) else { return };
    for (i, t) in taken.iter_mut().enumerate() {
        if t.column.role == Role::Time && i != best {
            t.column.role = Role::Ignore;
            t.why = "another time".into();
        }
    }
}
