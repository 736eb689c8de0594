//! The columns of NetFlow v5, v9 and IPFIX.

use qosguard::Guard;
use qosguard::telemetry::{ReadReport, Schema, Table};

use super::made::{
    PLAIN, SENT, UPTIME, VARIABLE, bytes, ipfix, netflow5, netflow5_record, netflow9, plain_record, set,
    template,
};
use super::{assert_hosts, assert_row, number, numbers, read, text};

const NULL: f64 = f64::NAN;

#[test]
fn netflow5_fills_its_columns_and_scales_by_the_header() {
    let records = [netflow5_record([40_000, 443], 6, 7, 700), netflow5_record([0, 0x0301], 1, 1, 56)];
    let (batch, counts) = read(&[netflow5(0, 0x4064, &records)]);
    assert_eq!((batch.num_rows(), counts.flows, counts.records), (2, 2, 2));
    assert_hosts(&batch, 0, ["10.0.0.1", "10.0.0.2", "tcp"]);
    assert_eq!(text(&batch, 0, "exporter").as_deref(), Some("192.0.2.1"));
    assert_eq!(text(&batch, 0, "export_format").as_deref(), Some("netflow5"));
    let sent = f64::from(SENT) + 0.25;
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("observation_domain", 258.0), ("start_time", sent - 2.0), ("end_time", sent - 0.5), ("duration", 1.5),
        ("src_port", 40_000.0), ("dst_port", 443.0), ("packets", 700.0), ("fwd_packets", 700.0),
        ("bwd_packets", NULL), ("ip_bytes", 70_000.0), ("payload_bytes", NULL), ("tcp_flags", 27.0),
        ("tos", 16.0), ("icmp_type", NULL), ("input_interface", 3.0), ("output_interface", 4.0),
        ("sampling_interval", 100.0),
    ]);
    assert_hosts(&batch, 1, ["10.0.0.1", "10.0.0.2", "icmp"]);
    assert_row(&batch, 1, &[("dst_port", 0.0), ("icmp_type", 3.0), ("icmp_code", 1.0)]);
}

#[test]
fn netflow9_reads_times_since_the_start_of_the_exporter() {
    let fields = [(27, 16), (28, 16), (4, 1), (1, 8), (2, 8), (22, 4), (21, 4), (32, 2), (58, 2), (5, 1)];
    let src = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let dst = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16];
    let record =
        bytes().put(&src).put(&dst).u8(58).u64(1 << 40).u64(3).u32(UPTIME - 9_000).u32(UPTIME - 1_000);
    let record = record.u16(0x8f05).u16(12).u8(0xb8).0;
    let (batch, counts) = read(&[netflow9(1, 77, &[set(0, &template(300, &fields)), set(300, &record)])]);
    assert_eq!((batch.num_rows(), counts.templates), (1, 1));
    assert_hosts(&batch, 0, ["2001:db8::1", "ff02::16", "ipv6-icmp"]);
    let sent = f64::from(SENT);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("observation_domain", 77.0), ("start_time", sent - 9.0), ("end_time", sent - 1.0), ("duration", 8.0),
        ("ip_bytes", 1_099_511_627_776.0), ("packets", 3.0), ("icmp_type", 143.0), ("icmp_code", 5.0),
        ("vlan_id", 12.0), ("tos", 184.0), ("sampling_interval", NULL), ("input_interface", NULL),
    ]);
}

#[test]
fn ipfix_reads_variable_enterprise_and_shortened_fields() {
    // A variable name, an enterprise field of 3 bytes, counts of 3 and 5 bytes, a variable enterprise field.
    let template = bytes().u16(256).u16(9).u16(96).u16(VARIABLE).u16(0x8000 | 7).u16(3).u32(9_999);
    let template =
        template.u16(8).u16(4).u16(12).u16(4).u16(2).u16(3).u16(1).u16(5).u16(0x8000 | 1).u16(VARIABLE);
    let template = template.u32(9_999).u16(152).u16(8).u16(153).u16(8).0;
    let record = |name: &[u8], long: bool, octets: u8| {
        let len = name.len();
        let record = if long { bytes().u8(255).u16(len as u16) } else { bytes().u8(len as u8) };
        let record = record.put(name).put(&[9, 9, 9]).put(&[10, 1, 1, 1, 10, 1, 1, 2]).put(&[1, 0, 0]);
        let record = record.put(&[1, 0, 0, 0, octets]).u8(2).put(b"zz").u64(1_699_999_999_500);
        record.u64(1_699_999_999_750).0
    };
    let records = [record(b"http", false, 5), record(&[b'x'; 300], true, 6), record(b"", false, 7)].concat();
    let message = ipfix(0, 1, &[set(2, &template), set(256, &[&records[..], &[0; 3]].concat())]);
    let (batch, counts) = read(&[message]);
    assert_eq!((batch.num_rows(), counts.truncated_records, counts.malformed_datagrams), (3, 0, 0));
    assert_eq!(numbers(&batch, "ip_bytes"), [5, 6, 7].map(|n| Some(4_294_967_296.0 + f64::from(n))));
    assert_hosts(&batch, 1, ["10.1.1.1", "10.1.1.2", ""]);
    assert_row(
        &batch,
        2,
        &[
            ("packets", 65_536.0),
            ("start_time", 1_699_999_999.5),
            ("end_time", 1_699_999_999.75),
            ("duration", 0.25),
        ],
    );
    assert_eq!(text(&batch, 2, "export_format").as_deref(), Some("ipfix"));
}

