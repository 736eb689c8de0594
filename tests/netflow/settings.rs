//! Every setting of the state of exporters and of the collector changes what they return.

use std::io::Cursor;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use qosguard::ErrorKind;
use qosguard::telemetry::netflow::{Collector, CollectorConfig, ExportReader, NetflowConfig};
use serde_json::{Value, json};

use super::made::{PLAIN, SENT, bytes, ipfix, netflow5, netflow5_record, plain_record, set, template};
use super::numbers;

/// The messages of a file: data before its template, the first 600 s earlier; two templates, two domains, two samplers.
fn messages() -> Vec<u8> {
    let data = |packets| set(256, &plain_record(packets, 100));
    let mut early = ipfix(0, 1, &[data(1)]);
    early[4..8].copy_from_slice(&(SENT - 600).to_be_bytes());
    let samplers = bytes().u16(400).u16(2).u16(1).u16(302).u16(1).u16(34).u16(1).0;
    [
        early,
        ipfix(1, 1, &[data(2)]),
        ipfix(2, 1, &[set(2, &template(256, &PLAIN)), set(2, &template(257, &PLAIN))]),
        ipfix(0, 2, &[set(2, &template(256, &PLAIN))]),
        ipfix(2, 1, &[data(3), set(257, &plain_record(4, 100))]),
        ipfix(4, 1, &[set(3, &samplers), set(400, &[1, 10, 2, 20])]),
    ]
    .concat()
}

/// Packets of each batch of the file, and the counters.
fn outcome(settings: &Value) -> String {
    let config: NetflowConfig = serde_json::from_value(settings.clone()).unwrap();
    let mut reader = ExportReader::new(Cursor::new(messages()), "inline", &config).unwrap();
    let batches: Vec<_> = reader.by_ref().map(|batch| numbers(&batch.unwrap(), "packets")).collect();
    format!("{batches:?} {:?}", reader.counts())
}

#[test]
fn every_limit_changes_the_flows_or_the_counters() {
    let whole = serde_json::to_value(NetflowConfig::default()).unwrap();
    let base = outcome(&whole);
    assert!(base.starts_with("[[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]]"), "{base}");
    let settings = [
        ("max_domains", json!(1), json!(0)),
        ("max_templates", json!(1), json!((1 << 16) + 1)),
        ("max_fields", json!(6), json!((1 << 14) + 1)),
        ("max_samplers", json!(1), json!(0)),
        ("max_kept_sets", json!(1), json!((1 << 20) + 1)),
        ("max_kept_bytes", json!(30), json!((1 << 30) + 1)),
        ("keep_s", json!(10.0), json!(-1.0)),
        ("batch_rows", json!(1), json!((1 << 20) + 1)),
    ];
    assert_eq!(settings.len(), whole.as_object().unwrap().len());
    for (name, other, bad) in settings {
        let mut changed = whole.clone();
        changed[name] = other;
        assert_ne!(outcome(&changed), base, "{name}");
        changed[name] = bad;
        let config: NetflowConfig = serde_json::from_value(changed).unwrap();
        let error = ExportReader::new(Cursor::new(messages()), "inline", &config).unwrap_err();
        assert_eq!((error.kind(), &error.details()["path"]), (ErrorKind::InvalidArgument, &json!(name)));
    }
}

fn bind(settings: &Value) -> Collector {
    let config: CollectorConfig = serde_json::from_value(settings.clone()).unwrap();
    Collector::bind("127.0.0.1:0", &config).unwrap()
}

/// Sends datagrams of 30 flows to a collector that is read after it was stopped: the batches, and whether some were dropped.
fn received(settings: &Value, datagrams: usize) -> (usize, bool) {
    let mut collector = bind(settings);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = netflow5(0, 0, &vec![netflow5_record([1, 2], 17, 1, 40); 30]);
    for _ in 0..datagrams {
        socket.send_to(&datagram, collector.local_addr()).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    collector.stop_handle().stop();
    let batches = collector.by_ref().map(Result::unwrap).count();
    (batches, collector.counts().dropped_datagrams > 0)
}

#[test]
fn every_setting_of_a_collector_changes_its_batches() {
    let whole = serde_json::to_value(CollectorConfig::default()).unwrap();
    let names: Vec<&str> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let changed = |name: &str, value: Value| {
        let mut changed = whole.clone();
        changed[name] = value;
        changed
    };
    assert_eq!(received(&whole, 100), (1, false));
    assert_eq!(received(&changed("netflow", json!({ "batch_rows": 30 })), 3), (3, false));
    assert!(received(&changed("queue_bytes", json!(1 << 16)), 100).1);
    // By default, one row waits 10 s for others.
    let mut collector = bind(&changed("flush_interval_s", json!(0.1)));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let datagram = netflow5(0, 0, &[netflow5_record([1, 2], 17, 1, 40)]);
    socket.send_to(&datagram, collector.local_addr()).unwrap();
    assert_eq!(collector.next().unwrap().unwrap().num_rows(), 1);
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}
