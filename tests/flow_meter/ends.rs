//! When flows start and end, and their direction.

use qosguard::telemetry::packets::{FlowMeterConfig, Packet, Profile};

use super::table::{ACK, FIN, PSH, RST, Rows, SYN, config, flows, tcp, udp};

fn cic(packets: &[Packet]) -> Rows {
    flows(packets, &config(Profile::Cic)).0
}

fn handshake(start: f64) -> Vec<Packet> {
    vec![tcp(start, false, SYN, 0), tcp(start + 0.01, true, SYN | ACK, 0), tcp(start + 0.02, false, ACK, 0)]
}

fn closing(start: f64) -> Vec<Packet> {
    vec![
        tcp(start, false, FIN | ACK, 0),
        tcp(start + 0.01, true, FIN | ACK, 0),
        tcp(start + 0.02, false, ACK, 0),
    ]
}

#[test]
fn both_fins_and_an_ack_end_a_flow_and_the_next_syn_starts_another() {
    let packets = [handshake(0.0), closing(1.0), handshake(2.0), closing(3.0)].concat();
    let rows = cic(&packets);
    assert_eq!(rows.texts("End Reason"), ["fin", "fin"]);
    assert_eq!(rows.all("FIN Flag Count"), [2.0, 2.0]);
    assert_eq!(rows.all("Total TCP Flow Time"), [1_020_000.0, 1_020_000.0]);
    // Late packets without SYN still belong to the first flow.
    let late = [handshake(0.0), closing(1.0), vec![tcp(1.5, true, ACK, 0)]].concat();
    assert_eq!(cic(&late).all("ACK Flag Count"), [6.0]);
    // One FIN and an ACK do not end a flow. Two FINs of one side do not end it either.
    let half = [tcp(0.0, false, FIN | ACK, 0), tcp(0.1, false, FIN | ACK, 0), tcp(0.2, true, ACK, 0)];
    assert_eq!(cic(&half).texts("End Reason"), ["end"]);
}

#[test]
fn a_reset_ends_a_flow() {
    let packets = [handshake(0.0), vec![tcp(1.0, true, RST, 0)], handshake(1.1)].concat();
    let rows = cic(&packets);
    assert_eq!(rows.texts("End Reason"), ["rst", "end"]);
    assert_eq!((rows.all("Fwd RST Flags"), rows.all("Bwd RST Flags")), (vec![0.0; 2], vec![1.0, 0.0]));
    // A SYN within an open connection does not start a flow.
    assert_eq!(cic(&[handshake(0.0), handshake(1.0)].concat()).len(), 1);
}

#[test]
fn a_syn_ack_as_the_first_packet_comes_from_the_server() {
    let packets = [tcp(0.0, true, SYN | ACK, 0), tcp(0.1, false, ACK, 5)];
    let rows = cic(&packets);
    assert_eq!((rows.texts("Src IP"), rows.all("Dst Port")), (vec!["10.0.0.1".to_owned()], vec![443.0]));
    assert_eq!((rows.all("Total Fwd Packet"), rows.all("Total Bwd packets")), (vec![1.0], vec![1.0]));
    for profile in [Profile::CicLegacy, Profile::Nfstream] {
        let (rows, _) = flows(&packets, &config(profile));
        let name = if profile == Profile::Nfstream { "src_ip" } else { "Source IP" };
        assert_eq!(rows.texts(name), ["10.0.0.2"]);
    }
}

#[test]
fn a_connection_that_a_timeout_splits_keeps_its_direction_and_its_start() {
    let mut packets = handshake(0.0);
    packets.extend([tcp(60.0, false, ACK, 1), tcp(120.0, false, ACK, 1)]);
    packets.push(tcp(120.000_001, true, ACK, 7));
    packets.push(tcp(500.0, true, ACK, 7));
    let rows = cic(&packets);
    assert_eq!(rows.texts("End Reason"), ["active", "idle", "end"]);
    assert_eq!(rows.all("Flow Duration"), [120e6, 0.0, 0.0]);
    assert_eq!(rows.all("Total TCP Flow Time"), [120e6, 120_000_001.0, 500e6]);
    assert_eq!(rows.all("Bwd IAT Total"), [0.0; 3]);
    assert_eq!(rows.all("Total Length of Bwd Packet"), [0.0, 7.0, 7.0]);
    assert_eq!(rows.texts("Src IP"), ["10.0.0.1"; 3]);

    // Other traffic, which advances the clock, does not change that.
    let mut other = udp(400.0, false, 1);
    other.src_port = 9;
    packets.insert(6, other);
    let rows = cic(&packets);
    let times: Vec<f64> = rows.all("Total TCP Flow Time").into_iter().filter(|&t| t > 0.0).collect();
    assert_eq!(times, [120e6, 120_000_001.0, 500e6]);
}