#[test]
fn biflows_fill_both_directions() {
    // RFC 5103: the reverse elements have the enterprise number 29305.
    let head = bytes().u16(256).u16(9);
    let head = PLAIN.iter().fold(head, |bytes, &(element, len)| bytes.u16(element).u16(len));
    let reverse = |bytes: super::made::Bytes, element: u16| bytes.u16(0x8000 | element).u16(4).u32(29_305);
    let template = reverse(reverse(head, 2), 1).0;
    let record = bytes().put(&plain_record(10, 1_000)).u32(8).u32(9_000).0;
    let (batch, _) = read(&[ipfix(0, 1, &[set(2, &template), set(256, &record)])]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("packets", 18.0), ("fwd_packets", 10.0), ("bwd_packets", 8.0), ("ip_bytes", 10_000.0),
        ("fwd_ip_bytes", 1_000.0), ("bwd_ip_bytes", 9_000.0),
    ]);

    // Firewalls count payload by initiator and responder.
    let fields = [(8, 4), (12, 4), (231, 4), (232, 4), (298, 4), (299, 4)];
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u32(100).u32(250).u32(3).u32(4).0;
    let (batch, _) =
        read(&[netflow9(1, 1, &[set(0, &super::made::template(256, &fields)), set(256, &record)])]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("packets", 7.0), ("fwd_packets", 3.0), ("bwd_packets", 4.0), ("ip_bytes", NULL),
        ("payload_bytes", 350.0), ("fwd_payload_bytes", 100.0), ("bwd_payload_bytes", 250.0),
    ]);
}

#[test]
fn options_set_the_sampling_interval_of_a_domain_a_sampler_and_an_interface() {
    let fields = [(8, 4), (12, 4), (2, 4), (1, 4), (48, 1), (10, 2)];
    let record = |sampler: u8, interface: u16| {
        bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u32(2).u32(100).u8(sampler).u16(interface).0
    };
    let data = set(300, &[record(9, 0), record(1, 0), record(0, 7)].concat());
    // NetFlow v9: a scope of system or interface, then sampler, interval.
    let options = |id: u16, scope: u16, fields: &[(u16, u16)]| {
        let head = bytes().u16(id).u16(4).u16(fields.len() as u16 * 4).u16(scope).u16(4);
        set(1, &fields.iter().fold(head, |bytes, &(element, len)| bytes.u16(element).u16(len)).0)
    };
    let (batch, counts) = read(&[
        netflow9(1, 5, &[set(0, &template(300, &fields)), data.clone()]),
        netflow9(2, 5, &[options(257, 1, &[(34, 4)]), set(257, &bytes().u32(0).u32(50).0)]),
        netflow9(3, 5, &[options(258, 1, &[(48, 1), (50, 4)]), set(258, &bytes().u32(0).u8(1).u32(200).0)]),
        netflow9(4, 5, &[options(259, 2, &[(34, 4)]), set(259, &bytes().u32(7).u32(10).0)]),
        netflow9(5, 5, std::slice::from_ref(&data)),
        netflow9(1, 6, &[set(0, &template(300, &fields)), data]),
    ]);
    let none = [None; 3];
    let scaled = [Some(50.0), Some(200.0), Some(10.0)];
    assert_eq!(
        numbers(&batch, "sampling_interval"),
        [none, scaled, none].concat(),
        "domain 6 has no options"
    );
    assert_eq!(numbers(&batch, "packets")[3..6], [Some(100.0), Some(400.0), Some(20.0)]);
    assert_eq!(counts.option_records, 3);

    // IPFIX: 2 packets sampled, 98 skipped, for the selector in the scope.
    let template_record = bytes().u16(400).u16(3).u16(1).u16(302).u16(8).u16(305).u16(4).u16(306).u16(4).0;
    let options = set(400, &bytes().u64(3).u32(2).u32(98).0);
    let fields = [(8, 4), (12, 4), (2, 4), (302, 1)];
    let records = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u32(4).u8(3).0;
    let (batch, _) = read(&[ipfix(
        0,
        1,
        &[set(2, &template(256, &fields)), set(3, &template_record), options, set(256, &records)],
    )]);
    assert_row(&batch, 0, &[("packets", 200.0), ("sampling_interval", 50.0)]);
}

