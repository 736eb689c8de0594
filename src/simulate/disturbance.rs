//! What happens to records between their source and the reader: late arrival, duplication, a skewed clock.

use crate::error::{Error, Result};
use crate::rng::Stream;

/// A duplicate arrives up to this many seconds after its record.
const DUPLICATE_DELAY_S: f64 = 2.0;

/// Late and duplicated records, and a skewed clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disturbance {
    pub(super) clock_skew_s: f64,
    pub(super) late_fraction: f64,
    pub(super) late_s: f64,
    pub(super) duplicate_fraction: f64,
}

/// The order in which records arrive.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Index of the record of each row.
    pub(super) order: Vec<usize>,
    /// Number of late records.
    pub(super) late: u64,
    /// Number of rows that repeat a record.
    pub(super) duplicates: u64,
}

impl Disturbance {
    /// Checks every field.
    pub(super) fn validate(&self, start_time: u64) -> Result<()> {
        let skew = self.clock_skew_s;
        if !(-86_400.0..=86_400.0).contains(&skew) || start_time as f64 + skew < 0.0 {
            return Err(Error::invalid("clock_skew_s", "in [-86400, 86400] and not before 1970", skew));
        }
        for (name, value) in
            [("late_fraction", self.late_fraction), ("duplicate_fraction", self.duplicate_fraction)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::invalid(name, "in [0, 1]", value));
            }
        }
        if !(self.late_s > 0.0 && self.late_s <= 86_400.0) {
            return Err(Error::invalid("late_s", "above 0 and at most 86400", self.late_s));
        }
        Ok(())
    }

    /// The arrival of records that their sources emit at the given times.
    pub(super) fn arrival(&self, rng: &mut Stream, mut emitted: Vec<f64>) -> Arrival {
        let records = emitted.len();
        let late = chosen(rng, records, self.late_fraction);
        for &record in &late {
            let delay = rng.between(0.25 * self.late_s, self.late_s);
            if let Some(time) = emitted.get_mut(record) {
                *time += delay;
            }
        }
        let duplicates = chosen(rng, records, self.duplicate_fraction);
        let mut rows: Vec<(f64, usize)> = emitted.iter().copied().zip(0..).collect();
        for &record in &duplicates {
            let delay = rng.between(0.0, DUPLICATE_DELAY_S);
            rows.extend(emitted.get(record).map(|time| (time + delay, record)));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Arrival {
            order: rows.into_iter().map(|(_, record)| record).collect(),
            late: late.len() as u64,
            duplicates: duplicates.len() as u64,
        }
    }
}

/// A random sample of `records` without repetition: the given fraction, to the nearest record.
fn chosen(rng: &mut Stream, records: usize, fraction: f64) -> Vec<usize> {
    let count = (records as f64 * fraction).round() as usize;
    if count == 0 {
        return Vec::new();
    }
    let mut all: Vec<usize> = (0..records).collect();
    rng.shuffle(&mut all);
    all.truncate(count);
    all
}
