//! Clean traffic: the flows of each application.
//!
//! Sizes, rates, durations and idle times are log-normal, as in traffic studies (Downey 2001; Paxson 1994). Their tails
//! overlap with each attack on purpose. Backups upload far more than they download. Keep-alives are as regular as
//! beacons. Scripted SSH logins are as short as password guesses, and idle mail sessions as slow as a slow-rate attack.
//! Some connections fail.

use super::config::BackgroundMix;
use super::flow::{Ends, Exchange, Flags, Flow, Half, Protocol};
use super::network::{Network, high_port, service_of};
use crate::rng::Stream;

/// The applications, in the order of [`BackgroundMix::weights`].
const APPLICATIONS: [fn(&mut Stream) -> Exchange; 7] = [web, dns, voip, video, bulk, mail, iot];

/// Share of clean flows with an unknown service.
const UNKNOWN_SHARE: f64 = 0.02;

/// Draws clean flows.
#[derive(Clone, Debug)]
pub(super) struct Background {
    cumulative: [f64; 7],
    network: Network,
}

impl Background {
    pub(super) fn new(mix: &BackgroundMix, network: Network) -> Self {
        let mut sum = 0.0;
        let cumulative = mix.weights().map(|(_, weight)| {
            sum += weight;
            sum
        });
        Self { cumulative: cumulative.map(|c| c / sum), network }
    }

    pub(super) fn flow(&self, rng: &mut Stream) -> Flow {
        let exchange = if rng.chance(UNKNOWN_SHARE) {
            unknown(rng)
        } else {
            let point = rng.uniform();
            let which = self.cumulative.iter().filter(|&&c| c <= point).count();
            APPLICATIONS[which.min(APPLICATIONS.len() - 1)](rng)
        };
        let exchange = with_failures(rng, exchange);
        let ends = self.ends(rng, exchange.service);
        exchange.into_flow(rng, ends, None)
    }

    fn ends(&self, rng: &mut Stream, service: &str) -> Ends {
        let src = self.network.client(rng);
        match service {
            "dns" if rng.chance(0.9) => Ends { src, dst: Network::resolver(rng) },
            "bulk" | "ssh" | "ftp" if rng.chance(0.5) => Ends { src, dst: Network::server(rng) },
            "web" | "mail" | "ssh" | "ftp" if rng.chance(0.15) => {
                Ends { src: Network::popular(rng), dst: Network::server(rng) }
            }
            _ => Ends { src, dst: Network::popular(rng) },
        }
    }
}

/// Makes some TCP connections fail, end by a reset, or end by the timeout of the exporter.
fn with_failures(rng: &mut Stream, exchange: Exchange) -> Exchange {
    if exchange.protocol != Protocol::Tcp {
        return exchange;
    }
    let flags = match rng.uniform() {
        p if p < 0.015 => {
            // Retries follow after 1, 2 and 4 s (RFC 6298).
            let syns = rng.count(1, 4);
            let duration = ((1_u64 << (syns - 1)) - 1) as f64 + rng.between(0.0, 0.01);
            return Exchange::unanswered(exchange.service, exchange.dst_port, syns, false)
                .timed(duration, 0.6);
        }
        p if p < 0.03 => {
            let round_trip = rng.log_normal(0.02, 0.8);
            return Exchange::unanswered(exchange.service, exchange.dst_port, 1, true).timed(round_trip, 0.0);
        }
        p if p < 0.14 => Flags { syn: 2, fin: 1, rst: 1 },
        p if p < 0.20 => Flags { syn: 2, fin: 0, rst: 0 },
        p if p < 0.24 => Flags::default(),
        _ => exchange.flags,
    };
    Exchange { flags, ..exchange }
}

/// Seconds to transfer `bytes` over a typical path, after `turns` round trips.
fn transfer(rng: &mut Stream, turns: f64, bytes: f64, rate: f64) -> f64 {
    turns * rng.log_normal(0.03, 0.6) + bytes / rng.log_normal(rate, 0.8)
}

