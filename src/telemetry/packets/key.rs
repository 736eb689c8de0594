//! The key of a flow: packets with the same key belong to the same flow.

use std::hash::{Hash, Hasher};

use super::packet::Packet;

/// The normalised 5-tuple: both directions of a conversation have the same key.
///
/// It contains the VLAN, as in `NFStream`: hosts in two VLANs may have the same address, and a packet that is routed from
/// one VLAN to another passes a trunk twice and must not be counted twice in one flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// The lower endpoint's address, then the other's, then both ports.
    words: [u64; 4],
    /// Lower port, other port, protocol, IP version, VLAN.
    rest: u64,
}

impl Hash for Key {
    /// Hashes words, which is faster than bytes.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.words {
            state.write_u64(word);
        }
        state.write_u64(self.rest);
    }
}

impl Key {
    /// The key of a packet, and whether its source is the lower endpoint.
    #[inline]
    pub(super) fn of(packet: &Packet) -> (Self, bool) {
        let half = |address: &[u8; 16]| {
            let all = u128::from_be_bytes(*address);
            [(all >> 64) as u64, all as u64]
        };
        let (src, dst) = (half(&packet.src), half(&packet.dst));
        let lower = (src, packet.src_port) <= (dst, packet.dst_port);
        let ([a, b], [c, d], low, high) = if lower {
            (src, dst, packet.src_port, packet.dst_port)
        } else {
            (dst, src, packet.dst_port, packet.src_port)
        };
        let ports = u64::from(low) << 48 | u64::from(high) << 32;
        let kind = u64::from(packet.protocol) << 24 | u64::from(packet.ip_version) << 16;
        (Self { words: [a, b, c, d], rest: ports | kind | u64::from(packet.vlan_id) }, lower)
    }

    /// Address and port of an endpoint: the lower one, or the other.
    pub(super) fn endpoint(&self, lower: bool) -> ([u8; 16], u16) {
        let [a, b, c, d] = self.words;
        let (high, low, shift) = if lower { (a, b, 48) } else { (c, d, 32) };
        let address = u128::from(high) << 64 | u128::from(low);
        (address.to_be_bytes(), (self.rest >> shift) as u16)
    }

    /// Transport protocol, IANA number.
    pub(super) const fn protocol(&self) -> u8 {
        (self.rest >> 24) as u8
    }

    /// IP version.
    pub(super) const fn ip_version(&self) -> u8 {
        (self.rest >> 16) as u8
    }

    /// VLAN identifier.
    pub(super) const fn vlan_id(&self) -> u16 {
        self.rest as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key_which_contains_all_fields() {
        let packet = Packet {
            src: [9; 16],
            dst: [200; 16],
            src_port: 40_000,
            dst_port: 53,
            ip_version: 6,
            protocol: 17,
            vlan_id: 4095,
            ..Packet::default()
        };
        let back = Packet { src: packet.dst, dst: packet.src, src_port: 53, dst_port: 40_000, ..packet };
        let (key, lower) = Key::of(&packet);
        assert_eq!((key, !lower), Key::of(&back));
        assert_eq!(key.endpoint(lower), (packet.src, packet.src_port));
        assert_eq!(key.endpoint(!lower), (packet.dst, packet.dst_port));
        assert_eq!((key.protocol(), key.ip_version(), key.vlan_id()), (17, 6, 4095));
    }

    #[test]
    fn another_port_protocol_version_or_vlan_is_another_flow() {
        let packet = Packet { src_port: 1, dst_port: 2, ip_version: 4, protocol: 6, ..Packet::default() };
        let others = [
            Packet { src_port: 3, ..packet },
            Packet { protocol: 17, ..packet },
            Packet { ip_version: 6, ..packet },
            Packet { vlan_id: 7, ..packet },
            Packet { dst: [1; 16], ..packet },
        ];
        for other in others {
            assert_ne!(Key::of(&packet).0, Key::of(&other).0);
        }
    }
}
