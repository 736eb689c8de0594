//! Test packets, and access to the columns of the resulting tables.

use qosguard::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use qosguard::telemetry::packets::{FlowCounts, FlowMeterConfig, FlowTable, Packet, Profile, TcpFlags};

pub(crate) const SYN: u8 = TcpFlags::SYN;
pub(crate) const ACK: u8 = TcpFlags::ACK;
pub(crate) const FIN: u8 = TcpFlags::FIN;
pub(crate) const RST: u8 = TcpFlags::RST;
pub(crate) const PSH: u8 = TcpFlags::PSH;

/// A packet from 10.0.0.1 port 40,000 to 10.0.0.2 port 443 at a time in seconds, or in the reverse direction.
pub(crate) fn tcp(seconds: f64, back: bool, flags: u8, payload: u32) -> Packet {
    let mut packet = Packet::default();
    packet.time_ns = (seconds * 1e9).round() as i64;
    let address = |last| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last];
    (packet.src, packet.dst, packet.src_port, packet.dst_port) = (address(1), address(2), 40_000, 443);
    if back {
        (packet.src, packet.dst) = (packet.dst, packet.src);
        (packet.src_port, packet.dst_port) = (packet.dst_port, packet.src_port);
    }
    (packet.ip_version, packet.protocol, packet.tcp_flags) = (4, 6, TcpFlags(flags));
    (packet.header_bytes, packet.payload_bytes, packet.window) = (20, payload, 1_000);
    (packet.ip_bytes, packet.frame_bytes) = (payload + 40, payload + 54);
    packet
}

pub(crate) fn udp(seconds: f64, back: bool, payload: u32) -> Packet {
    let mut packet = tcp(seconds, back, 0, payload);
    (packet.protocol, packet.header_bytes, packet.window) = (17, 8, 0);
    packet
}

pub(crate) fn config(profile: Profile) -> FlowMeterConfig {
    FlowMeterConfig { profile, ..FlowMeterConfig::default() }
}

/// All records of some packets.
pub(crate) fn flows(packets: &[Packet], config: &FlowMeterConfig) -> (Rows, FlowCounts) {
    let mut table = FlowTable::new(config).unwrap();
    let mut batches = Vec::new();
    for packet in packets {
        table.push(packet);
        while let Some(batch) = table.take_batch().unwrap() {
            batches.push(batch);
        }
        assert!(table.held() <= config.max_flows);
    }
    table.finish();
    while let Some(batch) = table.take_batch().unwrap() {
        batches.push(batch);
    }
    assert_eq!(table.held(), 0);
    assert!(batches.iter().all(|batch| batch.num_rows() <= config.batch_rows));
    let counts = *table.counts();
    assert_eq!(counts.packets, packets.len() as u64);
    assert_eq!(counts.started, counts.ended());
    let rows = Rows(batches);
    assert_eq!(rows.len() as u64, counts.records());
    (rows, counts)
}

#[derive(Debug, PartialEq)]
pub(crate) struct Rows(pub(crate) Vec<RecordBatch>);

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(RecordBatch::num_rows).sum()
    }

    /// A number column; `None` is null.
    pub(crate) fn numbers(&self, name: &str) -> Vec<Option<f64>> {
        let column = |batch: &RecordBatch| -> Vec<Option<f64>> {
            let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
            column.as_any().downcast_ref::<Float64Array>().unwrap().iter().collect()
        };
        self.0.iter().flat_map(column).collect()
    }

    /// A number column without nulls.
    pub(crate) fn all(&self, name: &str) -> Vec<f64> {
        self.numbers(name).into_iter().map(Option::unwrap).collect()
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let column = |batch: &RecordBatch| -> Vec<String> {
            let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
            let column = column.as_any().downcast_ref::<StringArray>().unwrap();
            (0..column.len()).map(|row| column.value(row).to_owned()).collect()
        };
        self.0.iter().flat_map(column).collect()
    }
}
