//! Templates that arrive late, change, are withdrawn, or are too many; records that are not flows.

use qosguard::telemetry::netflow::{Exporters, NetflowConfig};

use super::made::{PLAIN, bytes, ipfix, netflow9, plain_record, set, template};
use super::{numbers, push, read};

fn data(packets: u32) -> Vec<u8> {
    set(256, &plain_record(packets, 100))
}

#[test]
fn data_before_its_template_is_kept_and_replayed_in_order() {
    let (batch, counts) = read(&[
        netflow9(1, 1, &[data(1), data(2)]),
        netflow9(1, 2, &[data(9)]),
        netflow9(2, 1, &[data(3)]),
        netflow9(3, 1, &[set(0, &template(256, &PLAIN)), data(4)]),
    ]);
    assert_eq!(numbers(&batch, "packets"), [1, 2, 3, 4].map(|n| Some(f64::from(n))));
    assert_eq!((counts.kept_sets, counts.replayed_sets, counts.dropped_sets), (4, 3, 0));
}

#[test]
fn kept_data_is_bounded_in_number_bytes_and_age() {
    let kept = |config: &NetflowConfig, datagrams: &[Vec<u8>]| {
        let mut exporters = Exporters::new(config).unwrap();
        push(&mut exporters, datagrams);
        push(&mut exporters, &[netflow9(9, 1, &[set(0, &template(256, &PLAIN))])]);
        let batch = exporters.take_batch().unwrap();
        let packets = batch.map_or_else(Vec::new, |batch| numbers(&batch, "packets"));
        let counts = exporters.counts();
        (packets.into_iter().flatten().collect::<Vec<_>>(), counts.dropped_sets, counts.replayed_sets)
    };
    let sets: Vec<_> = (1..=5).map(|n| netflow9(n, 1, &[data(n)])).collect();
    let by_number = NetflowConfig { max_kept_sets: 2, ..NetflowConfig::default() };
    assert_eq!(kept(&by_number, &sets), (vec![4.0, 5.0], 3, 2));
    let by_bytes = NetflowConfig { max_kept_bytes: 21 * 3 + 1, ..NetflowConfig::default() };
    assert_eq!(kept(&by_bytes, &sets), (vec![3.0, 4.0, 5.0], 2, 3));
    let nothing = NetflowConfig { max_kept_sets: 0, ..NetflowConfig::default() };
    assert_eq!(kept(&nothing, &sets), (vec![], 5, 0));
    // The first datagram was sent an hour earlier.
    let mut old = sets.clone();
    old[0][8..12].copy_from_slice(&(super::made::SENT - 3_600).to_be_bytes());
    assert_eq!(kept(&NetflowConfig::default(), &old), (vec![2.0, 3.0, 4.0, 5.0], 1, 4));

    let mut exporters = Exporters::new(&NetflowConfig::default()).unwrap();
    push(&mut exporters, &sets);
    exporters.drop_kept();
    assert_eq!((exporters.counts().kept_sets, exporters.counts().dropped_sets), (5, 5));
}

