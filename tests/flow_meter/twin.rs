//! The slow twin of the flow meter: it keeps every packet and computes each column by its textbook formula.

use std::collections::BTreeMap;

use qosguard::telemetry::packets::{Packet, Profile, TcpFlags};

/// One packet in a flow, with its time in ticks.
#[derive(Clone, Copy)]
struct Seen {
    t: i64,
    back: bool,
    packet: Packet,
}

/// The key of a flow, as seen from the source or from the destination.
type Ends = (([u8; 16], u16), ([u8; 16], u16), u8, u8, u16);

struct Slow {
    from: ([u8; 16], u16),
    ends: [Ends; 2],
    packets: Vec<Seen>,
    connection: i64,
    seen: i64,
    quiet: bool,
}

fn ends(packet: &Packet) -> [Ends; 2] {
    let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
    let rest = (packet.protocol, packet.ip_version, packet.vlan_id);
    [(src, dst, rest.0, rest.1, rest.2), (dst, src, rest.0, rest.1, rest.2)]
}

/// A record: the number columns by name, null as `None`, and the reason.
pub(crate) type Record = (BTreeMap<String, Option<f64>>, String);

/// Ticks per second of a profile, and its idle and active timeouts in ticks.
fn rules(profile: Profile) -> (i64, i64, i64) {
    match profile {
        Profile::Nfstream => (1_000, 120_000, 1_800_000),
        _ => (1_000_000, 120_000_001, 120_000_001),
    }
}

pub(crate) fn records(packets: &[Packet], profile: Profile) -> Vec<Record> {
    let (second, idle, active) = rules(profile);
    let (mut flows, mut records): (Vec<Slow>, Vec<Record>) = (Vec::new(), Vec::new());
    let mut now = i64::MIN;
    for packet in packets {
        let t = packet.time_ns.div_euclid(1_000_000_000 / second);
        now = now.max(t);
        let keys = ends(packet);
        let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
        let answer = profile == Profile::Cic && packet.tcp_flags.has(TcpFlags::SYN | TcpFlags::ACK);
        let mut flow = match flows.iter().position(|f| f.ends.contains(&keys[0])) {
            Some(at) => flows.remove(at),
            None => Slow {
                from: if answer { dst } else { src },
                ends: keys,
                packets: Vec::new(),
                connection: t,
                seen: now,
                quiet: false,
            },
        };
        let closed = closed(&flow, profile);
        let mut ends_here = false;
        if let Some(last) = flow.packets.iter().map(|p| p.t).max() {
            let is_idle = t - last >= idle;
            let timeout = is_idle || t - flow.packets[0].t >= active;
            let reopened = closed.is_some() && packet.tcp_flags.has(TcpFlags::SYN);
            if flow.quiet || timeout || reopened {
                if !flow.quiet {
                    let why = closed.unwrap_or(if is_idle { "idle" } else { "active" });
                    records.push(describe(&flow, profile, why, records.len()));
                }
                let goes_on = closed.is_none()
                    && match profile {
                        Profile::Nfstream => false,
                        Profile::CicLegacy => true,
                        _ => packet.protocol == 6 || packet.protocol == 17 && !is_idle,
                    };
                if !goes_on {
                    flow.from = if answer { dst } else { src };
                    flow.connection = t;
                }
                flow.packets.clear();
                flow.quiet = false;
            } else {
                ends_here = profile == Profile::CicLegacy && packet.tcp_flags.has(TcpFlags::FIN);
            }
        }
        flow.packets.push(Seen { t, back: src != flow.from, packet: *packet });
        flow.seen = now;
        if ends_here {
            records.push(describe(&flow, profile, "fin", records.len()));
        } else {
            flows.push(flow);
        }

        let due: Vec<usize> =
            (0..flows.len()).filter(|&i| !flows[i].quiet && now - flows[i].seen >= idle).collect();
        for &i in &due {
            let why = self::closed(&flows[i], profile).unwrap_or("idle");
            records.push(describe(&flows[i], profile, why, records.len()));
            let both = [true, false].iter().all(|&b| flows[i].packets.iter().any(|p| p.back == b));
            flows[i].quiet = profile == Profile::Cic
                && why == "idle"
                && flows[i].packets[0].packet.protocol == 6
                && (both || flows[i].connection < flows[i].packets[0].t);
        }
        for &i in due.iter().rev() {
            if !flows[i].quiet {
                flows.remove(i);
            }
        }
    }
    for flow in flows.iter().filter(|f| !f.quiet) {
        let why = closed(flow, profile).unwrap_or(if now - flow.seen >= idle { "idle" } else { "end" });
        records.push(describe(flow, profile, why, records.len()));
    }
    records
}

