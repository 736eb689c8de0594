//! `CICFlowMeter`'s columns, named as in the corrected CICIDS2017, with corrected definitions.

use std::fmt::Write;

use super::{end_reason, icmp_code, icmp_type, number, protocol, ratio, text, write_time};
use crate::telemetry::packets::packet::TcpFlags;
use crate::telemetry::packets::profile::FlowColumn;
use crate::telemetry::packets::rows::Record;
use crate::telemetry::packets::statistics::{Direction, Moments, Periods};

const SECOND: f64 = 1e6;
const TCP: u8 = 6;

fn duration(record: &Record<'_>) -> f64 {
    record.duration()
}

/// Gaps between a direction's packets.
fn gaps(direction: &Direction) -> u64 {
    direction.packets.saturating_sub(1)
}

fn size_std(direction: &Direction) -> f64 {
    direction.sizes.std(direction.packets)
}

/// Per second of the flow; NaN for a flow without duration.
pub(super) fn rate(count: f64, record: &Record<'_>) -> f64 {
    let seconds = record.duration() / SECOND;
    if seconds == 0.0 { f64::NAN } else { count / seconds }
}

/// Per second of the flow; 0 for a flow without duration.
fn rate_or_zero(count: u64, record: &Record<'_>) -> f64 {
    ratio(count as f64, record.duration() / SECOND)
}

fn mean(periods: &Periods) -> f64 {
    periods.lengths.mean()
}

fn std(periods: &Periods) -> f64 {
    periods.lengths.std(periods.count)
}

fn lengths(record: &Record<'_>) -> Moments {
    record.flow.sizes()
}

fn bulk_bytes(direction: &Direction) -> f64 {
    ratio(direction.bulks.bytes as f64, direction.bulks.count as f64)
}

fn bulk_packets(direction: &Direction) -> f64 {
    ratio(direction.bulks.packets as f64, direction.bulks.count as f64)
}

fn bulk_rate(direction: &Direction) -> f64 {
    ratio(direction.bulks.bytes as f64, direction.bulks.duration as f64 / SECOND)
}

fn by_subflow(total: u64, record: &Record<'_>) -> f64 {
    ratio(total as f64, record.flow.subflows as f64)
}

fn tcp_time(record: &Record<'_>) -> f64 {
    if record.flow.key.protocol() == TCP {
        record.flow.last.saturating_sub(record.flow.connection_first) as f64
    } else {
        0.0
    }
}

fn flow_id(record: &Record<'_>, out: &mut crate::arrow::array::StringBuilder) -> Option<()> {
    record.write_address(true, out)?;
    out.write_str("-").ok()?;
    record.write_address(false, out)?;
    let (source, destination) = (record.endpoint(true).1, record.endpoint(false).1);
    write!(out, "-{source}-{destination}-{}", record.flow.key.protocol()).ok()
}

