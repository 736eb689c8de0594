//! A collector on the loopback device, with bounded numbers and times.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use qosguard::ErrorKind;
use qosguard::telemetry::BatchReader;
use qosguard::telemetry::netflow::{Collector, CollectorConfig, NetflowConfig};

use super::made::{PLAIN, ipfix, netflow5, netflow5_record, plain_record, set, template};
use super::{numbers, text};

fn collector(batch_rows: usize, flush_interval_s: f64) -> (Collector, UdpSocket) {
    let netflow = NetflowConfig { batch_rows, ..NetflowConfig::default() };
    let config = CollectorConfig { netflow, flush_interval_s, ..CollectorConfig::default() };
    let collector = Collector::bind("127.0.0.1:0", &config).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(collector.local_addr()).unwrap();
    (collector, socket)
}

#[test]
fn full_batches_come_at_once_and_the_rest_after_the_stop() {
    let (mut collector, socket) = collector(4, 3_600.0);
    socket.send(&ipfix(0, 1, &[set(2, &template(256, &PLAIN))])).unwrap();
    for n in 1..=5 {
        socket.send(&ipfix(n - 1, 1, &[set(256, &plain_record(n, 100))])).unwrap();
    }
    socket.send(b"nonsense").unwrap();
    let first = collector.next().unwrap().unwrap();
    assert_eq!(numbers(&first, "packets"), [1, 2, 3, 4].map(|n| Some(f64::from(n))));
    assert_eq!(text(&first, 0, "exporter").as_deref(), Some("127.0.0.1"));
    collector.stop_handle().stop();
    let last = collector.next().unwrap().unwrap();
    assert_eq!(numbers(&last, "packets"), [Some(5.0)]);
    assert!(collector.next().is_none() && collector.next().is_none());
    let report = collector.report();
    assert_eq!((report.accepted, report.rejected), (5, 1));
    assert!(report.place.starts_with("udp://127.0.0.1:"), "{}", report.place);
    assert_eq!((collector.counts().datagrams, collector.counts().dropped_datagrams), (7, 0));
}

#[test]
fn a_row_does_not_wait_longer_than_the_flush_interval() {
    let (mut collector, socket) = collector(1_000, 0.1);
    let start = Instant::now();
    socket.send(&netflow5(0, 0, &[netflow5_record([1, 2], 17, 1, 40)])).unwrap();
    let batch = collector.next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 1);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(90) && waited < Duration::from_secs(20), "{waited:?}");
}

#[test]
fn it_stops_while_datagrams_arrive() {
    let (mut collector, socket) = collector(1_000_000, 3_600.0);
    let stop = collector.stop_handle();
    let sender = thread::spawn(move || {
        let datagram = netflow5(0, 0, &[netflow5_record([1, 2], 17, 1, 40)]);
        let start = Instant::now();
        // The collector may be gone before the sender is.
        while start.elapsed() < Duration::from_secs(5) && socket.send(&datagram).is_ok() {
            if start.elapsed() > Duration::from_millis(200) {
                stop.stop();
            }
        }
    });
    let batch = collector.next().unwrap().unwrap();
    assert!(batch.num_rows() > 0);
    assert!(collector.next().is_none());
    drop(collector);
    sender.join().unwrap();
}

#[test]
fn a_full_queue_drops_and_counts() {
    let netflow = NetflowConfig::default();
    let config = CollectorConfig { netflow, queue_bytes: 1 << 16, flush_interval_s: 0.2 };
    let mut collector = Collector::bind("127.0.0.1:0", &config).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = netflow5(0, 0, &vec![netflow5_record([1, 2], 17, 1, 40); 30]);
    // The queue is not read meanwhile, so it keeps at most 64 KiB.
    for _ in 0..100 {
        socket.send_to(&datagram, collector.local_addr()).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    collector.stop_handle().stop();
    for batch in collector.by_ref() {
        batch.unwrap();
    }
    let counts = collector.counts();
    let fit = (1 << 16) / (datagram.len() as u64 + 64);
    assert_eq!(counts.datagrams, fit);
    assert!(counts.dropped_datagrams > 0 && counts.dropped_datagrams <= 100 - fit, "{counts:?}");
    assert_eq!(collector.report().skipped["dropped_datagrams"], counts.dropped_datagrams);
}

#[test]
fn settings_and_addresses_are_checked() {
    for (queue_bytes, flush_interval_s) in [(0, 1.0), (1 << 20, 0.0), (1 << 20, f64::NAN), (1 << 20, 1e9)] {
        let config = CollectorConfig { queue_bytes, flush_interval_s, ..CollectorConfig::default() };
        let error = Collector::bind("127.0.0.1:0", &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = Collector::bind(taken.local_addr().unwrap(), &CollectorConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
