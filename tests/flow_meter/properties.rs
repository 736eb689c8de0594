//! The flow meter and its slow twin agree on random traffic, in every number column of every profile.

use proptest::prelude::*;
use qosguard::telemetry::packets::{Packet, Profile, TcpFlags};

use super::table::{Rows, config, flows, tcp};
use super::twin;

/// Packets of a few flows, with gaps around the timeouts and some decreasing times.
fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let gap = prop_oneof![
        6 => 0_i64..2_000_000_000,
        2 => prop::sample::select(vec![0, 1_000, 1_000_000, 1_000_000_000, 1_000_001_000, 5_000_000_000, 5_000_001_000]),
        1 => 0_i64..130_000_000_000,
        1 => -2_000_000_000_i64..0,
    ];
    let flags = prop_oneof![
        4 => Just(TcpFlags::ACK),
        1 => Just(TcpFlags::SYN),
        1 => Just(TcpFlags::SYN | TcpFlags::ACK),
        1 => Just(TcpFlags::FIN | TcpFlags::ACK),
        1 => any::<u8>(),
    ];
    let sizes = (prop_oneof![Just(0_u32), 1_u32..1_460], prop::sample::select(vec![0_u16, 20, 32, 40]));
    let one = (gap, 0_u8..5, any::<bool>(), flags, sizes, any::<u16>(), any::<u8>());
    prop::collection::vec(one, 1..120).prop_map(|all| {
        let mut time_ns = 1_700_000_000_000_000_000_i64;
        let packet = |(gap, which, back, flags, (payload, header), window, icmp)| {
            time_ns += gap;
            let mut packet = tcp(0.0, back, flags, payload);
            packet.time_ns = time_ns;
            (packet.header_bytes, packet.window) = (header, window);
            match which {
                0 | 1 => (),
                2 => (packet.protocol, packet.tcp_flags) = (17, TcpFlags(0)),
                3 => {
                    (packet.protocol, packet.tcp_flags) = (1, TcpFlags(0));
                    (packet.src_port, packet.dst_port) = (0, 0);
                    (packet.icmp_type, packet.icmp_code) = (icmp, icmp / 2);
                }
                _ => packet.vlan_id = 5,
            }
            packet
        };
        all.into_iter().map(packet).collect()
    })
}

/// Checks every number column of every record, and the order of the records, against the twin.
fn same(rows: &Rows, slow: &[twin::Record], profile: Profile) -> Result<(), TestCaseError> {
    let reasons = rows.texts(if profile == Profile::Nfstream { "end_reason" } else { "End Reason" });
    let expected: Vec<_> = slow.iter().map(|(_, why)| why.clone()).collect();
    prop_assert_eq!(reasons, expected);
    let schema = profile.schema().unwrap();
    let numbers: Vec<_> =
        schema.columns().iter().filter(|c| c.kind == qosguard::telemetry::Kind::Number).collect();
    let known = slow.first().map_or(numbers.len(), |(cells, _)| cells.len());
    prop_assert_eq!(known, numbers.len());
    for column in numbers {
        for (row, (fast, (cells, _))) in rows.numbers(&column.name).iter().zip(slow).enumerate() {
            let slow = cells.get(&column.name);
            prop_assert!(slow.is_some(), "{} is not in the twin", column.name);
            let close = match (fast, slow.unwrap()) {
                (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
                (a, b) => a == b,
            };
            prop_assert!(close, "row {row}, {}: {fast:?}, not {slow:?}", column.name);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_flow_meter_equals_its_twin(packets in packets()) {
        for profile in Profile::ALL {
            let (rows, counts) = flows(&packets, &config(profile));
            same(&rows, &twin::records(&packets, profile), profile)?;
            let backwards = counts.backwards;
            prop_assert!(backwards < packets.len() as u64);
        }
    }

    #[test]
    fn the_batch_size_and_the_hash_key_do_not_change_the_records(packets in packets()) {
        for profile in Profile::ALL {
            let whole = flows(&packets, &config(profile));
            let mut small = config(profile);
            small.batch_rows = 2;
            let cut = flows(&packets, &small);
            prop_assert_eq!(whole.1, cut.1);
            prop_assert_eq!(whole.0.len(), cut.0.len());
            for column in profile.columns() {
                if !column.unit.is_empty() {
                    prop_assert_eq!(whole.0.numbers(column.name), cut.0.numbers(column.name));
                }
            }
            prop_assert_eq!(&whole, &flows(&packets, &config(profile)));
        }
    }
}
