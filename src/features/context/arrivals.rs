//! The order of records for contexts that count one after the other: which count now, which wait for the clock.

use serde::{Deserialize, Serialize};

use super::clock::{EventClock, Place};

/// Records that are held back until the clock is confirmed, at most.
const MAX_HELD: usize = 8;

/// What a context does with a record.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival<R> {
    /// It counts, after those that were held back and that the clock has not left behind.
    Counts {
        /// Everything that was counted before has expired.
        is_restart: bool,
        before: Vec<R>,
    },
    /// It is too far ahead to be counted yet.
    Ahead,
    /// It is before everything that the clock still has.
    Late,
}

/// A clock, and the records that are ahead of it in the order that they came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Arrivals<R> {
    clock: EventClock,
    held: Vec<(f64, R)>,
}

impl<R> Default for Arrivals<R> {
    fn default() -> Self {
        Self { clock: EventClock::default(), held: Vec::new() }
    }
}

impl<R> Arrivals<R> {
    /// Records that were too far ahead when they came.
    pub(super) fn future(&self) -> u64 {
        self.clock.future
    }

    /// Whether what was read can go on.
    pub(super) fn is_intact(&self, is_intact: impl Fn(&R) -> bool) -> bool {
        self.clock.is_intact()
            && self.held.len() <= MAX_HELD
            && self.held.iter().all(|(time, record)| time.is_finite() && is_intact(record))
    }

    /// Places a record of a source; what was counted `span` seconds ago has expired.
    pub(super) fn arrive(
        &mut self,
        time: f64,
        source: u64,
        span: f64,
        record: impl FnOnce() -> R,
    ) -> Arrival<R> {
        let is_restart = match self.clock.place(time, source, span) {
            Place::Late => return Arrival::Late,
            Place::Ahead(_) => {
                if self.held.len() < MAX_HELD {
                    self.held.push((time, record()));
                }
                return Arrival::Ahead;
            }
            Place::At(_) => {
                self.held.clear();
                false
            }
            Place::Confirmed(_) => false,
            Place::Restart(_) => true,
        };
        let held = std::mem::take(&mut self.held).into_iter();
        let before = held.filter(|(time, _)| self.clock.open_tick(*time).is_some()).map(|(_, record)| record);
        Arrival::Counts { is_restart, before: before.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_ahead_count_when_they_are_confirmed() {
        let mut arrivals = Arrivals::default();
        let mut arrive = |time, source| arrivals.arrive(time, source, 300.0, || time as u32);
        assert_eq!(arrive(1000.0, 1), Arrival::Counts { is_restart: true, before: vec![] });
        assert_eq!(arrive(1100.0, 2), Arrival::Ahead);
        assert_eq!(arrive(1001.0, 1), Arrival::Counts { is_restart: false, before: vec![] });
        assert_eq!(arrive(1100.0, 2), Arrival::Ahead);
        assert_eq!(arrive(1101.0, 3), Arrival::Counts { is_restart: false, before: vec![1100] });
        assert_eq!(arrive(9000.0, 2), Arrival::Ahead);
        assert_eq!(arrive(9001.0, 3), Arrival::Counts { is_restart: true, before: vec![9000] });
        assert_eq!(arrive(1000.0, 3), Arrival::Late);
        assert_eq!(arrivals.future(), 3);
    }
}
