//! Plans as configuration: the exact texts and bytes, and what real parsers make of them.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod bgp;
mod flowspec;
mod kernel;
mod openc2;
mod texts;
mod tools;

use qosguard::qos::{Action, Inspection, Plan, PlanConfig, Policy, Proposal, ServiceClass};

const NOW: f64 = 1_700_000_000.0;

fn propose(id: u64, source: &str, action: Action) -> Proposal {
    Proposal { id, source: Some(source.parse().unwrap()), action, time: Some(NOW), ..Proposal::default() }
}

fn plan(proposals: &[Proposal]) -> Plan {
    let config = PlanConfig { max_hosts: 1 << 32, ..PlanConfig::default() };
    Plan::new(proposals, NOW, &Policy::default(), &config).unwrap()
}

/// One entry of each action for both families, prefixes inside others, and services.
fn every_kind() -> Plan {
    let actions = [
        Action::Prioritize { service_class: ServiceClass::Telephony, ttl_s: 300 },
        Action::Deprioritize { ttl_s: 300 },
        Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 },
        Action::Inspect { inspection: Inspection::Mirror, ttl_s: 300 },
        Action::Drop { ttl_s: 600 },
        Action::Isolate { ttl_s: 1_800 },
    ];
    let mut all = Vec::new();
    for (at, action) in (1_u64..).zip(actions) {
        all.push(propose(at, &format!("203.0.113.{at}"), action));
        all.push(propose(0x10 + at, &format!("198.51.{at}.0/24"), action));
        all.push(propose(0x20 + at, &format!("2001:db8::{at}"), action));
        all.push(propose(0x30 + at, &format!("2001:db8:{at}::/48"), action));
    }
    // The inner prefixes last longer.
    all.push(propose(0x40, "198.51.5.64/26", Action::Drop { ttl_s: 1_200 }));
    all.push(propose(0x41, "198.51.5.80/28", Action::Drop { ttl_s: 2_400 }));
    let config = PlanConfig { max_hosts: 1 << 32, per_service: true, ..PlanConfig::default() };
    let service = propose(0x50, "203.0.113.77", Action::Drop { ttl_s: 600 });
    all.push(Proposal { protocol: Some(6), dst_port: Some(443), ..service });
    let limit = Action::RateLimit { bytes_per_second: 1_000, burst: 2_000, ttl_s: 600 };
    all.push(Proposal { protocol: Some(17), dst_port: Some(53), ..propose(0x51, "2001:db8::77", limit) });
    Plan::new(&all, NOW, &Policy::default(), &config).unwrap()
}
