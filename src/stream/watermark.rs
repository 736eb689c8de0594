//! The watermark: up to which event time the records of all sources are complete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::TimeConfig;

/// Records of one host in succession that are ahead of their source and move it all the same: there was a gap.
const CONFIRMATIONS: u32 = 8;
/// First and last second since the epoch that a record may have: from 1980 to 2200. Clocks of devices start in 1970.
const VALID: (f64, f64) = (315_532_800.0, 7_258_118_400.0);

/// Where a record is in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At or after the watermark.
    OnTime,
    /// Before the watermark, strictly.
    Late,
    /// More than [`TimeConfig::max_ahead_s`] ahead of the source's other records. It moves nothing.
    Future,
    /// Before 1980 or after 2200, or not a number: no window is for such a time.
    Invalid,
}

/// One source of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Source {
    /// The newest event time, in seconds since the epoch.
    newest: f64,
    /// The clock when its last record came.
    seen: f64,
    /// Records in succession that were ahead, and the host of the first one.
    ahead: u32,
    host: u64,
}

/// The watermark of several sources: the lowest of their newest event times, less the delay.
///
/// The watermark of a source is its newest event time minus [`TimeConfig::delay_s`]. The watermark of all is the minimum over
/// the sources that are not idle; it never goes back. A record is late if its time is below the watermark, strictly. A record
/// more than [`TimeConfig::max_ahead_s`] ahead of its source moves nothing until a record of another host that is ahead too
/// follows it, or 8 in succession are ahead. So one host with a wrong clock does not make the records of the others late.
///
/// # Examples
///
/// ```
/// use qosguard::stream::{Placement, TimeConfig, Watermarks};
///
/// let mut marks = Watermarks::new(&TimeConfig { delay_s: 5.0, ..TimeConfig::default() });
/// assert_eq!(marks.place(0, 1, 1.7e9, 0.0), Placement::OnTime);
/// assert_eq!(marks.place(0, 1, 1.7e9 + 10.0, 0.0), Placement::OnTime);
/// assert_eq!(marks.watermark(), Some(1.7e9 + 5.0));
/// assert_eq!(marks.place(0, 1, 1.7e9 + 4.0, 0.0), Placement::Late);
/// assert_eq!(marks.place(0, 7, 1.7e9 + 86_400.0, 0.0), Placement::Future);
/// assert_eq!(marks.place(0, 1, 0.0, 0.0), Placement::Invalid);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watermarks {
    delay_s: f64,
    idle_s: f64,
    max_ahead_s: f64,
    sources: BTreeMap<u32, Source>,
    watermark: Option<f64>,
}

impl Watermarks {
    /// Without a source.
    pub fn new(config: &TimeConfig) -> Self {
        let TimeConfig { delay_s, idle_s, max_ahead_s } = *config;
        Self { delay_s, idle_s, max_ahead_s, sources: BTreeMap::new(), watermark: None }
    }

    /// The watermark, in seconds since the epoch; `None` before the first record.
    pub const fn watermark(&self) -> Option<f64> {
        self.watermark
    }

    /// Places a record of a source by its time in seconds since the epoch, and moves the watermark. `host` is a number for the
    /// host that the record is about. `clock` is the time at which the record came, in seconds of any clock that does not
    /// go back; sources become idle by it.
    pub fn place(&mut self, source: u32, host: u64, time: f64, clock: f64) -> Placement {
        if !(VALID.0..=VALID.1).contains(&time) {
            return Placement::Invalid;
        }
        let watermark = self.watermark.unwrap_or(f64::NEG_INFINITY);
        let new = Source { newest: time, seen: clock, ahead: 0, host };
        let source = self.sources.entry(source).or_insert(new);
        source.seen = source.seen.max(clock);
        if time > source.newest + self.max_ahead_s {
            if source.ahead == 0 {
                source.host = host;
            }
            source.ahead += 1;
            if source.host == host && source.ahead < CONFIRMATIONS {
                return Placement::Future;
            }
        }
        source.ahead = 0;
        source.newest = source.newest.max(time);
        self.advance(clock);
        // A first record, or one that follows a gap, is not late by its own move.
        if time < watermark { Placement::Late } else { Placement::OnTime }
    }

