//! Capture formats: byte orders, clocks, interfaces, streams, and damaged captures.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compression, write::GzEncoder};
use qosguard::ErrorKind;
use qosguard::telemetry::packets::{CaptureCounts, DecodeOptions, Packet, PacketReader};

use super::capture::{Order, Pcap, PcapNg};
use super::frame;

const SECOND: i64 = 1_000_000_000;
const RAW: u16 = 101;

fn datagram() -> Vec<u8> {
    frame::udp(53, b"12345")
}

/// Packets, counts, and the error that ended the capture.
fn read(bytes: &[u8]) -> (Vec<Packet>, CaptureCounts, Option<String>) {
    let mut reader = PacketReader::from_bytes(bytes, "test", &DecodeOptions::default()).unwrap();
    let (mut packets, mut failure) = (Vec::new(), None);
    while let Some(packet) = reader.next() {
        match packet {
            Ok(packet) => packets.push(packet),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BadRecord);
                failure = Some(error.to_string());
                assert!(reader.next().is_none(), "nothing comes after an error");
            }
        }
    }
    let counts = *reader.counts();
    assert_eq!(counts.packets, packets.len() as u64);
    assert_eq!(counts.packets + counts.skipped(), counts.records);
    (packets, counts, failure)
}

fn times(bytes: &[u8]) -> Vec<i64> {
    let (packets, _, failure) = read(bytes);
    assert_eq!(failure, None);
    packets.iter().map(|packet| packet.time_ns).collect()
}

#[test]
fn pcap_of_every_magic_number() {
    for order in [Order::Little, Order::Big] {
        for (magic, fraction_ns, extra) in
            [(0xa1b2_c3d4, 1000, 0), (0xa1b2_3c4d, 1, 0), (0xa1b2_cd34, 1000, 8)]
        {
            let mut pcap = Pcap::new(order, magic, RAW);
            pcap.extra = extra;
            pcap.record(3, 42, &datagram());
            pcap.record(u32::MAX, 999_999, &datagram());
            let last = i64::from(u32::MAX) * SECOND + 999_999 * fraction_ns;
            assert_eq!(times(&pcap.bytes), [3 * SECOND + 42 * fraction_ns, last], "{order:?} {magic:x}");
        }
    }
}

#[test]
fn the_length_of_a_check_sequence_is_not_part_of_the_link_type() {
    let mut pcap = Pcap::new(Order::Little, 0xa1b2_c3d4, RAW);
    pcap.bytes[23] = 0x54;
    pcap.record(1, 0, &datagram());
    assert_eq!(times(&pcap.bytes), [SECOND]);
}

#[test]
fn pcapng_sections_interfaces_and_clocks() {
    let mut capture = PcapNg::new(Order::Little);
    capture.interface(RAW, 0, &[]);
    capture.interface(1, 0, &[(9, &[9])]);
    capture.interface(RAW, 0, &[(9, &[0x8a]), (14, &100_i64.to_le_bytes())]);
    capture.block(5, &[0; 20]); // statistics
    capture.packet(0, 1_000_001, &datagram());
    capture.packet(1, 7, &frame::ethernet(0x0800, &datagram()));
    capture.packet(2, 512, &datagram());
    capture.simple_packet(&datagram());
    capture.old_packet(1, 9, &frame::ethernet(0x0800, &datagram()));
    let mut other = PcapNg::new(Order::Big);
    other.interface(RAW, 0, &[(9, &[3]), (14, &(-1_i64).to_be_bytes())]);
    other.packet(0, 5000, &datagram());
    other.simple_packet(&datagram());
    let bytes = [capture.bytes, other.bytes].concat();
    let shifted = 100 * SECOND + SECOND / 2;
    assert_eq!(times(&bytes), [SECOND + 1000, 7, shifted, shifted, 9, 4 * SECOND, 4 * SECOND]);
}

#[test]
fn a_simple_packet_has_the_snap_length_of_its_interface() {
    let mut capture = PcapNg::new(Order::Little);
    capture.interface(RAW, 28, &[]);
    let datagram = datagram();
    capture.block(3, &[&33_u32.to_le_bytes(), &datagram[..28]].concat());
    let (packets, counts, _) = read(&capture.bytes);
    assert_eq!((packets[0].ip_bytes, packets[0].payload_bytes, packets[0].dst_port), (33, 5, 53));
    assert_eq!((counts.frame_bytes, counts.captured_bytes), (33, 28));
}

#[test]
fn packets_of_undescribed_interfaces_are_counted() {
    let mut capture = PcapNg::new(Order::Little);
    capture.packet(0, 1, &datagram());
    capture.simple_packet(&datagram());
    capture.interface(RAW, 0, &[]);
    capture.packet(0, 2, &datagram());
    capture.packet(1, 3, &datagram());
    capture.interface(RAW, 0, &[(9, &[6, 6])]); // a clock of two bytes
    capture.packet(1, 4, &datagram());
    capture.interface(RAW, 0, &[]);
    capture.packet(2, 5, &datagram());
    let (packets, counts, failure) = read(&capture.bytes);
    assert_eq!((packets.len(), counts.unknown_interface, failure), (2, 4, None));
    assert_eq!(packets[1].time_ns, 5000);
}

