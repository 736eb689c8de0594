//! Wall clocks to instants, with the hours that a zone shows twice or never.

use jiff::tz::{AmbiguousOffset, TimeZone};

use super::report::Daylight;
use crate::telemetry::cell::clock::{self, Stamp};

/// One row on its way: its time in seconds since the epoch, and its number in the table.
pub(super) type Dated = (f64, usize);

/// Gives the rows of one entity, in the order of the table, their instants; `None` for a time out of range.
///
/// A stamp that the zone shows twice is the first showing if that is after the row before, else the second.
/// Where most rows go back in time, the order is read from the end.
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
    if goes_back(rows, &stamp) {
        rows.iter().rev().for_each(&mut push);
        resolved.reverse();
    } else {
        rows.iter().for_each(&mut push);
    }
    resolved
}

/// Whether more rows stand behind a later one than behind an earlier one.
fn goes_back(rows: &[usize], stamp: &impl Fn(usize) -> Stamp) -> bool {
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
