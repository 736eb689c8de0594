//! Which limits the traffic of a record's hosts exceeds.

use super::activity::Activity;
use super::config::Floors;
use super::incident::{IncidentKind, Reason, is_outside_host};
use super::pairs::{PairActivity, Regularity, Upload};
use crate::qos::{Protocol, Subject};
use crate::telemetry::protocol_number;
use crate::verdict::Severity;

/// A flood uses at most this many ports of a host. A scan uses more.
const FLOOD_PORTS: f64 = 8.0;
/// Length in seconds of the window for rates.
const RATE_S: f64 = 10.0;
/// Minimum interval of a beacon in seconds. Shorter intervals are polling.
const BEACON_INTERVAL_S: f64 = 1.0;
/// Minimum ratio of bytes sent to bytes received of an upload.
const UPLOAD_RATIO: f64 = 10.0;
/// Ports of services that are regular by design: DNS, NTP.
const REGULAR_PORTS: [u16; 2] = [53, 123];

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// How close the traffic of a record's hosts is to being an attack of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Signal {
    pub(super) kind: IncidentKind,
    pub(super) reason: Reason,
    /// The highest severity that this evidence alone can give.
    pub(super) at_most: Severity,
}

impl Signal {
    /// A record that the guard calls an anomaly, as evidence about its source or, by the kind, its destination.
    pub(super) const fn anomaly(kind: IncidentKind, p_value: f64) -> Self {
        signal(kind, Reason::Anomalies { anomalies: 1.0, p_value })
    }
}

/// The kinds that a record is evidence for or against; without a signal it is evidence against.
pub(super) fn signals(
    floors: &Floors,
    activity: &Activity,
    subject: &Subject<'_>,
    pair: Option<PairActivity>,
) -> [(IncidentKind, Option<Signal>); 7] {
    let protocol = protocol(subject);
    [
        (IncidentKind::PortScan, port_scan(floors, activity)),
        (IncidentKind::HostScan, host_scan(floors, activity, protocol)),
        (IncidentKind::SynFlood, syn_flood(floors, activity, protocol)),
        (IncidentKind::Flood, Some(flood(floors, activity, protocol))),
        (IncidentKind::BruteForce, brute_force(floors, activity, subject)),
        (IncidentKind::Beacon, beacon(floors, subject, pair.and_then(|pair| pair.regularity))),
        (IncidentKind::Exfiltration, pair.and_then(|pair| exfiltration(floors, pair.upload))),
    ]
}

const fn signal(kind: IncidentKind, reason: Reason) -> Signal {
    Signal { kind, reason, at_most: Severity::Critical }
}

fn port_scan(floors: &Floors, activity: &Activity) -> Option<Signal> {
    let (ports, failed) = (activity.pair_ports, activity.pair_failed);
    let reason = Reason::Ports { ports, failed, limit: floors.scan_ports.into() };
    (failed >= floors.scan_failed).then_some(signal(IncidentKind::PortScan, reason))
}

/// Many hosts on few ports. Peer-to-peer programs try many hosts too, each on its own port.
fn host_scan(floors: &Floors, activity: &Activity, protocol: Option<u8>) -> Option<Signal> {
    let (hosts, failed) = (activity.src_peers, activity.src_failed);
    // Replies do not count for ICMP: a host that replies was scanned too.
    let is_ping = matches!(protocol, Some(ICMP | ICMPV6));
    let limit = if is_ping { floors.ping_hosts } else { floors.scan_hosts };
    let reason = Reason::Hosts { hosts, failed, limit: limit.into() };
    // UDP has no connections: programs that search for peers get no reply either.
    let at_most = if protocol == Some(UDP) { Severity::Medium } else { Severity::Critical };
    let is_few_ports = activity.src_ports <= hosts / 4.0;
    let found = (is_ping || failed >= floors.scan_failed) && is_few_ports;
    found.then_some(Signal { at_most, ..signal(IncidentKind::HostScan, reason) })
}

