//! Malformed and hostile datagrams.

use qosguard::telemetry::netflow::{ExportReader, NetflowConfig};

use super::made::{
    PLAIN, VARIABLE, bytes, ipfix, netflow5, netflow5_record, netflow9, plain_record, set, template,
};
use super::{exporters, push, read};

#[test]
fn a_template_of_65535_fields_is_rejected() {
    let body = bytes().u16(256).u16(65_535).put(&[0, 1, 0, 4].repeat(10)).0;
    let (_, counts) = read(&[ipfix(0, 1, &[set(2, &body)])]);
    assert_eq!((counts.rejected_templates, counts.malformed_datagrams, counts.templates), (1, 1, 0));
    // As many as a datagram holds, all there.
    let fields = vec![(1, 4); 16_000];
    let (_, counts) = read(&[ipfix(0, 1, &[set(2, &template(256, &fields))])]);
    assert_eq!((counts.rejected_templates, counts.malformed_datagrams, counts.templates), (1, 0, 0));
}

#[test]
fn records_of_zero_bytes_do_not_loop() {
    let zero = [(1, 0), (2, 0), (8, 0)];
    let data = set(256, &[0; 100]);
    let (batch, counts) = read(&[ipfix(0, 1, &[set(2, &template(256, &zero)), data.clone()])]);
    assert_eq!((batch.num_rows(), counts.rejected_templates, counts.kept_sets), (0, 1, 1));
    let (_, counts) = read(&[netflow9(0, 1, &[set(0, &template(256, &[])), data.clone()])]);
    assert_eq!((counts.rejected_templates, counts.kept_sets), (1, 1));
    // Only empty variable fields: a record has as many bytes as fields.
    let variable = [(96, VARIABLE), (94, VARIABLE)];
    let (_, counts) = read(&[ipfix(0, 1, &[set(2, &template(256, &variable)), data])]);
    assert_eq!((counts.records, counts.records_without_address), (50, 50));
}

#[test]
fn a_rejected_template_removes_the_old_one() {
    let data = set(256, &plain_record(1, 40));
    let (batch, counts) = read(&[
        ipfix(0, 1, &[set(2, &template(256, &PLAIN))]),
        ipfix(0, 1, &[set(2, &template(256, &[(1, 0)])), data]),
    ]);
    assert_eq!((batch.num_rows(), counts.rejected_templates, counts.kept_sets), (0, 1, 1));
}

