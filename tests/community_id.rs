//! Community IDs of packets, of flow records and of decisions, compared with the baseline of the specification.
#![cfg(feature = "packets")]
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod public_data;

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use qosguard::arrow::array::AsArray;
use qosguard::telemetry::packets::{
    DecodeOptions, FlowMeterConfig, Packet, PacketReader, Profile, read_flows,
};
use qosguard::telemetry::{BatchReader, FlowTuple, ReadOptions, Table, ZeekReader};
use qosguard::{Assessment, Guard, GuardBuilder, IsolationForestConfig};
use serde::Deserialize;

/// A line of a baseline: the values of one direction of a flow, and its identifier.
#[derive(Deserialize)]
struct Known {
    proto: u8,
    saddr: String,
    daddr: String,
    sport: Option<u16>,
    dport: Option<u16>,
    communityid: String,
}

const CAPTURES: [&str; 8] = [
    "icmp.pcap",
    "icmp6.pcap",
    "ipv6.pcap",
    "rsvp.pcap",
    "sctp.pcap",
    "tcp.pcap",
    "udp.pcap",
    "combined.pcap.gz",
];

fn folder() -> Option<PathBuf> {
    public_data::find("oracle/community_id")
}

fn baseline(folder: &Path, name: &str) -> Vec<Known> {
    let text = std::fs::read_to_string(folder.join(format!("baseline_{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn identifiers(known: &[Known]) -> BTreeSet<String> {
    known.iter().map(|known| known.communityid.clone()).collect()
}

fn tuple(packet: &Packet) -> FlowTuple {
    let address = |octets: [u8; 16]| Ipv6Addr::from(octets).to_canonical();
    let (from, to) = match packet.protocol {
        1 | 58 => (packet.icmp_type.into(), packet.icmp_code.into()),
        _ => (packet.src_port, packet.dst_port),
    };
    FlowTuple {
        src_ip: address(packet.src),
        dst_ip: address(packet.dst),
        protocol: packet.protocol,
        src_port: Some(from),
        dst_port: Some(to),
    }
}

fn packets(path: &Path) -> Vec<Packet> {
    PacketReader::open(path, &DecodeOptions::default()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn packets_have_the_identifiers_of_the_baselines() {
    let Some(folder) = folder() else { return };
    let all: Vec<Packet> = CAPTURES.iter().flat_map(|name| packets(&folder.join(name))).collect();
    for (name, seed, is_hex) in [("deflt", 0, false), ("nob64", 0, true), ("seed1", 1, false)] {
        let known = baseline(&folder, name);
        let found: BTreeSet<String> = all
            .iter()
            .map(|packet| {
                let id = tuple(packet).community_id(seed).unwrap();
                if is_hex { id.to_hex() } else { id.to_string() }
            })
            .collect();
        assert_eq!(found, identifiers(&known), "{name}");
        for known in known {
            let flow = FlowTuple {
                src_ip: known.saddr.parse().unwrap(),
                dst_ip: known.daddr.parse().unwrap(),
                protocol: known.proto,
                src_port: known.sport,
                dst_port: known.dport,
            };
            let id = flow.community_id(seed).unwrap();
            assert_eq!(if is_hex { id.to_hex() } else { id.to_string() }, known.communityid);
        }
    }
}

fn small() -> GuardBuilder {
    Guard::builder().detector(IsolationForestConfig { trees: 2, max_samples: 16, ..Default::default() })
}

/// The identifier of every row, which the columns and the bytes of an assessment have too.
fn decided(assessment: &Assessment) -> Vec<Option<String>> {
    let decided: Vec<_> = assessment.decisions().map(|decision| decision.community_id).collect();
    let arrow = assessment.to_arrow().unwrap();
    let column = arrow.column_by_name("community_id").unwrap().as_string::<i32>();
    assert_eq!(column.iter().map(|id| id.map(str::to_owned)).collect::<Vec<_>>(), decided);
    let copy = Assessment::from_bytes(&assessment.to_bytes()).unwrap();
    assert!(copy.decisions().map(|decision| decision.community_id).eq(decided.iter().cloned()));
    decided
}

#[test]
fn decisions_on_the_flows_of_captures_have_them() {
    let (Some(folder), Some(benign)) = (folder(), public_data::find("packets/benign/nfs_1kxun.pcap")) else {
        return;
    };
    let known = baseline(&folder, "deflt");
    for profile in [Profile::Nfstream, Profile::Cic, Profile::CicLegacy] {
        let config = FlowMeterConfig { profile, ..FlowMeterConfig::default() };
        let guard = small().fit(&read_flows(&benign, &config).unwrap()).unwrap();
        let mut found = BTreeSet::new();
        for name in CAPTURES {
            let flows = read_flows(folder.join(name), &config).unwrap();
            let ids = decided(&guard.assess(&flows).unwrap());
            assert_eq!(ids.len(), flows.n_rows());
            // The first profile of CICFlowMeter has no ICMP type.
            let without =
                profile == Profile::CicLegacy && (name.starts_with("icmp") || name.starts_with("comb"));
            assert!(without || ids.iter().all(Option::is_some), "{name}: {ids:?}");
            found.extend(ids.into_iter().flatten());
        }
        let expected: BTreeSet<String> = if profile == Profile::CicLegacy {
            let with_ports = known.iter().filter(|known| ![1, 58].contains(&known.proto));
            with_ports.map(|known| known.communityid.clone()).collect()
        } else {
            CAPTURES.iter().flat_map(|name| first_packets(&packets(&folder.join(name)))).collect()
        };
        assert!(expected.is_subset(&identifiers(&known)));
        assert_eq!(found, expected, "{profile:?}");
    }
}

/// The identifiers of the first packet between two hosts for ICMP, and of every packet for other protocols.
fn first_packets(packets: &[Packet]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut is_first = |packet: &Packet| {
        let ends = [packet.src.min(packet.dst), packet.src.max(packet.dst)];
        ![1, 58].contains(&packet.protocol) || seen.insert((packet.protocol, ends))
    };
    let first = packets.iter().filter(|packet| is_first(packet));
    first.map(|packet| tuple(packet).community_id(0).unwrap().to_string()).collect()
}

fn zeek(log: String) -> Table {
    ZeekReader::new(std::io::Cursor::new(log), "conn.log", &ReadOptions::default()).unwrap().read().unwrap()
}

#[test]
fn decisions_on_logs_of_zeek_have_them_also_for_icmp() {
    let (Some(folder), Some(log)) = (folder(), public_data::find("oracle/rita_proxy/conn.log")) else {
        return;
    };
    let log = std::fs::read_to_string(log).unwrap();
    let guard = small().fit(&zeek(log.clone())).unwrap();
    let header: String =
        log.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let known = baseline(&folder, "deflt");
    // Zeek has one name for both versions of ICMP, and none for a protocol that it does not analyse.
    let line = |known: &Known| {
        let name = match known.proto {
            1 | 58 => "icmp",
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => "unknown_transport",
        };
        let port = |port: Option<u16>| port.unwrap_or_default();
        format!(
            "1672843056.9\tCX\t{}\t{}\t{}\t{}\t{name}\t-\t0.1\t10\t20\tSF\tT\tT\t0\tDd\t1\t38\t1\t48\t-\n",
            known.saddr,
            port(known.sport),
            known.daddr,
            port(known.dport)
        )
    };
    let log = header + &known.iter().map(line).collect::<String>();
    let expected: Vec<_> =
        known.into_iter().map(|known| (known.proto != 46).then_some(known.communityid)).collect();
    assert_eq!(decided(&guard.assess(&zeek(log)).unwrap()), expected);
}

#[test]
fn a_record_without_what_is_hashed_has_none() {
    let schema = qosguard::Schema::from_toml(
        r#"
        name = "t"
        columns = [
          { name = "from", role = "entity", kind = "text", field = "src_ip" },
          { name = "to", role = "entity", kind = "text", field = "dst_ip" },
          { name = "sport", role = "ignore", kind = "number", field = "src_port" },
          { name = "dport", role = "ignore", kind = "number", field = "dst_port" },
          { name = "proto", role = "ignore", kind = "text", field = "protocol" },
          { name = "bytes", role = "feature", kind = "number" },
        ]
        "#,
    )
    .unwrap();
    let record = |from: &str, to: &str, ports: &str, proto: &str, bytes: usize| {
        let (sport, dport) = ports.split_once(' ').unwrap();
        format!(
            r#"{{"from": {from}, "to": {to}, "sport": {sport}, "dport": {dport}, "proto": {proto}, "bytes": {bytes}}}"#
        )
    };
    let (client, server) = (r#""128.232.110.120""#, r#""66.35.250.204""#);
    let mut records = vec![
        record(client, server, "34855 80", r#""tcp""#, 1),
        record(client, server, "34855 80", r#""6""#, 1),
        record(r#"" [::ffff:128.232.110.120] ""#, server, "34855 80", r#""TCP""#, 1),
        record(server, client, "80 34855", r#""tcp""#, 1),
        record("null", server, "34855 80", r#""tcp""#, 1),
        record(r#""printer""#, server, "34855 80", r#""tcp""#, 1),
        record(client, r#""2001:db8::1""#, "34855 80", r#""tcp""#, 1),
        record(client, server, "null 80", r#""tcp""#, 1),
        record(client, server, "0 0", r#""tcp""#, 1),
        record(client, server, "34855 80", "null", 1),
        record(client, server, "34855 80", r#""carrier pigeon""#, 1),
        record(client, server, "0 0", r#""icmp""#, 1),
    ];
    records.extend((0..200).map(|i| record(client, server, "1 2", r#""udp""#, i % 13)));
    let table = Table::from_json(&schema, &format!("[{}]", records.join(","))).unwrap();
    let ids = decided(&small().fit(&table).unwrap().assess(&table).unwrap());
    let known = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".to_owned());
    assert_eq!(ids[..4], [known.clone(), known.clone(), known.clone(), known]);
    assert_eq!(ids[4..12], [const { None }; 8]);
    assert!(ids[12..].iter().all(|id| id.is_some() && *id == ids[12]));
}
