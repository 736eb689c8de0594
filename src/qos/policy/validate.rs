//! The checks that every policy passes before it exists.

use std::collections::HashSet;

use super::ladder::Ladder;
use super::rule::{MAX_VALUES, Rule, When};
use super::text::refuse;
use super::{Effect, MAX_ALLOW, MAX_RULES, Policy, PolicyConfig};
use crate::error::Result;
use crate::qos::action::Action;
use crate::qos::recommend::{ALLOW_LIST, CLEAN, NO_ADDRESS, UNREAD_ADDRESS};
use crate::verdict::Severity;

/// Most characters in a rule's name and in a word of a condition.
const MAX_WORD: usize = 64;

impl Policy {
    pub(super) fn validate(config: PolicyConfig, place: &str) -> Result<Self> {
        let check = Check { place };
        if config.version != 1 {
            return Err(refuse(place, "version", "1", config.version));
        }
        if config.allow.len() > MAX_ALLOW {
            return Err(check.too_many("allow", MAX_ALLOW, config.allow.len()));
        }
        if config.rules.len() > MAX_RULES {
            return Err(check.too_many("rules", MAX_RULES, config.rules.len()));
        }
        check.bands(&config)?;
        let ladder = check.actions(&config)?;
        let mut names = HashSet::new();
        let mut effects = Vec::with_capacity(config.rules.len());
        for (index, rule) in config.rules.iter().enumerate() {
            let at = format!("rules[{index}]");
            check.name(&at, &rule.name)?;
            if !names.insert(rule.name.as_str()) {
                return Err(refuse(place, format!("{at}.name"), "unique", &rule.name));
            }
            check.when(&format!("{at}.when"), &rule.when)?;
            effects.push(check.effect(&at, rule, ladder)?);
        }
        Ok(Self { config, ladder, effects })
    }
}

/// Makes the errors of one policy file, which name it.
struct Check<'a> {
    place: &'a str,
}