/// Whether the packets have two FINs and an ACK, or an RST, whichever is first.
fn closed(flow: &Slow, profile: Profile) -> Option<&'static str> {
    let mut fins = [false; 2];
    for p in flow.packets.iter().filter(|_| profile == Profile::Cic) {
        let flags = p.packet.tcp_flags;
        if flags.has(TcpFlags::RST) {
            return Some("rst");
        }
        fins[usize::from(p.back)] |= flags.has(TcpFlags::FIN);
        if fins == [true; 2] && flags.has(TcpFlags::ACK) && !flags.has(TcpFlags::FIN) {
            return Some("fin");
        }
    }
    None
}

/// `[min, mean, sample std, max]`; zeros without numbers.
fn summary(x: &[f64]) -> [f64; 4] {
    if x.is_empty() {
        return [0.0; 4];
    }
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares: f64 = x.iter().map(|v| (v - mean) * (v - mean)).sum();
    let std = if x.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() };
    let fold = |f: fn(f64, f64) -> f64| x.iter().copied().reduce(f).unwrap();
    [fold(f64::min), mean, std, fold(f64::max)]
}

/// Times between packets. A packet that is earlier than one before it gets the latest time before it.
fn gaps(packets: &[Seen]) -> Vec<f64> {
    let mut last = i64::MIN;
    let mut gaps = Vec::new();
    for p in packets {
        if last != i64::MIN {
            gaps.push((p.t - last).max(0) as f64);
        }
        last = last.max(p.t);
    }
    gaps
}

fn span(packets: &[Seen]) -> f64 {
    gaps(packets).iter().sum()
}

fn flags(packets: &[Seen], flag: u8) -> f64 {
    packets.iter().filter(|p| p.packet.tcp_flags.has(flag)).count() as f64
}

