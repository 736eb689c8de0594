//! The state of the damped statistics as values that can be written and read.

use serde::{Deserialize, Serialize};

use super::link::Link;
use super::stream::Timed;
use super::{Channel, DampedStatistics, Record, SocketKey};
use crate::features::context::arrivals::Arrivals;
use crate::features::context::entities::Key;
use crate::features::context::kept::{Kept, SavedKept};
use crate::features::context::state::is_counter;

/// A state that is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    arrivals: &'a Arrivals<Record>,
    sources: &'a Kept<u64, Timed>,
    channels: &'a Kept<Key, Channel>,
    sockets: &'a Kept<SocketKey, Link>,
    late: u64,
    unplaced: u64,
}

/// A state that was read: the same fields.
#[derive(Deserialize)]
pub(super) struct Saved {
    arrivals: Arrivals<Record>,
    sources: SavedKept<u64, Timed>,
    channels: SavedKept<Key, Channel>,
    sockets: SavedKept<SocketKey, Link>,
    late: u64,
    unplaced: u64,
}

impl DampedStatistics {
    pub(super) fn written(&self) -> Written<'_> {
        let Self { arrivals, sources, channels, sockets, late, unplaced, .. } = self;
        Written { arrivals, sources, channels, sockets, late: *late, unplaced: *unplaced }
    }

    /// Replaces the state. `None`, and the state is what it was, for one that does not fit.
    pub(super) fn replace(&mut self, saved: Saved) -> Option<()> {
        let Saved { arrivals, sources, channels, sockets, late, unplaced } = saved;
        let is_intact = is_counter(late)
            && is_counter(unplaced)
            && arrivals.is_intact(|record| record.time.is_finite() && record.bytes.is_finite());
        if !is_intact {
            return None;
        }
        // Every value of a stream can go on.
        let sources = self.sources.restored(sources, |_| true)?;
        let channels = self.channels.restored(channels, |_| true)?;
        let sockets = self.sockets.restored(sockets, |_| true)?;
        (self.sources, self.channels, self.sockets) = (sources, channels, sockets);
        (self.arrivals, self.late, self.unplaced) = (arrivals, late, unplaced);
        Some(())
    }
}
