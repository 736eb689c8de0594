//! Flow samples of sFlow version 5 (sflow.org, "sFlow Version 5", July 2004).

use super::columns::Origin;
use super::cursor::Cursor;
use super::element::Slot;
use super::flows::Flows;
use super::record::Record;
use crate::telemetry::packets::{DecodeOptions, Decoded, Decoder, LinkType, Packet};

/// Formats of samples: flows and counters, in the compact and the expanded form.
const FLOW: u32 = 1;
const COUNTERS: u32 = 2;
const EXPANDED_FLOW: u32 = 3;
const EXPANDED_COUNTERS: u32 = 4;

/// Formats of flow records: the first bytes of the packet, or its addresses and ports.
const RAW_HEADER: u32 = 1;
const IPV4: u32 = 3;
const IPV6: u32 = 4;

/// Interface numbers of 30 bits that are not interfaces: unknown, and the agent itself.
const NO_INTERFACE: [u32; 2] = [0, 0x3fff_ffff];

/// The header of a datagram.
pub(super) struct Header {
    pub(super) sub_agent: u32,
    pub(super) sequence: u32,
    pub(super) samples: u32,
}

/// Decodes the header of a datagram; `None` if it is incomplete.
pub(super) fn header(cursor: &mut Cursor<'_>) -> Option<Header> {
    let _version = cursor.u32()?;
    let address = if cursor.u32()? == 2 { 16 } else { 4 };
    cursor.take(address)?;
    let (sub_agent, sequence) = (cursor.u32()?, cursor.u32()?);
    let _uptime = cursor.u32()?;
    Some(Header { sub_agent, sequence, samples: cursor.u32()? })
}

/// Decodes the samples of datagrams.
#[derive(Debug)]
pub(super) struct SampleReader {
    decoder: Decoder,
}

impl Default for SampleReader {
    fn default() -> Self {
        Self { decoder: Decoder::new(&DecodeOptions::default()) }
    }
}

/// A flow sample without its records.
struct Sample {
    /// Sampling interval: one packet in this many is sampled.
    interval: u32,
    input: Option<u32>,
    output: Option<u32>,
    records: u32,
}

impl SampleReader {
    /// Decodes the samples of a datagram; `None` if it ends earlier.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        samples: u32,
        origin: &Origin<'_>,
        flows: &mut Flows,
    ) -> Option<()> {
        for _ in 0..samples {
            let format = cursor.u32()?;
            let len = cursor.u32()?;
            let mut body = Cursor::new(cursor.take(len as usize)?);
            match format {
                FLOW | EXPANDED_FLOW => {
                    let read = self.read_sample(&mut body, format == EXPANDED_FLOW, origin, flows);
                    if read.is_none() {
                        flows.counts.skipped_samples += 1;
                    }
                }
                COUNTERS | EXPANDED_COUNTERS => flows.counts.counter_samples += 1,
                _ => flows.counts.skipped_samples += 1,
            }
        }
        Some(())
    }

    /// Makes a row of a flow sample; `None` if it has no readable packet.
    fn read_sample(
        &mut self,
        body: &mut Cursor<'_>,
        expanded: bool,
        origin: &Origin<'_>,
        flows: &mut Flows,
    ) -> Option<()> {
        let sample = sample(body, expanded)?;
        flows.record.present = 0;
        let mut found = false;
        for _ in 0..sample.records {
            let format = body.u32()?;
            let len = body.u32()?;
            // XDR pads to 4 bytes.
            let mut record = Cursor::new(body.take((len as usize).checked_next_multiple_of(4)?)?);
            // The header of the packet is preferred; the addresses and ports are used without it.
            match format {
                RAW_HEADER => {
                    if let Some(packet) = self.packet(&mut record, origin) {
                        flows.record.present = 0;
                        flows.record.fill(&packet);
                        found = true;
                        break;
                    }
                }
                IPV4 if !found => found = flows.record.fill_from(&mut record, false).is_some(),
                IPV6 if !found => found = flows.record.fill_from(&mut record, true).is_some(),
                _ => {}
            }
        }
        if !found {
            return None;
        }
        let record = &mut flows.record;
        record.set(Slot::Packets, 1);
        for (slot, interface) in [(Slot::Input, sample.input), (Slot::Output, sample.output)] {
            if let Some(interface) = interface {
                record.set(slot, u64::from(interface));
            }
        }
        if let Some(ms) = origin.clock.export_ms.and_then(|ms| u64::try_from(ms).ok()) {
            record.set(Slot::StartMillis, ms);
            record.set(Slot::EndMillis, ms);
        }
        flows.accept(origin, (sample.interval > 0).then(|| f64::from(sample.interval)));
        Some(())
    }

    /// Decodes the first bytes of a sampled packet.
    fn packet(&mut self, record: &mut Cursor<'_>, origin: &Origin<'_>) -> Option<Packet> {
        let link = match record.u32()? {
            1 => LinkType::ETHERNET,
            5 => LinkType::FRELAY,
            7 => LinkType::PPP,
            14 => LinkType::PPP_HDLC,
            11 | 12 => LinkType::RAW,
            _ => return None,
        };
        let frame_bytes = record.u32()?;
        let _stripped = record.u32()?;
        let len = record.u32()?;
        let bytes = record.take(len as usize)?;
        let time_ns = origin.clock.export_ms.unwrap_or(0).saturating_mul(1_000_000);
        match self.decoder.decode_frame(link, bytes, frame_bytes, time_ns) {
            Decoded::Packet(packet) => Some(packet),
            Decoded::Skipped(_) => None,
        }
    }
}