#[test]
fn one_exporter_cannot_remove_the_data_of_the_others() {
    let config = NetflowConfig { max_kept_sets: 8, ..NetflowConfig::default() };
    let mut exporters = Exporters::new(&config).unwrap();
    let (honest, forger) = ("192.0.2.7".parse().unwrap(), "192.0.2.66".parse().unwrap());
    for n in 1..=3 {
        exporters.push(honest, None, &netflow9(n, 1, &[data(n)]));
    }
    for n in 0..100 {
        exporters.push(forger, None, &netflow9(n, n, &[data(900 + n)]));
    }
    exporters.push(honest, None, &netflow9(4, 1, &[set(0, &template(256, &PLAIN)), data(4)]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_eq!(numbers(&batch, "packets"), [1, 2, 3, 4].map(|n| Some(f64::from(n))));
    let counts = exporters.counts();
    assert_eq!((counts.kept_sets, counts.replayed_sets, counts.dropped_sets), (103, 3, 95));
}

#[test]
fn exporters_and_domains_have_templates_of_their_own() {
    let short = [(8, 4), (12, 4), (2, 1)];
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u8(7).0;
    let mut exporters = Exporters::new(&NetflowConfig::default()).unwrap();
    push(
        &mut exporters,
        &[
            ipfix(0, 1, &[set(2, &template(256, &PLAIN))]),
            ipfix(0, 2, &[set(2, &template(256, &short))]),
            ipfix(0, 1, &[data(1)]),
            ipfix(0, 2, &[set(256, &record)]),
        ],
    );
    exporters.push("2001:db8::9".parse().unwrap(), None, &ipfix(0, 1, &[data(3)]));
    let batch = exporters.take_batch().unwrap().unwrap();
    assert_eq!(numbers(&batch, "packets"), [Some(1.0), Some(7.0)]);
    assert_eq!(exporters.counts().kept_sets, 1);
}

#[test]
fn a_template_may_change_and_be_withdrawn() {
    let short = [(8, 4), (12, 4), (2, 1)];
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u8(7).0;
    let withdraw = |id: u16| set(2, &bytes().u16(id).u16(0).0);
    let (batch, counts) = read(&[
        ipfix(0, 1, &[set(2, &template(256, &PLAIN)), data(1)]),
        ipfix(1, 1, &[set(2, &template(256, &short)), set(256, &record)]),
        ipfix(2, 1, &[withdraw(256), set(256, &record)]),
        ipfix(3, 1, &[set(2, &[template(256, &short), template(257, &short)].concat()), withdraw(2)]),
        ipfix(3, 1, &[set(257, &record)]),
    ]);
    assert_eq!(numbers(&batch, "packets"), [Some(1.0), Some(7.0), Some(7.0)], "one was replayed");
    assert_eq!((counts.withdrawn_templates, counts.kept_sets, counts.replayed_sets), (3, 2, 1));
}

#[test]
fn templates_domains_and_samplers_are_bounded() {
    let config = NetflowConfig {
        max_domains: 2,
        max_templates: 2,
        max_samplers: 1,
        max_fields: 7,
        ..Default::default()
    };
    let mut exporters = Exporters::new(&config).unwrap();
    let one = |id| set(2, &template(id, &PLAIN));
    push(&mut exporters, &[ipfix(0, 1, &[one(256), one(257), one(258)]), ipfix(0, 1, &[data(1)])]);
    assert_eq!(
        (exporters.counts().evicted_templates, exporters.counts().kept_sets),
        (1, 1),
        "template 256 was evicted"
    );
    push(&mut exporters, &[ipfix(0, 2, &[]), ipfix(0, 1, &[]), ipfix(0, 3, &[]), ipfix(0, 1, &[])]);
    assert_eq!(exporters.counts().evicted_domains, 1);
    push(&mut exporters, &[ipfix(0, 1, &[set(258, &plain_record(5, 5))])]);
    assert_eq!(exporters.rows(), 1, "domain 2 was evicted, not domain 1");
    push(&mut exporters, &[ipfix(0, 1, &[set(2, &template(259, &[&PLAIN[..], &[(5, 1)]].concat()))])]);
    assert_eq!(exporters.counts().rejected_templates, 1);
    let samplers = bytes().u16(400).u16(2).u16(1).u16(302).u16(1).u16(34).u16(1).0;
    push(&mut exporters, &[ipfix(0, 1, &[set(3, &samplers), set(400, &[1, 10, 2, 20, 1, 30])])]);
    assert_eq!((exporters.counts().option_records, exporters.counts().ignored_samplers), (3, 1));
    for bad in [
        NetflowConfig { max_domains: 0, ..Default::default() },
        NetflowConfig { batch_rows: 0, ..Default::default() },
        NetflowConfig { keep_s: f64::NAN, ..Default::default() },
    ] {
        assert!(Exporters::new(&bad).is_err());
    }
}

#[test]
fn records_that_are_not_flows_are_counted_by_name() {
    let wireless = set(0, &template(300, &[(365, 6), (366, 4), (1, 8), (2, 8)]));
    let denied = set(0, &template(301, &[(8, 4), (12, 4), (233, 1), (323, 8)]));
    let denied_old = set(0, &template(302, &[(8, 4), (12, 4), (40_005, 1), (323, 8)]));
    let mut exporters = Exporters::new(&NetflowConfig::default()).unwrap();
    push(
        &mut exporters,
        &[netflow9(
            1,
            1,
            &[
                wireless,
                denied,
                denied_old,
                set(300, &[1; 26]),
                set(301, &[1; 17]),
                set(302, &[1; 17]),
                set(200, &[1; 17]),
            ],
        )],
    );
    assert_eq!(exporters.rows(), 0);
    let counts = *exporters.counts();
    assert_eq!((counts.records, counts.records_without_address, counts.firewall_events), (3, 1, 2));
    let report = exporters.report();
    assert_eq!(report.skipped["records_without_address"], 1);
    assert_eq!(report.skipped["firewall_events"], 2);
    assert_eq!(report.skipped["skipped_sets"], 1);
    assert!(!report.skipped.contains_key("flows") && !report.skipped.contains_key("lost_records"));
}