#[test]
fn udp_ends_by_timeouts_only_and_keeps_its_direction() {
    let dialogue = [udp(0.0, false, 1), udp(100.0, false, 1), udp(121.0, true, 1)];
    let rows = cic(&dialogue);
    assert_eq!(
        (rows.texts("End Reason"), rows.all("Src Port")),
        (vec!["active".into(), "end".into()], vec![40_000.0; 2])
    );
    let rows = cic(&[udp(0.0, false, 1), udp(121.0, true, 1)]);
    assert_eq!(
        (rows.texts("End Reason"), rows.all("Src Port")),
        (vec!["idle".into(), "end".into()], vec![40_000.0, 443.0])
    );
}

#[test]
fn the_legacy_profile_ends_at_the_first_fin_and_ignores_rst() {
    let packets = [handshake(0.0), vec![tcp(0.5, true, RST, 0)], closing(1.0)].concat();
    let (rows, counts) = flows(&packets, &config(Profile::CicLegacy));
    assert_eq!(rows.texts("End Reason"), ["fin", "end"]);
    assert_eq!((counts.fin, counts.rst, counts.end), (1, 0, 1));
    assert_eq!(rows.all("Total Fwd Packets"), [3.0, 1.0]);
}

#[test]
fn nfstream_flows_end_only_by_timeouts() {
    let nfstream = config(Profile::Nfstream);
    let packets = [handshake(0.0), closing(1.0), vec![tcp(2.0, true, RST, 0)], handshake(3.0)].concat();
    assert_eq!(flows(&packets, &nfstream).0.texts("end_reason"), ["end"]);
    let idle = |gap: f64| flows(&[udp(0.0, false, 1), udp(gap, true, 1)], &nfstream).0;
    assert_eq!(idle(119.999).len(), 1);
    assert_eq!(idle(120.0).all("expiration_id"), [0.0, 0.0]);
    assert_eq!(idle(120.0).all("src_port"), [40_000.0, 443.0]);
    let long: Vec<Packet> = (0..=18).map(|i| udp(f64::from(i) * 100.0, false, 1)).collect();
    let (rows, counts) = flows(&long, &nfstream);
    assert_eq!((rows.all("expiration_id"), counts.active), (vec![1.0, 0.0], 1));
    assert_eq!(rows.all("bidirectional_packets"), [18.0, 1.0]);
}

#[test]
fn idle_flows_expire_by_the_packet_times_of_other_flows() {
    let mut packets = vec![udp(0.0, false, 1)];
    for i in 0..130_u16 {
        let mut other = udp(f64::from(i), false, 1);
        other.src_port = 9;
        packets.push(other);
    }
    let (rows, counts) = flows(&packets, &config(Profile::Nfstream));
    assert_eq!((counts.idle, counts.end), (1, 1));
    assert_eq!(rows.all("src_port"), [40_000.0, 9.0]);
}

