//! Attack traffic. An episode is many flows of one attacker with one tool against one target.

use std::net::Ipv4Addr;

use super::config::Attack;
use super::flow::{Ends, Exchange, Flags, Flow, Half};
use super::network::{KNOWN_PORTS, Network, high_port, service_of};
use crate::rng::Stream;

/// One episode: the values that all its flows share.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    attack: Attack,
    attacker: Ipv4Addr,
    target: Ipv4Addr,
    /// The attacked port, or the first one of a scan.
    port: u16,
    /// Which of three tools the attacker uses.
    tool: usize,
    /// A typical size, interval or step; its meaning depends on the attack.
    typical: f64,
    /// Mean seconds from one flow to the next.
    pace: f64,
}

impl Episode {
    /// Minimum and maximum number of flows of an episode.
    pub(super) const fn size(attack: Attack) -> (u64, u64) {
        match attack {
            Attack::Flood => (200, 2_000),
            Attack::SlowDos => (50, 400),
            Attack::PortScan => (100, 1_000),
            Attack::BruteForce => (40, 300),
            Attack::Beaconing => (20, 120),
            Attack::Exfiltration => (4, 20),
        }
    }

    pub(super) fn new(rng: &mut Stream, attack: Attack, network: Network) -> Self {
        let tool = rng.below(3);
        let (attacker, target) = match attack {
            Attack::Flood | Attack::SlowDos | Attack::BruteForce => {
                (Network::external(rng), Network::server(rng))
            }
            // From a compromised internal host, or from outside.
            Attack::PortScan if tool == 0 => (network.client(rng), Network::server(rng)),
            Attack::PortScan => (Network::external(rng), Network::server(rng)),
            Attack::Beaconing | Attack::Exfiltration => (network.client(rng), Network::external(rng)),
        };
        let port = match (attack, tool) {
            (Attack::Flood | Attack::SlowDos, 0) => 80,
            (Attack::Flood, 1) if rng.chance(0.5) => 53,
            (Attack::Flood, 2) => 0,
            (Attack::SlowDos, _) | (Attack::Beaconing, 0 | 1) | (Attack::Exfiltration, 0) => 443,
            (Attack::PortScan, _) => 1 + rng.below(1_024) as u16,
            (Attack::BruteForce, 0) => 21,
            (Attack::BruteForce, _) => 22,
            (Attack::Exfiltration, 1) => 53,
            _ => high_port(rng),
        };
        let (typical, pace) = match attack {
            // Seconds between the packets of one source.
            Attack::Flood => (rng.log_normal(4e-4, 0.7), 1.0 / rng.between(200.0, 2_000.0)),
            // Seconds between two small writes.
            Attack::SlowDos => (rng.log_normal(9.0, 0.4), 1.0 / rng.between(2.0, 20.0)),
            // Steps from one port to the next.
            Attack::PortScan => (rng.count(1, 7) as f64, 1.0 / rng.between(10.0, 400.0)),
            // Payload bytes of one guess.
            Attack::BruteForce if port == 21 => (rng.between(90.0, 160.0), rng.between(0.3, 3.0)),
            Attack::BruteForce => (rng.between(1_300.0, 1_900.0), rng.between(0.5, 4.0)),
            // Seconds between two messages.
            Attack::Beaconing => (rng.log_normal(12.0, 0.6), rng.between(30.0, 120.0)),
            // Payload bytes of one upload.
            Attack::Exfiltration if tool == 1 => (rng.log_normal(4e5, 0.8), rng.between(60.0, 600.0)),
            Attack::Exfiltration => (rng.log_normal(2e7, 0.8), rng.between(60.0, 900.0)),
        };
        Self { attack, attacker, target, port, tool, typical, pace }
    }

    /// Seconds until the episode's next flow.
    pub(super) fn gap(&self, rng: &mut Stream) -> f64 {
        match self.attack {
            Attack::Beaconing => self.pace * (1.0 + 0.03 * rng.normal()).max(0.0),
            _ => rng.exponential(self.pace),
        }
    }