/// The columns, in order.
pub(in crate::telemetry::packets) static CIC: &[FlowColumn] = &[
    number("id", "", "number of the record, from 0", |r| r.id as f64),
    text("Flow ID", "source, destination, their ports and the protocol, joined by `-`", flow_id),
    text("Src IP", "source of the forward packets", |r, out| r.write_address(true, out)),
    number("Src Port", "", "their source port", |r| r.port(true)),
    text("Dst IP", "destination of the forward packets", |r, out| r.write_address(false, out)),
    number("Dst Port", "", "their destination port", |r| r.port(false)),
    text("Protocol", "name of the IANA number", protocol),
    text("Timestamp", "time of the first packet, RFC 3339, UTC", |r, out| write_time(r.flow.first, out)),
    number("Flow Duration", "µs", "last packet − first packet", duration),
    number("Total Fwd Packet", "", "forward packets", |r| r.forward().packets as f64),
    number("Total Bwd packets", "", "backward packets", |r| r.backward().packets as f64),
    number("Total Length of Fwd Packet", "B", "Σ forward payload", |r| r.forward().bytes as f64),
    number("Total Length of Bwd Packet", "B", "Σ backward payload", |r| r.backward().bytes as f64),
    number("Fwd Packet Length Max", "B", "max forward payload", |r| r.forward().sizes.max()),
    number("Fwd Packet Length Min", "B", "min forward payload", |r| r.forward().sizes.min()),
    number("Fwd Packet Length Mean", "B", "mean forward payload", |r| r.forward().sizes.mean()),
    number("Fwd Packet Length Std", "B", "sample std of forward payload", |r| size_std(r.forward())),
    number("Bwd Packet Length Max", "B", "max backward payload", |r| r.backward().sizes.max()),
    number("Bwd Packet Length Min", "B", "min backward payload", |r| r.backward().sizes.min()),
    number("Bwd Packet Length Mean", "B", "mean backward payload", |r| r.backward().sizes.mean()),
    number("Bwd Packet Length Std", "B", "sample std of backward payload", |r| size_std(r.backward())),
    number("Flow Bytes/s", "B/s", "payload ÷ duration; null for duration 0", |r| rate(r.bytes(), r)),
    number("Flow Packets/s", "1/s", "packets ÷ duration; null for duration 0", |r| rate(r.packets(), r)),
    number("Flow IAT Mean", "µs", "mean gap between packets", |r| r.flow.gaps.mean()),
    number("Flow IAT Std", "µs", "sample std of the gaps", |r| {
        r.flow.gaps.std(r.flow.packets().saturating_sub(1))
    }),
    number("Flow IAT Max", "µs", "max gap", |r| r.flow.gaps.max()),
    number("Flow IAT Min", "µs", "min gap", |r| r.flow.gaps.min()),
    number("Fwd IAT Total", "µs", "last − first forward packet", |r| r.forward().duration() as f64),
    number("Fwd IAT Mean", "µs", "mean gap between forward packets", |r| r.forward().gaps.mean()),
    number("Fwd IAT Std", "µs", "sample std of these gaps", |r| r.forward().gaps.std(gaps(r.forward()))),
    number("Fwd IAT Max", "µs", "max of these gaps", |r| r.forward().gaps.max()),
    number("Fwd IAT Min", "µs", "min of these gaps", |r| r.forward().gaps.min()),
    number("Bwd IAT Total", "µs", "last − first backward packet", |r| r.backward().duration() as f64),
    number("Bwd IAT Mean", "µs", "mean gap between backward packets", |r| r.backward().gaps.mean()),
    number("Bwd IAT Std", "µs", "sample std of these gaps", |r| r.backward().gaps.std(gaps(r.backward()))),
    number("Bwd IAT Max", "µs", "max of these gaps", |r| r.backward().gaps.max()),
    number("Bwd IAT Min", "µs", "min of these gaps", |r| r.backward().gaps.min()),
    number("Fwd PSH Flags", "", "forward packets with PSH", |r| r.forward().flag(TcpFlags::PSH) as f64),
    number("Bwd PSH Flags", "", "backward packets with PSH", |r| r.backward().flag(TcpFlags::PSH) as f64),
    number("Fwd URG Flags", "", "forward packets with URG", |r| r.forward().flag(TcpFlags::URG) as f64),
    number("Bwd URG Flags", "", "backward packets with URG", |r| r.backward().flag(TcpFlags::URG) as f64),
    number("Fwd RST Flags", "", "forward packets with RST", |r| r.forward().flag(TcpFlags::RST) as f64),
    number("Bwd RST Flags", "", "backward packets with RST", |r| r.backward().flag(TcpFlags::RST) as f64),
    number("Fwd Header Length", "B", "Σ forward transport headers", |r| r.forward().header_bytes as f64),
    number("Bwd Header Length", "B", "Σ backward transport headers", |r| r.backward().header_bytes as f64),
    number("Fwd Packets/s", "1/s", "forward packets ÷ duration; 0 for duration 0", |r| {
        rate_or_zero(r.forward().packets, r)
    }),
    number("Bwd Packets/s", "1/s", "backward packets ÷ duration; 0 for duration 0", |r| {
        rate_or_zero(r.backward().packets, r)
    }),
    number("Packet Length Min", "B", "min payload", |r| lengths(r).min()),
    number("Packet Length Max", "B", "max payload", |r| lengths(r).max()),
    number("Packet Length Mean", "B", "mean payload", |r| lengths(r).mean()),
    number("Packet Length Std", "B", "sample std of payload", |r| lengths(r).std(r.flow.packets())),
    number("Packet Length Variance", "B²", "sample variance of payload", |r| {
        lengths(r).variance(r.flow.packets())
    }),
    number("FIN Flag Count", "", "packets with FIN", |r| r.flag(TcpFlags::FIN)),
    number("SYN Flag Count", "", "packets with SYN", |r| r.flag(TcpFlags::SYN)),
    number("RST Flag Count", "", "packets with RST", |r| r.flag(TcpFlags::RST)),
    number("PSH Flag Count", "", "packets with PSH", |r| r.flag(TcpFlags::PSH)),
    number("ACK Flag Count", "", "packets with ACK", |r| r.flag(TcpFlags::ACK)),
    number("URG Flag Count", "", "packets with URG", |r| r.flag(TcpFlags::URG)),
    number("CWR Flag Count", "", "packets with CWR", |r| r.flag(TcpFlags::CWR)),
    number("ECE Flag Count", "", "packets with ECE", |r| r.flag(TcpFlags::ECE)),
    number("Down/Up Ratio", "", "backward ÷ forward packets; 0 without forward ones", |r| {
        ratio(r.backward().packets as f64, r.forward().packets as f64)
    }),
    number("Average Packet Size", "B", "payload ÷ packets", |r| ratio(r.bytes(), r.packets())),
    number("Fwd Segment Size Avg", "B", "forward payload ÷ forward packets", |r| {
        ratio(r.forward().bytes as f64, r.forward().packets as f64)
    }),
    number("Bwd Segment Size Avg", "B", "backward payload ÷ backward packets", |r| {
        ratio(r.backward().bytes as f64, r.backward().packets as f64)
    }),
    number("Fwd Bytes/Bulk Avg", "B", "payload of forward bulks ÷ bulks", |r| bulk_bytes(r.forward())),
    number("Fwd Packet/Bulk Avg", "", "packets of forward bulks ÷ bulks", |r| bulk_packets(r.forward())),
    number("Fwd Bulk Rate Avg", "B/s", "payload of forward bulks ÷ their duration", |r| {
        bulk_rate(r.forward())
    }),
    number("Bwd Bytes/Bulk Avg", "B", "payload of backward bulks ÷ bulks", |r| bulk_bytes(r.backward())),
    number("Bwd Packet/Bulk Avg", "", "packets of backward bulks ÷ bulks", |r| bulk_packets(r.backward())),
    number("Bwd Bulk Rate Avg", "B/s", "payload of backward bulks ÷ their duration", |r| {
        bulk_rate(r.backward())
    }),
    number("Subflow Fwd Packets", "", "forward packets ÷ subflows", |r| by_subflow(r.forward().packets, r)),
    number("Subflow Fwd Bytes", "B", "forward payload ÷ subflows", |r| by_subflow(r.forward().bytes, r)),
    number("Subflow Bwd Packets", "", "backward packets ÷ subflows", |r| {
        by_subflow(r.backward().packets, r)
    }),
    number("Subflow Bwd Bytes", "B", "backward payload ÷ subflows", |r| by_subflow(r.backward().bytes, r)),
    number("FWD Init Win Bytes", "B", "TCP window of the first forward packet; 0 without", |r| {
        f64::from(r.forward().first_window)
    }),
    number("Bwd Init Win Bytes", "B", "TCP window of the first backward packet; 0 without", |r| {
        f64::from(r.backward().first_window)
    }),
    number("Fwd Act Data Pkts", "", "forward packets with payload", |r| r.forward().data_packets as f64),
    number("Fwd Seg Size Min", "B", "min forward transport header", |r| f64::from(r.forward().header_min)),
    number("Active Mean", "µs", "mean period of activity", |r| mean(&r.flow.active)),
    number("Active Std", "µs", "sample std of these periods", |r| std(&r.flow.active)),
    number("Active Max", "µs", "max of these periods", |r| r.flow.active.lengths.max()),
    number("Active Min", "µs", "min of these periods", |r| r.flow.active.lengths.min()),
    number("Idle Mean", "µs", "mean idle gap", |r| mean(&r.flow.idle)),
    number("Idle Std", "µs", "sample std of the idle gaps", |r| std(&r.flow.idle)),
    number("Idle Max", "µs", "max idle gap", |r| r.flow.idle.lengths.max()),
    number("Idle Min", "µs", "min idle gap", |r| r.flow.idle.lengths.min()),
    number("ICMP Code", "", "ICMP code of the first packet; null for others", icmp_code),
    number("ICMP Type", "", "ICMP type of the first packet; null for others", icmp_type),
    number(
        "Total TCP Flow Time",
        "µs",
        "last packet − first packet of the connection, across timeouts; 0 for others",
        tcp_time,
    ),
    text("End Reason", "why the record was written", end_reason),
    number("Sequence", "", "number of the record of its flow, from 0", |r| f64::from(r.flow.sequence)),
];
