//! Where the cells of a line end, 64 bytes at a time.

/// Bytes that must follow the start of a line, however short it is.
pub(crate) const LOADED: usize = 64;

/// Collects the ends of a line's cells: the positions of its delimiters, and its own end.
///
/// Nothing is collected when fewer than [`LOADED`] bytes follow any part of the line.
pub(crate) fn ends(bytes: &[u8], start: usize, end: usize, delimiter: u8, ends: &mut Vec<usize>) {
    ends.clear();
    let pattern = u64::from_le_bytes([delimiter; 8]);
    let mut at = start;
    while at < end {
        let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<LOADED>()) else {
            ends.clear();
            return;
        };
        let mut found = 0;
        for (i, word) in block.as_chunks::<8>().0.iter().enumerate() {
            found |= matches(u64::from_le_bytes(*word) ^ pattern) << (8 * i);
        }
        if end - at < LOADED {
            found &= (1 << (end - at)) - 1;
        }
        while found != 0 {
            ends.push(at + found.trailing_zeros() as usize);
            found &= found - 1;
        }
        at += LOADED;
    }
    ends.push(end);
}

/// One bit for every byte that is zero (H. S. Warren, "Hacker's Delight", section 6-1), gathered in the lowest byte.
fn matches(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zeros = !(((word & LOW) + LOW) | word | LOW);
    (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn cells_end_where_a_plain_search_finds_delimiters(
            line in proptest::collection::vec(prop_oneof![Just(b','), Just(b'-'), Just(b',' | 0x80), any::<u8>()], 0..300),
            start in 0_usize..20,
        ) {
            let mut bytes = vec![b','; start];
            bytes.extend_from_slice(&line);
            bytes.extend_from_slice(&[b','; LOADED]);
            let end = start + line.len();
            let mut got = Vec::new();
            ends(&bytes, start, end, b',', &mut got);
            let mut want: Vec<usize> = (start..end).filter(|&i| bytes[i] == b',').collect();
            want.push(end);
            prop_assert_eq!(got, want);
        }
    }
}
