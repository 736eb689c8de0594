//! The state of the device windows as values that can be written and read.

use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{COUNTED, DeviceWindows, Held};
use crate::features::context::arrivals::Arrivals;
use crate::features::context::entities::Key;
use crate::features::context::kept::{Kept, SavedKept};
use crate::features::context::state::is_counter;

/// A state that is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    arrivals: &'a Arrivals<Held>,
    devices: &'a Kept<Key, Window>,
    reporting: &'a [(i64, u64); COUNTED as usize],
    late: u64,
    unplaced: u64,
}

/// A state that was read: the same fields.
#[derive(Deserialize)]
pub(super) struct Saved {
    arrivals: Arrivals<Held>,
    devices: SavedKept<Key, Window>,
    reporting: [(i64, u64); COUNTED as usize],
    late: u64,
    unplaced: u64,
}

impl DeviceWindows {
    pub(super) fn written(&self) -> Written<'_> {
        let Self { arrivals, devices, reporting, late, unplaced, .. } = self;
        Written { arrivals, devices, reporting, late: *late, unplaced: *unplaced }
    }

    /// Replaces the state. `None`, and the state is what it was, for one that does not fit.
    pub(super) fn replace(&mut self, saved: Saved) -> Option<()> {
        let Saved { arrivals, devices, reporting, late, unplaced } = saved;
        let counters = [late, unplaced].into_iter().chain(reporting.map(|(_, devices)| devices));
        let is_intact =
            counters.into_iter().all(is_counter) && arrivals.is_intact(|(_, time, _)| time.is_finite());
        if !is_intact {
            return None;
        }
        self.devices = self.devices.restored(devices, Window::is_intact)?;
        (self.arrivals, self.reporting, self.late, self.unplaced) = (arrivals, reporting, late, unplaced);
        Some(())
    }
}
