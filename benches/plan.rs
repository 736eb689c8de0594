//! Plans: from decisions to entries, and from entries to configuration.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qosguard::qos::{Action, Plan, PlanConfig, Policy, Prefix, Proposal, RenderConfig, Renderer};

const DECISIONS: u64 = 1_000_000;
const NOW: f64 = 1_700_000_000.0;

/// Decisions about so many sources, of both families, in an order that is not the order of the addresses.
fn proposals(sources: u64) -> Vec<Proposal> {
    let actions = [
        Action::Drop { ttl_s: 600 },
        Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 },
        Action::Deprioritize { ttl_s: 300 },
    ];
    (0..DECISIONS)
        .map(|id| {
            let host = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) % sources;
            let source = if host.is_multiple_of(4) {
                IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(host) << 64 | 1))
            } else {
                IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + host as u32))
            };
            Proposal {
                id,
                source: Some(Prefix::from(source)),
                action: actions[(id % 3) as usize],
                time: Some(NOW - (id % 50) as f64),
                ..Proposal::default()
            }
        })
        .collect()
}

fn plan(c: &mut Criterion) {
    let (policy, config) = (Policy::default(), PlanConfig { max_hosts: 1 << 32, ..PlanConfig::default() });
    let mut group = c.benchmark_group("plan/decisions");
    group.sample_size(10).throughput(Throughput::Elements(DECISIONS));
    for sources in [1_000, 100_000, 1_000_000] {
        let proposals = proposals(sources);
        group.bench_function(format!("{sources} sources"), |b| {
            b.iter(|| Plan::new(black_box(&proposals), NOW, &policy, &config).unwrap());
        });
    }
    group.finish();

    let plan = Plan::new(&proposals(100_000), NOW, &policy, &config).unwrap();
    let mut group = c.benchmark_group("plan/render");
    group.sample_size(10).throughput(Throughput::Elements(plan.entries().len() as u64));
    for renderer in Renderer::ALL {
        group.bench_function(renderer.as_str(), |b| {
            b.iter(|| black_box(&plan).render(renderer, &RenderConfig::default()).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
