//! Flows of captures: a published example, public captures, and the featurizer of a data set.

use std::path::Path;

use qosguard::features::{Featurizer, TableEncoderConfig};
use qosguard::telemetry::packets::{
    DecodeOptions, FlowMeter, FlowMeterConfig, PacketReader, Profile, read_flows,
};
use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions, Schema, open, read_csv};

use super::public_data;
use super::table::{ACK, FIN, PSH, Rows, SYN, config};

/// A pcap file of TCP packets with frame sizes, directions, flags and times in milliseconds.
pub(crate) fn pcap(packets: &[(u32, bool, u8, u32)]) -> Vec<u8> {
    let mut capture = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1].map(u32::to_le_bytes).concat();
    for &(ms, back, flags, frame) in packets {
        let words = [1_700_000_000 + ms / 1_000, ms % 1_000 * 1_000, frame, frame];
        capture.extend(words.map(u32::to_le_bytes).concat());
        let (mut ends, mut ports) = ([[192, 0, 2, 1], [192, 0, 2, 2]], [40_000_u16, 443]);
        if back {
            ends.reverse();
            ports.reverse();
        }
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        bytes.extend(((frame - 14) as u16).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        bytes.extend(ends.concat());
        bytes.extend(ports.map(u16::to_be_bytes).concat());
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
        bytes.resize(frame as usize, 0);
        capture.extend(bytes);
    }
    capture
}

/// Packets with the published figures of the example `google_ssl` in `NFStream`'s documentation.
fn google_ssl() -> Vec<u8> {
    let there = [74, 76, 66, 165, 66, 77, 66, 66, 66, 152, 66, 66, 75, 74, 67, 66];
    let back = [74, 66, 1502, 1371, 1488, 1409, 969, 73, 67, 82, 154, 153];
    let mut packets: Vec<(u32, bool, u8, u32)> = Vec::new();
    for i in 0..16 {
        let sides = [(false, there.get(i)), (true, back.get(i))];
        for (is_back, size) in sides {
            if let Some(&size) = size {
                let flags = match (i, is_back) {
                    (0, false) => SYN,
                    (0, true) => SYN | ACK,
                    (2..=5, _) => PSH | ACK,
                    (15, false) | (11, true) => FIN | ACK,
                    _ => ACK,
                };
                packets.push((packets.len() as u32 * 200, is_back, flags, size));
            }
        }
    }
    packets.last_mut().unwrap().0 = 6_670;
    pcap(&packets)
}

#[test]
fn the_google_ssl_example_has_its_published_figures() {
    let capture = google_ssl();
    let mut meter = FlowMeter::from_bytes(&capture, "google_ssl", &FlowMeterConfig::default()).unwrap();
    let rows = Rows(meter.by_ref().map(Result::unwrap).collect());
    let published = [
        ("bidirectional_packets", 28.0),
        ("bidirectional_bytes", 8_696.0),
        ("bidirectional_duration_ms", 6_670.0),
        ("bidirectional_mean_ps", 310.571),
        ("bidirectional_stddev_ps", 500.546),
        ("src2dst_packets", 16.0),
        ("src2dst_bytes", 1_288.0),
        ("dst2src_packets", 12.0),
        ("dst2src_bytes", 7_408.0),
        ("bidirectional_syn_packets", 2.0),
        ("bidirectional_ack_packets", 27.0),
        ("bidirectional_psh_packets", 8.0),
        ("bidirectional_fin_packets", 2.0),
    ];
    for (name, value) in published {
        let got = rows.all(name);
        assert!(got.len() == 1 && (got[0] - value).abs() < 0.0005, "{name}: {got:?}, not {value}");
    }
    assert_eq!(rows.all("bidirectional_first_seen_ms"), [1_700_000_000_000.0]);
    assert_eq!((meter.capture_counts().packets, meter.report().accepted), (28, 1));
}

