//! Times of day at which a rule holds.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Weekday as CivilDay;
use jiff::tz::{Offset, TimeZone};
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::one_or_many;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A part of the day, by the time of the record.
///
/// A part that ends before it starts goes on past midnight; `days` are the days on which it starts. A record without a time is in no part of a day.
///
/// ```
/// use qosguard::qos::{Schedule, read_time};
///
/// let night: Schedule = serde_json::from_str(r#"{"from": "22:00", "to": "06:00", "days": "fri", "zone": "Europe/Berlin"}"#)?;
/// let contains = |time| night.contains(read_time(time).unwrap() as i64);
/// assert!(contains("2026-07-03T20:00:00Z")); // Friday, 22:00 in Berlin
/// assert!(contains("2026-07-04T03:59:59Z")); // Saturday, before 6:00
/// assert!(!contains("2026-07-04T20:00:00Z")); // Saturday, 22:00
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When it starts, such as `"08:00"`.
    pub from: ClockTime,
    /// When it ends, such as `"18:00"`, at the latest `"24:00"`; this minute is not part of it. It differs from `from`.
    pub to: ClockTime,
    /// The days on which it starts; every day when left out.
    #[serde(default, deserialize_with = "days", skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// Time zone of the times: an IANA name such as `"Europe/Berlin"`, or an offset such as `"+02:00"`. Default: `"UTC"`.
    #[serde(default)]
    pub zone: Zone,
}

impl Schedule {
    /// Whether a time, in whole seconds since the epoch, is in this part of the day.
    pub fn contains(&self, time_s: i64) -> bool {
        let Ok(time) = Timestamp::from_second(time_s) else { return false };
        let local = time.to_zoned(self.zone.0.clone());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let (from, to) = (self.from.0, self.to.0);
        let today = local.weekday();
        if from < to {
            return (from..to).contains(&minute) && self.starts_on(today);
        }
        minute >= from && self.starts_on(today) || minute < to && self.starts_on(today.previous())
    }

    fn starts_on(&self, day: CivilDay) -> bool {
        self.days.is_empty() || self.days.iter().any(|own| own.civil() == day)
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Weekday>, D::Error> {
    one_or_many::<_, _, 7>(deserializer)
}

/// A time of day from 00:00 to 24:00 in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

impl ClockTime {
    /// The time of an hour and a minute; `None` outside 00:00 to 24:00.
    ///
    /// ```
    /// use qosguard::qos::ClockTime;
    ///
    /// assert_eq!(ClockTime::new(8, 5).unwrap().to_string(), "08:05");
    /// assert_eq!(ClockTime::new(24, 1), None);
    /// ```
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        let minutes = u16::from(hour) * 60 + u16::from(minute);
        (minute < 60 && minutes <= DAY).then_some(Self(minutes))
    }

    fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let part = |text: &str| -> Option<u8> {
            let is_part = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            is_part.then(|| text.parse().ok())?
        };
        Self::new(part(hour)?, part(minute)?)
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::invalid_value(
                Unexpected::Str(&text),
                &"a time of day such as \"08:30\", from \"00:00\" to \"24:00\"",
            )
        })
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the days")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    const fn civil(self) -> CivilDay {
        match self {
            Self::Mon => CivilDay::Monday,
            Self::Tue => CivilDay::Tuesday,
            Self::Wed => CivilDay::Wednesday,
            Self::Thu => CivilDay::Thursday,
            Self::Fri => CivilDay::Friday,
            Self::Sat => CivilDay::Saturday,
            Self::Sun => CivilDay::Sunday,
        }
    }
}

/// A time zone: an IANA name, or an offset from UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone, String);

impl Zone {
    /// The zone with a name such as `"Europe/Berlin"` or an offset such as `"+02:00"`; `None` for one that is not known.
    ///
    /// ```
    /// use qosguard::qos::Zone;
    ///
    /// assert!(Zone::new("Asia/Kolkata").is_some() && Zone::new("-03:30").is_some());
    /// assert_eq!(Zone::new("Europe/Atlantis"), None);
    /// ```
    pub fn new(name: &str) -> Option<Self> {
        let zone = match name.strip_prefix(['+', '-']) {
            Some(time) => {
                let seconds = i32::from(ClockTime::parse(time)?.0) * 60;
                let sign = if name.starts_with('-') { -1 } else { 1 };
                TimeZone::fixed(Offset::from_seconds(sign * seconds).ok()?)
            }
            None => TimeZone::get(name).ok()?,
        };
        Some(Self(zone, name.to_owned()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.1
    }
}

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Self(TimeZone::UTC, "UTC".to_owned())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.1)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "an IANA time zone such as \"Europe/Berlin\", or an offset such as \"+02:00\"";
        Self::new(&text).ok_or_else(|| de::Error::invalid_value(Unexpected::Str(&text), &expected))
    }
}