#[test]
fn ipfix_uptimes_are_relative_to_the_start_time_in_the_options() {
    let fields = [(8, 4), (12, 4), (22, 4), (21, 4)];
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u32(1_000).u32(3_500).0;
    let data = || vec![set(2, &template(256, &fields)), set(256, &record)];
    let boot = bytes().u16(400).u16(2).u16(1).u16(149).u16(4).u16(160).u16(8).0;
    let options = set(400, &bytes().u32(1).u64((u64::from(SENT) - 10) * 1_000).0);
    let (batch, counts) =
        read(&[ipfix(0, 1, &data()), ipfix(1, 1, &[set(3, &boot), options]), ipfix(2, 1, &data())]);
    let sent = f64::from(SENT);
    assert_row(&batch, 0, &[("start_time", sent - 2.5), ("end_time", sent), ("duration", 2.5)]);
    assert_row(&batch, 1, &[("start_time", sent - 9.0), ("end_time", sent - 6.5), ("duration", 2.5)]);
    assert_eq!(counts.export_times, 1);
    assert_eq!((counts.lost_records, counts.late_datagrams), (0, 0), "options records are counted too");
}

#[test]
fn a_flow_that_ends_before_it_starts_has_no_duration() {
    let fields = [(8, 4), (152, 8), (153, 8)];
    let record = bytes().put(&[10, 0, 0, 1]).u64(2_000_000).u64(1_000_000).0;
    let (batch, counts) = read(&[ipfix(0, 1, &[set(2, &template(256, &fields)), set(256, &record)])]);
    assert_row(&batch, 0, &[("start_time", 2_000.0), ("end_time", 1_000.0), ("duration", NULL)]);
    assert_eq!(counts.backward_times, 1);
}

#[test]
fn missing_records_and_datagrams_are_counted() {
    let record = || netflow5_record([1, 2], 17, 1, 40);
    let (_, counts) = read(&[netflow5(100, 0, &[record(), record()]), netflow5(112, 0, &[record()])]);
    assert_eq!((counts.lost_records, counts.lost_datagrams), (10, 0));
    let (_, counts) =
        read(&[netflow9(7, 0, &[]), netflow9(8, 0, &[]), netflow9(11, 0, &[]), netflow9(10, 0, &[])]);
    assert_eq!((counts.lost_datagrams, counts.late_datagrams), (1, 1), "10 came late, 9 is missing");
    let templates = set(2, &template(256, &PLAIN));
    let data = set(256, &plain_record(1, 40));
    let first = ipfix(5, 1, &[templates, data.clone(), data.clone()]);
    let (_, counts) = read(&[first, ipfix(7, 1, std::slice::from_ref(&data)), ipfix(11, 1, &[data])]);
    assert_eq!(counts.lost_records, 3);
}

#[test]
fn a_file_may_have_several_messages() {
    let message = ipfix(0, 1, &[set(2, &template(256, &PLAIN)), set(256, &plain_record(1, 40))]);
    let file = [message.clone(), message, vec![0; 7]].concat();
    let (batch, counts) = read(&[file]);
    assert_eq!((batch.num_rows(), counts.datagrams, counts.malformed_datagrams), (2, 2, 0));
    assert_eq!(number(&batch, 1, "packets"), Some(1.0));
}

#[test]
fn netflow_7_and_others_are_counted() {
    let (batch, counts) = read(&[bytes().u16(7).put(&[0; 70]).0, bytes().u16(1).0, vec![9], vec![]]);
    assert_eq!((batch.num_rows(), counts.datagrams, counts.unsupported_datagrams), (0, 4, 4));
}

#[test]
fn a_guard_fits_on_exported_flows() {
    let flows = |seed: u32| {
        let records = (0..30_u32).map(|i| {
            let n = (seed * 30 + i).wrapping_mul(2_654_435_761) >> 20;
            netflow5_record(
                [40_000 + (n % 977) as u16, [53, 80, 443][n as usize % 3]],
                6,
                1 + n % 50,
                60 + n * 7,
            )
        });
        netflow5(seed * 30, 0, &records.collect::<Vec<_>>())
    };
    let (batch, _) = read(&(0..20).map(flows).collect::<Vec<_>>());
    let schema = Schema::preset("ipfix").unwrap();
    let table = Table::new(schema.into(), vec![batch], ReadReport::new("made")).unwrap();
    let guard = Guard::builder().fit(&table).unwrap();
    assert_eq!(guard.assess(&table).unwrap().decisions().count(), 600);
}
