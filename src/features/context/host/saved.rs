//! The state of a host context as values that can be written and read.

use serde::{Deserialize, Serialize};

use super::grouping::Grouping;
use super::scope::{SavedScope, Scope};
use super::{HostContext, MAX_PENDING, Record};
use crate::features::context::clock::EventClock;
use crate::features::context::state::is_counter;

/// A state that is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    clock: &'a EventClock,
    pending: &'a [Record],
    scopes: Vec<&'a Scope>,
    late: u64,
    unplaced: u64,
}

/// A state that was read: the same fields.
#[derive(Deserialize)]
pub(super) struct Saved {
    clock: EventClock,
    pending: Vec<Record>,
    scopes: Vec<SavedScope>,
    late: u64,
    unplaced: u64,
}

impl Record {
    /// Whether its times and amounts are numbers.
    fn is_intact(&self) -> bool {
        let flow = &self.flow;
        let finite = [self.time, flow.start, flow.end, flow.up, flow.down, flow.packets];
        finite.iter().all(|value| value.is_finite())
    }
}

impl HostContext {
    pub(super) fn written(&self) -> Written<'_> {
        Written {
            clock: &self.clock,
            pending: &self.pending,
            scopes: self.scopes.iter().map(|(_, scope)| scope).collect(),
            late: self.late,
            unplaced: self.unplaced,
        }
    }

    /// Replaces the state. `None`, and the state is what it was, for one that does not fit.
    pub(super) fn replace(&mut self, saved: Saved) -> Option<()> {
        let Saved { clock, pending, scopes, late, unplaced } = saved;
        let is_intact = clock.is_intact()
            && pending.len() <= MAX_PENDING
            && pending.iter().all(Record::is_intact)
            && is_counter(late)
            && is_counter(unplaced)
            && scopes.len() == self.scopes.len();
        if !is_intact {
            return None;
        }
        let latest = clock.latest();
        let own = self.scopes.iter().zip(&scopes);
        let restored = |((grouping, own), saved): (&(Grouping, Scope), _)| {
            Some((*grouping, own.restored(saved, &self.marks, latest)?))
        };
        self.scopes = own.map(restored).collect::<Option<_>>()?;
        (self.clock, self.pending, self.late, self.unplaced) = (clock, pending, late, unplaced);
        Some(())
    }
}
