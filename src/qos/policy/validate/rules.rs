//! The checks of rules and their conditions.

use std::collections::HashSet;

use super::{Check, MAX_WORD, is_name};
use crate::qos::action::Action;
use crate::qos::policy::ladder::Ladder;
use crate::qos::policy::rule::{MAX_VALUES, Priority, Rule, When};
use crate::qos::policy::{Change, Effect, PolicyConfig};
use crate::qos::recommend::{ALLOW_LIST, CLEAN, NO_ADDRESS, UNREAD_ADDRESS};
use crate::verdict::Severity;

impl Check<'_> {
    /// What each rule does, for the rules without a mistake.
    pub(super) fn rules(&mut self, config: &PolicyConfig, ladder: Option<Ladder>) -> Vec<Effect> {
        let mut names = HashSet::new();
        let mut effects = Vec::with_capacity(config.rules.len());
        for (index, rule) in config.rules.iter().enumerate() {
            let at = format!("rules[{index}]");
            self.rule_name(&at, &rule.name);
            if !names.insert(rule.name.as_str()) {
                self.add(format!("{at}.name"), "unique", &rule.name);
            }
            self.when(&format!("{at}.when"), &rule.when, config);
            effects.extend(self.effect(&at, rule, ladder));
        }
        effects
    }

    /// The rules that give service classes.
    pub(super) fn classes(&mut self, config: &PolicyConfig) {
        for (index, rule) in config.classes.iter().enumerate() {
            let at = format!("classes[{index}].when");
            self.when(&at, &rule.when, config);
            let When { severity, family, service_class, congestion, .. } = &rule.when;
            let barred = [
                ("severity", severity.is_some()),
                ("family", !family.is_empty()),
                ("service_class", !service_class.is_empty()),
                ("congestion", congestion.is_some()),
            ];
            if let Some((name, _)) = barred.iter().find(|(_, given)| *given) {
                let expected = "left out: what a flow needs does not depend on it";
                self.add(format!("{at}.{name}"), expected, "a value");
            }
        }
    }

    fn rule_name(&mut self, at: &str, name: &str) {
        if !is_name(name, true) || [ALLOW_LIST, CLEAN, NO_ADDRESS, UNREAD_ADDRESS].contains(&name) {
            let expected = "1 to 64 letters, digits, `.`, `_` and `-`, and not `allow-list`, `unread-address`, `no-address` or `clean`";
            self.add(format!("{at}.name"), expected, format!("{name:?}"));
        }
    }

    fn when(&mut self, at: &str, when: &When, config: &PolicyConfig) {
        let counts = [
            ("service", when.service.len()),
            ("protocol", when.protocol.len()),
            ("src", when.src.len()),
            ("dst", when.dst.len()),
            ("src_port", when.src_port.len()),
            ("dst_port", when.dst_port.len()),
            ("family", when.family.len()),
            ("entity", when.entity.len()),
            ("tenant", when.tenant.len()),
            ("service_class", when.service_class.len()),
            ("time", usize::from(when.time.is_some())),
            ("congestion", usize::from(when.congestion.is_some())),
        ];
        if counts.iter().all(|&(_, n)| n == 0) {
            self.add(at, "at least one condition besides `severity`, with a value", "none");
        }
        for (name, n) in counts {
            self.count(&format!("{at}.{name}"), MAX_VALUES, n);
        }
        self.words(at, when);
        for (index, name) in when.tenant.iter().enumerate() {
            if !config.tenants.contains_key(name) {
                let expected = "the name of one of `tenants`";
                self.add(format!("{at}.tenant[{index}]"), expected, format!("{name:?}"));
            }
        }
        if let Some(percent) = when.congestion.filter(|percent| !(1..=100).contains(percent)) {
            self.add(format!("{at}.congestion"), "a percentage from 1 to 100", percent);
        }
        if let Some(part) = when.time.as_ref().filter(|part| part.from == part.to) {
            self.add(format!("{at}.time.to"), "another time than `from`", part.to);
        }
        if when.severity == Some(Severity::None) {
            let expected = "low, medium, high or critical; clean traffic is for `prioritize`";
            self.add(format!("{at}.severity"), expected, Severity::None);
        }
    }

    fn words(&mut self, at: &str, when: &When) {
        for (name, words) in
            [("service", &when.service), ("protocol", &when.protocol), ("family", &when.family)]
        {
            for (index, word) in words.iter().enumerate() {
                let fits = (1..=MAX_WORD).contains(&word.chars().count());
                if !fits || word.trim() != word || word.chars().any(char::is_control) {
                    let expected = "1 to 64 printable characters without blanks around them";
                    self.add(format!("{at}.{name}[{index}]"), expected, format!("{word:?}"));
                }
            }
        }
        let padded = |word: &&String| {
            word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit())
        };
        if let Some(word) = when.protocol.iter().find(padded) {
            let expected = "a name or a number without leading zeros, which some parsers read as octal";
            self.add(format!("{at}.protocol"), expected, format!("{word:?}"));
        }
    }

    fn effect(&mut self, at: &str, rule: &Rule, ladder: Option<Ladder>) -> Option<Effect> {
        if let (Some(severity), None) = (rule.when.severity, rule.then) {
            let expected = "left out: only `then` starts at a severity";
            self.add(format!("{at}.when.severity"), expected, severity);
        }
        match (rule.then, rule.cap, rule.prioritize) {
            (Some(then), None, None) => self.then(&format!("{at}.then"), rule, then, ladder?),
            (None, Some(cap), None) => self.cap(&format!("{at}.cap"), cap, ladder?),
            (None, None, Some(priority)) => self.priority(&format!("{at}.prioritize"), priority),
            (then, cap, prioritize) => {
                let given =
                    u8::from(then.is_some()) + u8::from(cap.is_some()) + u8::from(prioritize.is_some());
                let expected = "a rule with exactly one of `then`, `cap` and `prioritize`";
                self.add(at, expected, format!("{given} of them"));
                None
            }
        }
    }

    fn then(&mut self, at: &str, rule: &Rule, then: Action, ladder: Ladder) -> Option<Effect> {
        if !self.answer(at, then) {
            return None;
        }
        let from = rule.when.severity.unwrap_or(Severity::Low);
        match ladder.with_from(from, then) {
            Ok(ladder) => Some(Effect::Anomaly { ladder, change: Change::From(from, then) }),
            Err(severity) => {
                self.add(at, format!("no milder than the action below {severity}, where it starts"), then);
                None
            }
        }
    }

    fn cap(&mut self, at: &str, cap: Action, ladder: Ladder) -> Option<Effect> {
        if !self.answer(at, cap) {
            return None;
        }
        match ladder.capped(cap) {
            Ok(ladder) => Some(Effect::Anomaly { ladder, change: Change::Cap(cap) }),
            Err(severity) => {
                self.add(at, format!("a cap that keeps order at {severity}"), cap);
                None
            }
        }
    }

    fn priority(&mut self, at: &str, priority: Priority) -> Option<Effect> {
        if !priority.service_class.is_delay_sensitive() {
            let expected =
                "a class that suffers from delay, such as telephony: only such traffic is prioritized";
            self.add(format!("{at}.service_class"), expected, priority.service_class.as_str());
            return None;
        }
        if let Some((name, expected, got)) = Action::from(priority).bad_setting() {
            self.add(format!("{at}.{name}"), expected, got);
            return None;
        }
        Some(Effect::Clean(priority))
    }
}
