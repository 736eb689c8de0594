//! Datagrams of real exporters, read from `QOSGUARD_DATA`.

use qosguard::arrow::array::RecordBatch;
use qosguard::arrow::compute::concat_batches;
use qosguard::telemetry::BatchReader;
use qosguard::telemetry::netflow::{ExportCounts, ExportReader, NetflowConfig};

use super::{assert_hosts, assert_row, numbers, public_data, text};

const NULL: f64 = f64::NAN;

/// Reads the files of one exporter whose names end with `names`.
fn files(names: &[&str]) -> Option<(RecordBatch, ExportCounts)> {
    let data = public_data::find("logs/netflow")?;
    let paths = names.iter().map(|name| data.join(format!("{name}.dat")));
    let mut reader = ExportReader::open(paths, &NetflowConfig::default()).unwrap();
    let table = reader.read().unwrap();
    let counts = *reader.counts();
    assert_eq!(table.n_rows() as u64, counts.flows);
    assert_eq!(
        (reader.report().accepted, reader.report().rejected),
        (counts.flows, counts.malformed_datagrams)
    );
    Some((concat_batches(&table.schema().to_arrow().into(), table.batches()).unwrap(), counts))
}

/// Files of an exporter, templates first; numbers of flows, of other records, and of data sets without a template.
#[rustfmt::skip]
const EXPORTERS: [(&[&str], u64, u64, u64); 29] = [
    (&["ipfix_test_barracuda_tpl", "ipfix_test_barracuda_data256"], 8, 0, 0),
    (&["ipfix_test_barracuda_extended_uniflow_tpl256", "ipfix_test_barracuda_extended_uniflow_data256"], 2, 0, 0),
    (&["ipfix_test_juniper_mx240_junos151r6s3_opttpl512", "ipfix_test_juniper_mx240_junos151r6s3_data512"], 0, 1, 0),
    (&["ipfix_test_mikrotik_tpl", "ipfix_test_mikrotik_data258", "ipfix_test_mikrotik_data259"], 46, 0, 0),
    (&["ipfix_test_nokia_bras_tpl", "ipfix_test_nokia_bras_data256"], 1, 0, 0),
    (&["ipfix_test_openbsd_pflow_tpl", "ipfix_test_openbsd_pflow_data"], 26, 0, 0),
    (&["ipfix_test_viptela_tpl257", "ipfix_test_viptela_data257"], 1, 0, 0),
    (&["ipfix_test_vmware_vds_tpl", "ipfix_test_vmware_vds_data264", "ipfix_test_vmware_vds_data266",
        "ipfix_test_vmware_vds_data266_267"], 5, 0, 0),
    (&["netflow5_test_juniper_mx80"], 29, 0, 0),
    (&["netflow5_test_microtik"], 30, 0, 0),
    (&["netflow9_test_0length_fields_tpl_data"], 10, 0, 0),
    (&["netflow9_test_cisco_1941K9"], 29, 0, 0),
    (&["netflow9_test_cisco_asa_1_tpl", "netflow9_test_cisco_asa_1_data"], 14, 0, 0),
    (&["netflow9_test_cisco_asa_2_tpl_26x", "netflow9_test_cisco_asa_2_tpl_27x", "netflow9_test_cisco_asa_2_data"],
        15, 4, 0),
    (&["netflow9_test_cisco_nbar_opttpl260", "netflow9_test_cisco_nbar_tpl262", "netflow9_test_cisco_nbar_data262"],
        5, 15, 0),
    (&["netflow9_test_cisco_wlc_tpl", "netflow9_test_cisco_wlc_data261"], 0, 19, 0),
    (&["netflow9_test_field_layer2segmentid_tpl", "netflow9_test_field_layer2segmentid_data"], 1, 0, 0),
    (&["netflow9_test_fortigate_fortios_521_tpl", "netflow9_test_fortigate_fortios_521_data256",
        "netflow9_test_fortigate_fortios_521_data257"], 1, 1, 0),
    (&["netflow9_test_h3c_tpl3281", "netflow9_test_h3c_data3281"], 16, 0, 0),
    (&["netflow9_test_h3c_netstream_varstring_tpl3281", "netflow9_test_h3c_netstream_varstring_data3281"], 1, 0, 0),
    (&["netflow9_test_iptnetflow_reduced_size_encoding_tpldata260"], 12, 0, 6),
    (&["netflow9_test_macaddr_tpl", "netflow9_test_macaddr_data"], 29, 1, 0),
    (&["netflow9_test_nprobe_tpl", "netflow9_test_nprobe_data"], 1, 1, 0),
    (&["netflow9_test_paloalto_81_tpl256-263",
        "netflow9_test_paloalto_81_data257_1flowset_in_large_zerofilled_packet"], 1, 0, 0),
    (&["netflow9_test_paloalto_panos_tpl", "netflow9_test_paloalto_panos_data"], 8, 0, 0),
    (&["netflow9_test_streamcore_tpl_data256", "netflow9_test_streamcore_tpl_data260"], 4, 0, 0),
    (&["netflow9_test_ubnt_edgerouter_tpl", "netflow9_test_ubnt_edgerouter_data1024",
        "netflow9_test_ubnt_edgerouter_data1025"], 16, 0, 0),
    (&["netflow9_test_valid01"], 7, 0, 0),
    (&["netflow9_test_invalid01"], 2, 1, 0),
];

