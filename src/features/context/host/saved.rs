//! The state of a host context as values that can be written and read.

use serde::{Deserialize, Serialize};

use super::clock::EventClock;
use super::scope::{SavedScope, Scope};
use super::{HostContext, MAX_PENDING, Record};
use crate::features::context::state::is_counter;

/// A state that is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    clock: &'a EventClock,
    pending: &'a [Record],
    scopes: [Option<&'a Scope>; 3],
    late: u64,
    unplaced: u64,
}

/// A state that was read: the same fields.
#[derive(Deserialize)]
pub(super) struct Saved {
    clock: EventClock,
    pending: Vec<Record>,
    scopes: [Option<SavedScope>; 3],
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
            scopes: [&self.src, &self.dst, &self.pair].map(Option::as_ref),
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
            && is_counter(unplaced);
        if !is_intact {
            return None;
        }
        let latest = clock.latest();
        let restored = |own: &Option<Scope>, saved: &Option<SavedScope>| match (own, saved) {
            (Some(own), Some(saved)) => own.restored(saved, &self.marks, latest).map(Some),
            (None, None) => Some(None),
            _ => None,
        };
        let [src, dst, pair] = &scopes;
        let (src, dst, pair) =
            (restored(&self.src, src)?, restored(&self.dst, dst)?, restored(&self.pair, pair)?);
        (self.src, self.dst, self.pair) = (src, dst, pair);
        (self.clock, self.pending, self.late, self.unplaced) = (clock, pending, late, unplaced);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::context::state::seal;
    use crate::features::{Context, HostContextConfig};
    use crate::simulate::{self, FlowSimulatorConfig};
    use crate::telemetry::Table;

    fn flows() -> Table {
        simulate::table(&FlowSimulatorConfig { rows: 400, ..Default::default() }).unwrap()
    }

    fn context(flows: &Table) -> HostContext {
        let config = HostContextConfig { windows: vec![2.0, 60.0], max_entities: 16 };
        HostContext::new(&config, flows.schema()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Bytes of a state changed and its checksum made right: an error, or a context that still works.
        #[test]
        fn a_forged_state_never_panics(changes in prop::collection::vec((0..1_000_000_usize, any::<u8>()), 1..8)) {
            let flows = flows();
            let mut whole = context(&flows);
            whole.push(&flows.batches()[0].slice(0, 200)).unwrap();
            let mut bytes = whole.save().unwrap();
            // After the version, the checksum and the owner.
            let body = 8 + 32 + 32;
            for (at, byte) in changes {
                // Most changes are near the start, where clocks and lengths are.
                let at = if at % 2 == 0 { at % 64 } else { at };
                let n = bytes.len() - body;
                bytes[body + at % n] = byte;
            }
            seal(&mut bytes);
            let mut restored = context(&flows);
            if restored.restore(&bytes).is_ok() {
                restored.push(&flows.batches()[0].slice(200, 200)).unwrap();
                restored.save().unwrap();
            } else {
                prop_assert_eq!(restored.save().unwrap(), context(&flows).save().unwrap(), "the state is what it was");
            }
        }
    }

    #[test]
    fn lengths_cost_no_memory() {
        let flows = flows();
        let empty = context(&flows);
        // A state that announces 2^64 - 1 records that wait for the clock.
        let mut bytes = empty.save().unwrap();
        bytes.truncate(8 + 32 + 32);
        let clock = postcard::to_extend(&empty.clock, Vec::new()).unwrap();
        bytes.extend(clock);
        bytes.extend([0xFF; 9]);
        bytes.push(1);
        seal(&mut bytes);
        assert!(context(&flows).restore(&bytes).is_err());
    }
}
