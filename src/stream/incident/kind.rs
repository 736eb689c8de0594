//! What an incident is about, and which way it goes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentKind {
    /// One source tries many ports of a host.
    PortScan,
    /// One source tries one or few ports, or ICMP, on many hosts.
    HostScan,
    /// Many connections to one host get no reply.
    SynFlood,
    /// More packets or flows to one host than [`Floors`](crate::stream::Floors) allow.
    Flood,
    /// Many connections of one source to a login port.
    BruteForce,
    /// Regular connections of a host to a host of the Internet.
    Beacon,
    /// A host sends much to a host of the Internet, and receives little.
    Exfiltration,
    /// Records of many sources to one host that the guard calls anomalies.
    DistributedAnomaly,
    /// Many records of one source that the guard calls anomalies.
    Anomaly,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::PortScan,
        Self::HostScan,
        Self::SynFlood,
        Self::Flood,
        Self::BruteForce,
        Self::Beacon,
        Self::Exfiltration,
        Self::DistributedAnomaly,
        Self::Anomaly,
    ];

    /// The name in files and bindings, such as `"port_scan"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PortScan => "port_scan",
            Self::HostScan => "host_scan",
            Self::SynFlood => "syn_flood",
            Self::Flood => "flood",
            Self::BruteForce => "brute_force",
            Self::Beacon => "beacon",
            Self::Exfiltration => "exfiltration",
            Self::DistributedAnomaly => "distributed_anomaly",
            Self::Anomaly => "anomaly",
        }
    }

    /// Whether an incident is about the host that is attacked, whichever hosts attack it.
    pub(in crate::stream) const fn is_about_victim(self) -> bool {
        matches!(self, Self::SynFlood | Self::Flood | Self::DistributedAnomaly)
    }

    /// Whether its evidence is verdicts of a guard.
    pub(in crate::stream) const fn is_of_verdicts(self) -> bool {
        matches!(self, Self::DistributedAnomaly | Self::Anomaly)
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which way an attack goes, by the addresses of private networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From an outside host to an inside one.
    Inbound,
    /// From an inside host to an outside one.
    Outbound,
    /// Between inside hosts.
    Internal,
    /// Between outside hosts.
    External,
}

impl Direction {
    /// The direction from an attacker to a victim. Inside are private, shared, link-local and loopback addresses (RFC 1918,
    /// 6598, 3927, 4193); an unknown address counts as outside.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::stream::Direction;
    ///
    /// let direction = Direction::of("10.0.0.7".parse().ok(), "198.51.100.7".parse().ok());
    /// assert_eq!(direction, Direction::Outbound);
    /// ```
    pub fn of(attacker: Option<IpAddr>, victim: Option<IpAddr>) -> Self {
        match (attacker.is_some_and(is_inside), victim.is_some_and(is_inside)) {
            (false, true) => Self::Inbound,
            (true, false) => Self::Outbound,
            (true, true) => Self::Internal,
            (false, false) => Self::External,
        }
    }

    /// The name in files and bindings, such as `"inbound"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// Whether an address is of a private network, of this link or of this host.
pub(in crate::stream) fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback()
        }
    }
}

/// Whether an address is of one host of the Internet: neither inside, nor multicast or broadcast.
pub(in crate::stream) fn is_outside_host(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let reserved = match address {
        IpAddr::V4(address) => address.octets()[0] >= 224 || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_multicast() || address.is_unspecified(),
    };
    !reserved && !is_inside(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_follow_private_addresses() {
        let of = |attacker: &str, victim: &str| Direction::of(attacker.parse().ok(), victim.parse().ok());
        assert_eq!(of("203.0.113.1", "192.168.1.1"), Direction::Inbound);
        assert_eq!(of("100.64.0.1", "fd00::1"), Direction::Internal);
        assert_eq!(of("2001:db8::1", "::ffff:10.0.0.1"), Direction::Inbound);
        assert_eq!(Direction::of(None, None), Direction::External);
        let outside = |address: &str| address.parse().is_ok_and(is_outside_host);
        assert!(outside("8.8.8.8") && outside("2001:4860::1"));
        assert!(!outside("224.0.0.251") && !outside("255.255.255.255") && !outside("ff02::1"));
    }
}
