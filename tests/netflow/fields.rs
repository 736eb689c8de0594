//! Fields with other lengths than in the registry, ICMP in every field that exporters use, records of both families, and
//! inputs without a flow.

use qosguard::telemetry::BatchReader;
use qosguard::telemetry::netflow::{ExportReader, NetflowConfig};

use super::made::{Bytes, PLAIN, VARIABLE, bytes, ipfix, netflow9, plain_record, set, template};
use super::{EXPORTER, assert_hosts, assert_row, exporters, number, read, text};
use qosguard::arrow::array::RecordBatch;

const NULL: f64 = f64::NAN;

/// One IPFIX record of a template.
fn one(fields: &[(u16, u16)], values: Bytes) -> RecordBatch {
    read(&[ipfix(0, 1, &[set(2, &template(256, fields)), set(256, &values.0)])]).0
}

/// Fields of a template, their values, and the ICMP type and code that they give.
type Case<'a> = (&'a [(u16, u16)], Bytes, f64, f64);

#[test]
fn every_number_may_be_1_to_8_bytes_long() {
    // Element, a value that needs one byte, its column.
    for (element, value, column) in [
        (7, 53, "src_port"),
        (11, 80, "dst_port"),
        (180, 53, "src_port"),
        (181, 53, "dst_port"),
        (182, 53, "src_port"),
        (183, 53, "dst_port"),
        (5, 8, "tos"),
        (6, 27, "tcp_flags"),
        (58, 77, "vlan_id"),
        (243, 77, "vlan_id"),
        (10, 3, "input_interface"),
        (14, 4, "output_interface"),
        (1, 99, "ip_bytes"),
        (2, 7, "packets"),
        (352, 60, "frame_bytes"),
        (231, 61, "fwd_payload_bytes"),
        (34, 50, "sampling_interval"),
    ] {
        for len in 1..=8_usize {
            let values = bytes().put(&[10, 0, 0, 1]).put(&u64::to_be_bytes(value)[8 - len..]);
            let variable = bytes().put(&[10, 0, 0, 1]).u8(len as u8).put(&u64::to_be_bytes(value)[8 - len..]);
            for (len, values) in [(len as u16, values), (VARIABLE, variable)] {
                let batch = one(&[(8, 4), (element, len)], values);
                let got = number(&batch, 0, column);
                assert_eq!(got, Some(value as f64), "element {element} of {len} bytes");
            }
        }
    }
    for len in 1..=8_usize {
        let values = bytes().put(&[10, 0, 0, 1]).put(&6_u64.to_be_bytes()[8 - len..]);
        assert_eq!(
            text(&one(&[(8, 4), (4, len as u16)], values), 0, "protocol").as_deref(),
            Some("tcp"),
            "{len}"
        );
        let icmp = |value: u64| value.to_be_bytes()[8 - len..].to_vec();
        let values = bytes().put(&[10, 0, 0, 1, 1]).put(&icmp(3)).put(&icmp(13));
        let batch = one(&[(8, 4), (4, 1), (176, len as u16), (177, len as u16)], values);
        assert_row(&batch, 0, &[("icmp_type", 3.0), ("icmp_code", 13.0)]);
    }
}

