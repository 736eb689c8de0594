//! Which limits the traffic of a record's hosts passes.

use super::activity::Activity;
use super::beacons::Regularity;
use super::config::Floors;
use super::incident::{IncidentKind, Reason, is_outside_host};
use crate::qos::{Protocol, Subject};
use crate::telemetry::protocol_number;
use crate::verdict::Severity;

/// Ports of a host below which many unanswered connections are a flood; above they are a scan.
const FLOOD_PORTS: f64 = 8.0;
/// Seconds of the window that rates are over.
const RATE_S: f64 = 10.0;
/// Seconds between connections below which regular ones are a protocol that polls.
const BEACON_INTERVAL_S: f64 = 1.0;
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
    /// A record that the guard calls an anomaly.
    pub(super) const fn anomaly(p_value: f64) -> Self {
        signal(IncidentKind::Anomaly, Reason::Anomalies { anomalies: 1.0, p_value })
    }
}

/// The kinds that a record is evidence for or against; without a signal it is evidence against.
pub(super) fn signals(
    floors: &Floors,
    activity: &Activity,
    subject: &Subject<'_>,
    regularity: Option<Regularity>,
) -> [(IncidentKind, Option<Signal>); 6] {
    let protocol = protocol(subject);
    [
        (IncidentKind::PortScan, port_scan(floors, activity)),
        (IncidentKind::HostScan, host_scan(floors, activity, protocol)),
        (IncidentKind::SynFlood, syn_flood(floors, activity, protocol)),
        (IncidentKind::Flood, Some(flood(floors, activity))),
        (IncidentKind::BruteForce, brute_force(floors, activity, subject)),
        (IncidentKind::Beacon, beacon(floors, subject, regularity)),
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
    // A host that answers a ping was found.
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
    let per_s = activity.dst_flows * activity.dst_failed / RATE_S;
    let (sources, limit) = (activity.dst_peers, floors.unanswered_per_s);
    let found = protocol == Some(TCP) && activity.dst_failed >= 0.8 && activity.dst_ports <= FLOOD_PORTS;
    found.then_some(signal(IncidentKind::SynFlood, Reason::Unanswered { per_s, sources, limit }))
}

fn flood(floors: &Floors, activity: &Activity) -> Signal {
    let packets = Reason::Packets { per_s: activity.dst_packets_per_s, limit: floors.packets_per_s };
    let flows = Reason::Flows { per_s: activity.dst_flows / RATE_S, limit: floors.flows_per_s };
    let reason = if packets.strength() > flows.strength() { packets } else { flows };
    signal(IncidentKind::Flood, reason)
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

/// The number of a record's protocol.
fn protocol(subject: &Subject<'_>) -> Option<u8> {
    match subject.protocol? {
        Protocol::Number(number) => Some(number),
        Protocol::Name(name) => protocol_number(name),
    }
}