#[test]
fn wrong_set_lengths_are_reported_with_their_offset() {
    let good = set(256, &plain_record(1, 40));
    for (length, expected) in [(0, "at least 4"), (3, "at least 4"), (65_535, "within its message")] {
        let bad = bytes().u16(256).u16(length).u32(1).0;
        let mut exporters = exporters();
        push(&mut exporters, &[ipfix(0, 1, &[set(2, &template(256, &PLAIN)), good.clone(), bad])]);
        assert_eq!(
            (exporters.rows(), exporters.counts().malformed_datagrams),
            (1, 1),
            "what stood before counts"
        );
        let report = exporters.report();
        assert_eq!((report.accepted, report.rejected), (1, 1));
        let message = report.rejections[0].to_string();
        let at = 16 + 4 + 4 + PLAIN.len() * 4 + good.len();
        assert!(
            message.contains(&format!("{length} at byte {at}")) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn wrong_message_lengths_are_rejected() {
    let message = ipfix(0, 1, &[set(2, &template(256, &PLAIN)), set(256, &plain_record(1, 40))]);
    for length in [0_u16, 15, 400, 65_535] {
        let mut lying = message.clone();
        lying[2..4].copy_from_slice(&length.to_be_bytes());
        let (batch, counts) = read(&[lying]);
        assert_eq!((batch.num_rows(), counts.malformed_datagrams), (0, 1), "{length}");
    }
    let mut flows = netflow5(0, 0, &[netflow5_record([1, 2], 6, 1, 40)]);
    flows[2..4].copy_from_slice(&u16::MAX.to_be_bytes());
    let (batch, counts) = read(&[flows]);
    assert_eq!((batch.num_rows(), counts.malformed_datagrams), (0, 1));
}

#[test]
fn every_truncation_is_counted_and_none_panics() {
    let sets = [set(0, &template(256, &PLAIN)), set(256, &plain_record(1, 40))];
    let messages = [
        netflow9(0, 1, &sets),
        ipfix(0, 1, &[set(2, &template(256, &PLAIN)), sets[1].clone()]),
        netflow5(0, 0, &[netflow5_record([1, 2], 6, 1, 40)]),
    ];
    for message in &messages {
        assert_eq!(read(std::slice::from_ref(message)).1.flows, 1);
        for end in 0..message.len() {
            let (batch, counts) = read(&[message[..end].to_vec()]);
            let counted = counts.malformed_datagrams + counts.unsupported_datagrams;
            // NetFlow v9 datagrams have no length: truncated between sets, or in zeros, they are shorter datagrams.
            let whole = message[1] == 9 && ((20..24).contains(&end) || end == 20 + sets[0].len());
            assert_eq!((batch.num_rows(), counted), (0, u64::from(!whole)), "{end} of {}", message.len());
        }
    }
}

#[test]
fn options_with_a_wrong_scope_are_rejected() {
    // IPFIX: no scope, or more scopes than fields.
    for scopes in [0, 3, u16::MAX] {
        let body = bytes().u16(400).u16(2).u16(scopes).u16(149).u16(4).u16(34).u16(4).0;
        let (_, counts) = read(&[ipfix(0, 1, &[set(3, &body), set(400, &[0; 8])])]);
        assert_eq!((counts.rejected_templates, counts.option_records), (1, 0), "{scopes}");
    }
    // NetFlow v9: lengths beyond the set, and lengths that are not multiples of a field.
    for (scope, options) in [(4, 400), (65_532, 4), (3, 5), (65_535, 65_535)] {
        let body = bytes().u16(400).u16(scope).u16(options).u16(1).u16(4).u16(34).u16(4).0;
        let (_, counts) = read(&[netflow9(0, 1, &[set(1, &body), set(400, &[0; 8])])]);
        assert_eq!((counts.rejected_templates, counts.malformed_datagrams), (1, 1), "{scope}, {options}");
    }
}

#[test]
fn a_variable_length_beyond_its_set_ends_the_set() {
    let fields = [(8, 4), (96, VARIABLE)];
    let good = bytes().put(&[10, 0, 0, 1]).u8(2).put(b"ok").0;
    let lying = bytes().put(&[10, 0, 0, 1]).u8(255).u16(u16::MAX).put(b"no").0;
    let message = ipfix(0, 1, &[set(2, &template(256, &fields)), set(256, &[&good[..], &lying].concat())]);
    let (batch, counts) = read(&[message]);
    assert_eq!((batch.num_rows(), counts.truncated_records), (1, 1));
}

#[test]
fn fields_of_impossible_lengths_are_skipped() {
    // A port of 4 bytes, an address of 3, a protocol of 2, counts of 9.
    let fields = [(7, 4), (8, 3), (12, 4), (4, 2), (1, 9), (2, 9)];
    let message = ipfix(0, 1, &[set(2, &template(256, &fields)), set(256, &[0xff; 31])]);
    let (batch, _) = read(&[message]);
    super::assert_hosts(&batch, 0, ["", "255.255.255.255", ""]);
    super::assert_row(&batch, 0, &[("src_port", f64::NAN), ("packets", f64::NAN), ("ip_bytes", f64::NAN)]);
}

#[test]
fn zeros_that_are_not_padding_take_linear_time() {
    let mut body = vec![0; 65_000];
    body.push(1);
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        let mut exporters = exporters();
        push(&mut exporters, &[netflow9(0, 0, &[set(0, &body)])]);
        assert_eq!(exporters.counts().rejected_templates, 65_001 / 4);
    }
    assert!(begun.elapsed().as_secs_f64() < 1.0, "{:?} for 1.3 MB", begun.elapsed());
}

#[test]
fn a_large_file_of_small_records_is_read_in_batches() {
    let fields = template(256, &[(8, 4)]);
    let message = ipfix(0, 1, &[set(2, &fields), set(256, &[1, 2, 3, 4].repeat(15_000))]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.dat");
    std::fs::write(&path, message.repeat(20)).unwrap();
    let config = NetflowConfig { batch_rows: 1_000, ..NetflowConfig::default() };
    let reader = ExportReader::open([&path], &config).unwrap();
    let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows, [15_000; 20]);
}