fn syn_flood(floors: &Floors, activity: &Activity, protocol: Option<u8>) -> Option<Signal> {
    let per_s = unanswered_per_s(activity).filter(|_| protocol == Some(TCP))?;
    let (sources, limit) = (activity.dst_peers, floors.unanswered_per_s);
    Some(signal(IncidentKind::SynFlood, Reason::Unanswered { per_s, sources, limit }))
}

/// Flows per second to a host that get no reply, if most do not and they are not a scan.
fn unanswered_per_s(activity: &Activity) -> Option<f64> {
    let is_flood = activity.dst_failed >= 0.8 && activity.dst_ports <= FLOOD_PORTS;
    is_flood.then_some(activity.dst_flows * activity.dst_failed / RATE_S)
}

/// The strongest of packets, flows, and UDP flows without a reply.
fn flood(floors: &Floors, activity: &Activity, protocol: Option<u8>) -> Signal {
    let packets = Reason::Packets { per_s: activity.dst_packets_per_s, limit: floors.packets_per_s };
    let flows = Reason::Flows { per_s: activity.dst_flows / RATE_S, limit: floors.flows_per_s };
    let unanswered = unanswered_per_s(activity).filter(|_| protocol == Some(UDP)).map(|per_s| {
        let (sources, limit) = (activity.dst_peers, floors.unanswered_udp_per_s);
        Reason::UnansweredUdp { per_s, sources, limit }
    });
    // An unknown rate is NaN, which is not above any number.
    let stronger = |a: Reason, b: Reason| if a.strength() > b.strength() { a } else { b };
    let reason = stronger(packets, flows);
    signal(IncidentKind::Flood, unanswered.map_or(reason, |unanswered| stronger(unanswered, reason)))
}

fn brute_force(floors: &Floors, activity: &Activity, subject: &Subject<'_>) -> Option<Signal> {
    let port = subject.dst_port.filter(|port| floors.login_ports.contains(port))?;
    let limit = floors.logins_per_min.into();
    let reason = Reason::Logins { per_min: activity.pair_flows, port, limit };
    let answered = activity.pair_failed.is_nan() || activity.pair_failed < 0.5;
    (answered && activity.pair_ports <= 2.0).then_some(signal(IncidentKind::BruteForce, reason))
}

fn beacon(floors: &Floors, subject: &Subject<'_>, regularity: Option<Regularity>) -> Option<Signal> {
    let Regularity { connections, interval_s, score } = regularity?;
    let outside = subject.dst_ip.is_some_and(is_outside_host);
    let by_design = subject.dst_port.is_some_and(|port| REGULAR_PORTS.contains(&port));
    let enough = connections >= floors.beacon_connections && interval_s >= BEACON_INTERVAL_S;
    let reason =
        Reason::Regular { connections: connections as f64, interval_s, score, limit: floors.beacon_score };
    // Updates and monitoring of good programs are regular too.
    let signal = Signal { at_most: Severity::Medium, ..signal(IncidentKind::Beacon, reason) };
    (outside && !by_design && enough).then_some(signal)
}

/// A host that sends far more to a host of the Internet than it receives.
fn exfiltration(floors: &Floors, upload: Upload) -> Option<Signal> {
    let Upload { sent, received } = upload;
    let reason = Reason::Upload { sent, received, limit: floors.upload_bytes };
    // Backups to the Internet send as much.
    let signal = Signal { at_most: Severity::Medium, ..signal(IncidentKind::Exfiltration, reason) };
    (sent >= UPLOAD_RATIO * received).then_some(signal)
}

/// The number of a record's protocol.
fn protocol(subject: &Subject<'_>) -> Option<u8> {
    match subject.protocol? {
        Protocol::Number(number) => Some(number),
        Protocol::Name(name) => protocol_number(name),
    }
}
