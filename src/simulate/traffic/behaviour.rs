//! What the hosts of an attack do: the flows of one event, relative to its start.

use std::net::Ipv4Addr;

use super::config::AttackKind;
use crate::rng::Stream;
use crate::simulate::attack::{guess, message, probe};
use crate::simulate::flow::{Ends, Exchange, Flags, Flow, Half};
use crate::simulate::network::{Network, high_port, service_of};

/// Steps between the ports of a scan. None has a factor in common with 65,535, so no port repeats.
const STEPS: [u32; 4] = [1, 2, 7, 11];
/// Number of internal addresses that a scan may cover.
const SCANNED: u32 = 4_096;

/// The hosts and flows of one event.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    /// Addresses of the attackers; empty if the sources are forged.
    pub(super) attackers: Vec<Ipv4Addr>,
    pub(super) victims: Vec<Ipv4Addr>,
    /// The attacked port, if the attack has one.
    pub(super) port: Option<u16>,
    /// Seconds since the start of the event, and the flow.
    pub(super) flows: Vec<(f64, Flow)>,
}

/// Collects the flows of an event.
struct Script<'a> {
    rng: &'a mut Stream,
    family: &'static str,
    time: f64,
    flows: Vec<(f64, Flow)>,
}

impl Script<'_> {
    /// Adds a flow now.
    fn add(&mut self, src: Ipv4Addr, dst: Ipv4Addr, exchange: Exchange) {
        let flow = exchange.into_flow(self.rng, Ends { src, dst }, Some(self.family));
        self.flows.push((self.time, flow));
    }

    /// Waits before the next flow, exponentially with the given mean.
    fn wait(&mut self, mean: f64) {
        self.time += self.rng.exponential(mean);
    }

    fn done(self, attackers: Vec<Ipv4Addr>, victims: Vec<Ipv4Addr>, port: Option<u16>) -> Behaviour {
        Behaviour { attackers, victims, port, flows: self.flows }
    }
}

impl Behaviour {
    /// Draws an event of at most about `longest` seconds.
    pub(super) fn draw(rng: &mut Stream, kind: AttackKind, network: Network, longest: f64) -> Self {
        let script = Script { rng, family: kind.as_str(), time: 0.0, flows: Vec::new() };
        match kind {
            AttackKind::PortScan => port_scan(script, network),
            AttackKind::HorizontalScan => horizontal_scan(script, network),
            AttackKind::IcmpSweep => icmp_sweep(script, network),
            AttackKind::SynFlood => syn_flood(script),
            AttackKind::UdpFlood => udp_flood(script),
            AttackKind::BruteForce => brute_force(script, network),
            AttackKind::Beaconing => beaconing(script, network, longest),
            AttackKind::Exfiltration => exfiltration(script, network, longest),
        }
    }
}

/// An attacker outside or, in one of three events, a compromised client.
fn attacker(rng: &mut Stream, network: Network) -> Ipv4Addr {
    if rng.chance(1.0 / 3.0) { network.client(rng) } else { Network::external(rng) }
}

fn port_scan(mut script: Script<'_>, network: Network) -> Behaviour {
    let (src, dst) = (attacker(script.rng, network), Network::server(script.rng));
    let (first, step) = (script.rng.below(65_535) as u32, STEPS[script.rng.below(STEPS.len())]);
    let gap = 1.0 / script.rng.between(50.0, 400.0);
    for i in 0..script.rng.count(300, 1_000) as u32 {
        let exchange = probe(script.rng, 1 + ((first + i * step) % 65_535) as u16);
        script.add(src, dst, exchange);
        script.wait(gap);
    }
    script.done(vec![src], vec![dst], None)
}

/// Consecutive internal addresses without the attacker, and whether a client uses each.
fn scanned(rng: &mut Stream, network: Network, src: Ipv4Addr) -> Vec<(Ipv4Addr, bool)> {
    let (count, first) = (rng.count(200, 600) as u32, rng.below(SCANNED as usize / 2) as u32);
    let address = |i: u32| (Network::address(first + i), first + i < network.hosts);
    (0..count).map(address).filter(|&(victim, _)| victim != src).collect()
}

fn horizontal_scan(mut script: Script<'_>, network: Network) -> Behaviour {
    let src = attacker(script.rng, network);
    let ports = [22, 23, 80, 445, 3_389];
    let port = ports[script.rng.below(ports.len())];
    let victims = scanned(script.rng, network, src);
    let gap = 1.0 / script.rng.between(20.0, 200.0);
    for &(victim, is_used) in &victims {
        let exchange = if is_used {
            probe(script.rng, port)
        } else {
            let syns = script.rng.count(1, 2);
            let duration = script.rng.between(0.9, 1.1);
            Exchange::unanswered(service_of(port), port, syns, false).timed(duration, 0.0)
        };
        script.add(src, victim, exchange);
        script.wait(gap);
    }
    script.done(vec![src], victims.into_iter().map(|(victim, _)| victim).collect(), Some(port))
}

fn icmp_sweep(mut script: Script<'_>, network: Network) -> Behaviour {
    let src = attacker(script.rng, network);
    let victims = scanned(script.rng, network, src);
    let gap = 1.0 / script.rng.between(20.0, 200.0);
    for &(victim, is_used) in &victims {
        let is_answered = is_used && script.rng.chance(0.7);
        let exchange = Exchange::ping("iot", 1, u64::from(is_answered));
        let duration = script.rng.log_normal(0.002, 0.5);
        script.add(src, victim, exchange.timed(duration, 0.0));
        script.wait(gap);
    }
    script.done(vec![src], victims.into_iter().map(|(victim, _)| victim).collect(), None)
}