#[test]
fn impossible_records_are_counted() {
    let mut capture = PcapNg::new(Order::Little);
    capture.interface(RAW, 0, &[]);
    capture.packet(0, u64::MAX, &datagram()); // in the year 586,524
    capture.block(6, &[&[0; 12], &200_u32.to_le_bytes()[..], &[0; 60]].concat()); // 200 bytes in a block of 60
    capture.block(6, &[0; 4]);
    capture.block(3, &[]);
    capture.packet(0, 1, &datagram());
    let (packets, counts, failure) = read(&capture.bytes);
    assert_eq!((packets.len(), counts.malformed, counts.rejected_times, failure), (2, 3, 1, None));

    let mut pcap = Pcap::new(Order::Little, 0xa1b2_c3d4, RAW);
    pcap.record(1, 0, &datagram());
    let wire = pcap.bytes.len() - datagram().len() - 4;
    pcap.bytes[wire..wire + 4].copy_from_slice(&4_093_509_168_u32.to_le_bytes());
    let (packets, counts, _) = read(&pcap.bytes);
    assert_eq!((packets.len(), counts.malformed, counts.frame_bytes), (0, 1, 0));
}

#[test]
fn a_truncated_capture_gives_all_complete_packets() {
    let mut pcap = Pcap::new(Order::Big, 0xa1b2_c3d4, RAW);
    let mut pcapng = PcapNg::new(Order::Little);
    pcapng.interface(RAW, 0, &[]);
    let (mut pcap_ends, mut pcapng_ends) = (vec![24], vec![28, pcapng.bytes.len()]);
    for second in 0..3 {
        pcap.record(second, 0, &datagram());
        pcap_ends.push(pcap.bytes.len());
        pcapng.packet(0, 1, &datagram());
        pcapng_ends.push(pcapng.bytes.len());
    }
    for (bytes, ends, before) in [(pcap.bytes, pcap_ends, 1), (pcapng.bytes, pcapng_ends, 2)] {
        for length in 24..bytes.len() {
            let (packets, counts, failure) = read(&bytes[..length]);
            let whole = ends.iter().filter(|&&end| end <= length).count();
            assert_eq!(packets.len(), whole.saturating_sub(before), "{length}");
            let cut_at = ends.iter().rev().find(|&&end| end <= length).copied().unwrap_or(0);
            let expected = (cut_at != length).then_some(cut_at as u64);
            assert_eq!((counts.cut_off_at, failure), (expected, None), "{length}");
            assert_eq!(counts.cut_off, u64::from(expected.is_some()));
        }
    }
}

#[test]
fn wrong_lengths_are_errors_with_an_offset() {
    let mut pcap = Pcap::new(Order::Little, 0xa1b2_c3d4, RAW);
    pcap.record(1, 0, &datagram());
    let good = pcap.bytes.len();
    pcap.record(2, 0, &datagram());
    pcap.bytes[good + 8..good + 12].copy_from_slice(&3_900_000_000_u32.to_le_bytes());
    let (packets, _, failure) = read(&pcap.bytes);
    let expected =
        format!("test, byte {good}: a captured length of 3900000000 bytes is not at most 262144 bytes");
    assert_eq!((packets.len(), failure), (1, Some(expected)));

    for (kind, length, message) in [
        (6, 3_900_000_000_u32, "a block of type 0x6 and 3900000000 bytes is not at most 1048576 bytes"),
        (1, 1 << 21, "a block of type 0x1 and 2097152 bytes is not at most 1048576 bytes"),
        (6, 8, "a block of 8 bytes is not a block of 12 bytes or more"),
        (6, u32::MAX, "a block of 4294967295 bytes is not a block of 12 bytes or more"),
    ] {
        let mut capture = PcapNg::new(Order::Little);
        capture.interface(RAW, 0, &[]);
        capture.packet(0, 1, &datagram());
        let at = capture.bytes.len() + 4;
        capture.bytes.extend([kind, length, 0, 0, 0, 0].map(u32::to_le_bytes).concat());
        let (packets, _, failure) = read(&capture.bytes);
        assert_eq!((packets.len(), failure), (1, Some(format!("test, byte {at}: {message}"))));
    }

    let mut capture = PcapNg::new(Order::Little);
    capture.block(0x0bad, &[1, 2, 3, 4]);
    let at = capture.bytes.len() - 4;
    capture.bytes[at] = 99;
    let message =
        format!("test, byte {at}: a length of 99 after a block is not 16, the length before the block");
    assert_eq!(read(&capture.bytes).2, Some(message));
    // Only the end of a skipped block is missing.
    let mut capture = PcapNg::new(Order::Little);
    capture.bytes.extend([0x0bad, 3_900_000_000_u32, 0].map(u32::to_le_bytes).concat());
    let (_, counts, failure) = read(&capture.bytes);
    assert_eq!((counts.cut_off, counts.cut_off_at, failure), (1, Some(28), None));
}

