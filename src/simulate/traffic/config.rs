//! The settings of the traffic simulator.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::simulate::config::{BackgroundMix, MAX_START_TIME};
use crate::simulate::disturbance::Disturbance;

/// Maximum number of clean flows, and of attack events.
const MAX_FLOWS: f64 = 5e6;
const MAX_EVENTS: u64 = 1_000;

/// What hosts do in an attack of [`traffic`](super::traffic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttackKind {
    /// One source probes 300 to 1,000 TCP ports of one server, at 50 to 400 ports per second.
    PortScan,
    /// One source probes one TCP port of 200 to 600 addresses of the internal network, at 20 to 200 per second.
    HorizontalScan,
    /// One source pings 200 to 600 addresses of the internal network once, at 20 to 200 per second.
    IcmpSweep,
    /// 2,000 to 5,000 connections to one server that never complete, at 200 to 1,000 per second, from four to eight
    /// sources or from forged ones.
    SynFlood,
    /// 1,000 to 3,000 flows of UDP packets from 8 to 64 sources to one server, at 100 to 500 flows per second.
    UdpFlood,
    /// One source makes 60 to 200 short connections to port 22, 3389 or 21 of one server, 1 to 3 per second.
    BruteForce,
    /// One client makes 20 to 60 small connections to one external host, every 15 to 60 s with 3 % variation.
    Beaconing,
    /// One client uploads about 100 MB to one external host, 6 to 12 times.
    Exfiltration,
}

impl AttackKind {
    /// Every kind of attack.
    pub const ALL: [Self; 8] = [
        Self::PortScan,
        Self::HorizontalScan,
        Self::IcmpSweep,
        Self::SynFlood,
        Self::UdpFlood,
        Self::BruteForce,
        Self::Beaconing,
        Self::Exfiltration,
    ];

    /// The name in the column `family`.
    ///
    /// ```
    /// assert_eq!(qosguard::simulate::AttackKind::SynFlood.as_str(), "syn_flood");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PortScan => "port_scan",
            Self::HorizontalScan => "horizontal_scan",
            Self::IcmpSweep => "icmp_sweep",
            Self::SynFlood => "syn_flood",
            Self::UdpFlood => "udp_flood",
            Self::BruteForce => "brute_force",
            Self::Beaconing => "beaconing",
            Self::Exfiltration => "exfiltration",
        }
    }
}

/// Settings of [`traffic`](super::traffic).
///
/// ```
/// use qosguard::simulate::{AttackKind, TrafficSimulatorConfig};
///
/// let config = TrafficSimulatorConfig { attacks: vec![AttackKind::PortScan], ..Default::default() };
/// assert_eq!((config.duration_s, config.flows_per_s), (3_600.0, 5.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficSimulatorConfig {
    /// Seconds in which flows start, 300 to 2,678,400 (31 days). Default: 3,600.
    pub duration_s: f64,
    /// Number of clients in the internal network, 1 to 10^6. Default: 250.
    pub hosts: u32,
    /// Mean number of clean flows that start per second, above 0; at most 5·10^6 flows in total. Default: 5.
    pub flows_per_s: f64,
    /// The attacks, without repetition. Default: all.
    pub attacks: Vec<AttackKind>,
    /// Number of events of each attack, at least 1; at most 1,000 events in total. Default: 1.
    pub events_per_attack: u32,
    /// The weights of the clean applications.
    pub background: BackgroundMix,
    /// Start of the simulation, seconds since the Unix epoch, at most the year 9999. Default: 2026-01-05, 00:00 UTC.
    pub start_time: u64,
    /// A longer flow has several records, each of at most this many seconds, 1 to 86,400. Default: 1,800.
    ///
    /// Exporters often have 60 s or less, so that long flows are reported while they last. Then the records of a long flow
    /// are as regular as a beacon.
    pub active_timeout_s: f64,
    /// Seconds that the clock of one of the four exporters is ahead, −86,400 to 86,400. Default: 0.
    pub clock_skew_s: f64,
    /// Share of the records that arrive late, in `[0, 1]`, realised to the nearest record. Default: 0.
    pub late_fraction: f64,
    /// Maximum delay of a late record in seconds, above 0 and at most 86,400; the minimum is a quarter of it.
    /// Default: 120.
    pub late_s: f64,
    /// Share of the records that occur twice, in `[0, 1]`, realised to the nearest record. Default: 0.
    pub duplicate_fraction: f64,
    /// Seed of all random draws. Default: 0.
    pub seed: u64,
}

impl Default for TrafficSimulatorConfig {
    fn default() -> Self {
        Self {
            duration_s: 3_600.0,
            hosts: 250,
            flows_per_s: 5.0,
            attacks: AttackKind::ALL.to_vec(),
            events_per_attack: 1,
            background: BackgroundMix::default(),
            start_time: 1_767_571_200, // Monday 2026-01-05, 00:00 UTC
            active_timeout_s: 1_800.0,
            clock_skew_s: 0.0,
            late_fraction: 0.0,
            late_s: 120.0,
            duplicate_fraction: 0.0,
            seed: 0,
        }
    }
}

impl TrafficSimulatorConfig {
    /// Checks every field.
    pub(super) fn validate(&self) -> Result<()> {
        if !(300.0..=2_678_400.0).contains(&self.duration_s) {
            return Err(Error::invalid("duration_s", "in [300, 2678400]", self.duration_s));
        }
        if !(1..=1_000_000).contains(&self.hosts) {
            return Err(Error::invalid("hosts", "in 1..=1000000", self.hosts));
        }
        let flows = self.flows_per_s * self.duration_s;
        if !(self.flows_per_s > 0.0 && flows <= MAX_FLOWS) {
            let expected = format!("above 0 and at most {MAX_FLOWS} flows in {} s", self.duration_s);
            return Err(Error::invalid("flows_per_s", expected, self.flows_per_s));
        }
        for (i, attack) in self.attacks.iter().enumerate() {
            if self.attacks.iter().take(i).any(|other| other == attack) {
                return Err(Error::invalid("attacks", "distinct", format!("{} twice", attack.as_str())));
            }
        }
        let events = self.attacks.len() as u64 * u64::from(self.events_per_attack);
        if self.events_per_attack == 0 || events > MAX_EVENTS {
            let expected = format!("at least 1, with at most {MAX_EVENTS} events in total");
            return Err(Error::invalid("events_per_attack", expected, self.events_per_attack));
        }
        self.background.validate()?;
        if self.start_time > MAX_START_TIME {
            return Err(Error::invalid("start_time", "at most 253402300799", self.start_time));
        }
        if !(1.0..=86_400.0).contains(&self.active_timeout_s) {
            return Err(Error::invalid("active_timeout_s", "in [1, 86400]", self.active_timeout_s));
        }
        self.disturbance().validate(self.start_time)
    }

    /// What happens to the records between the exporter and the reader.
    pub(super) fn disturbance(&self) -> Disturbance {
        Disturbance {
            clock_skew_s: self.clock_skew_s,
            late_fraction: self.late_fraction,
            late_s: self.late_s,
            duplicate_fraction: self.duplicate_fraction,
        }
    }
}
