//! The information elements of flows, samplers and clocks (RFC 7012, IANA "IPFIX Information Elements").

use std::fmt;

/// Enterprise number of the elements of the reverse direction (RFC 5103).
const REVERSE: u32 = 29_305;

/// An information element: its private enterprise number, 0 for IANA's elements, and its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Element {
    pub(super) enterprise: u32,
    pub(super) id: u16,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enterprise {
            0 => write!(f, "{}", self.id),
            enterprise => write!(f, "{enterprise}/{}", self.id),
        }
    }
}

/// The place of an element's value in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Slot {
    SrcV4,
    DstV4,
    SrcV6,
    DstV6,
    SrcPort,
    DstPort,
    UdpSrcPort,
    UdpDstPort,
    TcpSrcPort,
    TcpDstPort,
    IpVersion,
    Protocol,
    Tos,
    TcpFlags,
    ReverseTcpFlags,
    IcmpType,
    IcmpCode,
    IcmpTypeCode,
    Icmp6Type,
    Icmp6Code,
    Icmp6TypeCode,
    VlanId,
    Dot1qVlanId,
    Input,
    Output,
    Packets,
    Bytes,
    FrameBytes,
    ReversePackets,
    ReverseBytes,
    InitiatorPackets,
    ResponderPackets,
    InitiatorBytes,
    ResponderBytes,
    FirewallEvent,
    StartSeconds,
    EndSeconds,
    StartMillis,
    EndMillis,
    StartMicros,
    EndMicros,
    StartNanos,
    EndNanos,
    StartDelta,
    EndDelta,
    StartUptime,
    EndUptime,
    EventSeconds,
    EventMillis,
    EventNtp,
    DurationMillis,
    DurationMicros,
    SystemInit,
    SamplerId,
    SamplingInterval,
    SamplerInterval,
    PacketInterval,
    PacketSpace,
    SamplingSize,
    SamplingPopulation,
    SamplingProbability,
}

impl Slot {
    /// Its bit in a set of slots.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Whether a value of `len` bytes can be read into it.
    ///
    /// A template may give numbers a shorter or longer length than IANA's registry (RFC 3954 section 8, RFC 7011
    /// section 6.2).
    pub(super) const fn holds(self, len: u16) -> bool {
        match self {
            Self::SrcV4 | Self::DstV4 => len == 4,
            Self::SrcV6 | Self::DstV6 => len == 16,
            Self::StartMicros | Self::EndMicros | Self::StartNanos | Self::EndNanos | Self::EventNtp => {
                len == 8
            }
            Self::SamplingProbability => len == 4 || len == 8,
            _ => 1 <= len && len <= 8,
        }
    }

    /// The largest valid number, whatever the length of the field.
    pub(super) const fn max(self) -> u64 {
        match self {
            Self::IpVersion
            | Self::Protocol
            | Self::Tos
            | Self::IcmpType
            | Self::IcmpCode
            | Self::Icmp6Type
            | Self::Icmp6Code => u8::MAX as u64,
            Self::SrcPort
            | Self::DstPort
            | Self::UdpSrcPort
            | Self::UdpDstPort
            | Self::TcpSrcPort
            | Self::TcpDstPort
            | Self::TcpFlags
            | Self::ReverseTcpFlags
            | Self::IcmpTypeCode
            | Self::Icmp6TypeCode
            | Self::VlanId
            | Self::Dot1qVlanId => u16::MAX as u64,
            Self::Input | Self::Output => u32::MAX as u64,
            _ => u64::MAX,
        }
    }

    /// Whether a field of `len` bytes can hold more than [`Slot::max`].
    pub(super) const fn overflows(self, len: u16) -> bool {
        len < 8 && self.max() < (1 << (8 * len)) - 1 || len == 8 && self.max() < u64::MAX
    }
}