/// Decodes the header of a flow sample.
fn sample(body: &mut Cursor<'_>, expanded: bool) -> Option<Sample> {
    let _sequence = body.u32()?;
    // The source is one number, or in the expanded form a class and a number.
    body.take(if expanded { 8 } else { 4 })?;
    let interval = body.u32()?;
    let (_pool, _drops) = (body.u32()?, body.u32()?);
    let mut interface = || {
        let number = body.u32()?;
        let (format, number) =
            if expanded { (number, body.u32()?) } else { (number >> 30, number & 0x3fff_ffff) };
        // Other formats than 0 mean a drop reason or several interfaces.
        Some((format == 0 && !NO_INTERFACE.contains(&number)).then_some(number))
    };
    let (input, output) = (interface()?, interface()?);
    Some(Sample { interval, input, output, records: body.u32()? })
}

impl Record {
    /// Fills the slots from a decoded packet.
    fn fill(&mut self, packet: &Packet) {
        if packet.ip_version == 4 {
            let v4 = |[.., a, b, c, d]: [u8; 16]| u64::from(u32::from_be_bytes([a, b, c, d]));
            self.set(Slot::SrcV4, v4(packet.src));
            self.set(Slot::DstV4, v4(packet.dst));
        } else {
            self.set_v6(packet.src, packet.dst);
        }
        self.set(Slot::SrcPort, u64::from(packet.src_port));
        self.set(Slot::DstPort, u64::from(packet.dst_port));
        self.set(Slot::Protocol, u64::from(packet.protocol));
        self.set(Slot::TcpFlags, u64::from(packet.tcp_flags.0));
        self.set(Slot::Tos, u64::from(packet.tos));
        self.set(Slot::IcmpType, u64::from(packet.icmp_type));
        self.set(Slot::IcmpCode, u64::from(packet.icmp_code));
        self.set(Slot::Bytes, u64::from(packet.ip_bytes));
        self.set(Slot::FrameBytes, u64::from(packet.frame_bytes));
        if packet.vlan_id != 0 {
            self.set(Slot::VlanId, u64::from(packet.vlan_id));
        }
    }

    /// Fills the slots from a sampled IPv4 or IPv6 record: length, protocol, addresses, ports, flags and traffic class.
    fn fill_from(&mut self, record: &mut Cursor<'_>, v6: bool) -> Option<()> {
        let bytes = record.u32()?;
        let protocol = u8::try_from(record.u32()?).ok()?;
        if v6 {
            let (src, dst) = (record.take(16)?.try_into().ok()?, record.take(16)?.try_into().ok()?);
            self.set_v6(src, dst);
        } else {
            let (src, dst) = (record.u32()?, record.u32()?);
            self.set(Slot::SrcV4, u64::from(src));
            self.set(Slot::DstV4, u64::from(dst));
        }
        let ports = (u16::try_from(record.u32()?).ok()?, u16::try_from(record.u32()?).ok()?);
        let (flags, class) = (record.u32()?, record.u32()?);
        self.set(Slot::Bytes, u64::from(bytes));
        self.set(Slot::Protocol, u64::from(protocol));
        self.set(Slot::SrcPort, u64::from(ports.0));
        self.set(Slot::DstPort, u64::from(ports.1));
        self.set(Slot::TcpFlags, u64::from(flags & 0xff));
        self.set(Slot::Tos, u64::from(class & 0xff));
        Some(())
    }

    fn set_v6(&mut self, src: [u8; 16], dst: [u8; 16]) {
        self.v6 = [src, dst];
        self.present |= Slot::SrcV6.bit() | Slot::DstV6.bit();
    }
}
