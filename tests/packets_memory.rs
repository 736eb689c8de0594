//! Reading a stream of packets takes a bounded amount of memory, whatever the lengths in it.
#![cfg(feature = "packets")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "an allocator that counts is the only way to see an allocation")]

mod public_data;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Read;

use qosguard::telemetry::packets::{DecodeOptions, PacketReader};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size().cast_signed());
        MOST.set(MOST.get().max(HELD.get()));
        // SAFETY: the caller guarantees the contract of the allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size().cast_signed());
        // SAFETY: the caller guarantees the contract of the allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum memory for reading a capture to its end or to an error, bytes.
fn peak(read: impl Read + Send) -> isize {
    let before = HELD.get();
    MOST.set(before);
    if let Ok(reader) = PacketReader::new(read, "stream", &DecodeOptions::default()) {
        for packet in reader {
            std::hint::black_box(&packet);
        }
    }
    MOST.get() - before
}

const FEW_MIB: isize = 4 << 20;

#[test]
fn wrong_lengths_take_no_memory() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let section = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    let pcap = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, u32::MAX, 1]);
    for (head, endless) in [
        (section.clone(), words(&[0x0bad, 0xe000_0000])),
        (section.clone(), words(&[6, 0xe000_0000])),
        (section, words(&[1, 20, 1, 0, 20]).repeat(70_000)), // many interfaces
        (pcap.clone(), words(&[0, 0, 0xe000_0000, 0xe000_0000])),
        (pcap, words(&[0, 0, 262_144, 262_144])),
    ] {
        let bytes = [head, endless].concat();
        let taken = peak(bytes.chain(std::io::repeat(0).take(64 << 20)));
        assert!(taken > 0 && taken < FEW_MIB, "{taken}");
    }
}

#[test]
fn malformed_captures_take_no_memory() {
    for path in public_data::files("packets/malformed") {
        let taken = peak(std::fs::File::open(&path).unwrap());
        assert!(taken > 0 && taken < FEW_MIB, "{}: {taken}", path.display());
    }
}
