//! The counters of a capture's records.

use super::link::Encapsulation;

/// Why a record is not a [`Packet`](super::Packet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// The frame carries another protocol than IP, such as ARP, LLDP or spanning tree.
    NotIp,
    /// The link type is not one of the constants of [`LinkType`](super::LinkType).
    UnsupportedLink,
    /// The frame has an encapsulation that may carry IP and is not decoded.
    Encapsulated(Encapsulation),
    /// The capture does not hold the whole IP header.
    Truncated,
    /// The IP header, or a header before it, contradicts itself or the length of the frame.
    Malformed,
}

/// Counters of a capture. Every record is either a packet or skipped for one reason.
///
/// `packets + skipped() == records`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureCounts {
    /// Records of the capture, including an incomplete one at its end.
    pub records: u64,
    /// Records that are packets.
    pub packets: u64,
    /// Records skipped as [`Skipped::NotIp`].
    pub not_ip: u64,
    /// Records skipped as [`Skipped::UnsupportedLink`].
    pub unsupported_link: u64,
    /// Records skipped as [`Skipped::Encapsulated`].
    pub encapsulated: u64,
    /// Records skipped as [`Skipped::Truncated`].
    pub truncated: u64,
    /// Records skipped as [`Skipped::Malformed`], and records with impossible lengths.
    pub malformed: u64,
    /// Records of an interface without a description earlier in the capture (pcapng).
    pub unknown_interface: u64,
    /// Incomplete records at the end of the capture: 0 or 1.
    pub cut_off: u64,
    /// Offset of the incomplete record, in bytes from the start of the capture.
    pub cut_off_at: Option<u64>,
    /// Bytes on the wire of the frames of all complete records.
    pub frame_bytes: u64,
    /// Captured bytes of the frames of all complete records.
    pub captured_bytes: u64,
    /// Packets that are fragments of an IP datagram, including first fragments.
    pub fragments: u64,
    /// Fragments without ports, because the capture does not have their first fragment shortly before.
    pub fragments_without_first: u64,
    /// Records with a time before 1677 or after 2262, which 64 bits of nanoseconds cannot represent. They get the time
    /// of the previous record.
    pub rejected_times: u64,
}

impl CaptureCounts {
    /// Records that are not packets.
    pub fn skipped(&self) -> u64 {
        self.by_reason().iter().map(|(_, records)| records).sum()
    }

    /// The records that are not packets, by the names of the fields.
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
