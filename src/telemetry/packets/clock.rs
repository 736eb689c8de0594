//! The clock of the flow table: event time that never decreases.

/// Number of consecutive packets behind the clock after which the clock is reset.
const RESET_AFTER: u32 = 1_000;

/// The latest packet time.
///
/// A single packet with an earlier time changes nothing. If [`RESET_AFTER`] consecutive packets are earlier than the
/// clock by more than the idle timeout, then the capture's clock was set back, or one time stamp was far in the future.
/// The clock then continues from their time, and the flows in the table keep their age.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    greatest: i64,
    /// Added to packet times so that the clock never decreases.
    shift: i64,
    behind: u32,
    started: bool,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { greatest: 0, shift: 0, behind: 0, started: false }
    }

    /// Takes a packet of time `t` and returns the clock's time; `tolerance` is the idle timeout.
    #[inline]
    pub(super) fn advance(&mut self, t: i64, tolerance: i64) -> i64 {
        if t >= self.greatest || !self.started {
            (self.greatest, self.behind, self.started) = (t, 0, true);
        } else if self.greatest.saturating_sub(t) <= tolerance {
            self.behind = 0;
        } else {
            self.behind += 1;
            if self.behind == RESET_AFTER {
                self.shift = self.shift.saturating_add(self.greatest.saturating_sub(t));
                (self.greatest, self.behind) = (t, 0);
            }
        }
        self.now()
    }

    /// The clock's time.
    pub(super) const fn now(&self) -> i64 {
        self.greatest.saturating_add(self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_decreases_and_recovers_from_a_time_in_the_future() {
        let mut clock = Clock::new();
        assert_eq!(clock.advance(-50, 10), -50);
        assert_eq!(clock.advance(100, 10), 100);
        assert_eq!(clock.advance(95, 10), 100);
        assert_eq!(clock.advance(1_000_000, 10), 1_000_000);
        for t in 101..1_100 {
            assert_eq!(clock.advance(t, 10), 1_000_000);
        }
        assert_eq!(clock.advance(1_100, 10), 1_000_000);
        assert_eq!(clock.advance(1_107, 10), 1_000_007);
    }

    #[test]
    fn two_sources_with_different_clocks_do_not_reset_it() {
        let mut clock = Clock::new();
        for t in 0..5_000 {
            assert_eq!(clock.advance(t + 1_000_000, 10), t + 1_000_000);
            assert_eq!(clock.advance(t, 10), t + 1_000_000);
        }
    }
}
