//! The checks of tenants and scopes.

use std::collections::{HashMap, HashSet};

use super::{Check, is_name};
use crate::qos::policy::hierarchy::{Effective, Scope, ScopeBands};
use crate::qos::policy::{MAX_ALLOW, Policy, PolicyConfig};
use crate::verdict::Severity;

impl Check<'_> {
    pub(super) fn tenants(&mut self, config: &PolicyConfig) {
        for (name, tenant) in &config.tenants {
            let at = format!("tenants.{name}");
            if !is_name(name, false) {
                let expected = "a name of 1 to 64 letters, digits, `_` and `-`";
                self.add("tenants", expected, format!("{name:?}"));
            } else if tenant.prefixes.is_empty() {
                self.add(format!("{at}.prefixes"), "at least one prefix", "none");
            }
            self.count(&format!("{at}.prefixes"), MAX_ALLOW, tenant.prefixes.len());
        }
    }

    pub(super) fn scopes(&mut self, config: &PolicyConfig) {
        let mut names = HashSet::new();
        let mut parts = HashMap::new();
        for (index, scope) in config.scopes.iter().enumerate() {
            let at = format!("scopes[{index}]");
            if !is_name(&scope.name, true) {
                let expected = "1 to 64 letters, digits, `.`, `_` and `-`";
                self.add(format!("{at}.name"), expected, format!("{:?}", scope.name));
            }
            if !names.insert(scope.name.as_str()) {
                self.add(format!("{at}.name"), "unique among the scopes", &scope.name);
            }
            self.part(&at, scope, config);
            if let Some(first) = parts.insert((&scope.tenant, scope.prefix, scope.direction), &scope.name) {
                let expected = "about another part of the network, or in another direction";
                self.add(&at, expected, format!("the part of scope `{first}`"));
            }
            self.floors(&format!("{at}.floors"), &scope.floors);
            self.scope_settings(&at, index, scope, config);
        }
    }

    /// The part of the network that a scope is about.
    fn part(&mut self, at: &str, scope: &Scope, config: &PolicyConfig) {
        match (&scope.tenant, scope.prefix) {
            (Some(_), Some(_)) => self.add(at, "a scope with one of `tenant` and `prefix`", "both"),
            (None, None) => self.add(at, "a scope with one of `tenant` and `prefix`", "none"),
            (Some(name), None) if !config.tenants.contains_key(name) => {
                self.add(format!("{at}.tenant"), "the name of one of `tenants`", format!("{name:?}"));
            }
            _ => {}
        }
    }

    /// The bands and actions of a scope, together with the wider scopes around it.
    fn scope_settings(&mut self, at: &str, index: usize, scope: &Scope, config: &PolicyConfig) {
        let before = self.mistakes.len();
        for (severity, action) in Severity::ANOMALIES.into_iter().zip(scope.actions.all()) {
            if let Some(action) = action {
                self.answer(&format!("{at}.actions.{severity}"), action);
            }
        }
        let mut settings = Effective::of(config);
        for outer in Policy::around(config, index) {
            if let Some(scope) = config.scopes.get(outer) {
                settings.overlay(outer, scope);
            }
        }
        settings.overlay(index, scope);
        let bands = settings.bands;
        let own = scope.bands;
        let mut above = 1.0;
        for (name, max_p, own) in [
            ("medium", bands.medium, own.medium),
            ("high", bands.high, own.high),
            ("critical", bands.critical, own.critical),
        ] {
            let is_own = own.is_some() || scope.bands != ScopeBands::default();
            if is_own && !(max_p > 0.0 && max_p < above) {
                self.add(format!("{at}.bands.{name}"), format!("above 0 and below {above}"), max_p);
            }
            above = max_p;
        }
        let has_actions = scope.actions.all().iter().any(Option::is_some);
        if has_actions && self.has_order && self.mistakes.len() == before {
            self.ordered(&format!("{at}.actions"), settings.actions());
        }
    }
}
