//! The ports of fragmented datagrams: only the first fragment has them.

use super::ip::Fragment;
use super::packet::Packet;

/// Maximum number of datagrams that are remembered. A power of two.
const SLOTS: usize = 8192;

/// Lifetime of a first fragment, as in the reassembly of a receiver (RFC 8200, section 4.5).
const LIFETIME_NS: u64 = 60_000_000_000;

/// Protocol and ports of the datagrams whose first fragment was captured.
///
/// A hash of the addresses, the identification and the protocol gives each datagram its slot. A new datagram replaces
/// the one in its slot.
#[derive(Clone, Debug, Default)]
pub(super) struct FragmentCache {
    /// [`SLOTS`] slots; empty before the first fragment.
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
    /// Stores the protocol and ports of a first fragment.
    pub(super) fn remember(&mut self, packet: &Packet, fragment: Fragment) {
        self.slots.resize(SLOTS, None);
        let key = Key::new(packet, fragment);
        let ports = (packet.src_port, packet.dst_port);
        let first = First { key, time_ns: packet.time_ns, protocol: packet.protocol, ports };
        if let Some(slot) = self.slots.get_mut(key.slot()) {
            *slot = Some(first);
        }
    }

    /// Copies the protocol and ports of its first fragment to a later fragment; false if there is no first fragment.
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
