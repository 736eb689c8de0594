//! One function a parser, with any bytes as its input: it may refuse them, it must not panic.

use qosguard::telemetry::packets::{DecodeOptions, Decoder, Layer, LinkType, PacketReader};
use qosguard::telemetry::{BatchReader, CsvReader, JsonReader, ReadOptions};

/// Comma-separated records.
pub fn csv(data: &[u8]) {
    drain(CsvReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.csv", &ReadOptions::default()));
}

/// JSON lines.
pub fn json(data: &[u8]) {
    drain(JsonReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.jsonl", &ReadOptions::default()));
}

/// pcap and pcapng captures, plain and gzipped.
pub fn packets(data: &[u8]) {
    let Ok(mut reader) = PacketReader::from_bytes(data, "fuzz.pcap", &DecodeOptions::default()) else {
        return;
    };
    let packets = reader.by_ref().flatten().count() as u64;
    assert_eq!(packets, reader.counts().packets);
    assert_eq!(packets + reader.counts().skipped(), reader.counts().records);
}

/// Frames: two bytes are the link type, the others the frame.
pub fn frame(data: &[u8]) {
    let Some((link, frame)) = data.split_first_chunk() else { return };
    for layer in [Layer::Outer, Layer::Inner] {
        let mut decoder = Decoder::new(&DecodeOptions::default().with_layer(layer));
        for wire_bytes in [frame.len() as u32, 1_500] {
            decoder.decode_frame(LinkType(u16::from_be_bytes(*link)), frame, wire_bytes, 0);
        }
        assert_eq!(decoder.counts().packets + decoder.counts().skipped(), 2);
    }
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