#[test]
fn an_input_that_is_not_a_capture_is_rejected() {
    for bytes in [&b""[..], b"a,b,c\n1,2,3\n", &[0xd4, 0xc3], &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]] {
        let error = PacketReader::from_bytes(bytes, "test", &DecodeOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with("test, byte 0: "), "{error}");
    }
    let missing = PacketReader::open("missing.pcap", &DecodeOptions::default()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    let (_, counts, failure) =
        read(&[&PcapNg::new(Order::Big).bytes[..], &[10, 13, 13, 10], &[9; 20]].concat());
    let message = "test, byte 36: [09, 09, 09, 09] is not the byte-order magic 1a2b3c4d";
    assert_eq!((counts.records, failure.as_deref()), (0, Some(message)));
}

/// Returns one piece per call, and counts the calls.
struct Pieces(VecDeque<Vec<u8>>, Arc<AtomicUsize>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
        self.1.fetch_add(1, Ordering::Relaxed);
        let bytes = piece.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&piece[..bytes]);
        if bytes < piece.len() {
            self.0.push_front(piece.split_off(bytes));
        }
        Ok(bytes)
    }
}

#[test]
fn a_live_stream_gives_each_packet_at_once() {
    let mut pcap = Pcap::new(Order::Little, 0xa1b2_c3d4, RAW);
    let mut pieces = VecDeque::from([pcap.bytes.split_off(0)]);
    for second in 0..5 {
        pcap.record(second, 0, &datagram());
        pieces.push_back(pcap.bytes.split_off(0));
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let mut reader =
        PacketReader::new(Pieces(pieces, Arc::clone(&calls)), "live", &DecodeOptions::default()).unwrap();
    let header = calls.load(Ordering::Relaxed);
    for second in 0..5 {
        assert_eq!(reader.next().unwrap().unwrap().time_ns, i64::from(second) * SECOND);
        assert_eq!(calls.load(Ordering::Relaxed), header + second as usize + 1);
    }
    assert!(reader.next().is_none());
}

#[test]
fn streams_and_gzip_give_the_same_packets() {
    let mut pcap = Pcap::new(Order::Little, 0xa1b2_3c4d, 1);
    let mut pcapng = PcapNg::new(Order::Big);
    pcapng.interface(1, 0, &[]);
    for number in 0..2_000_u32 {
        // Frames of all lengths, so that some cross the end of the buffer.
        let payload = vec![7; number as usize % 1_500];
        let frame = frame::ethernet(0x0800, &frame::udp(number as u16, &payload));
        pcap.record(number, 1, &frame);
        pcapng.packet(0, u64::from(number), &frame);
    }
    pcapng.block(0x0bad, &vec![0; 3 << 20]);
    for bytes in [pcap.bytes, pcapng.bytes] {
        let (packets, counts, failure) = read(&bytes);
        assert_eq!((packets.len(), failure), (2_000, None));
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(&bytes).unwrap();
        let zipped = zipped.finish().unwrap();
        let single = bytes.iter().map(|&byte| vec![byte]).collect();
        let options = DecodeOptions::default();
        for reader in [
            PacketReader::from_bytes(&zipped, "zipped", &options),
            PacketReader::new(&bytes[..], "stream", &options),
            PacketReader::new(&zipped[..], "zipped stream", &options),
            PacketReader::new(Pieces(single, Arc::default()), "single bytes", &options),
        ] {
            let mut reader = reader.unwrap();
            assert!(reader.by_ref().map(Result::unwrap).eq(packets.iter().copied()), "{}", reader.place());
            assert_eq!(reader.counts(), &counts, "{}", reader.place());
        }
        for padding in [1, 512, 100_000] {
            let padded = [&zipped[..], &vec![0; padding]].concat();
            for reader in [
                PacketReader::from_bytes(&padded, "padded", &options),
                PacketReader::new(&padded[..], "padded stream", &options),
            ] {
                let mut reader = reader.unwrap();
                assert!(reader.by_ref().map(Result::unwrap).eq(packets.iter().copied()), "{padding}");
                assert_eq!(reader.counts(), &counts, "{padding}");
            }
        }
        let half = &zipped[..zipped.len() / 2];
        let mut cut = PacketReader::from_bytes(half, "cut", &options).unwrap();
        let whole = cut.by_ref().map(Result::unwrap).count();
        assert!(whole > 0 && whole < 2_000 && cut.counts().cut_off == 1, "{:?}", cut.counts());
        assert_eq!(packets[whole - 1].dst_port, whole as u16 - 1);
    }
}