    /// Moves the watermark at a time of the clock without a record, so that idle sources no longer hold it back.
    pub fn advance(&mut self, clock: f64) {
        let is_active = |source: &&Source| clock - source.seen <= self.idle_s;
        let newest = self.sources.values().filter(is_active).map(|source| source.newest);
        let Some(lowest) = newest.min_by(f64::total_cmp) else { return };
        let watermark = lowest - self.delay_s;
        self.watermark = Some(self.watermark.map_or(watermark, |known| known.max(watermark)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: f64 = 1_700_000_000.0;

    fn marks(delay_s: f64) -> Watermarks {
        Watermarks::new(&TimeConfig { delay_s, idle_s: 30.0, max_ahead_s: 60.0 })
    }

    #[test]
    fn equal_times_are_not_late_without_a_delay() {
        let mut marks = marks(0.0);
        for _ in 0..3 {
            assert_eq!(marks.place(0, 1, START, 0.0), Placement::OnTime);
        }
        assert_eq!(marks.place(0, 1, START - 1e-3, 0.0), Placement::Late);
        assert_eq!(marks.watermark(), Some(START), "an older record moves nothing");
    }

    #[test]
    fn hourly_windows_close_as_in_published_results() {
        // RisingWave: a delay of five minutes; minutes of the day and the hours that are complete after each record.
        let mut marks = marks(300.0);
        let config = TimeConfig { delay_s: 300.0, max_ahead_s: 86_400.0, ..TimeConfig::default() };
        let midnight = START - START.rem_euclid(86_400.0);
        assert_eq!(marks.place(0, 1, midnight, 0.0), Placement::OnTime);
        marks = Watermarks::new(&config);
        let complete = |marks: &Watermarks| marks.watermark().map(|at| ((at - midnight) / 3600.0).floor());
        for (minute, hour) in
            [(1011.0, 16.0), (1016.0, 16.0), (1050.0, 17.0), (1079.0, 17.0), (1081.0, 17.0), (1090.0, 18.0)]
        {
            assert_eq!(marks.place(0, 1, midnight + minute * 60.0, 0.0), Placement::OnTime, "{minute}");
            assert_eq!(complete(&marks), Some(hour), "{minute}");
        }
    }

    #[test]
    fn a_device_one_day_ahead_makes_no_other_record_late() {
        let mut marks = marks(5.0);
        marks.place(0, 1, START, 0.0);
        for step in 0..4 {
            let at = START + f64::from(step);
            assert_eq!(marks.place(0, 7, at + 86_400.0, 0.0), Placement::Future);
            assert_eq!(marks.place(0, 1, at, 0.0), Placement::OnTime);
        }
    }

    #[test]
    fn a_gap_ends_when_records_go_on_after_it() {
        let mut marks = marks(5.0);
        marks.place(0, 1, START, 0.0);
        let places: Vec<_> =
            (0..9).map(|step| marks.place(0, 1, START + 7200.0 + f64::from(step), 0.0)).collect();
        assert_eq!(places[..7], [Placement::Future; 7]);
        assert_eq!(places[7..], [Placement::OnTime; 2]);
        assert_eq!(marks.place(0, 1, START + 14_400.0, 0.0), Placement::Future);
        assert_eq!(marks.place(0, 2, START + 14_401.0, 0.0), Placement::OnTime, "another host agrees");
    }

    #[test]
    fn an_idle_source_leaves_the_minimum_and_does_not_pull_it_back() {
        let mut marks = marks(0.0);
        marks.place(0, 1, START, 0.0);
        marks.place(1, 1, START + 50.0, 1.0);
        assert_eq!(marks.watermark(), Some(START));
        marks.place(1, 1, START + 90.0, 32.0);
        assert_eq!(marks.watermark(), Some(START + 90.0));
        assert_eq!(marks.place(0, 1, START + 1.0, 33.0), Placement::Late);
        assert_eq!(marks.watermark(), Some(START + 90.0));
    }

    #[test]
    fn times_of_unset_and_overflowed_clocks_are_invalid() {
        let mut marks = marks(0.0);
        for time in [0.0, -1.0, 9.3e9, f64::NAN, f64::INFINITY] {
            assert_eq!(marks.place(0, 1, time, 0.0), Placement::Invalid);
        }
        assert_eq!(marks.watermark(), None);
    }
}
