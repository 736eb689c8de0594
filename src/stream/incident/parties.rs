//! The hosts on one side of an incident.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Addresses that are kept.
const MAX_HOSTS: usize = 20;
/// Addresses of one network from which the network is named instead.
const NETWORK: usize = 4;

/// The hosts on one side of an incident: the first 20 addresses, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    hosts: BTreeSet<IpAddr>,
    /// The greatest number of different hosts that a window counted.
    counted: u64,
}

impl Parties {
    /// Adds a host.
    pub(in crate::stream) fn add(&mut self, host: Option<IpAddr>) {
        if let Some(host) = host.map(|host| host.to_canonical())
            && self.hosts.len() < MAX_HOSTS
        {
            self.hosts.insert(host);
        }
    }

    /// Records that a window counted so many different hosts.
    pub(in crate::stream) fn count(&mut self, hosts: f64) {
        self.counted = self.counted.max(hosts as u64);
    }

    /// The first 20 addresses, in ascending order.
    pub fn hosts(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.hosts.iter().copied()
    }

    /// Number of different hosts: exact up to 20, and then the greatest number that a window counted at once.
    pub fn len(&self) -> u64 {
        self.counted.max(self.hosts.len() as u64)
    }

    /// Whether no host is known.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The network that all known hosts are in: a /24 of IPv4 or a /64 of IPv6, from 4 hosts on. A /24 has at most 256 of them.
    pub fn network(&self) -> Option<String> {
        let one = *self.hosts.first()?;
        let first = network(one);
        let is_one = self.hosts.len() >= NETWORK
            && self.hosts.iter().all(|host| network(*host) == first)
            && (one.is_ipv6() || self.len() <= 256);
        is_one.then_some(first)
    }
}

impl fmt::Display for Parties {
    /// One address, a network with the number of its hosts, or the first addresses and how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("unknown");
        }
        if let Some(network) = self.network() {
            return write!(f, "{network} ({} hosts)", self.len());
        }
        let shown = if self.len() > 3 { 1 } else { 3 };
        let names: Vec<String> = self.hosts().take(shown).map(|host| host.to_string()).collect();
        f.write_str(&names.join(", "))?;
        match self.len() - names.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The /24 or /64 of an address.
fn network(host: IpAddr) -> String {
    match host {
        IpAddr::V4(host) => format!("{}/24", Ipv4Addr::from_bits(host.to_bits() & 0xffff_ff00)),
        IpAddr::V6(host) => format!("{}/64", Ipv6Addr::from_bits(host.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties(hosts: &[&str]) -> Parties {
        let mut parties = Parties::default();
        for host in hosts {
            parties.add(host.parse().ok());
        }
        parties
    }

    #[test]
    fn one_network_is_named_from_four_hosts_on() {
        assert_eq!(parties(&["10.0.0.1"]).to_string(), "10.0.0.1");
        assert_eq!(parties(&["10.0.0.2", "10.0.0.1"]).to_string(), "10.0.0.1, 10.0.0.2");
        let four = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
        let mut net = parties(&four);
        assert_eq!(net.to_string(), "10.0.0.0/24 (4 hosts)");
        net.count(254.0);
        assert_eq!((net.len(), net.to_string()), (254, "10.0.0.0/24 (254 hosts)".into()));
        let mut more = net.clone();
        more.count(257.0);
        assert_eq!(more.to_string(), "10.0.0.1 and 256 more", "a /24 has 256 addresses");
        net.add("10.0.1.1".parse().ok());
        assert_eq!(net.to_string(), "10.0.0.1 and 253 more");
        assert_eq!(parties(&[]).to_string(), "unknown");
    }

    #[test]
    fn a_flood_of_hosts_is_counted_and_not_kept() {
        let mut parties = Parties::default();
        for host in 0..10_000_u32 {
            parties.add(Some(Ipv4Addr::from_bits(host).into()));
            parties.count(f64::from(host + 1));
        }
        assert_eq!((parties.hosts().count(), parties.len()), (20, 10_000));
    }
}