fn syn_flood(mut script: Script<'_>) -> Behaviour {
    let victim = Network::server(script.rng);
    let port = if script.rng.chance(0.5) { 80 } else { 443 };
    let is_forged = script.rng.chance(0.5);
    let sources = if is_forged { Vec::new() } else { externals(script.rng, 4, 8) };
    let gap = 1.0 / script.rng.between(200.0, 1_000.0);
    for _ in 0..script.rng.count(2_000, 5_000) {
        let src = match sources.get(script.rng.below(sources.len())) {
            Some(&source) => source,
            None => Network::external(script.rng),
        };
        let syns = script.rng.count(1, 2);
        let open = Exchange::unanswered(service_of(port), port, syns, false);
        let exchange = if script.rng.chance(0.05) {
            // The victim still has room for the connection.
            let flags = Flags { syn: syns + 1, ..Flags::default() };
            Exchange { bwd: Half { packets: 1, payload: 0.0 }, flags, ..open }
        } else {
            open
        };
        let duration = script.rng.log_normal(0.02, 0.7);
        script.add(src, victim, exchange.timed(duration, 0.0));
        script.wait(gap);
    }
    script.done(sources, vec![victim], Some(port))
}

fn udp_flood(mut script: Script<'_>) -> Behaviour {
    let victim = Network::server(script.rng);
    let port = match script.rng.below(3) {
        0 => 53,
        1 => 123,
        _ => high_port(script.rng),
    };
    let sources = externals(script.rng, 8, 64);
    let gap = 1.0 / script.rng.between(100.0, 500.0);
    let size = script.rng.between(200.0, 1_400.0);
    for _ in 0..script.rng.count(1_000, 3_000) {
        let packets = script.rng.log_normal(60.0, 0.8).clamp(1.0, 2_000.0) as u64;
        let fwd = Half { packets, payload: packets as f64 * size };
        let duration = packets as f64 * script.rng.log_normal(1e-3, 0.5);
        let exchange = Exchange::udp(service_of(port), port, fwd, Half::default()).timed(duration, 1.0);
        if let Some(&src) = sources.get(script.rng.below(sources.len())) {
            script.add(src, victim, exchange);
        }
        script.wait(gap);
    }
    script.done(sources, vec![victim], Some(port))
}

fn brute_force(mut script: Script<'_>, network: Network) -> Behaviour {
    let (src, dst) = (attacker(script.rng, network), Network::server(script.rng));
    let port = [22, 3_389, 21][script.rng.below(3)];
    let typical =
        script.rng.between(if port == 21 { 90.0 } else { 1_300.0 }, if port == 21 { 160.0 } else { 1_900.0 });
    let gap = script.rng.between(0.3, 1.0);
    for _ in 0..script.rng.count(60, 200) {
        let exchange = guess(script.rng, port, typical);
        script.add(src, dst, exchange);
        script.wait(gap);
    }
    script.done(vec![src], vec![dst], Some(port))
}

fn beaconing(mut script: Script<'_>, network: Network, longest: f64) -> Behaviour {
    let (src, dst) = (network.client(script.rng), Network::external(script.rng));
    let is_udp = script.rng.chance(0.25);
    let port = if is_udp { high_port(script.rng) } else { 443 };
    let count = script.rng.count(20, 60);
    let period = script.rng.between(15.0, 60.0).min(longest / count as f64);
    let interval = script.rng.log_normal(0.15, 0.3);
    for _ in 0..count {
        let exchange = message(script.rng, port, is_udp, interval);
        script.add(src, dst, exchange);
        script.time += period * (1.0 + 0.03 * script.rng.normal()).max(0.1);
    }
    script.done(vec![src], vec![dst], Some(port))
}

fn exfiltration(mut script: Script<'_>, network: Network, longest: f64) -> Behaviour {
    let (src, dst) = (network.client(script.rng), Network::external(script.rng));
    let port = if script.rng.chance(0.5) { 443 } else { high_port(script.rng) };
    let typical = script.rng.log_normal(1e8, 0.3);
    let count = script.rng.count(6, 12);
    let gap = script.rng.between(15.0, 60.0).min(longest / count as f64);
    for _ in 0..count {
        let size = typical * script.rng.log_normal(1.0, 0.3);
        let down = 1_500.0 + size * script.rng.between(0.0005, 0.004);
        let duration = size / script.rng.log_normal(5e6, 0.3);
        let variation = script.rng.between(1.0, 3.0);
        script.add(src, dst, Exchange::tcp(service_of(port), port, size, down).timed(duration, variation));
        script.time += gap * script.rng.between(0.5, 1.5);
    }
    script.done(vec![src], vec![dst], Some(port))
}

/// Between `low` and `high` distinct external addresses, in ascending order.
fn externals(rng: &mut Stream, low: u64, high: u64) -> Vec<Ipv4Addr> {
    let count = rng.count(low, high) as usize;
    let mut sources = std::collections::BTreeSet::new();
    while sources.len() < count {
        sources.insert(Network::external(rng));
    }
    sources.into_iter().collect()
}