#[test]
fn every_datagram_is_read_after_its_templates() {
    for (names, flows, others, unknown) in EXPORTERS {
        let Some((_, counts)) = files(names) else { return };
        assert_eq!(
            counts.malformed_datagrams + counts.rejected_templates + counts.truncated_records,
            0,
            "{names:?}"
        );
        let no_flows = counts.option_records + counts.firewall_events + counts.records_without_address;
        assert_eq!(
            (counts.flows, no_flows, counts.dropped_sets),
            (flows, others, unknown),
            "{names:?} {counts:?}"
        );
        assert_eq!(counts.kept_sets, unknown, "{names:?}");

        // In the other order the data waits for its templates.
        let reversed: Vec<&str> = names.iter().rev().copied().collect();
        let Some((_, counts)) = files(&reversed) else { return };
        assert_eq!((counts.flows, counts.dropped_sets), (flows, unknown), "{reversed:?} {counts:?}");
    }
}

#[test]
fn every_file_belongs_to_an_exporter() {
    let Some(data) = public_data::find("logs/netflow") else { return };
    let mut files: Vec<String> = std::fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let named = |file: &String| {
        let name = file.trim_end_matches(".dat");
        ["netflow5", "netflow5_test_invalid01"].contains(&name)
            || EXPORTERS.iter().any(|e| e.0.contains(&name))
    };
    let left: Vec<_> = files.iter().filter(|file| !named(file)).collect();
    assert!(left.is_empty() && files.len() == 60, "{left:?}");
}

#[test]
fn netflow5_against_its_bytes() {
    let Some((batch, counts)) = files(&["netflow5"]) else { return };
    assert_eq!(
        (counts.flows, counts.datagrams, counts.lost_records),
        (30, 12, 0),
        "a file of several datagrams"
    );
    assert_hosts(&batch, 0, ["10.0.2.2", "10.0.2.15", "tcp"]);
    // Sent 1430591888.280 at 3.381 s of uptime; first at -1 ms, last at 2.577 s.
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("start_time", 1_430_591_884.898), ("end_time", 1_430_591_887.476), ("duration", 2.578),
        ("src_port", 54_435.0), ("dst_port", 22.0), ("packets", 5.0), ("ip_bytes", 230.0), ("tcp_flags", 16.0),
        ("sampling_interval", NULL),
    ]);
    let Some((batch, _)) = files(&["netflow5_test_juniper_mx80"]) else { return };
    assert_hosts(&batch, 0, ["10.0.0.1", "192.168.0.2", "tcp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("input_interface", 542.0), ("output_interface", 536.0), ("packets", 1_000.0), ("ip_bytes", 1.5e6),
        ("src_port", 443.0), ("dst_port", 61_608.0), ("sampling_interval", 1_000.0),
    ]);
    let Some((_, counts)) = files(&["netflow5_test_invalid01"]) else { return };
    assert_eq!(
        (counts.flows, counts.malformed_datagrams),
        (0, 1),
        "its header has 55,582 records, and it holds 30"
    );
}

