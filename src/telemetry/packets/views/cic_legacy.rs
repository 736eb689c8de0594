//! `CICFlowMeter`'s columns as in the first CICIDS2017, with the defects of its first release.

use std::sync::LazyLock;

use super::cic::CIC;
use super::{number, ratio};
use crate::telemetry::packets::packet::TcpFlags;
use crate::telemetry::packets::profile::FlowColumn;
use crate::telemetry::packets::rows::Record;
use crate::telemetry::packets::statistics::{Direction, Moments, Periods};

const TCP: u8 = 6;

/// Columns that the first release did not have.
const LATER: [&str; 6] =
    ["id", "Fwd RST Flags", "Bwd RST Flags", "ICMP Code", "ICMP Type", "Total TCP Flow Time"];

/// Current names, and the names in the first release.
const RENAMED: [(&str, &str); 23] = [
    ("Src IP", "Source IP"),
    ("Src Port", "Source Port"),
    ("Dst IP", "Destination IP"),
    ("Dst Port", "Destination Port"),
    ("Total Fwd Packet", "Total Fwd Packets"),
    ("Total Bwd packets", "Total Backward Packets"),
    ("Total Length of Fwd Packet", "Total Length of Fwd Packets"),
    ("Total Length of Bwd Packet", "Total Length of Bwd Packets"),
    ("Packet Length Min", "Min Packet Length"),
    ("Packet Length Max", "Max Packet Length"),
    ("CWR Flag Count", "CWE Flag Count"),
    ("Fwd Segment Size Avg", "Avg Fwd Segment Size"),
    ("Bwd Segment Size Avg", "Avg Bwd Segment Size"),
    ("Fwd Bytes/Bulk Avg", "Fwd Avg Bytes/Bulk"),
    ("Fwd Packet/Bulk Avg", "Fwd Avg Packets/Bulk"),
    ("Fwd Bulk Rate Avg", "Fwd Avg Bulk Rate"),
    ("Bwd Bytes/Bulk Avg", "Bwd Avg Bytes/Bulk"),
    ("Bwd Packet/Bulk Avg", "Bwd Avg Packets/Bulk"),
    ("Bwd Bulk Rate Avg", "Bwd Avg Bulk Rate"),
    ("FWD Init Win Bytes", "Init_Win_bytes_forward"),
    ("Bwd Init Win Bytes", "Init_Win_bytes_backward"),
    ("Fwd Act Data Pkts", "act_data_pkt_fwd"),
    ("Fwd Seg Size Min", "min_seg_size_forward"),
];

/// The payload of all packets, with the payload of the first packet counted twice.
fn lengths(record: &Record<'_>) -> (Moments, u64) {
    let (mut moments, count) = (record.flow.sizes(), record.flow.packets() + 1);
    moments.push(f64::from(record.flow.first_size), count);
    (moments, count)
}

/// 1 if the first packet of the flow has this direction and this flag. Later packets do not count.
fn first_flag(record: &Record<'_>, backward: bool, flag: u8) -> f64 {
    let has = record.flow.first_backward == backward && record.flow.first_flags.has(flag);
    f64::from(u8::from(has))
}

/// The idle gaps, with the time stamp of the first packet as one more gap.
fn idle(record: &Record<'_>) -> Periods {
    let mut idle = record.flow.idle;
    idle.push(record.flow.first.max(0) as f64);
    idle
}

fn whole(a: u64, b: u64) -> f64 {
    a.checked_div(b).unwrap_or(0) as f64
}

fn bulk_rate(direction: &Direction) -> f64 {
    ratio(direction.bulks.bytes as f64, direction.bulks.duration as f64 / 1e6).floor()
}

/// A TCP window; NaN for other protocols and where the direction is silent.
fn window(record: &Record<'_>, direction: &Direction, window: u16) -> f64 {
    let known = record.flow.key.protocol() == TCP && direction.packets > 0;
    if known { f64::from(window) } else { f64::NAN }
}

/// The forward packets with payload after the first packet.
fn data_packets(record: &Record<'_>) -> f64 {
    let first = !record.flow.first_backward && record.flow.first_size > 0;
    record.forward().data_packets.saturating_sub(u64::from(first)) as f64
}

