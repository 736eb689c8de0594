//! The event clock of a context: where a record belongs in time, and what one wrong clock must not do.

use serde::{Deserialize, Serialize};

use super::state::is_counter;

/// Ticks of one second.
pub(super) const TICKS: f64 = 100.0;
/// A record so many seconds after the newest one does not move the clock by itself.
pub(super) const MAX_AHEAD: f64 = 60.0;
/// Records in succession of one source that move the clock, however far they are ahead.
const CONFIRMATIONS: usize = 8;

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// At a tick.
    At(u32),
    /// At a tick, and everything before has expired: the state starts anew.
    Restart(u32),
    /// At a tick that is too far ahead to be counted yet.
    Ahead(u32),
    /// At a tick, after the records that were ahead are counted.
    Confirmed(u32),
    /// Before everything that is still open.
    Late,
}

/// Event time in ticks of 10 ms since an origin.
///
/// The first record sets the clock, and each newer record moves it, up to [`MAX_AHEAD`]. A record further ahead is held
/// back until a record of another source follows that is ahead too, or [`CONFIRMATIONS`] in all; a record near the clock
/// in between drops it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct EventClock {
    /// Seconds since the epoch of tick 0.
    origin: f64,
    /// The newest time that was accepted, in seconds since the epoch.
    latest: f64,
    /// Records accepted, up to 2.
    accepted: u8,
    /// Records held back.
    ahead: usize,
    /// Source of the first record held back.
    source: u64,
    /// Records that were too far ahead when they came.
    pub(super) future: u64,
}

impl EventClock {
    /// Whether a clock that was read can go on: its times are in order and in the range of ticks.
    pub(super) fn is_intact(&self) -> bool {
        let ticks = self.exact(self.latest);
        let is_set = self.origin.is_finite() && (1.0..f64::from(u32::MAX)).contains(&ticks);
        (is_set || self.accepted == 0) && self.ahead < CONFIRMATIONS && is_counter(self.future)
    }

    /// The tick of the newest record.
    pub(super) fn latest(&self) -> u32 {
        self.tick(self.latest)
    }

    /// A time in ticks, with decimals.
    pub(super) fn exact(&self, seconds: f64) -> f64 {
        (seconds - self.origin) * TICKS
    }

    /// The tick of a time between the origin and the newest record.
    pub(super) fn open_tick(&self, seconds: f64) -> Option<u32> {
        (self.exact(seconds) >= 1.0 && seconds <= self.latest).then(|| self.tick(seconds))
    }

    fn tick(&self, seconds: f64) -> u32 {
        self.exact(seconds).floor() as u32
    }

    /// Places a record of a source; `span` is the longest window in seconds.
    pub(super) fn place(&mut self, seconds: f64, source: u64, span: f64) -> Place {
        if self.accepted == 0 {
            return self.restart(seconds, span);
        }
        if self.accepted == 1 && seconds < self.latest - MAX_AHEAD {
            // The first record was the wrong one.
            self.future += 1;
            return self.restart(seconds, span);
        }
        if seconds > self.latest + MAX_AHEAD {
            let confirmed = self.ahead > 0 && (self.source != source || self.ahead + 1 >= CONFIRMATIONS);
            if !confirmed {
                self.future += 1;
                if self.ahead == 0 {
                    self.source = source;
                }
                self.ahead += 1;
                return Place::Ahead(self.tick(seconds));
            }
            self.ahead = 0;
            if seconds > self.latest + span {
                return self.restart(seconds, span);
            }
            self.latest = seconds;
            return Place::Confirmed(self.tick(seconds));
        }
        self.ahead = 0;
        self.accepted = 2;
        if self.exact(seconds) < 1.0 {
            return Place::Late;
        }
        if seconds > self.latest {
            if self.exact(seconds) >= f64::from(u32::MAX / 2) {
                return self.restart(seconds, span);
            }
            self.latest = seconds;
        }
        Place::At(self.tick(seconds))
    }

    fn restart(&mut self, seconds: f64, span: f64) -> Place {
        // Late records have ticks above 0 too.
        self.origin = seconds.floor() - 2.0 * span - 1.0;
        self.latest = seconds;
        self.accepted = if self.accepted == 0 { 1 } else { 2 };
        self.ahead = 0;
        Place::Restart(self.tick(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_from_the_future_moves_nothing() {
        let mut clock = EventClock::default();
        assert!(matches!(clock.place(1000.0, 1, 300.0), Place::Restart(_)));
        assert!(matches!(clock.place(1001.0, 1, 300.0), Place::At(_)));
        assert!(matches!(clock.place(87_401.0, 7, 300.0), Place::Ahead(_)));
        assert!(matches!(clock.place(1002.0, 1, 300.0), Place::At(_)));
        assert!(matches!(clock.place(87_402.0, 7, 300.0), Place::Ahead(_)));
        assert!(
            matches!(clock.place(87_403.0, 7, 300.0), Place::Ahead(_)),
            "one source does not confirm itself"
        );
        assert_eq!((clock.latest, clock.future), (1002.0, 3));
    }

    #[test]
    fn a_gap_is_accepted_when_others_follow() {
        let mut clock = EventClock::default();
        clock.place(1000.0, 1, 300.0);
        assert!(matches!(clock.place(1100.0, 1, 300.0), Place::Ahead(_)));
        assert!(matches!(clock.place(1101.0, 2, 300.0), Place::Confirmed(_)));
        assert!(matches!(clock.place(9000.0, 1, 300.0), Place::Ahead(_)));
        assert!(matches!(clock.place(9001.0, 2, 300.0), Place::Restart(_)));
        for step in 1..8 {
            assert!(matches!(clock.place(19_000.0 + f64::from(step), 1, 300.0), Place::Ahead(_)), "{step}");
        }
        assert!(matches!(clock.place(19_009.0, 1, 300.0), Place::Restart(_)));
    }

    #[test]
    fn a_first_record_from_the_future_is_corrected() {
        let mut clock = EventClock::default();
        clock.place(1e9, 1, 300.0);
        assert!(matches!(clock.place(1000.0, 2, 300.0), Place::Restart(_)));
        assert_eq!((clock.latest, clock.future), (1000.0, 1));
    }

    #[test]
    fn a_clock_that_was_read_is_checked() {
        let mut clock = EventClock::default();
        assert!(clock.is_intact());
        clock.place(1e9, 1, 300.0);
        assert!(clock.is_intact());
        let broken = [
            EventClock { origin: f64::NAN, ..clock.clone() },
            EventClock { origin: 2e9, ..clock.clone() },
            EventClock { latest: 1e12, ..clock.clone() },
            EventClock { ahead: CONFIRMATIONS, ..clock.clone() },
            EventClock { future: u64::MAX, ..clock.clone() },
        ];
        assert!(broken.iter().all(|clock| !clock.is_intact()), "{broken:?}");
    }
}
