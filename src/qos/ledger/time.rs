//! Times of a ledger: whole microseconds since the epoch, RFC 3339 in files.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::error::{Error, Result};

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;
/// 1 January of the year 9999; a later time cannot be added to safely.
const MAX_S: f64 = 253_370_764_800.0;

/// Seconds since the epoch as microseconds.
pub(super) fn micros(seconds: f64) -> Result<i64> {
    if (0.0..=MAX_S).contains(&seconds) {
        return Ok((seconds * 1e6).round() as i64);
    }
    Err(Error::invalid("time", "seconds since the epoch, from 1970 to 9998", seconds))
}

/// Microseconds as seconds.
pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// RFC 3339 in UTC.
pub(super) fn text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn serialize<S: Serializer>(micros: &i64, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&text(*micros))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<i64, D::Error> {
    let text = String::deserialize(from)?;
    let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    micros(time.as_microsecond() as f64 / 1e6).map_err(D::Error::custom)?;
    Ok(time.as_microsecond())
}

/// The same of a time that may be missing.
pub(super) mod maybe {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes references")]
    pub(in super::super) fn serialize<S: Serializer>(micros: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
        match micros {
            Some(micros) => to.serialize_str(&super::text(*micros)),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
        #[derive(Deserialize)]
        struct Time(#[serde(with = "super")] i64);
        Ok(Option::<Time>::deserialize(from)?.map(|time| time.0))
    }
}
