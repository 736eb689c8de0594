//! Inputs that are not what they seem: compressed, archived, or very wide.

use std::io::Write;

use qosguard::telemetry::{self, CsvReader, IpcReader, JsonReader, ReadOptions};
use qosguard::{Error, ErrorKind};

use super::{FLOW, GOOD, csv, numbers};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn other_compressions_are_named_with_what_to_do() {
    for (bytes, format, remedy) in [
        (&b"\xfd7zXZ\0\0\x04\xe6\xd6"[..], "an xz file", "`xz -d`"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "a zip archive or a spreadsheet", "CSV"),
        (b"\x28\xb5\x2f\xfd\x04\0\x01\0\0", "a zstd file", "`zstd -d`"),
        (b"BZh91AY&SY", "a bzip2 file", "`bzip2 -d`"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7\0", "an lz4 file", "`lz4 -d`"),
    ] {
        let options = ReadOptions::default();
        let errors = [
            telemetry::open_input(std::io::Cursor::new(bytes.to_vec()), "x.csv", &options).map(|_| ()),
            CsvReader::new(std::io::Cursor::new(bytes.to_vec()), "x.csv", &options).map(|_| ()),
            JsonReader::new(std::io::Cursor::new(bytes.to_vec()), "x.csv", &options).map(|_| ()),
            telemetry::open_input(std::io::Cursor::new(gzip(bytes)), "x.csv", &options).map(|_| ()),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRecord);
            let text = error.to_string();
            assert!(text.starts_with(&format!("x.csv is {format}, ")) && text.contains(remedy), "{text}");
        }
    }
    // Text that begins like one is text.
    let table = csv("BZh9,x\n1,2\n3,4\n5,6\n", &ReadOptions::default()).unwrap();
    assert_eq!(table.n_rows(), 3);
}

#[test]
fn gzip_around_any_format_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let table = csv(format!("{FLOW}{}", GOOD.repeat(20)), &ReadOptions::default()).unwrap();
    for name in ["flows.csv", "flows.jsonl", "flows.arrow"] {
        let path = folder.path().join(name);
        telemetry::write(&path, &table).unwrap();
        let packed = folder.path().join(format!("{name}.gz"));
        std::fs::write(&packed, gzip(&std::fs::read(&path).unwrap())).unwrap();
        let again = telemetry::read(&packed).unwrap();
        assert_eq!(again.batches(), table.batches(), "{name}");
    }
}

#[cfg(feature = "netflow")]
#[test]
fn exports_are_read_from_gzip_and_from_streams() {
    // NetFlow v5: a header of 24 bytes and one record of 48.
    let mut datagram = vec![0; 72];
    datagram[..4].copy_from_slice(&[0, 5, 0, 1]);
    datagram[8..12].copy_from_slice(&1_700_000_000_u32.to_be_bytes());
    datagram[24..32].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    datagram[40..44].copy_from_slice(&7_u32.to_be_bytes());
    datagram[44..48].copy_from_slice(&700_u32.to_be_bytes());
    datagram[62] = 17;
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("a.nf"), folder.path().join("a.nf.gz"));
    std::fs::write(&plain, &datagram).unwrap();
    std::fs::write(&packed, gzip(&datagram)).unwrap();
    let want = telemetry::read(&plain).unwrap();
    assert_eq!(want.n_rows(), 1);
    assert_eq!(telemetry::read(&packed).unwrap().batches(), want.batches());
    let both = telemetry::open_all([&packed, &plain], &ReadOptions::default()).unwrap().read().unwrap();
    assert_eq!(both.n_rows(), 2);
    for bytes in [datagram.clone(), gzip(&datagram)] {
        let reader = telemetry::open_input(std::io::Cursor::new(bytes), "-", &ReadOptions::default());
        assert_eq!(reader.unwrap().read().unwrap().batches(), want.batches());
    }
    // A share of damaged datagrams is an error, as with every other reader.
    let damaged = [datagram.clone(), vec![0, 5, 0, 9, 1, 2, 3, 4]].concat();
    let read = |share| {
        let options = ReadOptions { max_rejected_share: share, ..ReadOptions::default() };
        telemetry::open_input(std::io::Cursor::new(damaged.clone()), "-", &options).unwrap().read()
    };
    assert!(matches!(read(0.05).unwrap_err(), Error::TooManyRejected { rejected: 1, .. }));
    assert_eq!(read(0.5).unwrap().n_rows(), 1);
}

#[test]
fn a_wide_file_is_read_in_short_batches() {
    let names: Vec<String> = (0..5_000).map(|i| format!("c{i}")).collect();
    let row: Vec<String> = (0..5_000).map(|i| (i % 10).to_string()).collect();
    let mut text = names.join(",") + "\n";
    for i in 0..2_000 {
        text += &format!("{},{}\n", i % 7, row[1..].join(","));
    }
    let reader = CsvReader::new(std::io::Cursor::new(text), "wide.csv", &ReadOptions::default()).unwrap();
    let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows.iter().sum::<usize>(), 2_000);
    assert!(rows.iter().all(|&rows| rows * 5_000 <= 8 << 20), "{rows:?}");
}

#[test]
fn a_panic_of_a_decoder_is_not_printed() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PRINTED: AtomicUsize = AtomicUsize::new(0);
    std::panic::set_hook(Box::new(|_| {
        PRINTED.fetch_add(1, Ordering::SeqCst);
    }));
    let table = csv(format!("{FLOW}{}", GOOD.repeat(20)), &ReadOptions::default()).unwrap();
    let bytes = table.to_ipc().unwrap();
    let options = ReadOptions::default();
    let read = |bytes: Vec<u8>| {
        use qosguard::telemetry::BatchReader;
        IpcReader::new(std::io::Cursor::new(bytes), "damaged", &options).and_then(|mut reader| reader.read())
    };
    assert_eq!(numbers(&read(bytes.clone()).unwrap(), "dst_port").len(), 20);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let _ = read(damaged);
    }
    assert_eq!(PRINTED.load(Ordering::SeqCst), 0);
}
