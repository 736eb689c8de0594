//! One function a parser, with any bytes as its input: it may refuse them, it must not panic.

use qosguard::telemetry::{BatchReader, CsvReader, EveReader, JsonReader, ReadOptions, ZeekReader};

/// Comma-separated records.
pub fn csv(data: &[u8]) {
    drain(CsvReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.csv", &ReadOptions::default()));
}

/// JSON lines.
pub fn json(data: &[u8]) {
    drain(JsonReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.jsonl", &ReadOptions::default()));
}

/// Zeek's conn.log, TSV and JSON.
pub fn zeek(data: &[u8]) {
    drain(ZeekReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.log", &lenient()));
}

/// Suricata's EVE JSON.
pub fn eve(data: &[u8]) {
    drain(EveReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.json", &lenient()));
}

/// Rejections end nothing, so that what stands behind them is reached.
fn lenient() -> ReadOptions {
    ReadOptions { max_rejected_share: 1.0, ..ReadOptions::default() }
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
