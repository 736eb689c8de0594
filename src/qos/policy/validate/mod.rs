//! The checks that every policy passes before it exists.

mod hierarchy;
mod rules;

use super::hierarchy::Floors;
use super::ladder::Ladder;
use super::text::refuse;
use super::{Effect, MAX_ALLOW, MAX_RULES, MAX_SCOPES, Policy, PolicyConfig};
use crate::error::{Error, Result};
use crate::qos::action::{Action, BYTES};
use crate::verdict::Severity;

/// Most characters in a name and in a word of a condition.
const MAX_WORD: usize = 64;

impl Policy {
    /// The policy, or the first mistake.
    pub(super) fn validate(config: PolicyConfig, place: &str) -> Result<Self> {
        let mut check = Check { place, mistakes: Vec::new(), has_order: true };
        let checked = check.policy(&config);
        match (checked, check.mistakes.into_iter().next()) {
            (_, Some(mistake)) => Err(mistake),
            (Some((ladder, effects)), None) => Ok(Self { config, ladder, effects }),
            (None, None) => Err(refuse(place, "actions", "in order", "another order")),
        }
    }

    /// All mistakes of the fields; without `has_order`, the order of the actions is not checked.
    pub(super) fn mistakes_of(config: &PolicyConfig, place: &str, has_order: bool) -> Vec<Error> {
        let mut check = Check { place, mistakes: Vec::new(), has_order };
        check.policy(config);
        check.mistakes
    }
}

/// Collects the errors of one policy file, which name it.
struct Check<'a> {
    place: &'a str,
    mistakes: Vec<Error>,
    has_order: bool,
}

impl Check<'_> {
    /// The actions, and what each rule does; `None` where the actions are not in order.
    fn policy(&mut self, config: &PolicyConfig) -> Option<(Ladder, Vec<Effect>)> {
        if config.version != 1 {
            self.add("version", "1", config.version);
        }
        self.count("allow", MAX_ALLOW, config.allow.len());
        self.count("never_act", MAX_ALLOW, config.never_act.len());
        self.count("never_alert", MAX_ALLOW, config.never_alert.len());
        self.count("rules", MAX_RULES, config.rules.len());
        self.count("tenants", MAX_SCOPES, config.tenants.len());
        self.count("scopes", MAX_SCOPES, config.scopes.len());
        self.count("classes", MAX_RULES, config.classes.len());
        if !self.mistakes.is_empty() {
            // A version or a size that is not supported: what follows may have another meaning.
            return None;
        }
        self.bands(config);
        let ladder = self.actions(config);
        let effects = self.rules(config, ladder);
        self.floors("floors", &config.floors);
        self.tenants(config);
        self.scopes(config);
        self.classes(config);
        ladder.map(|ladder| (ladder, effects))
    }

    fn add(&mut self, path: impl AsRef<str>, expected: impl AsRef<str>, got: impl ToString) {
        self.mistakes.push(refuse(self.place, path, expected, got));
    }

    fn count(&mut self, field: &str, most: usize, got: usize) {
        if got > most {
            self.add(field, format!("at most {most} values"), got);
        }
    }

    fn bands(&mut self, config: &PolicyConfig) {
        let bands = config.bands;
        let mut above = 1.0;
        for (name, max_p) in [("medium", bands.medium), ("high", bands.high), ("critical", bands.critical)] {
            // Written so that NaN fails.
            if !(max_p > 0.0 && max_p < above) {
                self.add(format!("bands.{name}"), format!("above 0 and below {above}"), max_p);
            }
            // After a mistake the next band is compared with the last one that is right.
            if max_p > 0.0 && max_p < above {
                above = max_p;
            }
        }
    }

    fn actions(&mut self, config: &PolicyConfig) -> Option<Ladder> {
        let actions = config.actions;
        let actions = [actions.low, actions.medium, actions.high, actions.critical];
        let before = self.mistakes.len();
        for (severity, action) in Severity::ANOMALIES.into_iter().zip(actions) {
            self.answer(&format!("actions.{severity}"), action);
        }
        if self.mistakes.len() > before || !self.has_order {
            return None;
        }
        self.ordered("actions", actions)
    }

    /// Actions in order, as a ladder.
    fn ordered(&mut self, at: &str, actions: [Action; 4]) -> Option<Ladder> {
        match Ladder::new(actions) {
            Ok(ladder) => Some(ladder),
            Err(bad) => {
                let milder = Severity::ANOMALIES.iter().position(|&s| s == bad).unwrap_or_default();
                let before = actions[milder.saturating_sub(1)];
                let expected = format!("no milder than the action before it, {before}");
                self.add(format!("{at}.{bad}"), expected, actions[milder]);
                None
            }
        }
    }

    /// An action that answers an anomaly. Returns whether it is one.
    fn answer(&mut self, at: &str, action: Action) -> bool {
        if let Action::Prioritize { .. } = action {
            let expected = "no prioritization: only clean traffic is prioritized, by a rule's `prioritize`";
            self.add(at, expected, action);
            return false;
        }
        if let Some((name, expected, got)) = action.bad_setting() {
            self.add(format!("{at}.{name}"), expected, got);
            return false;
        }
        true
    }

    fn floors(&mut self, at: &str, floors: &Floors) {
        if floors.min_severity == Some(Severity::None) {
            self.add(format!("{at}.min_severity"), "low, medium, high or critical", Severity::None);
        }
        if let Some(rate) = floors.min_bytes_per_second.filter(|rate| !BYTES.contains(rate)) {
            let expected = format!("a whole number from {} to {}", BYTES.start(), BYTES.end());
            self.add(format!("{at}.min_bytes_per_second"), expected, rate);
        }
    }
}

/// Whether a name has 1 to 64 letters, digits, `_`, `-` and, with `dots`, `.`.
fn is_name(name: &str, dots: bool) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b) || dots && b == b'.';
    (1..=MAX_WORD).contains(&name.len()) && name.bytes().all(plain)
}