#[test]
fn a_long_flow_writes_interim_records_in_order() {
    let config = FlowMeterConfig { interim_s: Some(10.0), ..config(Profile::Cic) };
    let packets: Vec<Packet> = [0.0, 5.0, 10.0, 12.0, 35.0, 36.0, 40.0].map(|t| tcp(t, false, PSH, 1)).into();
    let (rows, counts) = flows(&packets, &config);
    assert_eq!(rows.texts("End Reason"), ["interim", "interim", "interim", "end"]);
    assert_eq!(rows.all("Sequence"), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(rows.all("id"), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(rows.all("Total Fwd Packet"), [2.0, 4.0, 6.0, 7.0]);
    assert_eq!((counts.interim, counts.started, counts.end), (3, 1, 1));
}

#[test]
fn decreasing_packet_times_are_counted_and_flows_still_expire() {
    let packets = [udp(10.0, false, 1), udp(9.0, true, 1), udp(9.5, false, 1), udp(11.0, false, 1)];
    for profile in Profile::ALL {
        let (rows, counts) = flows(&packets, &config(profile));
        assert_eq!((rows.len(), counts.backwards), (1, 2));
    }
    let rows = cic(&packets);
    assert_eq!((rows.all("Flow Duration"), rows.all("Flow IAT Min")), (vec![1e6], vec![0.0]));
    assert_eq!((rows.all("Flow IAT Max"), rows.all("Flow IAT Mean")), (vec![1e6], vec![1e6 / 3.0]));

    // A time in the far future, and the earliest possible one, stop neither the clock nor the expiry of flows.
    let mut packets: Vec<Packet> = (0..20_000)
        .map(|i| {
            let mut packet = udp(f64::from(i), false, 1);
            packet.src_port = i as u16;
            packet
        })
        .collect();
    packets[100].time_ns = i64::MAX;
    packets[200].time_ns = i64::MIN;
    let (_, counts) = flows(&packets, &config(Profile::Nfstream));
    assert!(counts.max_held < 1_400, "{counts:?}");
}

#[test]
fn both_vlans_of_a_routed_packet_are_two_flows() {
    let mut tagged = udp(0.0, false, 1);
    tagged.vlan_id = 7;
    let (rows, _) = flows(&[udp(0.0, false, 1), tagged], &config(Profile::Nfstream));
    assert_eq!(rows.all("vlan_id"), [0.0, 7.0]);
}

#[test]
fn bulks_subflows_and_activity_of_a_small_flow_are_counted() {
    let times = [0.0, 0.1, 0.2, 0.5, 0.9, 2.9, 3.0, 10.0, 10.25];
    let packets: Vec<Packet> = times
        .iter()
        .enumerate()
        .map(|(i, &t)| tcp(t, i == 6 || i == 8, ACK, [100, 100, 100, 100, 200, 0, 50, 10, 0][i]))
        .collect();
    let rows = cic(&packets);
    let known = [
        ("Flow Duration", 10_250_000.0),
        // 0.0 to 0.9 s: five packets with payload. Later packets are single.
        ("Fwd Bytes/Bulk Avg", 600.0),
        ("Fwd Packet/Bulk Avg", 5.0),
        ("Fwd Bulk Rate Avg", 600.0 / 0.9),
        ("Bwd Bytes/Bulk Avg", 0.0),
        // Gaps of 2 s and of 7 s.
        ("Subflow Fwd Packets", 3.5),
        ("Subflow Fwd Bytes", 305.0),
        ("Subflow Bwd Packets", 1.0),
        ("Subflow Bwd Bytes", 25.0),
        // Active from 0 to 3 s, idle until 10 s, then the capture ends.
        ("Active Mean", 3e6),
        ("Active Std", 0.0),
        ("Idle Max", 7e6),
        ("Flow Bytes/s", 660.0 / 10.25),
        ("Down/Up Ratio", 2.0 / 7.0),
        ("Average Packet Size", 660.0 / 9.0),
        ("Fwd Header Length", 140.0),
        ("Fwd Act Data Pkts", 6.0),
        ("Bwd IAT Total", 7_250_000.0),
    ];
    for (name, value) in known {
        let got = rows.all(name)[0];
        assert!((got - value).abs() < 1e-6, "{name}: {got}, not {value}");
    }
    // A flow without duration has no rate.
    assert_eq!(cic(&packets[..1]).numbers("Flow Bytes/s"), [None]);
    let (legacy, _) = flows(&packets, &config(Profile::CicLegacy));
    assert_eq!((legacy.all("Subflow Fwd Packets"), legacy.all("Down/Up Ratio")), (vec![3.0], vec![0.0]));
    assert_eq!(legacy.all("Packet Length Mean"), [76.0]);
}