fn divide(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn describe(flow: &Slow, profile: Profile, why: &str, id: usize) -> Record {
    let all = flow.packets.as_slice();
    let [there, back] =
        [false, true].map(|b| all.iter().copied().filter(|p| p.back == b).collect::<Vec<_>>());
    let mut cells = BTreeMap::new();
    if profile == Profile::Nfstream {
        nfstream(
            flow,
            &[("bidirectional", all), ("src2dst", &there), ("dst2src", &back)],
            why,
            id,
            &mut cells,
        );
    } else {
        cic(flow, &there, &back, id, &mut cells);
        if profile == Profile::CicLegacy {
            legacy(flow, &there, &back, &mut cells);
        }
    }
    (cells, why.to_owned())
}

/// ICMP type and code; NaN for other protocols, and for a later fragment, which has no header.
fn icmp(packet: &Packet) -> (f64, f64) {
    if [1, 58].contains(&packet.protocol) && packet.header_bytes > 0 {
        (packet.icmp_type.into(), packet.icmp_code.into())
    } else {
        (f64::NAN, f64::NAN)
    }
}

fn nfstream(
    flow: &Slow,
    sides: &[(&str, &[Seen])],
    why: &str,
    id: usize,
    cells: &mut BTreeMap<String, Option<f64>>,
) {
    let mut put = |name: String, value: f64| cells.insert(name, (!value.is_nan()).then_some(value));
    let ends = if flow.ends[0].0 == flow.from { flow.ends[0] } else { flow.ends[1] };
    put("id".into(), id as f64);
    put("expiration_id".into(), f64::from(u8::from(why == "active")));
    put("src_port".into(), f64::from(ends.0.1));
    put("dst_port".into(), f64::from(ends.1.1));
    put("ip_version".into(), f64::from(ends.3));
    put("vlan_id".into(), f64::from(ends.4));
    put("sequence".into(), 0.0);
    let (kind, code) = icmp(&sides[0].1[0].packet);
    put("icmp_type".into(), kind);
    put("icmp_code".into(), code);
    for &(side, packets) in sides {
        let first = packets.first().map_or(0, |p| p.t) as f64;
        let frame_bytes: Vec<f64> = packets.iter().map(|p| f64::from(p.packet.frame_bytes)).collect();
        put(format!("{side}_first_seen_ms"), first);
        put(format!("{side}_last_seen_ms"), first + span(packets));
        put(format!("{side}_duration_ms"), span(packets));
        put(format!("{side}_packets"), packets.len() as f64);
        put(format!("{side}_bytes"), frame_bytes.iter().sum());
        for (values, suffix) in [(summary(&frame_bytes), "ps"), (summary(&gaps(packets)), "piat_ms")] {
            for (name, value) in ["min", "mean", "stddev", "max"].iter().zip(values) {
                put(format!("{side}_{name}_{suffix}"), value);
            }
        }
        let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
        for (bit, name) in names.iter().enumerate() {
            put(format!("{side}_{name}_packets"), flags(packets, 1 << bit));
        }
    }
}

/// Bulks of a direction: their number, packets, bytes and microseconds.
fn bulks(all: &[Seen], back: bool) -> [f64; 4] {
    let mut runs: Vec<Vec<Seen>> = Vec::new();
    for p in all.iter().filter(|p| p.packet.payload_bytes > 0) {
        match runs.last_mut() {
            Some(run)
                if run[0].back == p.back && p.t - run.iter().map(|q| q.t).max().unwrap() <= 1_000_000 =>
            {
                run.push(*p);
            }
            _ => runs.push(vec![*p]),
        }
    }
    let mut sums = [0.0; 4];
    for run in runs.iter().filter(|run| run.len() >= 4 && run[0].back == back) {
        let bytes: f64 = run.iter().map(|p| f64::from(p.packet.payload_bytes)).sum();
        for (sum, x) in sums.iter_mut().zip([1.0, run.len() as f64, bytes, span(run)]) {
            *sum += x;
        }
    }
    sums
}

/// Periods of activity before an idle gap, and the idle gaps.
fn periods(all: &[Seen]) -> (Vec<f64>, Vec<f64>) {
    let (mut active, mut idle) = (Vec::new(), Vec::new());
    let (mut start, mut last) = (all[0].t, all[0].t);
    for p in all {
        if p.t - last > 5_000_000 {
            if last > start {
                active.push((last - start) as f64);
            }
            idle.push((p.t - last) as f64);
            start = p.t;
        }
        last = last.max(p.t);
    }
    (active, idle)
}

fn cic(flow: &Slow, there: &[Seen], back: &[Seen], id: usize, cells: &mut BTreeMap<String, Option<f64>>) {
    let all = flow.packets.as_slice();
    let mut put = |name: &str, value: f64| cells.insert(name.to_owned(), Some(value).filter(|v| !v.is_nan()));
    let ends = if flow.ends[0].0 == flow.from { flow.ends[0] } else { flow.ends[1] };
    let payload = |packets: &[Seen]| -> Vec<f64> {
        packets.iter().map(|p| f64::from(p.packet.payload_bytes)).collect()
    };
    let sum = |packets: &[Seen]| payload(packets).iter().sum::<f64>();
    let (duration, subflows) = (span(all), gaps(all).iter().filter(|&&g| g > 1e6).count() as f64);
    let by_time = |x: f64| if duration == 0.0 { f64::NAN } else { x / (duration / 1e6) };
    put("id", id as f64);
    put("Src Port", f64::from(ends.0.1));
    put("Dst Port", f64::from(ends.1.1));
    put("Flow Duration", duration);
    put("Total Fwd Packet", there.len() as f64);
    put("Total Bwd packets", back.len() as f64);
    put("Flow Bytes/s", by_time(sum(all)));
    put("Flow Packets/s", by_time(all.len() as f64));
    for (side, long, segment, packets) in [("Fwd", "Fwd", "Fwd", there), ("Bwd", "Bwd", "Bwd", back)] {
        put(&format!("Total Length of {long} Packet"), sum(packets));
        put(&format!("{segment} Segment Size Avg"), summary(&payload(packets))[1]);
        put(&format!("{side} IAT Total"), span(packets));
        put(&format!("{side} Packets/s"), divide(packets.len() as f64, duration / 1e6));
        put(&format!("{side} PSH Flags"), flags(packets, TcpFlags::PSH));
        put(&format!("{side} URG Flags"), flags(packets, TcpFlags::URG));
        put(&format!("{side} RST Flags"), flags(packets, TcpFlags::RST));
        let headers = packets.iter().map(|p| f64::from(p.packet.header_bytes));
        put(&format!("{side} Header Length"), headers.sum());
        put(&format!("Subflow {side} Packets"), divide(packets.len() as f64, subflows));
        put(&format!("Subflow {side} Bytes"), divide(sum(packets), subflows));
        let [count, in_bulks, bytes, time] = bulks(all, side == "Bwd");
        put(&format!("{side} Bytes/Bulk Avg"), divide(bytes, count));
        put(&format!("{side} Packet/Bulk Avg"), divide(in_bulks, count));
        put(&format!("{side} Bulk Rate Avg"), divide(bytes, time / 1e6));
        let window = packets.first().map_or(0.0, |p| f64::from(p.packet.window));
        put(if side == "Fwd" { "FWD Init Win Bytes" } else { "Bwd Init Win Bytes" }, window);
    }
    let (active, idle) = periods(all);
    for (name, of) in [
        ("Fwd Packet Length", payload(there)),
        ("Bwd Packet Length", payload(back)),
        ("Packet Length", payload(all)),
        ("Flow IAT", gaps(all)),
        ("Fwd IAT", gaps(there)),
        ("Bwd IAT", gaps(back)),
        ("Active", active),
        ("Idle", idle),
    ] {
        for (what, value) in ["Min", "Mean", "Std", "Max"].iter().zip(summary(&of)) {
            put(&format!("{name} {what}"), value);
        }
    }
    put("Packet Length Variance", summary(&payload(all))[2].powi(2));
    put("Average Packet Size", summary(&payload(all))[1]);
    for (bit, name) in ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].iter().enumerate() {
        put(&format!("{name} Flag Count"), flags(all, 1 << bit));
    }
    put("Down/Up Ratio", divide(back.len() as f64, there.len() as f64));
    put("Fwd Act Data Pkts", payload(there).iter().filter(|&&x| x > 0.0).count() as f64);
    put(
        "Fwd Seg Size Min",
        there.iter().map(|p| f64::from(p.packet.header_bytes)).reduce(f64::min).unwrap_or(0.0),
    );
    let (kind, code) = icmp(&all[0].packet);
    put("ICMP Code", code);
    put("ICMP Type", kind);
    let connection = (all[0].t - flow.connection) as f64 + duration;
    put("Total TCP Flow Time", if ends.2 == 6 { connection } else { 0.0 });
    put("Sequence", 0.0);
}

