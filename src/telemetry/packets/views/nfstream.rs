//! `NFStream`'s columns: times in milliseconds, sizes of whole frames (its `accounting_mode` 0).

use std::sync::LazyLock;

use super::{end_reason, icmp_code, icmp_type, number, protocol, text};
use crate::telemetry::packets::end_reason::EndReason;
use crate::telemetry::packets::packet::TcpFlags;
use crate::telemetry::packets::profile::FlowColumn;
use crate::telemetry::packets::rows::Record;
use crate::telemetry::packets::statistics::Moments;

/// Which packets of a flow a column counts.
#[derive(Clone, Copy)]
enum Side {
    Both,
    Forward,
    Backward,
}

/// Each column three times: for both directions, for source to destination, and for destination to source.
macro_rules! sides {
    ($($suffix:literal $unit:literal $formula:literal $cell:expr;)*) => {
        [
            $(number(concat!("bidirectional_", $suffix), $unit, concat!($formula, ", both directions"), |r| {
                $cell(r, Side::Both)
            }),)*
            $(number(concat!("src2dst_", $suffix), $unit, concat!($formula, ", forward"), |r| {
                $cell(r, Side::Forward)
            }),)*
            $(number(concat!("dst2src_", $suffix), $unit, concat!($formula, ", backward"), |r| {
                $cell(r, Side::Backward)
            }),)*
        ]
    };
}

fn packets(record: &Record<'_>, side: Side) -> u64 {
    match side {
        Side::Both => record.flow.packets(),
        Side::Forward => record.forward().packets,
        Side::Backward => record.backward().packets,
    }
}

fn bytes(record: &Record<'_>, side: Side) -> f64 {
    match side {
        Side::Both => record.bytes(),
        Side::Forward => record.forward().bytes as f64,
        Side::Backward => record.backward().bytes as f64,
    }
}

/// Times of the first and the last packet.
fn times(record: &Record<'_>, side: Side) -> (i64, i64) {
    match side {
        Side::Both => (record.flow.first, record.flow.last),
        Side::Forward => (record.forward().first, record.forward().last),
        Side::Backward => (record.backward().first, record.backward().last),
    }
}

fn duration(record: &Record<'_>, side: Side) -> f64 {
    let (first, last) = times(record, side);
    last.saturating_sub(first) as f64
}

fn sizes(record: &Record<'_>, side: Side) -> Moments {
    match side {
        Side::Both => record.flow.sizes(),
        Side::Forward => record.forward().sizes,
        Side::Backward => record.backward().sizes,
    }
}

fn gaps(record: &Record<'_>, side: Side) -> Moments {
    match side {
        Side::Both => record.flow.gaps,
        Side::Forward => record.forward().gaps,
        Side::Backward => record.backward().gaps,
    }
}

fn gap_std(record: &Record<'_>, side: Side) -> f64 {
    gaps(record, side).std(packets(record, side).saturating_sub(1))
}

fn flag(record: &Record<'_>, side: Side, flag: u8) -> f64 {
    match side {
        Side::Both => record.flag(flag),
        Side::Forward => record.forward().flag(flag) as f64,
        Side::Backward => record.backward().flag(flag) as f64,
    }
}

/// 0 for idle, 1 for active, −1 for flows that no timeout ended.
fn expiration(record: &Record<'_>) -> f64 {
    match record.reason {
        EndReason::Active => 1.0,
        EndReason::Interim | EndReason::Evicted => -1.0,
        _ => 0.0,
    }
}

/// The columns, in order.
pub(in crate::telemetry::packets) static NFSTREAM: LazyLock<Vec<FlowColumn>> = LazyLock::new(|| {
    let identity = [
        number("id", "", "number of the record, from 0", |r| r.id as f64),
        number("expiration_id", "", "0 idle or end of capture, 1 active, −1 interim or evicted", expiration),
        text("src_ip", "source of the first packet", |r, out| r.write_address(true, out)),
        number("src_port", "", "its source port", |r| r.port(true)),
        text("dst_ip", "destination of the first packet", |r, out| r.write_address(false, out)),
        number("dst_port", "", "its destination port", |r| r.port(false)),
        text("protocol", "name of the IANA number", protocol),
        number("ip_version", "", "4 or 6", |r| f64::from(r.flow.key.ip_version())),
        number("vlan_id", "", "outermost VLAN; 0 without", |r| f64::from(r.flow.key.vlan_id())),
    ];
    let totals = sides! {
        "first_seen_ms" "ms" "time of the first packet since 1970, 0 without" |r, side| times(r, side).0 as f64;
        "last_seen_ms" "ms" "time of the last packet since 1970, 0 without" |r, side| times(r, side).1 as f64;
        "duration_ms" "ms" "last packet − first packet" duration;
        "packets" "" "packets" |r, side| packets(r, side) as f64;
        "bytes" "B" "Σ frame" bytes;
    };
    let frames = sides! {
        "min_ps" "B" "min frame" |r, side| sizes(r, side).min();
        "mean_ps" "B" "mean frame" |r, side| sizes(r, side).mean();
        "stddev_ps" "B" "sample std of the frame" |r, side| sizes(r, side).std(packets(r, side));
        "max_ps" "B" "max frame" |r, side| sizes(r, side).max();
    };
    let times = sides! {
        "min_piat_ms" "ms" "min gap between packets" |r, side| gaps(r, side).min();
        "mean_piat_ms" "ms" "mean gap between packets" |r, side| gaps(r, side).mean();
        "stddev_piat_ms" "ms" "sample std of the gaps" gap_std;
        "max_piat_ms" "ms" "max gap between packets" |r, side| gaps(r, side).max();
    };
    let flags = sides! {
        "syn_packets" "" "packets with SYN" |r, side| flag(r, side, TcpFlags::SYN);
        "cwr_packets" "" "packets with CWR" |r, side| flag(r, side, TcpFlags::CWR);
        "ece_packets" "" "packets with ECE" |r, side| flag(r, side, TcpFlags::ECE);
        "urg_packets" "" "packets with URG" |r, side| flag(r, side, TcpFlags::URG);
        "ack_packets" "" "packets with ACK" |r, side| flag(r, side, TcpFlags::ACK);
        "psh_packets" "" "packets with PSH" |r, side| flag(r, side, TcpFlags::PSH);
        "rst_packets" "" "packets with RST" |r, side| flag(r, side, TcpFlags::RST);
        "fin_packets" "" "packets with FIN" |r, side| flag(r, side, TcpFlags::FIN);
    };
    let ours = [
        text("end_reason", "why the record was written", end_reason),
        number("sequence", "", "number of the record of its flow, from 0", |r| f64::from(r.flow.sequence)),
        number("icmp_type", "", "ICMP type of the first packet; null for others", icmp_type),
        number("icmp_code", "", "ICMP code of the first packet; null for others", icmp_code),
    ];
    let groups: [&[FlowColumn]; 6] = [&identity, &totals, &frames, &times, &flags, &ours];
    groups.concat()
});
