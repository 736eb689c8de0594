//! One function a parser, with any bytes as its input: it may refuse them, it must not panic.

use qosguard::telemetry::netflow::{Exporters, NetflowConfig};
use qosguard::telemetry::{BatchReader, CsvReader, JsonReader, ReadOptions};

/// Comma-separated records.
pub fn csv(data: &[u8]) {
    drain(CsvReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.csv", &ReadOptions::default()));
}

/// JSON lines.
pub fn json(data: &[u8]) {
    drain(JsonReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.jsonl", &ReadOptions::default()));
}

/// Export datagrams: NetFlow v5 and v9, IPFIX; messages that tell their length stand one after the other.
pub fn netflow(data: &[u8]) {
    exported(data);
}

/// sFlow v5 datagrams; what stands behind the version is the input.
pub fn sflow(data: &[u8]) {
    exported(&[&[0, 0, 0, 5], data].concat());
}

/// Pushes a datagram twice, so that its own templates are known the second time, and checks what was counted.
fn exported(data: &[u8]) {
    let config = NetflowConfig { max_kept_bytes: 4_096, max_templates: 4, ..NetflowConfig::default() };
    let Ok(mut exporters) = Exporters::new(&config) else { return };
    for _ in 0..2 {
        exporters.push([192, 0, 2, 1].into(), Some(1_700_000_000.0), data);
    }
    let rows = exporters.take_batch().ok().flatten().map_or(0, |batch| batch.num_rows() as u64);
    let counts = exporters.counts();
    assert_eq!(rows, counts.flows);
    let others = counts.option_records + counts.records_without_address + counts.firewall_events;
    assert_eq!(counts.flows + others, counts.records, "{counts:?}");
}

/// Reads all that a reader gives, and checks what it counted.
fn drain(reader: qosguard::Result<impl BatchReader>) {
    let Ok(mut reader) = reader else { return };
    let mut rows = 0;
    while let Some(Ok(batch)) = reader.next() {
        assert_eq!(batch.num_columns(), reader.schema().columns().len());
        rows += batch.num_rows() as u64;
    }
    assert!(rows <= reader.report().accepted, "{rows} rows of {} accepted", reader.report().accepted);
}
