//! The hosts of the network, and the services of ports.

use std::net::Ipv4Addr;

use crate::rng::Stream;

/// External addresses: 198.18.0.0/15, which RFC 2544 reserves for tests. No record contains a real host.
const OUTSIDE: u32 = 0xC612_0000;
const OUTSIDE_HOSTS: f64 = 131_072.0;

/// Clients in 10.0.0.0/8, sixteen servers and two resolvers in 10.255.0.0/24, and external hosts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) hosts: u32,
}

impl Network {
    /// A random client.
    pub(super) fn client(self, rng: &mut Stream) -> Ipv4Addr {
        Self::address(rng.below(self.hosts as usize) as u32)
    }

    /// The internal address with the given index; the first `hosts` addresses are clients.
    pub(super) fn address(index: u32) -> Ipv4Addr {
        Ipv4Addr::from(0x0A00_0001_u32.saturating_add(index))
    }

    /// Whether an address belongs to the internal network.
    pub(super) fn is_internal(address: Ipv4Addr) -> bool {
        address.octets()[0] == 10
    }

    /// A random server.
    pub(super) fn server(rng: &mut Stream) -> Ipv4Addr {
        Ipv4Addr::from(0x0AFF_0010 + rng.below(16) as u32)
    }

    /// A random resolver.
    pub(super) fn resolver(rng: &mut Stream) -> Ipv4Addr {
        Ipv4Addr::from(0x0AFF_0002 + rng.below(2) as u32)
    }

    /// A random external host.
    pub(super) fn external(rng: &mut Stream) -> Ipv4Addr {
        Ipv4Addr::from(OUTSIDE + rng.below(OUTSIDE_HOSTS as usize) as u32)
    }

    /// An external host, drawn by popularity: a few hosts are far more popular than the others.
    pub(super) fn popular(rng: &mut Stream) -> Ipv4Addr {
        let rank = rng.uniform().powi(4) * OUTSIDE_HOSTS;
        // An odd multiplier spreads the popular hosts over the prefix.
        Ipv4Addr::from(OUTSIDE + (rank as u32).wrapping_mul(40_503) % OUTSIDE_HOSTS as u32)
    }
}

/// The ports with a service.
pub(super) const KNOWN_PORTS: [u16; 16] =
    [21, 22, 25, 53, 80, 123, 443, 445, 587, 873, 993, 1883, 5060, 5683, 8080, 8883];

/// The service of a port; `other` for a port without one.
pub(super) const fn service_of(port: u16) -> &'static str {
    match port {
        80 | 443 | 8080 => "web",
        53 => "dns",
        5060 => "voip",
        445 | 873 => "bulk",
        22 => "ssh",
        21 => "ftp",
        25 | 587 | 993 => "mail",
        123 | 1883 | 5683 | 8883 => "iot",
        _ => "other",
    }
}

/// A port without a well-known service, from 1024.
pub(super) fn high_port(rng: &mut Stream) -> u16 {
    1_024 + rng.below(64_512) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_port_has_a_service() {
        assert!(KNOWN_PORTS.iter().all(|&port| service_of(port) != "other"));
        assert_eq!((0..=u16::MAX).filter(|&port| service_of(port) != "other").count(), KNOWN_PORTS.len());
    }

    #[test]
    fn every_address_is_in_its_prefix() {
        let mut rng = Stream::new(3, 0);
        let network = Network { hosts: 1_000_000 };
        for _ in 0..10_000 {
            assert_eq!(network.client(&mut rng).octets()[0], 10);
            assert_eq!(Network::server(&mut rng).octets()[..3], [10, 255, 0]);
            for address in [Network::popular(&mut rng), Network::external(&mut rng)] {
                assert!(matches!(address.octets(), [198, 18 | 19, ..]), "{address}");
            }
        }
    }
}