/// Names of the profile `cic`, and the names in the first release.
const NAMES: [(&str, &str); 19] = [
    ("Src Port", "Source Port"),
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
    ("Fwd Seg Size Min", "min_seg_size_forward"),
];

fn legacy(flow: &Slow, there: &[Seen], back: &[Seen], cells: &mut BTreeMap<String, Option<f64>>) {
    for (now, then) in NAMES {
        let cell = cells.remove(now).unwrap();
        cells.insert(then.to_owned(), cell);
    }
    for later in ["id", "Fwd RST Flags", "Bwd RST Flags", "ICMP Code", "ICMP Type", "Total TCP Flow Time"] {
        cells.remove(later).unwrap();
    }
    cells.remove("Bwd Init Win Bytes");
    cells.remove("Fwd Act Data Pkts");
    let all = flow.packets.as_slice();
    for name in cells.keys().cloned().collect::<Vec<_>>() {
        if name.starts_with("Subflow")
            || name.contains("/Bulk")
            || name.contains("Bulk Rate")
            || name == "Down/Up Ratio"
        {
            let cell = cells[&name].map(f64::floor);
            cells.insert(name, cell);
        }
    }
    let mut put = |name: &str, value: f64| cells.insert(name.to_owned(), Some(value).filter(|v| !v.is_nan()));
    let mut payload: Vec<f64> = all.iter().map(|p| f64::from(p.packet.payload_bytes)).collect();
    let (bytes, count) = (payload.iter().sum::<f64>(), payload.len() as f64);
    payload.push(payload[0]);
    put("Flow Bytes/s", bytes / (span(all) / 1e6));
    put("Flow Packets/s", count / (span(all) / 1e6));
    put("Packet Length Mean", summary(&payload)[1]);
    put("Packet Length Std", summary(&payload)[2]);
    put("Packet Length Variance", summary(&payload)[2].powi(2));
    put("Average Packet Size", payload.iter().sum::<f64>() / count);
    for (back, side) in [(false, "Fwd"), (true, "Bwd")] {
        let first = if all[0].back == back { &all[..1] } else { &[] };
        put(&format!("{side} PSH Flags"), flags(first, TcpFlags::PSH));
        put(&format!("{side} URG Flags"), flags(first, TcpFlags::URG));
    }
    put("Fwd Header Length.1", there.iter().map(|p| f64::from(p.packet.header_bytes)).sum());
    let window = |p: Option<&Seen>| {
        p.filter(|p| p.packet.protocol == 6).map_or(f64::NAN, |p| f64::from(p.packet.window))
    };
    put("Init_Win_bytes_forward", window(there.first()));
    put("Init_Win_bytes_backward", window(back.last()));
    let data = all.iter().skip(1).filter(|p| !p.back && p.packet.payload_bytes > 0).count();
    put("act_data_pkt_fwd", data as f64);
    let mut idle = periods(all).1;
    idle.insert(0, all[0].t as f64);
    for (what, value) in ["Min", "Mean", "Std", "Max"].iter().zip(summary(&idle)) {
        put(&format!("Idle {what}"), value);
    }
}
