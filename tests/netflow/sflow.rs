//! sFlow v5 datagrams, written field by field.

use qosguard::telemetry::netflow::Exporters;

use super::made::bytes;
use super::{EXPORTER, assert_hosts, assert_row, exporters, text};

/// A datagram with its samples, of agent 192.0.2.9.
pub(super) fn datagram(sequence: u32, samples: &[Vec<u8>]) -> Vec<u8> {
    let header = bytes().u32(5).u32(1).put(&[192, 0, 2, 9]).u32(3).u32(sequence).u32(1_000);
    header.u32(samples.len() as u32).put(&samples.concat()).0
}

/// A format, its length and its body.
fn tagged(format: u32, body: &[u8]) -> Vec<u8> {
    bytes().u32(format).u32(body.len() as u32).put(body).0
}

/// A flow sample with an interval, interfaces 5 and 6, and records.
fn flow(interval: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let head = bytes().u32(1).u32(7).u32(interval).u32(0).u32(0).u32(5).u32(6).u32(records.len() as u32);
    tagged(1, &head.put(&records.concat()).0)
}

/// The first bytes of an Ethernet frame of 1,514 bytes: VLAN 12, 10.0.0.1 to 10.0.0.2, TCP 40000 to 443, ACK.
fn raw_header() -> Vec<u8> {
    let frame = bytes().put(&[2; 12]).u16(0x8100).u16(12).u16(0x0800);
    let frame =
        frame.put(&[0x45, 0x20]).u16(1_496).put(&[0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    let frame = frame.u16(40_000).u16(443).u32(1).u32(2).u16(0x5010).u16(1_000).u32(0).0;
    let padding = vec![0; frame.len().next_multiple_of(4) - frame.len()];
    let head = bytes().u32(1).u32(1_514).u32(4).u32(frame.len() as u32);
    tagged(1, &head.put(&frame).put(&padding).0)
}

fn push(exporters: &mut Exporters, datagram: &[u8]) {
    exporters.push(EXPORTER, Some(1_700_000_000.5), datagram);
}

#[test]
fn a_sampled_header_becomes_a_scaled_row() {
    let mut exporters = exporters();
    push(&mut exporters, &datagram(1, &[flow(512, &[tagged(1001, &[0; 16]), raw_header()])]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_hosts(&batch, 0, ["10.0.0.1", "10.0.0.2", "tcp"]);
    assert_eq!(text(&batch, 0, "export_format").as_deref(), Some("sflow5"));
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("observation_domain", 3.0), ("start_time", 1_700_000_000.5), ("end_time", 1_700_000_000.5),
        ("duration", 0.0), ("src_port", 40_000.0), ("dst_port", 443.0), ("packets", 512.0),
        ("ip_bytes", 512.0 * 1_496.0), ("frame_bytes", 512.0 * 1_514.0), ("tcp_flags", 16.0), ("tos", 32.0),
        ("vlan_id", 12.0), ("input_interface", 5.0), ("output_interface", 6.0), ("sampling_interval", 512.0),
    ]);
}

#[test]
fn expanded_samples_and_sampled_addresses_are_read() {
    let v6 = bytes().u32(80).u32(17).put(&[0xfd; 16]).put(&[0xfe; 16]).u32(53).u32(5_353).u32(0).u32(0).0;
    let v4 = bytes().u32(60).u32(6).put(&[10, 0, 0, 3, 10, 0, 0, 4]).u32(1).u32(2).u32(0x12).u32(8).0;
    let head = bytes().u32(1).u32(0).u32(7).u32(100).u32(0).u32(0);
    let head = head.u32(0).u32(70_000).u32(1).u32(9).u32(1);
    let mut exporters = exporters();
    let expanded = tagged(3, &head.put(&tagged(4, &v6)).0);
    push(&mut exporters, &datagram(1, &[expanded, flow(0, &[tagged(3, &v4)])]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_hosts(
        &batch,
        0,
        ["fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd", "fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe", "udp"],
    );
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("packets", 100.0), ("ip_bytes", 8_000.0), ("dst_port", 5_353.0), ("input_interface", 70_000.0),
        ("output_interface", f64::NAN), ("frame_bytes", f64::NAN),
    ]);
    assert_hosts(&batch, 1, ["10.0.0.3", "10.0.0.4", "tcp"]);
    assert_row(
        &batch,
        1,
        &[("packets", 1.0), ("sampling_interval", f64::NAN), ("tcp_flags", 18.0), ("tos", 8.0)],
    );
}

#[test]
fn counters_and_unreadable_samples_are_counted() {
    let arp = bytes().u32(1).u32(60).u32(0).u32(14).put(&[2; 12]).u16(0x0806).put(&[0; 2]).0;
    let mut exporters = exporters();
    let samples =
        [tagged(2, &[0; 40]), tagged(4, &[0; 40]), tagged(5, &[0; 8]), flow(10, &[tagged(1, &arp)])];
    push(&mut exporters, &datagram(1, &samples));
    push(&mut exporters, &datagram(4, &[flow(10, &[raw_header()])]));
    let counts = exporters.counts();
    assert_eq!((counts.counter_samples, counts.skipped_samples, counts.flows), (2, 2, 1));
    assert_eq!((counts.lost_datagrams, counts.malformed_datagrams), (2, 0));
}

#[test]
fn wrong_lengths_end_the_datagram() {
    let whole = datagram(1, &[flow(10, &[raw_header()]), flow(10, &[raw_header()])]);
    for end in 0..whole.len() {
        let mut exporters = exporters();
        push(&mut exporters, &whole[..end]);
        let counts = exporters.counts();
        assert_eq!(counts.malformed_datagrams + counts.unsupported_datagrams, 1, "{end}");
        assert!(counts.flows <= 1);
    }
    // A record longer than its sample, and a header longer than its record.
    for (at, value) in
        [(28 + 8 + 32 + 4, u32::MAX), (28 + 8 + 32 + 8 + 12, u32::MAX), (28 + 8 + 28, u32::MAX)]
    {
        let mut lying = datagram(1, &[flow(10, &[raw_header()])]);
        lying[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let mut exporters = exporters();
        push(&mut exporters, &lying);
        let expected = u64::from(at == 28 + 8 + 28);
        assert_eq!((exporters.counts().flows, exporters.counts().skipped_samples), (expected, 1 - expected));
    }
}
