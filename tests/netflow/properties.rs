//! Random bytes are read without a panic, and everything is counted.

use std::slice::from_ref;

use proptest::prelude::*;

use super::made::{PLAIN, ipfix, netflow9, plain_record, set, template};
use super::{exporters, push, read};

/// Random bytes after the version of one of the formats.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![Just(vec![0, 5]), Just(vec![0, 9]), Just(vec![0, 10]), Just(vec![0, 0, 0, 5])];
    (version, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(version, rest)| [version, rest].concat())
}

/// Sets with identifiers near the special ones, and with correct or wrong lengths.
fn sets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let id = prop_oneof![0_u16..4, 255_u16..260];
    let one = (id, prop::collection::vec(0_u8..8, 0..60), prop::option::of(any::<u8>())).prop_map(
        |(id, body, lie)| {
            let mut set = set(id, &body);
            if let Some(lie) = lie {
                set[3] = lie;
            }
            set
        },
    );
    prop::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn random_bytes_never_panic(datagrams in prop::collection::vec(datagram(), 1..8)) {
        let (batch, counts) = read(&datagrams);
        prop_assert_eq!(batch.num_rows() as u64, counts.flows);
        prop_assert!(counts.datagrams >= datagrams.len() as u64);
    }

    #[test]
    fn random_sets_never_panic(first in sets(), second in sets()) {
        let mut exporters = exporters();
        push(&mut exporters, &[ipfix(0, 1, &first), netflow9(0, 1, &first)]);
        push(&mut exporters, &[ipfix(0, 1, &second), netflow9(0, 1, &second)]);
        exporters.drop_kept();
        let rows = exporters.rows() as u64;
        let counts = *exporters.counts();
        prop_assert_eq!(rows, counts.flows);
        let others = counts.option_records + counts.records_without_address + counts.firewall_events;
        prop_assert_eq!(counts.records, counts.flows + others);
        prop_assert_eq!(counts.kept_sets, counts.replayed_sets + counts.dropped_sets);
    }

    #[test]
    fn data_gives_the_same_rows_before_and_after_its_template(packets in prop::collection::vec(1_u32..1_000, 1..50)) {
        let records: Vec<u8> = packets.iter().flat_map(|&n| plain_record(n, n * 60)).collect();
        let (head, data) = (set(2, &template(256, &PLAIN)), set(256, &records));
        let (behind, _) = read(&[ipfix(0, 1, from_ref(&head)), ipfix(0, 1, from_ref(&data))]);
        let (before, counts) = read(&[ipfix(0, 1, &[data]), ipfix(0, 1, &[head])]);
        prop_assert_eq!(&behind, &before);
        prop_assert_eq!(behind.num_rows(), packets.len());
        prop_assert_eq!(counts.replayed_sets, 1);
    }
}
