//! Times that 64 bits of nanoseconds cannot represent, and clocks with the finest and coarsest ticks.

use qosguard::telemetry::BatchReader;
use qosguard::telemetry::packets::{CaptureCounts, DecodeOptions, FlowMeter, FlowMeterConfig, PacketReader};

use super::capture::{Order, Pcap, PcapNg};
use super::frame;

const SECOND: i64 = 1_000_000_000;
const RAW: u16 = 101;

fn read(bytes: &[u8]) -> (Vec<i64>, CaptureCounts) {
    let mut reader = PacketReader::from_bytes(bytes, "test", &DecodeOptions::default()).unwrap();
    let times = reader.by_ref().map(|packet| packet.unwrap().time_ns).collect();
    assert_eq!((reader.counts().skipped(), reader.counts().malformed), (0, 0));
    (times, *reader.counts())
}

#[test]
fn an_impossible_time_is_replaced_by_the_time_of_the_packet_before() {
    let datagram = frame::udp(53, b"12345");
    for order in [Order::Little, Order::Big] {
        let offset = |seconds: i64| match order {
            Order::Little => seconds.to_le_bytes(),
            Order::Big => seconds.to_be_bytes(),
        };
        let mut capture = PcapNg::new(order);
        capture.interface(RAW, 0, &[(9, &[9])]); // nanoseconds
        capture.interface(RAW, 0, &[]); // microseconds
        capture.interface(RAW, 0, &[(14, &offset(i64::MAX))]);
        capture.interface(RAW, 0, &[(14, &offset(i64::MIN))]);
        capture.interface(RAW, 0, &[(9, &[0]), (14, &offset(-7))]); // seconds
        capture.interface(RAW, 0, &[(9, &[0x80])]); // seconds too
        let last = i64::MAX as u64;
        for (interface, ticks) in [
            (0, last + 1), // 2262, and no packet before it
            (0, 1_700_000_000 * SECOND as u64),
            (0, last + 1),
            (1, u64::MAX), // the year 586,524
            (2, 0),
            (3, 5),
            (4, u64::MAX),
            (5, u64::MAX),
            (0, last),
            (4, 10),
            (4, 3),
        ] {
            capture.packet(interface, ticks, &datagram);
        }
        let (times, counts) = read(&capture.bytes);
        let before = 1_700_000_000 * SECOND;
        let expected =
            [0, before, before, before, before, before, before, before, i64::MAX, 3 * SECOND, -4 * SECOND];
        assert_eq!(times, expected, "{order:?}");
        assert_eq!((counts.packets, counts.rejected_times), (11, 7), "{order:?}");
    }
}

#[test]
fn the_finest_ticks_round_to_zero() {
    let datagram = frame::udp(53, b"12345");
    let mut capture = PcapNg::new(Order::Little);
    let resolutions = [28_u8, 29, 77, 127, 0x8a, 0xff];
    for resolution in &resolutions {
        capture.interface(RAW, 0, &[(9, std::slice::from_ref(resolution)), (14, &5_i64.to_le_bytes())]);
    }
    for interface in 0..resolutions.len() as u32 {
        capture.packet(interface, 1 << 20, &datagram);
    }
    let (times, counts) = read(&capture.bytes);
    let binary = 5 * SECOND + 1_024 * SECOND;
    assert_eq!(times, [5 * SECOND, 5 * SECOND, 5 * SECOND, 5 * SECOND, binary, 5 * SECOND]);
    assert_eq!(counts.rejected_times, 0);
}

#[test]
fn seconds_of_pcap_are_unsigned() {
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
        let mut capture = Pcap::new(Order::Little, magic, RAW);
        for seconds in [1 << 31, u32::MAX, 0] {
            capture.record(seconds, 0, &frame::udp(53, b"12345"));
        }
        let (times, counts) = read(&capture.bytes);
        assert_eq!(times, [(1 << 31) * SECOND, i64::from(u32::MAX) * SECOND, 0]);
        assert_eq!(counts.rejected_times, 0);
    }
}

#[test]
fn flows_continue_over_impossible_times() {
    let mut capture = PcapNg::new(Order::Little);
    capture.interface(RAW, 0, &[(9, &[9])]);
    let at = 1_700_000_000 * SECOND as u64;
    for ticks in [at, u64::MAX, at + 1_000_000] {
        capture.packet(0, ticks, &frame::udp(53, b"12345"));
    }
    let mut meter = FlowMeter::from_bytes(&capture.bytes, "clock", &FlowMeterConfig::default()).unwrap();
    let flows = meter.read().unwrap();
    assert_eq!(flows.n_rows(), 1, "one flow, which a time in the future does not split");
    assert_eq!(flows.report().skipped, [("rejected_times".to_owned(), 1)].into());
    assert_eq!(flows.report().nothing_read(), None);
}

#[test]
fn the_report_of_a_capture_without_ip_has_the_reason() {
    let mut capture = Pcap::new(Order::Little, 0xa1b2_c3d4, 1);
    let read = |capture: &Pcap| {
        let mut meter =
            FlowMeter::from_bytes(&capture.bytes, "lab.pcap", &FlowMeterConfig::default()).unwrap();
        meter.read().unwrap().report().clone()
    };
    assert_eq!(read(&capture).nothing_read(), None, "there was nothing to read");
    capture.record(1, 0, &frame::ethernet(0x0806, &[0; 46]));
    capture.record(1, 0, &frame::ethernet(0x88e5, &[0x2c; 60]));
    let report = read(&capture);
    let expected = "lab.pcap: no flow could be decoded: encapsulated 1 (unsupported encapsulations); \
                    encapsulated MACsec 1; not_ip 1 (frames without an IP packet)";
    assert_eq!(report.nothing_read().as_deref(), Some(expected));
    assert_eq!(report.skipped["encapsulated MACsec"], 1);
}
