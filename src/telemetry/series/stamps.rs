//! Converts local times to instants, including times that a time zone has twice or not at all.

use jiff::tz::{AmbiguousOffset, TimeZone};

use super::report::Daylight;
use crate::telemetry::cell::clock::{self, Stamp};

/// The time of a row in seconds since the epoch, and its number in the table.
pub(super) type Dated = (f64, usize);

/// Returns the instants of one entity's rows, in the order of the table; `None` for a time out of range.
///
/// A time that occurs twice is the first occurrence if that is after the row before, and the second otherwise. If most
/// rows are in descending order, the rows are read from the last to the first.
pub(super) fn resolve(
    rows: &[usize],
    stamp: impl Fn(usize) -> Stamp,
    zone: &TimeZone,
    daylight: &mut Daylight,
) -> Vec<(Option<f64>, usize)> {
    let mut resolved: Vec<(Option<f64>, usize)> = Vec::with_capacity(rows.len());
    let mut previous = f64::NEG_INFINITY;
    let mut push = |&row: &usize| {
        let time = match stamp(row) {
            Stamp::Instant(time) => Some(time),
            Stamp::Civil(civil) => {
                let candidates = zone.to_ambiguous_timestamp(civil);
                match candidates.offset() {
                    AmbiguousOffset::Unambiguous { .. } => candidates.compatible().ok(),
                    AmbiguousOffset::Gap { .. } => {
                        daylight.skipped += 1;
                        candidates.compatible().ok()
                    }
                    AmbiguousOffset::Fold { .. } => {
                        daylight.twice += 1;
                        let first = candidates.earlier().ok();
                        let second = candidates.later().ok();
                        let follows = |time: &Option<jiff::Timestamp>| {
                            time.is_some_and(|time| clock::seconds(time) > previous)
                        };
                        if !follows(&first) && follows(&second) {
                            daylight.second += 1;
                            second
                        } else {
                            daylight.unresolved += u64::from(!follows(&first));
                            first
                        }
                    }
                }
                .map(clock::seconds)
            }
        };
        previous = time.unwrap_or(previous);
        resolved.push((time, row));
    };
    if is_descending(rows, &stamp) {
        rows.iter().rev().for_each(&mut push);
        resolved.reverse();
    } else {
        rows.iter().for_each(&mut push);
    }
    resolved
}

/// Whether more rows follow a row with a later time than a row with an earlier time.
fn is_descending(rows: &[usize], stamp: &impl Fn(usize) -> Stamp) -> bool {
    let mut balance = 0_i64;
    let mut previous: Option<f64> = None;
    for &row in rows {
        let now = stamp(row).utc().ok();
        if let (Some(before), Some(now)) = (previous, now) {
            balance += i64::from(now > before) - i64::from(now < before);
        }
        previous = now.or(previous);
    }
    balance < 0
}