    /// Flow number `ordinal` of the episode.
    pub(super) fn flow(&self, rng: &mut Stream, ordinal: u32) -> Flow {
        let exchange = match self.attack {
            Attack::Flood => self.flood(rng),
            Attack::SlowDos => self.slow_dos(rng),
            Attack::PortScan => self.port_scan(rng, ordinal),
            Attack::BruteForce => guess(rng, self.port, self.typical),
            Attack::Beaconing => message(rng, self.port, self.tool == 1, self.typical),
            Attack::Exfiltration => self.exfiltration(rng),
        };
        let src = match self.attack {
            Attack::Flood => Network::external(rng),
            // Up to eight neighbouring addresses.
            Attack::SlowDos => Ipv4Addr::from(u32::from(self.attacker) ^ rng.below(8) as u32),
            _ => self.attacker,
        };
        exchange.into_flow(rng, Ends { src, dst: self.target }, Some(self.attack.as_str()))
    }

    fn flood(&self, rng: &mut Stream) -> Exchange {
        let packets = rng.log_normal(4.0, 0.9).clamp(1.0, 1_000.0) as u64;
        let exchange = match self.tool {
            0 => {
                let open = Exchange::unanswered(service_of(self.port), self.port, packets, rng.chance(0.05));
                if rng.chance(0.1) {
                    // The victim still has room for the connection.
                    let flags = Flags { syn: packets + 1, ..Flags::default() };
                    Exchange { bwd: Half { packets: 1, payload: 0.0 }, flags, ..open }
                } else {
                    open
                }
            }
            1 => {
                let payload = packets as f64 * rng.between(8.0, 64.0);
                Exchange::udp(service_of(self.port), self.port, Half { packets, payload }, Half::default())
            }
            _ => Exchange::ping("iot", packets, if rng.chance(0.1) { packets } else { 0 }),
        };
        let gaps = exchange.packets().saturating_sub(1) as f64;
        exchange.timed(gaps * self.typical * rng.log_normal(1.0, 0.5), rng.between(0.3, 1.5))
    }

    fn slow_dos(&self, rng: &mut Stream) -> Exchange {
        let service = service_of(self.port);
        if rng.chance(0.25) {
            // Half open: the client never completes the handshake, and the server repeats its SYN-ACK.
            let (syns, replies) = (rng.count(1, 2), rng.count(2, 5));
            return Exchange {
                bwd: Half { packets: replies, payload: 0.0 },
                flags: Flags { syn: syns + replies, ..Flags::default() },
                ..Exchange::unanswered(service, self.port, syns, false)
            }
            .timed(self.typical * rng.between(2.0, 7.0), rng.between(0.3, 0.8));
        }
        let writes = rng.count(8, 40);
        let exchange = Exchange {
            fwd: Half { packets: writes + 3, payload: writes as f64 * rng.between(4.0, 24.0) + 180.0 },
            bwd: Half { packets: writes / 2 + 1, payload: 0.0 },
            flags: Flags { syn: 2, fin: 0, rst: u64::from(rng.chance(0.4)) },
            ..Exchange::tcp(service, self.port, 0.0, 0.0)
        };
        let duration = writes as f64 * self.typical * rng.log_normal(1.0, 0.2);
        exchange.timed(duration, rng.between(0.5, 1.2))
    }

    fn port_scan(&self, rng: &mut Stream, ordinal: u32) -> Exchange {
        let step = u64::from(ordinal) * self.typical as u64;
        let port = if rng.chance(0.15) {
            KNOWN_PORTS[rng.below(KNOWN_PORTS.len())]
        } else {
            1 + ((u64::from(self.port) - 1 + step) % 65_535) as u16
        };
        probe(rng, port)
    }

