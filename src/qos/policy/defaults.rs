//! The default policy, and the defaults of the sections that a policy file leaves out.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::hierarchy::Floors;
use super::prefix::Prefix;
use super::rule::{PortRange, Priority, Rule, When};
use super::{Actions, Bands, Policy, PolicyConfig};
use crate::qos::action::{Action, Inspection};
use crate::qos::service_class::ServiceClass;

impl Default for Policy {
    /// A cautious policy, in dry run.
    ///
    /// | severity | p-value | action |
    /// |---|---|---|
    /// | low | above 10^-3 | deprioritize for 300 s |
    /// | medium | to 10^-3 | rate-limit to 125,000 B/s (1 Mbit/s), burst 256,000 B, for 60 s |
    /// | high | to 10^-4 | inspect by mirror for 300 s |
    /// | critical | to 10^-5 | drop for 600 s |
    ///
    /// Nothing isolates a host unless a rule asks for it.
    ///
    /// * `allow`: loopback, link-local and link-local multicast. They never cross a router, and a host that
    ///   cannot reach them loses its own services, neighbour discovery and routing protocols.
    /// * `control-services`, `control-ports`: DNS, DHCP and NTP, by the service's name and by UDP port, are
    ///   never answered with more than the rate limit: everything else on a network depends on them.
    /// * `calls`, `call-setup`, `lookups`: clean voice, its set-up, and DNS are prioritized for 300 s.
    fn default() -> Self {
        let config = PolicyConfig::default();
        Self::validate(config, "default policy").unwrap_or_else(|e| unreachable!("{e}"))
    }
}

impl Default for PolicyConfig {
    /// The fields of [`Policy::default`].
    fn default() -> Self {
        Self {
            version: 1,
            dry_run: dry_run(),
            allow: allow(),
            bands: Bands::default(),
            actions: Actions::default(),
            rules: rules(),
            never_act: Vec::new(),
            never_alert: Vec::new(),
            floors: Floors::default(),
            tenants: BTreeMap::new(),
            scopes: Vec::new(),
            classes: Vec::new(),
        }
    }
}

impl Default for Bands {
    /// 10^-3, 10^-4 and 10^-5: clean traffic is called medium or worse once in 1,000 records, and critical
    /// once in 100,000.
    fn default() -> Self {
        Self { medium: 1e-3, high: 1e-4, critical: 1e-5 }
    }
}

impl Default for Actions {
    /// The table of [`Policy::default`].
    fn default() -> Self {
        Self {
            low: Action::Deprioritize { ttl_s: 300 },
            medium: RATE_LIMIT,
            high: Action::Inspect { inspection: Inspection::Mirror, ttl_s: 300 },
            critical: Action::Drop { ttl_s: 600 },
        }
    }
}

const RATE_LIMIT: Action = Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 };

pub(super) fn dry_run() -> bool {
    true
}

pub(super) fn allow() -> Vec<Prefix> {
    vec![
        Prefix::v4(Ipv4Addr::new(127, 0, 0, 0), 8),
        Prefix::v4(Ipv4Addr::new(169, 254, 0, 0), 16),
        Prefix::v4(Ipv4Addr::new(224, 0, 0, 0), 24),
        Prefix::v6(Ipv6Addr::LOCALHOST, 128),
        Prefix::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        Prefix::v6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16),
    ]
}

pub(super) fn rules() -> Vec<Rule> {
    let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
    let service = |names: &[&str]| When { service: words(names), ..When::default() };
    let rule =
        |name: &str, when| Rule { name: name.to_owned(), when, then: None, cap: None, prioritize: None };
    let early = |service_class| Some(Priority { service_class, ttl_s: 300 });

    // DNS; DHCP for IPv4 and IPv6; NTP.
    let control_ports = [(53, 53), (67, 68), (546, 547), (123, 123)];
    let control_ports = When {
        protocol: words(&["udp"]),
        dst_port: control_ports.iter().filter_map(|&(first, last)| PortRange::new(first, last)).collect(),
        ..When::default()
    };
    // KDD-style flow records have the names `domain` and `…_u`.
    let control = service(&["dns", "dhcp", "ntp", "domain", "domain_u", "ntp_u"]);
    vec![
        Rule { cap: Some(RATE_LIMIT), ..rule("control-services", control) },
        Rule { cap: Some(RATE_LIMIT), ..rule("control-ports", control_ports) },
        Rule { prioritize: early(ServiceClass::Telephony), ..rule("calls", service(&["voip", "rtp"])) },
        Rule { prioritize: early(ServiceClass::Signaling), ..rule("call-setup", service(&["sip"])) },
        Rule {
            prioritize: early(ServiceClass::LowLatencyData),
            ..rule("lookups", service(&["dns", "domain", "domain_u"]))
        },
    ]
}
