//! What became of each record of a capture.

use super::link::Encapsulation;

/// Why a record gives no [`Packet`](super::Packet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// The frame carries something else than IP: ARP, LLDP, spanning tree and the like.
    NotIp,
    /// The link type is none of [`LinkType`](super::LinkType)'s constants.
    UnsupportedLink,
    /// The frame carries something that may hold IP, in an encapsulation that is not decoded.
    Encapsulated(Encapsulation),
    /// The capture holds too little of the frame to read its IP header.
    Truncated,
    /// A header up to the IP header contradicts itself or the length of the frame.
    Malformed,
}

/// Counters of a capture: every record is a packet or was skipped for a named reason.
///
/// `packets + skipped() == records`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureCounts {
    /// Records of the capture, the one that its end cuts off included.
    pub records: u64,
    /// Records that gave a packet.
    pub packets: u64,
    /// Records skipped as [`Skipped::NotIp`].
    pub not_ip: u64,
    /// Records skipped as [`Skipped::UnsupportedLink`].
    pub unsupported_link: u64,
    /// Records skipped as [`Skipped::Encapsulated`].
    pub encapsulated: u64,
    /// Records skipped as [`Skipped::Truncated`].
    pub truncated: u64,
    /// Records skipped as [`Skipped::Malformed`], and those whose own lengths cannot be.
    pub malformed: u64,
    /// Records of an interface that the capture had not described before (pcapng).
    pub unknown_interface: u64,
    /// Records that the end of the capture cuts off: at most one.
    pub cut_off: u64,
    /// Where the record begins that the end of the capture cuts off, in bytes from its beginning.
    pub cut_off_at: Option<u64>,
    /// Bytes of all whole records' frames as they were on the wire.
    pub frame_bytes: u64,
    /// Bytes of all whole records' frames that the capture holds.
    pub captured_bytes: u64,
    /// Packets that are fragments of an IP datagram; the first fragment counts too.
    pub fragments: u64,
    /// Fragments whose first fragment was not seen shortly before: they have no ports.
    pub fragments_without_first: u64,
    /// Records with a time of capture before 1677 or after 2262, which 64 bits of nanoseconds cannot hold; they get the
    /// time of the previous record.
    pub rejected_times: u64,
}

impl CaptureCounts {
    /// Records that gave no packet.
    pub fn skipped(&self) -> u64 {
        self.by_reason().iter().map(|(_, records)| records).sum()
    }

    /// The records that gave no packet, by the names of the fields.
    pub(super) fn by_reason(&self) -> [(&'static str, u64); 7] {
        [
            ("not_ip", self.not_ip),
            ("unsupported_link", self.unsupported_link),
            ("encapsulated", self.encapsulated),
            ("truncated", self.truncated),
            ("malformed", self.malformed),
            ("unknown_interface", self.unknown_interface),
            ("cut_off", self.cut_off),
        ]
    }

    pub(super) fn skip(&mut self, reason: Skipped) {
        match reason {
            Skipped::NotIp => self.not_ip += 1,
            Skipped::UnsupportedLink => self.unsupported_link += 1,
            Skipped::Encapsulated(_) => self.encapsulated += 1,
            Skipped::Truncated => self.truncated += 1,
            Skipped::Malformed => self.malformed += 1,
        }
    }
}
