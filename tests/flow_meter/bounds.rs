//! The memory of the flow table is bounded for any traffic.
#![allow(unsafe_code, reason = "an allocator that counts is the only way to see an allocation")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use qosguard::telemetry::packets::{FlowMeterConfig, FlowTable, Packet, Profile};

use super::table::{ACK, SYN, config, flows, tcp, udp};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add_unsigned(layout.size()));
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller guarantees the contract of the allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub_unsigned(layout.size()));
        // SAFETY: the caller guarantees the contract of the allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A packet of the `i`-th short flow, in either direction.
fn churn(i: u32, seconds: f64, back: bool) -> Packet {
    let mut packet = if i.is_multiple_of(3) {
        udp(seconds, back, 60)
    } else {
        tcp(seconds, back, [SYN, SYN | ACK][usize::from(back)], 0)
    };
    let client = if back { &mut packet.dst } else { &mut packet.src };
    client[8..12].copy_from_slice(&i.to_be_bytes());
    packet.ip_version = 6;
    packet
}

#[test]
fn memory_is_bounded_and_every_flow_is_counted() {
    const FLOWS: u32 = 300_000;
    for profile in Profile::ALL {
        let config = FlowMeterConfig { max_flows: 10_000, batch_rows: 4_096, ..config(profile) };
        let before = HELD.get();
        let (mut rows, mut most, mut early) = (0, 0, 0);
        let mut table = FlowTable::new(&config).unwrap();
        for i in 0..FLOWS {
            let seconds = f64::from(i) * 0.00036;
            table.push(&churn(i, seconds, false));
            table.push(&churn(i, seconds, true));
            while let Some(batch) = table.take_batch().unwrap() {
                rows += batch.num_rows() as u64;
            }
            most = most.max(HELD.get() - before);
            if i == FLOWS / 10 {
                early = most;
            }
        }
        assert_eq!(table.held(), 10_000);
        table.finish();
        while let Some(batch) = table.take_batch().unwrap() {
            rows += batch.num_rows() as u64;
        }
        let counts = table.counts();
        assert!(most - early < 1 << 20, "{most} bytes after {early}");
        assert!(most < 32 << 20, "{most}");
        assert_eq!((counts.started, counts.evicted, counts.end), (300_000, 290_000, 10_000));
        assert_eq!((rows, counts.max_held), (300_000, 10_000));
    }
}

#[test]
fn a_full_table_ends_the_flow_that_is_idle_for_longest() {
    let config = FlowMeterConfig { max_flows: 2, ..config(Profile::Nfstream) };
    let from = |port: u16, seconds: f64| {
        let mut packet = udp(seconds, false, 1);
        packet.src_port = port;
        packet
    };
    let (rows, counts) =
        flows(&[from(1, 0.0), from(2, 1.0), from(1, 2.0), from(3, 3.0), from(4, 4.0)], &config);
    assert_eq!(rows.all("src_port"), [2.0, 1.0, 3.0, 4.0]);
    assert_eq!(rows.texts("end_reason"), ["evicted", "evicted", "end", "end"]);
    assert_eq!(rows.all("expiration_id"), [-1.0, -1.0, 0.0, 0.0]);
    assert_eq!((counts.evicted, counts.max_held), (2, 2));
}

#[test]
fn a_full_table_removes_idle_connections_before_open_flows() {
    let config = FlowMeterConfig { max_flows: 2, ..config(Profile::Cic) };
    let mut other = udp(200.0, false, 1);
    other.src_port = 1;
    let mut third = other;
    (third.src_port, third.time_ns) = (2, 201_000_000_000);
    let packets =
        [tcp(0.0, false, SYN, 0), tcp(0.1, true, SYN | ACK, 0), other, third, tcp(250.0, true, ACK, 0)];
    let (rows, counts) = flows(&packets, &config);
    assert_eq!((counts.forgotten, counts.evicted, counts.idle), (1, 1, 1));
    assert_eq!(rows.texts("End Reason"), ["idle", "evicted", "end", "end"]);
}

#[test]
fn a_packet_of_an_open_flow_allocates_nothing() {
    for profile in Profile::ALL {
        let mut table = FlowTable::new(&config(profile)).unwrap();
        table.push(&tcp(0.0, false, SYN, 0));
        let before = ALLOCATIONS.get();
        for i in 0..1_000_u32 {
            table.push(&tcp(f64::from(i) * 0.01, i % 2 == 0, ACK, i));
        }
        assert_eq!(ALLOCATIONS.get(), before);
    }
}