#[test]
fn netflow9_against_its_bytes() {
    let Some((batch, _)) = files(&["netflow9_test_h3c_tpl3281", "netflow9_test_h3c_data3281"]) else {
        return;
    };
    assert_hosts(&batch, 0, ["10.22.166.30", "10.22.163.21", "tcp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("packets", 697.0), ("ip_bytes", 1_027_087.0), ("duration", 89.519), ("sampling_interval", NULL),
    ]);

    // Options of interface 0 have an interval of 100.
    let Some((batch, _)) = files(&["netflow9_test_invalid01"]) else { return };
    assert_hosts(&batch, 0, ["2001:44b8:1118:7200::10", "2001:44b8:4030:cd91:8075:bae:d39d:2621", "udp"]);
    assert_row(
        &batch,
        0,
        &[("packets", 100.0), ("ip_bytes", 9_600.0), ("src_port", 123.0), ("dst_port", 123.0)],
    );
    assert_eq!(numbers(&batch, "sampling_interval"), [Some(100.0); 2]);

    let names = ["netflow9_test_cisco_asa_2_tpl_26x", "netflow9_test_cisco_asa_2_data"];
    let Some((batch, counts)) = files(&names) else { return };
    assert_hosts(&batch, 0, ["192.168.0.2", "192.168.0.17", "tcp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("src_port", 61_775.0), ("dst_port", 80.0), ("packets", NULL), ("ip_bytes", NULL), ("payload_bytes", 844.0),
        ("fwd_payload_bytes", 81.0), ("bwd_payload_bytes", 763.0), ("start_time", 1_469_109_032.955),
        ("end_time", 1_469_109_033.015), ("duration", 0.06),
    ]);
    assert_eq!(counts.firewall_events, 4, "connections made, without a count");

    let names = ["netflow9_test_cisco_asa_1_tpl", "netflow9_test_cisco_asa_1_data"];
    let Some((batch, _)) = files(&names) else { return };
    assert_hosts(&batch, 0, ["192.168.14.1", "2.2.2.11", "icmp"]);
    assert_row(&batch, 0, &[("ip_bytes", 56.0), ("icmp_type", 0.0), ("dst_port", 0.0), ("duration", 2.03)]);

    let names = ["netflow9_test_cisco_nbar_tpl262", "netflow9_test_cisco_nbar_data262"];
    let Some((batch, _)) = files(&names) else { return };
    assert_hosts(&batch, 0, ["10.30.18.62", "10.30.19.180", "icmp"]);
    assert_row(&batch, 0, &[("ip_bytes", 44.0), ("icmp_type", 8.0), ("icmp_code", 0.0)]);
    assert_row(&batch, 1, &[("ip_bytes", 106.0), ("dst_port", 161.0), ("icmp_type", NULL)]);
}

#[test]
fn ipfix_against_its_bytes() {
    let Some((batch, _)) = files(&["ipfix_test_openbsd_pflow_tpl", "ipfix_test_openbsd_pflow_data"]) else {
        return;
    };
    assert_hosts(&batch, 0, ["192.168.0.17", "192.168.0.1", "tcp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("observation_domain", 42.0), ("packets", 7.0), ("ip_bytes", 373.0), ("src_port", 64_020.0),
        ("dst_port", 80.0), ("start_time", 1_469_107_799.0), ("duration", 0.0),
    ]);

    let Some((batch, _)) = files(&["ipfix_test_viptela_tpl257", "ipfix_test_viptela_data257"]) else {
        return;
    };
    assert_hosts(&batch, 0, ["10.113.7.54", "172.16.21.27", "tcp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("src_port", 41_717.0), ("dst_port", 443.0), ("ip_bytes", 775.0), ("packets", 8.0), ("tcp_flags", 16.0),
        ("start_time", 1_511_274_735.0), ("duration", 0.0), ("tos", 48.0), ("input_interface", 11.0),
    ]);

    // These have uptimes without the start of the exporter.
    let names = ["ipfix_test_mikrotik_tpl", "ipfix_test_mikrotik_data259"];
    let Some((batch, counts)) = files(&names) else { return };
    assert_hosts(&batch, 0, ["fe80::ff:fe00:401", "fe80::ff:fe00:401", "udp"]);
    #[rustfmt::skip]
    assert_row(&batch, 0, &[
        ("src_port", 5_678.0), ("ip_bytes", 555.0), ("packets", 3.0), ("end_time", 1_500_481_088.0),
        ("duration", 0.0),
    ]);
    assert_eq!(counts.export_times, counts.flows);
    assert_eq!(text(&batch, 0, "exporter").as_deref(), Some("0.0.0.0"));
}