/// The columns with another definition than today, by their names in the first release.
static DEFECTS: &[FlowColumn] = &[
    number("Flow Bytes/s", "B/s", "payload ÷ duration; infinite for duration 0, null for 0 ÷ 0", |r| {
        r.bytes() / (r.duration() / 1e6)
    }),
    number("Flow Packets/s", "1/s", "packets ÷ duration; infinite for duration 0", |r| {
        r.packets() / (r.duration() / 1e6)
    }),
    number(
        "Fwd PSH Flags",
        "",
        "1 where the first packet is forward and has PSH; later ones do not count",
        |r| first_flag(r, false, TcpFlags::PSH),
    ),
    number(
        "Bwd PSH Flags",
        "",
        "1 where the first packet is backward and has PSH; later ones do not count",
        |r| first_flag(r, true, TcpFlags::PSH),
    ),
    number(
        "Fwd URG Flags",
        "",
        "1 where the first packet is forward and has URG; later ones do not count",
        |r| first_flag(r, false, TcpFlags::URG),
    ),
    number(
        "Bwd URG Flags",
        "",
        "1 where the first packet is backward and has URG; later ones do not count",
        |r| first_flag(r, true, TcpFlags::URG),
    ),
    number("Packet Length Mean", "B", "mean payload, the first packet's twice", |r| lengths(r).0.mean()),
    number("Packet Length Std", "B", "sample std of payload, the first packet's twice", |r| {
        let (moments, count) = lengths(r);
        moments.std(count)
    }),
    number("Packet Length Variance", "B²", "sample variance of payload, the first packet's twice", |r| {
        let (moments, count) = lengths(r);
        moments.variance(count)
    }),
    number("Down/Up Ratio", "", "⌊backward ÷ forward packets⌋", |r| {
        whole(r.backward().packets, r.forward().packets)
    }),
    number("Average Packet Size", "B", "(payload + payload of the first packet) ÷ packets", |r| {
        ratio(r.bytes() + f64::from(r.flow.first_size), r.packets())
    }),
    number("Fwd Avg Bytes/Bulk", "B", "⌊payload of forward bulks ÷ bulks⌋", |r| {
        whole(r.forward().bulks.bytes, r.forward().bulks.count)
    }),
    number("Fwd Avg Packets/Bulk", "", "⌊packets of forward bulks ÷ bulks⌋", |r| {
        whole(r.forward().bulks.packets, r.forward().bulks.count)
    }),
    number("Fwd Avg Bulk Rate", "B/s", "⌊payload of forward bulks ÷ their duration⌋", |r| {
        bulk_rate(r.forward())
    }),
    number("Bwd Avg Bytes/Bulk", "B", "⌊payload of backward bulks ÷ bulks⌋", |r| {
        whole(r.backward().bulks.bytes, r.backward().bulks.count)
    }),
    number("Bwd Avg Packets/Bulk", "", "⌊packets of backward bulks ÷ bulks⌋", |r| {
        whole(r.backward().bulks.packets, r.backward().bulks.count)
    }),
    number("Bwd Avg Bulk Rate", "B/s", "⌊payload of backward bulks ÷ their duration⌋", |r| {
        bulk_rate(r.backward())
    }),
    number("Subflow Fwd Packets", "", "⌊forward packets ÷ subflows⌋", |r| {
        whole(r.forward().packets, r.flow.subflows)
    }),
    number("Subflow Fwd Bytes", "B", "⌊forward payload ÷ subflows⌋", |r| {
        whole(r.forward().bytes, r.flow.subflows)
    }),
    number("Subflow Bwd Packets", "", "⌊backward packets ÷ subflows⌋", |r| {
        whole(r.backward().packets, r.flow.subflows)
    }),
    number("Subflow Bwd Bytes", "B", "⌊backward payload ÷ subflows⌋", |r| {
        whole(r.backward().bytes, r.flow.subflows)
    }),
    number("Init_Win_bytes_forward", "B", "TCP window of the first forward packet; null without", |r| {
        window(r, r.forward(), r.forward().first_window)
    }),
    number("Init_Win_bytes_backward", "B", "TCP window of the last backward packet; null without", |r| {
        window(r, r.backward(), r.backward().last_window)
    }),
    number("act_data_pkt_fwd", "", "forward packets with payload after the first packet", data_packets),
    number("Idle Mean", "µs", "mean of the idle gaps and the first packet's time since 1970", |r| {
        idle(r).lengths.mean()
    }),
    number("Idle Std", "µs", "sample std of the same", |r| idle(r).lengths.std(idle(r).count)),
    number("Idle Max", "µs", "max of the same", |r| idle(r).lengths.max()),
    number("Idle Min", "µs", "min of the same", |r| idle(r).lengths.min()),
];

/// The columns, in order.
pub(in crate::telemetry::packets) static CIC_LEGACY: LazyLock<Vec<FlowColumn>> = LazyLock::new(|| {
    let mut columns = Vec::new();
    for column in CIC.iter().filter(|column| !LATER.contains(&column.name)) {
        let renamed = RENAMED.iter().find(|(now, _)| *now == column.name).map(|(_, then)| *then);
        let name = renamed.unwrap_or(column.name);
        let defect = DEFECTS.iter().find(|defect| defect.name == name);
        columns.push(defect.copied().unwrap_or(FlowColumn { name, ..*column }));
        if name == "Avg Bwd Segment Size" {
            columns.push(number("Fwd Header Length.1", "B", "copy of `Fwd Header Length`", |r| {
                r.forward().header_bytes as f64
            }));
        }
    }
    columns
});