    fn exfiltration(&self, rng: &mut Stream) -> Exchange {
        let size = self.typical * rng.log_normal(1.0, 0.3);
        if self.tool == 1 {
            // The data is in the names of the queries.
            let packets = (size / rng.between(120.0, 200.0)).ceil();
            let reply = packets * rng.between(60.0, 110.0);
            let fwd = Half { packets: packets as u64, payload: size };
            let duration = packets / rng.log_normal(15.0, 0.5);
            return Exchange::udp("dns", 53, fwd, Half { packets: packets as u64, payload: reply })
                .timed(duration.min(3_600.0), rng.between(0.6, 1.5));
        }
        let down = 1_500.0 + size * rng.between(0.0005, 0.004);
        let exchange = Exchange::tcp(service_of(self.port), self.port, size, down);
        let duration = (size / rng.log_normal(1.5e5, 0.6)).min(3_600.0);
        exchange.timed(duration, rng.between(1.0, 3.0))
    }
}

/// A probe of one TCP port: a reset, no reply, or an open port.
pub(super) fn probe(rng: &mut Stream, port: u16) -> Exchange {
    let service = service_of(port);
    let answer = rng.log_normal(0.002, 1.0);
    match rng.uniform() {
        p if p < 0.55 => Exchange::unanswered(service, port, 1, true).timed(answer, 0.0),
        p if p < 0.95 => {
            let packets = rng.count(1, 2);
            Exchange::unanswered(service, port, packets, false).timed(rng.between(0.9, 1.1), 0.0)
        }
        // An open port answers, and the scanner resets the connection.
        _ => Exchange {
            fwd: Half { packets: 2, payload: 0.0 },
            bwd: Half { packets: 1, payload: 0.0 },
            flags: Flags { syn: 2, fin: 0, rst: 1 },
            ..Exchange::unanswered(service, port, 2, false)
        }
        .timed(answer, rng.between(0.5, 1.0)),
    }
}

/// One password guess over SSH, FTP or another login protocol; `typical` is its payload in bytes.
pub(super) fn guess(rng: &mut Stream, port: u16, typical: f64) -> Exchange {
    // All attempts of the tool are equal except for the length of the password.
    let up = typical + rng.between(0.0, 16.0);
    let down = typical * if port == 21 { 2.0 } else { 1.2 } + rng.between(0.0, 8.0);
    let turns = if port == 21 { rng.count(4, 6) } else { rng.count(8, 11) };
    let exchange = Exchange::tcp(service_of(port), port, up, down);
    let more = |half: Half| Half { packets: half.packets + turns, ..half };
    let flags = if rng.chance(0.2) { Flags { syn: 2, fin: 1, rst: 1 } } else { exchange.flags };
    // The server waits about two seconds before it rejects the password.
    let duration = 2.0 + rng.log_normal(0.4, 0.5);
    let exchange = Exchange { fwd: more(exchange.fwd), bwd: more(exchange.bwd), flags, ..exchange };
    exchange.timed(duration, rng.between(3.0, 4.5))
}

/// One connection of a beacon, with `interval` seconds between two messages.
pub(super) fn message(rng: &mut Stream, port: u16, is_udp: bool, interval: f64) -> Exchange {
    let messages = rng.count(3, 8);
    let half = |payload: f64| Half { packets: messages, payload: payload * messages as f64 };
    let (request, reply) = (rng.between(40.0, 48.0), rng.between(24.0, 40.0));
    let exchange = if is_udp {
        Exchange::udp(service_of(port), port, half(request), half(reply))
    } else {
        // The session stays open, so most records contain neither its start nor its end.
        let flags = if rng.chance(0.3) { Flags { syn: 2, fin: 2, rst: 0 } } else { Flags::default() };
        let tcp = Exchange::tcp(service_of(port), port, 0.0, 0.0);
        Exchange { fwd: half(request), bwd: half(reply), flags, ..tcp }
    };
    let gaps = (exchange.packets() - 1) as f64;
    exchange.timed(gaps * interval * (1.0 + 0.02 * rng.normal()), rng.between(0.005, 0.05))
}