impl Check<'_> {
    fn too_many(&self, field: &str, most: usize, got: usize) -> crate::Error {
        refuse(self.place, field, format!("at most {most} values"), got)
    }

    fn bands(&self, config: &PolicyConfig) -> Result<()> {
        let bands = config.bands;
        let mut above = 1.0;
        for (name, max_p) in [("medium", bands.medium), ("high", bands.high), ("critical", bands.critical)] {
            // Written so that NaN fails.
            if !(max_p > 0.0 && max_p < above) {
                let expected = format!("above 0 and below {above}");
                return Err(refuse(self.place, format!("bands.{name}"), expected, max_p));
            }
            above = max_p;
        }
        Ok(())
    }

    fn actions(&self, config: &PolicyConfig) -> Result<Ladder> {
        let actions = config.actions;
        let actions = [actions.low, actions.medium, actions.high, actions.critical];
        for (severity, action) in Severity::ANOMALIES.into_iter().zip(actions) {
            self.answer(&format!("actions.{severity}"), action)?;
        }
        Ladder::new(actions).map_err(|bad| {
            let milder = Severity::ANOMALIES.iter().position(|&s| s == bad).unwrap_or_default();
            let before = actions[milder.saturating_sub(1)];
            let expected = format!("no milder than the action before it, {before}");
            refuse(self.place, format!("actions.{bad}"), expected, actions[milder])
        })
    }

    /// An action that answers an anomaly.
    fn answer(&self, at: &str, action: Action) -> Result<()> {
        if let Action::Prioritize { .. } = action {
            let expected = "no prioritization: only clean traffic is prioritized, by a rule's `prioritize`";
            return Err(refuse(self.place, at, expected, action));
        }
        match action.bad_setting() {
            Some((name, expected, got)) => Err(refuse(self.place, format!("{at}.{name}"), expected, got)),
            None => Ok(()),
        }
    }

    fn name(&self, at: &str, name: &str) -> Result<()> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let fits = (1..=MAX_WORD).contains(&name.len()) && name.bytes().all(plain);
        if !fits || [ALLOW_LIST, CLEAN, NO_ADDRESS, UNREAD_ADDRESS].contains(&name) {
            let expected = "1 to 64 letters, digits, `.`, `_` and `-`, and not `allow-list`, `unread-address`, `no-address` or `clean`";
            return Err(refuse(self.place, format!("{at}.name"), expected, format!("{name:?}")));
        }
        Ok(())
    }

    fn when(&self, at: &str, when: &When) -> Result<()> {
        let counts = [
            ("service", when.service.len()),
            ("protocol", when.protocol.len()),
            ("src", when.src.len()),
            ("dst", when.dst.len()),
            ("src_port", when.src_port.len()),
            ("dst_port", when.dst_port.len()),
            ("family", when.family.len()),
        ];
        if counts.iter().all(|&(_, n)| n == 0) {
            let expected = "at least one condition besides `severity`, with a value";
            return Err(refuse(self.place, at, expected, "none"));
        }
        if let Some(&(name, n)) = counts.iter().find(|&&(_, n)| n > MAX_VALUES) {
            return Err(self.too_many(&format!("{at}.{name}"), MAX_VALUES, n));
        }
        for (name, words) in
            [("service", &when.service), ("protocol", &when.protocol), ("family", &when.family)]
        {
            for (index, word) in words.iter().enumerate() {
                let fits = (1..=MAX_WORD).contains(&word.chars().count());
                if !fits || word.trim() != word || word.chars().any(char::is_control) {
                    let expected = "1 to 64 printable characters without blanks around them";
                    let field = format!("{at}.{name}[{index}]");
                    return Err(refuse(self.place, field, expected, format!("{word:?}")));
                }
            }
        }
        let padded = |word: &&String| {
            word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit())
        };
        if let Some(word) = when.protocol.iter().find(padded) {
            let expected = "a name or a number without leading zeros, which some parsers read as octal";
            return Err(refuse(self.place, format!("{at}.protocol"), expected, format!("{word:?}")));
        }
        if when.severity == Some(Severity::None) {
            let expected = "low, medium, high or critical; clean traffic is for `prioritize`";
            return Err(refuse(self.place, format!("{at}.severity"), expected, Severity::None));
        }
        Ok(())
    }

    fn effect(&self, at: &str, rule: &Rule, ladder: Ladder) -> Result<Effect> {
        if let (Some(severity), None) = (rule.when.severity, rule.then) {
            let expected = "left out: only `then` starts at a severity";
            return Err(refuse(self.place, format!("{at}.when.severity"), expected, severity));
        }
        match (rule.then, rule.cap, rule.prioritize) {
            (Some(then), None, None) => {
                let at = format!("{at}.then");
                self.answer(&at, then)?;
                let from = rule.when.severity.unwrap_or(Severity::Low);
                ladder.with_from(from, then).map(Effect::Anomaly).map_err(|severity| {
                    let expected = format!("no milder than the action below {severity}, where it starts");
                    refuse(self.place, at, expected, then)
                })
            }
            (None, Some(cap), None) => {
                let at = format!("{at}.cap");
                self.answer(&at, cap)?;
                ladder.capped(cap).map(Effect::Anomaly).map_err(|severity| {
                    refuse(self.place, at, format!("a cap that keeps order at {severity}"), cap)
                })
            }
            (None, None, Some(priority)) => match Action::from(priority).bad_setting() {
                Some((name, expected, got)) => {
                    Err(refuse(self.place, format!("{at}.prioritize.{name}"), expected, got))
                }
                None => Ok(Effect::Clean(priority)),
            },
            (then, cap, prioritize) => {
                let given =
                    u8::from(then.is_some()) + u8::from(cap.is_some()) + u8::from(prioritize.is_some());
                let expected = "a rule with exactly one of `then`, `cap` and `prioritize`";
                Err(refuse(self.place, at, expected, format!("{given} of them")))
            }
        }
    }
}
