//! A decoded packet.

/// TCP flags, as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 (RFC 9293).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset the connection.
    pub const RST: u8 = 4;
    /// Push function.
    pub const PSH: u8 = 8;
    /// The acknowledgment field is significant.
    pub const ACK: u8 = 16;
    /// The urgent pointer is significant.
    pub const URG: u8 = 32;
    /// ECN echo (RFC 3168).
    pub const ECE: u8 = 64;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u8 = 128;

    /// Whether all of these flags are set.
    pub const fn has(self, flags: u8) -> bool {
        self.0 & flags == flags
    }
}

/// One decoded IP packet: addresses, sizes and flags, without the payload.
///
/// Sizes are the sizes on the wire according to the headers, even if the capture holds fewer bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Time of capture, nanoseconds since the Unix epoch.
    pub time_ns: i64,
    /// Source address; IPv4 as `::ffff:a.b.c.d`.
    pub src: [u8; 16],
    /// Destination address, likewise.
    pub dst: [u8; 16],
    /// Source port; 0 without ports.
    pub src_port: u16,
    /// Destination port; 0 without ports.
    pub dst_port: u16,
    /// IP version, 4 or 6.
    pub ip_version: u8,
    /// Transport protocol, IANA number (after IPv6 extension headers).
    pub protocol: u8,
    /// TCP flags; 0 for other protocols.
    pub tcp_flags: TcpFlags,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// ICMP type, for ICMP and `ICMPv6`.
    pub icmp_type: u8,
    /// ICMP code, for ICMP and `ICMPv6`.
    pub icmp_code: u8,
    /// TCP window, without scaling.
    pub window: u16,
    /// Outermost VLAN identifier; 0 without a tag.
    pub vlan_id: u16,
    /// Bytes of the whole link-layer frame on the wire.
    pub frame_bytes: u32,
    /// Bytes of the IP packet, header included.
    pub ip_bytes: u32,
    /// Bytes of the transport header; 0 if its length is unknown.
    pub header_bytes: u16,
    /// Bytes after the transport header.
    pub payload_bytes: u32,
}