fn web(rng: &mut Stream) -> Exchange {
    let (up, down) = (rng.log_normal(900.0, 0.8).min(1e6), rng.log_normal(14_000.0, 1.5).min(1e8));
    let idle = if rng.chance(0.35) { rng.log_normal(5.0, 1.0).min(115.0) } else { 0.0 };
    let duration = transfer(rng, 4.0, up + down, 2.5e6) + idle;
    let variation = rng.log_normal(1.8, 0.4);
    let exchange = match rng.uniform() {
        p if p < 0.25 => Exchange::quic("web", up, down),
        p if p < 0.85 => Exchange::tcp("web", 443, up, down),
        p if p < 0.98 => Exchange::tcp("web", 80, up, down),
        _ => Exchange::tcp("web", 8080, up, down),
    };
    exchange.timed(duration, variation)
}

fn dns(rng: &mut Stream) -> Exchange {
    // A stub resolver queries A and AAAA over one socket, a forwarder many names.
    let queries = match rng.uniform() {
        p if p < 0.40 => 1,
        p if p < 0.97 => 2,
        _ => rng.log_normal(20.0, 1.2).clamp(3.0, 5_000.0) as u64,
    };
    let answers = if rng.chance(0.01) { 0 } else { queries };
    let question = rng.between(28.0, 62.0) * queries as f64;
    let answer = rng.log_normal(120.0, 0.5).min(1_232.0) * answers as f64;
    let wait = rng.log_normal(0.008, 1.2);
    let duration = if queries > 2 { rng.log_normal(20.0, 1.0) } else { wait };
    let variation = rng.between(0.5, 1.4);
    let fwd = Half { packets: queries, payload: question };
    let exchange = if rng.chance(0.02) {
        Exchange::tcp("dns", 53, question, answer * 4.0)
    } else {
        Exchange::udp("dns", 53, fwd, Half { packets: answers, payload: answer })
    };
    exchange.timed(duration, variation)
}

fn voip(rng: &mut Stream) -> Exchange {
    if rng.chance(0.15) {
        let messages = rng.count(3, 8);
        let half = Half { packets: messages, payload: messages as f64 * rng.between(380.0, 800.0) };
        let variation = rng.between(0.8, 2.0);
        return Exchange::udp("voip", 5060, half, half).timed(rng.log_normal(4.0, 0.8), variation);
    }
    // 50 packets per second in each direction: a 12-byte RTP header and 60 (Opus) or 160 (G.711) bytes of audio.
    let seconds = rng.log_normal(90.0, 1.0).clamp(1.0, 3_600.0);
    let audio = if rng.chance(0.6) { rng.between(50.0, 80.0) } else { 160.0 };
    let mut side = || {
        let packets = (50.0 * seconds * rng.between(0.93, 1.0)).round();
        Half { packets: packets as u64, payload: packets * (12.0 + audio) }
    };
    let (fwd, bwd) = (side(), side());
    let port = 16_384 + 2 * rng.below(8_192) as u16;
    Exchange::udp("voip", port, fwd, bwd).timed(seconds, rng.between(0.3, 0.9))
}

fn video(rng: &mut Stream) -> Exchange {
    if rng.chance(0.25) {
        // A conference: both directions, about 1,000 bytes per packet.
        let seconds = rng.log_normal(300.0, 1.0).clamp(2.0, 3_600.0);
        let mut side = || {
            let packets = (seconds * rng.log_normal(150.0, 0.5)).max(1.0).round();
            Half { packets: packets as u64, payload: packets * rng.between(600.0, 1_150.0) }
        };
        let (fwd, bwd) = (side(), side());
        let port = 3_478 + rng.below(4) as u16;
        return Exchange::udp("video", port, fwd, bwd).timed(seconds, rng.between(0.8, 1.8));
    }
    let down = rng.log_normal(1.2e7, 1.2).min(4e9);
    let up = 1_500.0 + down * rng.between(0.001, 0.004);
    let seconds = down / rng.log_normal(4e5, 0.7);
    let variation = rng.log_normal(4.0, 0.4);
    let exchange = if rng.chance(0.5) {
        Exchange::quic("video", up, down)
    } else {
        Exchange::tcp("video", 443, up, down)
    };
    exchange.timed(seconds, variation)
}