#[test]
fn the_flow_id_has_the_format_of_the_data_sets() {
    let capture = google_ssl();
    let rows = |profile| {
        let meter = FlowMeter::from_bytes(&capture, "inline", &config(profile)).unwrap();
        Rows(meter.map(Result::unwrap).collect())
    };
    let cic = rows(Profile::Cic);
    assert_eq!(cic.texts("Flow ID"), ["192.0.2.1-192.0.2.2-40000-443-6"]);
    assert_eq!((cic.texts("Src IP"), cic.texts("Protocol")), (vec!["192.0.2.1".into()], vec!["tcp".into()]));
    assert_eq!(cic.texts("Timestamp"), ["2023-11-14T22:13:20.000000Z"]);
    assert_eq!(rows(Profile::CicLegacy).texts("Destination IP")[0], "192.0.2.2");
    assert_eq!(rows(Profile::Nfstream).texts("dst_ip"), ["192.0.2.2"]);
}

#[test]
fn the_flows_before_a_damaged_record_come_before_the_error() {
    let mut capture = google_ssl();
    capture.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xe8, 0xff, 0xff, 0xff, 0xe8]);
    let mut meter = FlowMeter::from_bytes(&capture, "lying", &FlowMeterConfig::default()).unwrap();
    assert_eq!(meter.next().unwrap().unwrap().num_rows(), 1);
    let error = meter.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("lying"), "{error}");
    assert!(meter.next().is_none());
}

#[test]
fn records_without_a_packet_are_in_the_report() {
    let mut capture = google_ssl();
    capture.extend([1_700_000_009, 0, 14, 14].map(u32::to_le_bytes).concat());
    capture.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6]);
    let mut meter = FlowMeter::from_bytes(&capture, "arp", &FlowMeterConfig::default()).unwrap();
    let flows = meter.read().unwrap();
    assert_eq!(flows.report().skipped, [("not_ip".to_owned(), 1)].into());
}

/// The capture of some packets with another source port in each.
fn one_packet_flows(packets: usize) -> Vec<u8> {
    let mut capture = pcap(&vec![(0, false, SYN, 60); packets]);
    for i in 0..packets {
        capture[24 + i * (16 + 60) + 16 + 14 + 20] = i as u8;
    }
    capture
}

#[test]
fn the_report_of_open_has_the_counters_of_the_flow_table() {
    let folder = tempfile::tempdir().unwrap();
    let open = |capture: Vec<u8>, max_flows| {
        let path = folder.path().join("capture");
        std::fs::write(&path, capture).unwrap();
        let meter = FlowMeterConfig { max_flows, ..FlowMeterConfig::default() };
        let mut reader = open(&path, &ReadOptions { meter, ..ReadOptions::default() }).unwrap();
        let accepted = reader.read().unwrap().n_rows();
        (accepted, reader.report().skipped.clone())
    };
    assert_eq!(open(one_packet_flows(5), 2), (5, [("evicted_flows".to_owned(), 3)].into()));
    let decreasing = pcap(&[(90, false, SYN, 60), (50, true, SYN | ACK, 60), (60, false, ACK, 60)]);
    assert_eq!(open(decreasing, 2), (1, [("backward_packets".to_owned(), 2)].into()));
    assert_eq!(open(one_packet_flows(5), 9), (5, [].into()));
}

#[test]
fn open_recognises_every_magic_number_of_pcap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    // The records of the last variant have 8 more bytes before the frame.
    for (magic, more) in [(0xa1b2_c3d4_u32, 0), (0xa1b2_3c4d, 0), (0xa1b2_cd34, 8)] {
        let mut capture = pcap(&[(0, false, SYN, 60)]);
        capture[..4].copy_from_slice(&magic.to_le_bytes());
        capture.splice(40..40, vec![0; more]);
        std::fs::write(&path, capture).unwrap();
        let table = open(&path, &ReadOptions::default()).unwrap().read().unwrap();
        assert_eq!((table.n_rows(), table.schema().name()), (1, "nfstream"), "{magic:#x}");
    }
}