#[test]
fn an_unusable_field_is_counted_by_element() {
    // A port above 65,535, an address of 3 bytes, a counter of 9, an IPv6 address of 4, a reverse counter of 16.
    let head =
        bytes().u16(256).u16(7).u16(8).u16(4).u16(7).u16(4).u16(12).u16(3).u16(1).u16(9).u16(28).u16(4);
    let template = head.u16(4).u16(2).u16(0x8000 | 2).u16(16).u32(29_305).0;
    let record = |port: u32, protocol: u16| {
        bytes()
            .put(&[10, 0, 0, 1])
            .u32(port)
            .put(&[0; 3])
            .put(&[0; 9])
            .put(&[0; 4])
            .u16(protocol)
            .put(&[0; 16])
            .0
    };
    let records = [record(70_000, 17), record(53, 300), record(65_535, 17)].concat();
    let mut exporters = exporters();
    exporters.push(EXPORTER, None, &ipfix(0, 1, &[set(2, &template), set(256, &records)]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_row(&batch, 0, &[("src_port", NULL), ("ip_bytes", NULL)]);
    assert_row(&batch, 1, &[("src_port", 53.0)]);
    assert_row(&batch, 2, &[("src_port", 65_535.0)]);
    assert_hosts(&batch, 0, ["10.0.0.1", "", "udp"]);
    assert_hosts(&batch, 1, ["10.0.0.1", "", ""]);
    assert_eq!(exporters.counts().unusable_fields, 14);
    let report = exporters.report();
    for (kind, count) in [
        ("unusable_fields", 14),
        ("unusable_element_7", 1),
        ("unusable_element_4", 1),
        ("unusable_element_12", 3),
        ("unusable_element_1", 3),
        ("unusable_element_28", 3),
        ("unusable_element_29305/2", 3),
    ] {
        assert_eq!(report.skipped.get(kind), Some(&count), "{kind}: {:?}", report.skipped);
    }
}

#[test]
fn an_unusable_variable_field_is_counted_by_element() {
    let fields = [(8, VARIABLE), (7, VARIABLE), (12, 4)];
    let template = set(2, &template(256, &fields));
    let records = bytes()
        .put(&[4, 10, 0, 0, 1, 2, 0, 53, 10, 0, 0, 2])
        .put(&[3, 10, 0, 0, 3, 1, 0, 0, 10, 0, 0, 2])
        .put(&[0, 0, 10, 0, 0, 2]);
    let mut exporters = exporters();
    exporters.push(EXPORTER, None, &ipfix(0, 1, &[template, set(256, &records.0)]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_hosts(&batch, 0, ["10.0.0.1", "10.0.0.2", ""]);
    assert_hosts(&batch, 1, ["", "10.0.0.2", ""]);
    assert_hosts(&batch, 2, ["", "10.0.0.2", ""]);
    assert_row(&batch, 0, &[("src_port", 53.0)]);
    assert_row(&batch, 1, &[("src_port", NULL)]);
    let skipped = &exporters.report().skipped;
    assert_eq!((skipped.get("unusable_element_8"), skipped.get("unusable_element_7")), (Some(&1), Some(&1)));
    assert_eq!(skipped["unusable_fields"], 2, "a field of zero bytes has no value");
}

#[test]
fn icmp_is_read_from_every_field_that_exporters_use() {
    let flow = |protocol: u8| bytes().put(&[10, 0, 0, 1]).u8(protocol);
    // Further fields, their values, type and code.
    let cases: [Case<'_>; 14] = [
        (&[(7, 2), (11, 2)], bytes().u16(8).u16(0), 8.0, 0.0),
        (&[(7, 2), (11, 2)], bytes().u16(3).u16(13), 3.0, 13.0),
        (&[(7, 2), (11, 2)], bytes().u16(0).u16(0x0800), 8.0, 0.0),
        (&[(7, 2), (11, 2)], bytes().u16(0).u16(0x030d), 3.0, 13.0),
        (&[(7, 2), (11, 2)], bytes().u16(0).u16(0), 0.0, 0.0),
        (&[(11, 2)], bytes().u16(0x0b01), 11.0, 1.0),
        // The identifier of an echo is not a type.
        (&[(7, 2), (11, 2)], bytes().u16(40_000).u16(0), NULL, NULL),
        (&[(7, 2), (11, 2)], bytes().u16(40_000).u16(0x0800), 8.0, 0.0),
        (&[(32, 2), (7, 2), (11, 2)], bytes().u16(0x0b01).u16(9).u16(9), 11.0, 1.0),
        (&[(139, 2)], bytes().u16(0x8501), 133.0, 1.0),
        (&[(176, 1), (177, 1), (32, 2)], bytes().u8(3).u8(4).u16(0), 3.0, 4.0),
        (&[(176, 1), (177, 1), (32, 2)], bytes().u8(0).u8(0).u16(0x0304), 3.0, 4.0),
        (&[(178, 1), (179, 1)], bytes().u8(135).u8(2), 135.0, 2.0),
        (&[(1, 4)], bytes().u32(84), NULL, NULL),
    ];
    for (fields, values, kind, code) in cases {
        for protocol in [1, 58] {
            let template = [&[(8, 4), (4, 1)], fields].concat();
            let batch = one(&template, flow(protocol).put(&values.0));
            assert_row(
                &batch,
                0,
                &[("icmp_type", kind), ("icmp_code", code), ("src_port", 0.0), ("dst_port", 0.0)],
            );
        }
    }
    // The elements of the other family hold 0.
    let both = [(8, 4), (4, 1), (176, 1), (177, 1), (178, 1), (179, 1), (32, 2), (139, 2)];
    let batch = one(&both, flow(58).put(&[0, 0, 135, 1]).u16(0).u16(0x8701));
    assert_row(&batch, 0, &[("icmp_type", 135.0), ("icmp_code", 1.0)]);
    let batch = one(&[(8, 4), (4, 1), (32, 2), (139, 2)], flow(58).u16(0).u16(0x8701));
    assert_row(&batch, 0, &[("icmp_type", 135.0), ("icmp_code", 1.0)]);
    // No other protocol has a type.
    let batch = one(&[(8, 4), (4, 1), (7, 2), (11, 2)], flow(6).u16(8).u16(0));
    assert_row(&batch, 0, &[("icmp_type", NULL), ("src_port", 8.0), ("dst_port", 0.0)]);
}

#[test]
fn of_several_elements_for_a_port_or_tag_the_one_that_is_not_zero_is_used() {
    let fields = [(8, 4), (4, 1), (180, 2), (181, 2), (182, 2), (183, 2), (58, 2), (243, 2)];
    let values = bytes().put(&[10, 0, 0, 1, 6]).u16(0).u16(0).u16(40_000).u16(443).u16(0).u16(77);
    assert_row(&one(&fields, values), 0, &[("src_port", 40_000.0), ("dst_port", 443.0), ("vlan_id", 77.0)]);
}

#[test]
fn of_both_address_families_the_one_that_is_not_zero_is_used() {
    let v4 = [[10, 0, 0, 1], [10, 0, 0, 2]];
    let v6: [[u8; 16]; 2] = [1, 2].map(|last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let hosts = |record: [&[u8]; 4], version: Option<u8>| {
        let mut fields = vec![(27, 16), (8, 4), (28, 16), (12, 4)];
        fields.extend(version.map(|_| (60, 1)));
        let values = bytes().put(&record.concat()).put(version.as_slice());
        let batch = one(&fields, values);
        ["src_ip", "dst_ip"].map(|column| text(&batch, 0, column).unwrap_or_default())
    };
    let (zero4, zero6) = ([0; 4], [0; 16]);
    let of_v4 = ["10.0.0.1", "10.0.0.2"];
    let of_v6 = ["2001:db8::1", "2001:db8::2"];
    assert_eq!(hosts([&zero6, &v4[0], &zero6, &v4[1]], None), of_v4);
    assert_eq!(hosts([&v6[0], &zero4, &v6[1], &zero4], None), of_v6);
    assert_eq!(hosts([&zero6, &zero4, &zero6, &zero4], None), ["0.0.0.0", "0.0.0.0"]);
    assert_eq!(hosts([&v6[0], &v4[0], &v6[1], &v4[1]], None), of_v4);
    assert_eq!(hosts([&v6[0], &v4[0], &v6[1], &v4[1]], Some(6)), of_v6);
    assert_eq!(hosts([&v6[0], &v4[0], &v6[1], &v4[1]], Some(4)), of_v4);
    // Source and destination have the same family, also if one of them is unspecified.
    assert_eq!(hosts([&zero6, &zero4, &zero6, &v4[1]], None), ["0.0.0.0", "10.0.0.2"]);
    assert_eq!(hosts([&zero6, &v4[0], &zero6, &zero4], Some(6)), ["10.0.0.1", "0.0.0.0"]);
    assert_eq!(hosts([&zero6, &zero4, &v6[1], &zero4], Some(4)), ["::", "2001:db8::2"]);
}

#[test]
fn the_report_of_an_input_without_flows_has_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let reason = |name: &str, datagrams: &[Vec<u8>]| {
        let path = folder.path().join(name);
        std::fs::write(&path, datagrams.concat()).unwrap();
        let mut reader = ExportReader::open([path], &NetflowConfig::default()).unwrap();
        let flows = reader.read().unwrap();
        assert_eq!(flows.report().nothing_read(), reader.report().nothing_read());
        flows.report().nothing_read()
    };
    let data = set(256, &plain_record(1, 40));
    let sets = std::slice::from_ref(&data);
    for datagram in [netflow9(1, 1, sets), ipfix(1, 1, sets)] {
        let why = reason("data.dat", &[datagram]).unwrap();
        assert!(why.contains("data.dat: no flow could be decoded"), "{why}");
        assert!(why.contains("dropped_sets 1 (data without its template)"), "{why}");
    }
    let templates = set(2, &template(256, &PLAIN));
    let why = reason("templates.dat", &[ipfix(1, 1, std::slice::from_ref(&templates))]).unwrap();
    assert!(why.contains("templates 1"), "{why}");
    let why = reason("cut.dat", &[vec![0, 5, 0, 9]]).unwrap();
    assert!(why.contains("malformed_datagrams 1 (damaged)") && why.contains("rejected 1"), "{why}");
    assert_eq!(reason("whole.dat", &[ipfix(1, 1, &[templates, data])]), None);
}
