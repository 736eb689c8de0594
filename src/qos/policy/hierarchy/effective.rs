//! The settings that hold for one flow: the policy's own, overlaid by scopes.

use super::{Floors, Scope};
use crate::qos::action::Action;
use crate::qos::policy::ladder::Ladder;
use crate::qos::policy::{Bands, PolicyConfig};
use crate::verdict::Severity;

/// The settings that hold for one flow, and which scope gives each action.
#[derive(Clone, Copy, Debug)]
pub(in crate::qos) struct Effective {
    pub(in crate::qos) bands: Bands,
    pub(in crate::qos) floors: Floors,
    pub(in crate::qos) dry_run: bool,
    actions: [Action; 4],
    /// Index of the scope that gives each action.
    scopes: [Option<usize>; 4],
}

impl Effective {
    /// The settings of the policy itself.
    pub(in crate::qos) const fn of(config: &PolicyConfig) -> Self {
        let actions = &config.actions;
        Self {
            bands: config.bands,
            floors: config.floors,
            dry_run: config.dry_run,
            actions: [actions.low, actions.medium, actions.high, actions.critical],
            scopes: [None; 4],
        }
    }

    /// Replaces the settings that a scope gives.
    pub(in crate::qos) fn overlay(&mut self, index: usize, scope: &Scope) {
        fn set<T>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        set(&mut self.dry_run, scope.dry_run);
        set(&mut self.bands.medium, scope.bands.medium);
        set(&mut self.bands.high, scope.bands.high);
        set(&mut self.bands.critical, scope.bands.critical);
        self.floors.min_severity = scope.floors.min_severity.or(self.floors.min_severity);
        self.floors.min_bytes_per_second =
            scope.floors.min_bytes_per_second.or(self.floors.min_bytes_per_second);
        let slots = self.actions.iter_mut().zip(&mut self.scopes);
        for ((slot, by), action) in slots.zip(scope.actions.all()) {
            if let Some(action) = action {
                (*slot, *by) = (action, Some(index));
            }
        }
    }

    /// The actions as a ladder.
    ///
    /// A flow between two scopes can combine actions that no file orders. There the milder of two neighbours holds, so the
    /// ladder is monotone for every combination.
    pub(in crate::qos) fn ladder(&self) -> Ladder {
        Ladder::ordered(self.actions)
    }

    /// The actions as they are written.
    pub(in crate::qos) const fn actions(&self) -> [Action; 4] {
        self.actions
    }

    /// Index of the scope that gives the action of a severity.
    pub(in crate::qos) fn scope_of(&self, severity: Severity) -> Option<usize> {
        let at = Severity::ANOMALIES.iter().position(|&s| s == severity)?;
        self.scopes.get(at).copied().flatten()
    }
}
