//! Numbers from bytes: a fast path for plain decimals, and the full parser behind it.
//!
//! Both give the correctly rounded `f64`: the fast path answers only where one division of two exact
//! numbers gives it (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990).

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// A number; `NaN` and infinities only where they are written out.
    Value(f64),
    /// Nothing, blanks, or a lone `-`.
    Missing,
    /// A number too large for `f64`, such as `1e400`.
    TooLarge,
    /// Something else.
    Bad,
}

/// Powers of ten that `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Powers of ten by which a run of up to eight digits shifts what stands before it.
const SHIFTS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Greatest integer up to which `f64` holds all.
const EXACT: u64 = 1 << 53;

/// The plain decimal at `start`, such as `-12.5`, and the position behind it.
///
/// `None` for anything that needs [`parse`]: exponents, more digits than one exact division takes,
/// blanks, words, or fewer than eight bytes after the digits.
#[inline(always)]
pub(super) fn prefix(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let negative = *bytes.get(start)? == b'-';
    let mut at = start + usize::from(negative);
    let (mut mantissa, mut run) = digits(bytes, at)?;
    if run == 0 {
        return None;
    }
    at += run;
    if run == 8 {
        let (more, count) = digits(bytes, at)?;
        mantissa = mantissa * SHIFTS[count] + more;
        at += count;
        if count == 8 {
            return None;
        }
    }
    let mut fraction = 0;
    if *bytes.get(at)? == b'.' {
        at += 1;
        // At most 15 digits before the point, so that two runs of 8 may overflow u64; the third cannot be exact.
        loop {
            let (more, count);
            (more, count) = digits(bytes, at)?;
            mantissa = mantissa.checked_mul(SHIFTS[count])?.checked_add(more)?;
            at += count;
            fraction += count;
            run = count;
            if run < 8 {
                break;
            }
        }
    }
    if mantissa > EXACT {
        return None;
    }
    let value = mantissa as f64 / POWERS.get(fraction)?;
    Some((if negative { -value } else { value }, at))
}

/// Value and length of the run of decimal digits at `start`, at most eight.
///
/// Eight bytes at once: D. Lemire, "Number parsing at a gigabyte per second", section 3 (2021).
#[inline(always)]
fn digits(bytes: &[u8], start: usize) -> Option<(u64, usize)> {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let chunk = bytes.get(start..)?.first_chunk::<8>()?;
    // Digits become 0 to 9; in every other byte up to the first of them the top bit gets set.
    let chunk = u64::from_le_bytes(*chunk) ^ 0x3030_3030_3030_3030;
    let other = (chunk.wrapping_add(0x7676_7676_7676_7676) | chunk) & 0x8080_8080_8080_8080;
    let count = other.trailing_zeros() / 8;
    // Fill up with zeros in front, then sum pairs, and pairs of pairs.
    let chunk = chunk.unbounded_shl(64 - 8 * count);
    let pairs = chunk.wrapping_mul(10).wrapping_add(chunk >> 8);
    let high = (pairs & PAIRS).wrapping_mul(0x000f_4240_0000_0064);
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(0x0000_2710_0000_0001);
    Some((high.wrapping_add(low) >> 32, count as usize))
}

/// A whole cell, blanks around it allowed; with `port`, hexadecimal such as `0xc0a8` too.
pub(super) fn parse(cell: &[u8], port: bool) -> Cell {
    let cell = cell.trim_ascii();
    if cell.is_empty() || cell == b"-" {
        return Cell::Missing;
    }
    if let Ok(value) = fast_float2::parse::<f64, _>(cell) {
        let spelled = !cell.iter().any(u8::is_ascii_digit);
        return if value.is_infinite() && !spelled { Cell::TooLarge } else { Cell::Value(value) };
    }
    let hexadecimal = cell.strip_prefix(b"0x").filter(|hex| port && hex.iter().all(u8::is_ascii_hexdigit));
    let hexadecimal = hexadecimal.and_then(|hex| std::str::from_utf8(hex).ok());
    match hexadecimal.map(|hex| u32::from_str_radix(hex, 16)) {
        Some(Ok(value)) => Cell::Value(f64::from(value)),
        _ => Cell::Bad,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bits of the fast path, if it answers for the whole text.
    fn fast(text: &str) -> Option<u64> {
        let padded = [text.as_bytes(), b",\0\0\0\0\0\0\0\0"].concat();
        prefix(&padded, 0).filter(|&(_, end)| end == text.len()).map(|(value, _)| value.to_bits())
    }

    #[test]
    fn plain_decimals_take_the_fast_path() {
        for text in ["0", "-0", "7", "-1", "42.", "0.000011", "90909.0902", "4294949667", "25157.23270440252"]
        {
            assert_eq!(fast(text), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
        }
        for text in ["", "-", ".5", "x", "inf", "12345678901234567", "0.12345678901234567890123"] {
            assert_eq!(fast(text), None, "{text}");
        }
    }

    #[test]
    fn the_full_parser_knows_what_is_no_number() {
        let parse = |text: &str| parse(text.as_bytes(), false);
        assert_eq!(parse(""), Cell::Missing);
        assert_eq!(parse("  "), Cell::Missing);
        assert_eq!(parse("-"), Cell::Missing);
        assert_eq!(parse(" 5\r"), Cell::Value(5.0));
        assert_eq!(parse("Infinity"), Cell::Value(f64::INFINITY));
        assert_eq!(parse("-inf"), Cell::Value(f64::NEG_INFINITY));
        assert!(matches!(parse("NaN"), Cell::Value(v) if v.is_nan()));
        assert_eq!(parse("1e400"), Cell::TooLarge);
        assert_eq!(parse("-1e400"), Cell::TooLarge);
        for text in ["1x", "1 2", "0x10", "--1", "1,5", "\0", "1e", "١"] {
            assert_eq!(parse(text), Cell::Bad, "{text:?}");
        }
        assert_eq!(super::parse(b"0xc0a8", true), Cell::Value(49_320.0));
        assert_eq!(super::parse(b"0x", true), Cell::Bad);
        assert_eq!(super::parse(b"0x+5", true), Cell::Bad);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn both_paths_give_the_same_bits(text in "-?[0-9]{1,18}(\\.[0-9]{0,20})?") {
            if let Some(bits) = fast(&text) {
                prop_assert_eq!(bits, text.parse::<f64>().unwrap().to_bits());
                prop_assert_eq!(bits, fast_float2::parse::<f64, _>(&text).unwrap().to_bits());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), start in 0_usize..48) {
            let _ = prefix(&bytes, start);
            let _ = parse(&bytes, true);
        }
    }
}
