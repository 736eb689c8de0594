//! Hostile Parquet and Arrow IPC: a typed error or other rows, never a panic, and no more memory than the bytes give.

use std::io::Cursor;

use qosguard::telemetry::{BatchReader, IpcReader, IpcWriter, ReadOptions};
use qosguard::{Error, ErrorKind};

use super::columnar::simulated;

fn ipc(bytes: Vec<u8>) -> qosguard::Result<usize> {
    let mut reader = IpcReader::new(Cursor::new(bytes), "x.arrow", &ReadOptions::default())?;
    reader.read().map(|table| table.n_rows())
}

fn ipc_bytes(rows: u64, file: bool) -> Vec<u8> {
    let table = simulated(rows);
    let new = if file { IpcWriter::file } else { IpcWriter::stream };
    let mut writer = new(Vec::new(), table.schema()).unwrap();
    table.batches().iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap()
}

/// Cuts everywhere near the ends and here and there between.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(move |&at| at < 600 || at + 600 > length || at % 37 == 0)
}

#[test]
fn a_cut_arrow_file_is_an_error() {
    let whole = ipc_bytes(40, true);
    assert_eq!(ipc(whole.clone()).unwrap(), 40);
    for at in cuts(whole.len()) {
        let error = ipc(whole[..at].to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord, "cut at {at}: {error}");
    }
    // A stream may end between messages, and only there.
    let whole = ipc_bytes(40, false);
    let read: Vec<usize> = cuts(whole.len()).filter(|&at| ipc(whole[..at].to_vec()).is_ok()).collect();
    assert_eq!(read, [whole.len() - 8], "before the mark of the end");
}

#[test]
fn wrong_lengths_are_rejected_before_memory_is_allocated() {
    let whole = ipc_bytes(40, false);
    let at = |from: usize| from + whole[from..].windows(4).position(|w| w == [0xff; 4]).unwrap();
    let batch = at(8);
    let mut long = whole.clone();
    long[batch + 4..batch + 8].copy_from_slice(&i32::MAX.to_le_bytes());
    let error = ipc(long).unwrap_err();
    assert!(error.to_string().contains("a description of 2147483647 bytes"), "{error}");

    // Every 64-bit number of the description, set to what no memory holds.
    let description = u32::from_le_bytes(whole[batch + 4..batch + 8].try_into().unwrap()) as usize;
    for number in [i64::MAX, i64::MIN, 1 << 40, -1, 1 << 33] {
        for place in (batch + 8..batch + 8 + description - 8).step_by(4) {
            let mut bytes = whole.clone();
            bytes[place..place + 8].copy_from_slice(&number.to_le_bytes());
            if let Err(error) = ipc(bytes) {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::BadRecord | ErrorKind::InsufficientData),
                    "{place}: {error}"
                );
            }
        }
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_packed_buffer_that_would_fill_the_memory_is_rejected() {
    use qosguard::arrow::ipc::CompressionType;
    use qosguard::arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

    let table = simulated(40);
    let packing = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let arrow = table.schema().to_arrow();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &arrow, packing).unwrap();
    writer.write(&table.batches()[0]).unwrap();
    let whole = writer.into_inner().unwrap();
    assert_eq!(ipc(whole.clone()).unwrap(), 40);
    // A packed column of 40 numbers states 320 bytes.
    let mut lies = 0;
    for place in (0..whole.len() - 8).step_by(8) {
        if whole[place..place + 8] == 320_i64.to_le_bytes() {
            let mut bytes = whole.clone();
            bytes[place..place + 8].copy_from_slice(&(1_i64 << 50).to_le_bytes());
            let error = ipc(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRecord, "{error}");
            lies += usize::from(error.to_string().contains("unpacks to"));
        }
    }
    assert!(lies > 0);
}

#[test]
fn the_error_of_other_data_names_it() {
    for bytes in [&b""[..], b"ARROW1", b"ARROW1\0\0", &[0xff; 8], &[0; 64], b"PAR1", b"time,src_ip\n1,2\n"] {
        let error = ipc(bytes.to_vec()).unwrap_err();
        assert!(matches!(error, Error::BadRecord { line: 0, .. }), "{error}");
        assert!(error.to_string().contains("is not intact Arrow IPC data"), "{error}");
    }
}

#[cfg(feature = "parquet")]
mod parquet {
    use qosguard::telemetry::{ParquetReader, ParquetWriter};

    use super::*;

    fn read(bytes: &[u8]) -> qosguard::Result<usize> {
        ParquetReader::new(bytes, "x.parquet", &ReadOptions::default())?.read().map(|table| table.n_rows())
    }

    fn bytes(rows: u64) -> Vec<u8> {
        let table = simulated(rows);
        let mut writer = ParquetWriter::new(Vec::new(), table.schema()).unwrap();
        table.batches().iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let whole = bytes(40);
        assert_eq!(read(&whole).unwrap(), 40);
        for at in cuts(whole.len()) {
            let error = read(&whole[..at]).unwrap_err();
            assert!(error.to_string().contains("is not an intact Parquet file"), "cut at {at}: {error}");
        }
    }

    #[test]
    fn a_wrong_index_is_an_error() {
        let whole = bytes(40);
        let end = whole.len();
        for length in [0, 1, 7, u32::MAX, i32::MAX as u32, end as u32, end as u32 - 11] {
            let mut lie = whole.clone();
            lie[end - 8..end - 4].copy_from_slice(&length.to_le_bytes());
            assert_eq!(read(&lie).unwrap_err().kind(), ErrorKind::BadRecord);
        }
        // Pages moved: the columns are no longer where the index has them.
        let index = u32::from_le_bytes(whole[end - 8..end - 4].try_into().unwrap()) as usize;
        let alone = [b"PAR1", &whole[end - 8 - index..]].concat();
        assert_eq!(read(&alone).unwrap_err().kind(), ErrorKind::BadRecord);
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let whole = bytes(40);
        for place in (0..whole.len()).step_by(5) {
            for byte in [0xff, whole[place] ^ 1 << (place % 8)] {
                let mut flipped = whole.clone();
                flipped[place] = byte;
                // An error or other values; the harness sees a panic.
                if let Err(error) = read(&flipped) {
                    let kinds =
                        [ErrorKind::BadRecord, ErrorKind::SchemaMismatch, ErrorKind::InsufficientData];
                    assert!(kinds.contains(&error.kind()), "byte {place}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_batch_that_the_footer_names_twice_is_an_error() {
    use qosguard::arrow::ipc::root_as_footer;

    let table = simulated(40);
    let mut writer = IpcWriter::file(Vec::new(), table.schema()).unwrap();
    for _ in 0..2 {
        writer.write(&table.batches()[0]).unwrap();
    }
    let mut file = writer.finish().unwrap();
    assert_eq!(ipc(file.clone()).unwrap(), 80);
    let end = file.len() - 10;
    let start = end - u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
    let blocks: Vec<i64> = {
        let footer = root_as_footer(&file[start..end]).unwrap();
        footer.recordBatches().unwrap().iter().map(qosguard::arrow::ipc::Block::offset).collect()
    };
    let second = (start..end).find(|&at| file[at..].starts_with(&blocks[1].to_le_bytes())).unwrap();
    file[second..second + 8].copy_from_slice(&blocks[0].to_le_bytes());
    let error = ipc(file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    assert!(error.to_string().contains("names twice"), "{error}");
}
