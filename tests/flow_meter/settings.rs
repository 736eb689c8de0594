//! Every setting of the flow meter changes its batches.

use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry::packets::{FlowMeter, FlowMeterConfig};
use serde_json::{Value, json};

use super::capture::pcap;
use super::table::{ACK, SYN};

/// Packets of one flow over 400 s, with a gap of 130 s, and a packet in an IPv4 tunnel.
fn capture() -> Vec<u8> {
    let times = [0, 15, 30, 45, 60, 90, 220, 240, 300, 400];
    let mut capture = pcap(&times.map(|s| (s * 1_000, s % 2 == 1, ACK, 80)));
    let mut tunnel = pcap(&[(401_000, false, SYN, 94)]).split_off(24);
    let ip = 16 + 14;
    tunnel[ip + 9] = 4;
    tunnel[ip + 20..ip + 40]
        .copy_from_slice(&[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    capture.extend(tunnel);
    capture
}

fn batches(settings: &Value) -> Vec<RecordBatch> {
    let config: FlowMeterConfig = serde_json::from_value(settings.clone()).unwrap();
    let capture = capture();
    let meter = FlowMeter::from_bytes(&capture, "inline", &config).unwrap();
    meter.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_setting_changes_the_batches() {
    let whole = serde_json::to_value(FlowMeterConfig::default()).unwrap();
    let base = batches(&whole);
    assert_eq!(base.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3]);
    let others = [
        ("profile", json!("cic")),
        ("decode_tunnels", json!(true)),
        ("idle_timeout_s", json!(10)),
        ("active_timeout_s", json!(50)),
        ("interim_s", json!(20)),
        ("flush_s", json!(5)),
        ("max_flows", json!(1)),
        ("batch_rows", json!(1)),
    ];
    assert_eq!(others.len(), whole.as_object().unwrap().len());
    for (name, other) in others {
        let mut changed = whole.clone();
        changed[name] = other;
        assert_ne!(batches(&changed), base, "{name}");
    }
}
