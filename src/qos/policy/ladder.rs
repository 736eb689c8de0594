//! One action per severity, never milder when more severe.

use crate::qos::action::Action;
use crate::verdict::Severity;

/// The actions of the four severities of anomalies. Every value of this type is monotone and prioritizes
/// nothing; a recommendation for an anomaly only ever comes out of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::qos) struct Ladder([Action; 4]);

impl Ladder {
    /// The ladder, or the severity whose action is milder than the one before it, or a prioritization.
    pub(in crate::qos) fn new(actions: [Action; 4]) -> Result<Self, Severity> {
        let mut before = Action::Allow;
        for (action, severity) in actions.into_iter().zip(Severity::ANOMALIES) {
            if matches!(action, Action::Prioritize { .. }) || !before.no_harsher_than(action) {
                return Err(severity);
            }
            before = action;
        }
        Ok(Self(actions))
    }

    /// A ladder of actions that may not be in order: an action that is harsher than the next one becomes as mild as that one. A
    /// prioritization becomes [`Action::Allow`].
    pub(in crate::qos) fn ordered(actions: [Action; 4]) -> Self {
        let [low, medium, high, critical] = actions.map(|action| match action {
            Action::Prioritize { .. } => Action::Allow,
            action => action,
        });
        let high = high.milder(critical);
        let medium = medium.milder(high);
        Self([low.milder(medium), medium, high, critical])
    }

    /// The same ladder with one action from a severity on, and with no harsher action below it.
    pub(in crate::qos) fn replaced_from(self, from: Severity, action: Action) -> Self {
        let mut actions = self.0;
        for (slot, severity) in actions.iter_mut().zip(Severity::ANOMALIES) {
            if severity >= from {
                *slot = action;
            }
        }
        Self::ordered(actions)
    }

    /// The same ladder with one action from a severity on.
    pub(in crate::qos) fn with_from(self, from: Severity, action: Action) -> Result<Self, Severity> {
        let mut actions = self.0;
        for (slot, severity) in actions.iter_mut().zip(Severity::ANOMALIES) {
            if severity >= from {
                *slot = action;
            }
        }
        Self::new(actions)
    }

    /// The same ladder with no action harsher than the cap. Capping keeps a ladder monotone, so only a
    /// prioritization is an error.
    pub(in crate::qos) fn capped(self, cap: Action) -> Result<Self, Severity> {
        Self::new(self.0.map(|action| action.milder(cap)))
    }

    /// The action of a severity; [`Severity::None`] is allowed.
    pub(in crate::qos) fn at(&self, severity: Severity) -> Action {
        let [low, medium, high, critical] = self.0;
        match severity {
            Severity::None => Action::Allow,
            Severity::Low => low,
            Severity::Medium => medium,
            Severity::High => high,
            Severity::Critical => critical,
        }
    }
}