#[test]
fn a_table_written_as_csv_is_recognised_by_its_header() {
    let capture = google_ssl();
    for profile in Profile::ALL {
        let table = FlowMeter::from_bytes(&capture, "inline", &config(profile)).unwrap().read().unwrap();
        let names: Vec<&str> = table.schema().columns().iter().map(|c| c.name.as_str()).collect();
        let detected = Schema::detect(&names).unwrap();
        assert_eq!(detected.columns(), table.schema().columns(), "{}", profile.as_str());
        assert_eq!(detected.name(), profile.as_str());
    }
}

/// Checks that the records of each profile have all packets and bytes of the capture.
fn check_totals(path: &Path) {
    let reader = PacketReader::open(path, &DecodeOptions::default()).unwrap();
    let (mut packets, mut frames, mut payload) = (0.0, 0.0, 0.0);
    for packet in reader.map_while(Result::ok) {
        packets += 1.0;
        frames += f64::from(packet.frame_bytes);
        payload += f64::from(packet.payload_bytes);
    }
    for (profile, names, bytes) in [
        (
            Profile::Cic,
            [
                "Total Fwd Packet",
                "Total Bwd packets",
                "Total Length of Fwd Packet",
                "Total Length of Bwd Packet",
            ],
            payload,
        ),
        (
            Profile::CicLegacy,
            [
                "Total Fwd Packets",
                "Total Backward Packets",
                "Total Length of Fwd Packets",
                "Total Length of Bwd Packets",
            ],
            payload,
        ),
        (Profile::Nfstream, ["src2dst_packets", "dst2src_packets", "src2dst_bytes", "dst2src_bytes"], frames),
    ] {
        let read = || {
            let mut meter = FlowMeter::open(path, &config(profile)).unwrap();
            let rows = Rows(meter.by_ref().map_while(Result::ok).collect());
            (rows, *meter.flow_counts())
        };
        let (rows, counts) = read();
        let sum = |i: usize| rows.all(names[i]).iter().sum::<f64>();
        assert_eq!((sum(0) + sum(1), sum(2) + sum(3)), (packets, bytes), "{}", path.display());
        assert_eq!((counts.packets as f64, counts.records()), (packets, rows.len() as u64));
        assert_eq!(read(), (rows, counts), "{}", path.display());
    }
}

#[test]
fn every_packet_of_the_public_captures_is_in_one_flow_and_a_second_run_is_equal() {
    let folders = ["packets/attack", "packets/benign", "packets/encapsulation", "packets/malformed"];
    for path in folders.into_iter().flat_map(public_data::files) {
        if FlowMeter::open(&path, &FlowMeterConfig::default()).is_ok() {
            check_totals(&path);
        }
    }
}

#[test]
fn the_featurizer_of_a_data_set_accepts_a_capture() {
    let capture = public_data::find("packets/attack/slips_test7_malicious.pcap");
    let (Some(capture), Some(flows)) = (capture, public_data::find("flows/cicids2017")) else { return };
    for (file, profile) in
        [("improved_5days_sample.csv", Profile::Cic), ("generated_84col_web_attacks.csv", Profile::CicLegacy)]
    {
        let path = flows.join(file);
        let featurizer = TableEncoderConfig::default().fit(&read_csv(&path).unwrap()).unwrap();
        let flows = read_flows(&capture, &config(profile)).unwrap();
        let features = featurizer.transform(&flows).unwrap();
        assert_eq!(features.matrix.nrows(), flows.n_rows());
        assert!(flows.n_rows() > 10 && features.matrix.iter().all(|v| v.is_finite()));
        // The reverse: a featurizer fitted on a capture accepts the data set.
        let featurizer = TableEncoderConfig::default().fit(&flows).unwrap();
        let batch = CsvReader::open(&path, &ReadOptions::default()).unwrap().next().unwrap().unwrap();
        for column in featurizer.columns() {
            assert!(batch.column_by_name(column).is_some(), "{column}");
        }
    }
}
