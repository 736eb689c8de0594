//! Export datagrams: written ones of every format, datagrams of real exporters, hostile ones, and the collector.

#![cfg(feature = "netflow")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod collector;
mod fields;
mod formats;
mod hostile;
mod made;
mod properties;
#[path = "../public_data/mod.rs"]
mod public_data;
mod settings;
mod sflow;
mod templates;
mod times;
mod vendors;

use std::net::{IpAddr, Ipv4Addr};

use qosguard::arrow::array::{AsArray, RecordBatch};
use qosguard::arrow::datatypes::Float64Type;
use qosguard::telemetry::netflow::{ExportCounts, Exporters, NetflowConfig};

const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn exporters() -> Exporters {
    Exporters::new(&NetflowConfig::default()).unwrap()
}

/// Pushes datagrams of one exporter.
fn push(exporters: &mut Exporters, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        exporters.push(EXPORTER, None, datagram);
    }
}

/// Reads datagrams of one exporter; the batch is empty if there is no flow.
fn read(datagrams: &[Vec<u8>]) -> (RecordBatch, ExportCounts) {
    let mut exporters = exporters();
    push(&mut exporters, datagrams);
    let batch = exporters.take_batch().unwrap();
    let empty = || RecordBatch::new_empty(exporters.schema().to_arrow().into());
    (batch.unwrap_or_else(empty), *exporters.counts())
}

fn numbers(batch: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    batch.column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn number(batch: &RecordBatch, row: usize, column: &str) -> Option<f64> {
    numbers(batch, column)[row]
}

fn text(batch: &RecordBatch, row: usize, column: &str) -> Option<String> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().nth(row).unwrap().map(str::to_owned)
}

/// Asserts numbers of a row; NaN means null.
fn assert_row(batch: &RecordBatch, row: usize, expected: &[(&str, f64)]) {
    for &(column, value) in expected {
        let expected = (!value.is_nan()).then_some(value);
        assert_eq!(number(batch, row, column), expected, "row {row}, column {column}");
    }
}

/// Asserts source, destination and protocol of a row.
fn assert_hosts(batch: &RecordBatch, row: usize, expected: [&str; 3]) {
    let got = ["src_ip", "dst_ip", "protocol"].map(|column| text(batch, row, column).unwrap_or_default());
    assert_eq!(got, expected, "row {row}");
}