fn bulk(rng: &mut Stream) -> Exchange {
    let (port, scripted) = match rng.uniform() {
        p if p < 0.25 => (22, 0.4),
        p if p < 0.40 => (21, 0.6),
        p if p < 0.60 => (443, 0.0),
        p if p < 0.85 => (445, 0.0),
        _ => (873, 0.0),
    };
    let service = if port == 443 { "bulk" } else { service_of(port) };
    if rng.chance(scripted) {
        // A scheduled login with little to do.
        let (up, down) = (rng.log_normal(2_200.0, 0.5), rng.log_normal(2_800.0, 0.5));
        let duration = rng.log_normal(1.5, 0.9);
        let variation = rng.between(0.8, 2.5);
        return Exchange::tcp(service, port, up, down).timed(duration, variation);
    }
    let size = rng.log_normal(4e6, 1.8).min(4e9);
    let control = 2_000.0 + size * rng.between(0.0, 0.01);
    let (up, down) = if rng.chance(0.45) { (size, control) } else { (control, size) };
    let duration = transfer(rng, 6.0, size, 4e6);
    Exchange::tcp(service, port, up, down).timed(duration, rng.log_normal(2.5, 0.5))
}

fn mail(rng: &mut Stream) -> Exchange {
    let size = rng.log_normal(20_000.0, 1.8).min(5e7);
    let talk = rng.between(600.0, 1_800.0);
    let duration = transfer(rng, 10.0, size, 1.5e6) + rng.log_normal(0.3, 1.0);
    let variation = rng.log_normal(1.6, 0.5);
    match rng.uniform() {
        p if p < 0.25 => Exchange::tcp("mail", 25, size, talk).timed(duration, variation),
        p if p < 0.45 => Exchange::tcp("mail", 587, size, talk).timed(duration, variation),
        p if p < 0.80 => Exchange::tcp("mail", 993, talk, size).timed(duration, variation),
        // A client that waits for new mail.
        _ => {
            let idle = rng.log_normal(300.0, 0.9).min(1_740.0);
            Exchange::tcp("mail", 993, talk, talk * 1.5).timed(idle, rng.log_normal(2.2, 0.3))
        }
    }
}

fn iot(rng: &mut Stream) -> Exchange {
    match rng.uniform() {
        // Keep-alives and readings over a session that stays open.
        p if p < 0.50 => {
            let messages = rng.count(2, 30);
            let (up, down) = (rng.between(20.0, 220.0), rng.between(2.0, 60.0));
            let port = if rng.chance(0.7) { 8883 } else { 1883 };
            let exchange = Exchange {
                fwd: Half { packets: 2 * messages, payload: up * messages as f64 },
                bwd: Half { packets: messages, payload: down * messages as f64 },
                ..Exchange::tcp("iot", port, 0.0, 0.0)
            };
            let period = rng.log_normal(6.0, 1.2);
            exchange.timed((period * messages as f64).min(1_800.0), rng.log_normal(0.5, 0.9))
        }
        p if p < 0.80 => {
            let port = if rng.chance(0.5) { 123 } else { 5683 };
            let (request, reply) = (rng.between(12.0, 48.0), rng.between(4.0, 200.0));
            let half = |payload| Half { packets: 1, payload };
            Exchange::udp("iot", port, half(request), half(reply)).timed(rng.log_normal(0.025, 0.8), 0.0)
        }
        p if p < 0.90 => {
            let sent = rng.count(1, 10);
            let answered = if rng.chance(0.05) { 0 } else { sent };
            let variation = rng.between(0.9, 1.1);
            Exchange::ping("iot", sent, answered)
                .timed((sent - 1) as f64 + rng.log_normal(0.02, 0.5), variation)
        }
        // Uploads of readings or pictures.
        _ => {
            let up = rng.log_normal(30_000.0, 1.5).min(2e7);
            let duration = transfer(rng, 5.0, up, 4e5);
            Exchange::tcp("iot", 8883, up, 400.0).timed(duration, rng.log_normal(1.5, 0.4))
        }
    }
}

/// Games, tunnels and peer-to-peer traffic on any high port.
fn unknown(rng: &mut Stream) -> Exchange {
    let (up, down) = (rng.log_normal(3_000.0, 2.5).min(4e8), rng.log_normal(5_000.0, 2.5).min(4e8));
    let duration = transfer(rng, 4.0, up + down, 1e6) + rng.log_normal(2.0, 1.5).min(1_800.0);
    let variation = rng.log_normal(1.3, 0.8);
    let port = high_port(rng);
    let exchange = if rng.chance(0.5) {
        Exchange::tcp("other", port, up, down)
    } else {
        let size = rng.between(60.0, 1_200.0);
        let half = |payload: f64| Half { packets: (payload / size).ceil() as u64, payload };
        Exchange::udp("other", port, half(up), half(down))
    };
    exchange.timed(duration, variation)
}