/// The slot of an element, and its rank. If a record has several elements for a slot, the lowest rank is used.
///
/// Counts since the last report precede total counts, and counts of the observed packets precede counts of the packets
/// that a middlebox sent. Elements above 32,767 without an enterprise are elements of NetFlow v9.
#[rustfmt::skip]
pub(super) const fn slot(element: Element) -> Option<(Slot, u8)> {
    Some(match (element.enterprise, element.id) {
        (0, 1) => (Slot::Bytes, 0),
        (0, 85) => (Slot::Bytes, 1),
        (0, 23) => (Slot::Bytes, 2),
        (0, 2) => (Slot::Packets, 0),
        (0, 86) => (Slot::Packets, 1),
        (0, 24) => (Slot::Packets, 2),
        (0, 352) => (Slot::FrameBytes, 0),
        (0, 353) => (Slot::FrameBytes, 1),
        (0, 4) => (Slot::Protocol, 0),
        (0, 5) => (Slot::Tos, 0),
        (0, 6) => (Slot::TcpFlags, 0),
        (0, 7) => (Slot::SrcPort, 0),
        (0, 180) => (Slot::UdpSrcPort, 0),
        (0, 182) => (Slot::TcpSrcPort, 0),
        (0, 11) => (Slot::DstPort, 0),
        (0, 181) => (Slot::UdpDstPort, 0),
        (0, 183) => (Slot::TcpDstPort, 0),
        (0, 8) => (Slot::SrcV4, 0),
        (0, 12) => (Slot::DstV4, 0),
        (0, 27) => (Slot::SrcV6, 0),
        (0, 28) => (Slot::DstV6, 0),
        (0, 60) => (Slot::IpVersion, 0),
        (0, 10) => (Slot::Input, 0),
        (0, 14) => (Slot::Output, 0),
        (0, 58) => (Slot::VlanId, 0),
        (0, 243) => (Slot::Dot1qVlanId, 0),
        (0, 32) => (Slot::IcmpTypeCode, 0),
        (0, 139) => (Slot::Icmp6TypeCode, 0),
        (0, 176) => (Slot::IcmpType, 0),
        (0, 178) => (Slot::Icmp6Type, 0),
        (0, 177) => (Slot::IcmpCode, 0),
        (0, 179) => (Slot::Icmp6Code, 0),
        (0, 22) => (Slot::StartUptime, 0),
        (0, 21) => (Slot::EndUptime, 0),
        (0, 150) => (Slot::StartSeconds, 0),
        (0, 151) => (Slot::EndSeconds, 0),
        (0, 152) => (Slot::StartMillis, 0),
        (0, 153) => (Slot::EndMillis, 0),
        (0, 154) => (Slot::StartMicros, 0),
        (0, 156) => (Slot::StartNanos, 0),
        (0, 155) => (Slot::EndMicros, 0),
        (0, 157) => (Slot::EndNanos, 0),
        (0, 158) => (Slot::StartDelta, 0),
        (0, 159) => (Slot::EndDelta, 0),
        (0, 160) => (Slot::SystemInit, 0),
        (0, 161) => (Slot::DurationMillis, 0),
        (0, 162) => (Slot::DurationMicros, 0),
        (0, 322) => (Slot::EventSeconds, 0),
        (0, 323) => (Slot::EventMillis, 0),
        (0, 324 | 325) => (Slot::EventNtp, 0),
        (0, 231) => (Slot::InitiatorBytes, 0),
        (0, 232) => (Slot::ResponderBytes, 0),
        (0, 298) => (Slot::InitiatorPackets, 0),
        (0, 299) => (Slot::ResponderPackets, 0),
        (0, 233 | 40_005) => (Slot::FirewallEvent, 0),
        (0, 48 | 302) => (Slot::SamplerId, 0),
        (0, 34) => (Slot::SamplingInterval, 0),
        (0, 50) => (Slot::SamplerInterval, 0),
        (0, 305) => (Slot::PacketInterval, 0),
        (0, 306) => (Slot::PacketSpace, 0),
        (0, 309) => (Slot::SamplingSize, 0),
        (0, 310) => (Slot::SamplingPopulation, 0),
        (0, 311) => (Slot::SamplingProbability, 0),
        (REVERSE, 1) => (Slot::ReverseBytes, 0),
        (REVERSE, 85) => (Slot::ReverseBytes, 1),
        (REVERSE, 2) => (Slot::ReversePackets, 0),
        (REVERSE, 86) => (Slot::ReversePackets, 1),
        (REVERSE, 6) => (Slot::ReverseTcpFlags, 0),
        _ => return None,
    })
}
