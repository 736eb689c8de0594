//! What the first fragment of a datagram says of those that follow it.

use super::ip::Fragment;
use super::packet::Packet;

/// Datagrams that are remembered at most. A power of two.
const SLOTS: usize = 8192;

/// A first fragment is forgotten after this time, as a receiver forgets it (RFC 8200, section 4.5).
const LIFETIME_NS: u64 = 60_000_000_000;

/// Ports of the datagrams whose first fragment was seen.
///
/// Each datagram has one slot, told by its addresses and identification; a later one takes the slot of an
/// earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct FragmentCache {
    /// Empty until the first fragment comes, then of [`SLOTS`] slots.
    slots: Vec<Option<First>>,
}

#[derive(Clone, Copy, Debug)]
struct First {
    key: Key,
    time_ns: i64,
    protocol: u8,
    ports: (u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    src: [u8; 16],
    dst: [u8; 16],
    id: u32,
    protocol: u8,
}

impl Key {
    fn new(packet: &Packet, fragment: Fragment) -> Self {
        Self { src: packet.src, dst: packet.dst, id: fragment.id, protocol: fragment.protocol }
    }

    fn slot(&self) -> usize {
        let words = self.src.as_chunks().0.iter().chain(self.dst.as_chunks().0);
        let mut hash = u64::from(self.id) << 8 | u64::from(self.protocol);
        for &word in words {
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        }
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - SLOTS.ilog2())
    }
}

impl FragmentCache {
    /// Remembers the protocol and ports of a first fragment.
    pub(super) fn remember(&mut self, packet: &Packet, fragment: Fragment) {
        self.slots.resize(SLOTS, None);
        let key = Key::new(packet, fragment);
        let ports = (packet.src_port, packet.dst_port);
        let first = First { key, time_ns: packet.time_ns, protocol: packet.protocol, ports };
        if let Some(slot) = self.slots.get_mut(key.slot()) {
            *slot = Some(first);
        }
    }

    /// Gives a later fragment the protocol and ports of its first one; false where that was not seen.
    pub(super) fn recall(&self, packet: &mut Packet, fragment: Fragment) -> bool {
        let key = Key::new(packet, fragment);
        match self.slots.get(key.slot()) {
            Some(Some(first))
                if first.key == key && packet.time_ns.abs_diff(first.time_ns) <= LIFETIME_NS =>
            {
                packet.protocol = first.protocol;
                (packet.src_port, packet.dst_port) = first.ports;
                true
            }
            _ => false,
        }
    }
}
