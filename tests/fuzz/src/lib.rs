//! One function a parser, with any bytes as its input: it may refuse them, it must not panic.

use qosguard::telemetry::{BatchReader, CsvReader, IpcReader, JsonReader, ParquetReader, ReadOptions};

/// Comma-separated records.
pub fn csv(data: &[u8]) {
    drain(CsvReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.csv", &ReadOptions::default()));
}

/// JSON lines.
pub fn json(data: &[u8]) {
    drain(JsonReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.jsonl", &ReadOptions::default()));
}

/// Arrow IPC, a file or a stream.
pub fn ipc(data: &[u8]) {
    drain(IpcReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.arrow", &ReadOptions::default()));
}

/// Parquet.
pub fn parquet(data: &[u8]) {
    drain(ParquetReader::new(data, "fuzz.parquet", &ReadOptions::default()));
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
