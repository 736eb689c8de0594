//! The table's clock: event time that never runs backwards.

/// Packets in a row behind the clock after which the clock itself is held to be wrong.
const PATIENCE: u32 = 1_000;

/// The greatest packet time seen.
///
/// One packet from the past changes nothing. If [`PATIENCE`] packets in a row lie further back than the idle
/// timeout, the capture's clock was set back (or one stamp lay far in the future): the clock goes on from their
/// time, and what was stamped before keeps its age.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    greatest: i64,
    /// What is added to packet times so that the clock never runs backwards.
    shift: i64,
    behind: u32,
    started: bool,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { greatest: 0, shift: 0, behind: 0, started: false }
    }

    /// The clock's time after a packet of time `t`; `tolerance` is the idle timeout.
    #[inline]
    pub(super) fn advance(&mut self, t: i64, tolerance: i64) -> i64 {
        if t >= self.greatest || !self.started {
            (self.greatest, self.behind, self.started) = (t, 0, true);
        } else if self.greatest.saturating_sub(t) <= tolerance {
            self.behind = 0;
        } else {
            self.behind += 1;
            if self.behind == PATIENCE {
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
    fn it_never_runs_backwards_and_recovers_from_a_stamp_in_the_future() {
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
    fn two_sources_whose_clocks_differ_do_not_drive_it() {
        let mut clock = Clock::new();
        for t in 0..5_000 {
            assert_eq!(clock.advance(t + 1_000_000, 10), t + 1_000_000);
            assert_eq!(clock.advance(t, 10), t + 1_000_000);
        }
    }
}
