//! Numbers from bytes: a fast path for plain decimals, and the full parser behind it.
//!
//! Both give the correctly rounded `f64`: the fast path answers only where one division of two exact
//! numbers gives it (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990).

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
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

/// Greatest integer up to which `f64` holds all.
const EXACT: i64 = 1 << 53;

/// Bytes that [`decimal`] loads from the start of a cell, however short.
pub(crate) const LOADED: usize = 17;

/// The plain decimal that fills `bytes[start..end]`, such as `-12.5`.
///
/// `None` for anything that needs [`parse`], such as blanks and words, and where fewer than [`LOADED`] bytes
/// follow the start.
#[inline]
pub(crate) fn decimal(bytes: &[u8], start: usize, end: usize) -> Option<f64> {
    let loaded = bytes.get(start..)?.first_chunk::<LOADED>()?;
    let length = end.wrapping_sub(start);
    // More than every second number of a flow table is a single digit.
    if length == 1 && loaded[0].is_ascii_digit() {
        return Some(f64::from(loaded[0] - b'0'));
    }
    let negative = loaded[0] == b'-';
    let digits = if negative { loaded.last_chunk() } else { loaded.first_chunk() };
    match unsigned(digits?, length.wrapping_sub(usize::from(negative))) {
        Some(value) => Some(if negative { -value } else { value }),
        None => long(bytes.get(start..end)?),
    }
}

/// Any finite number without blanks around it.
#[inline(never)]
fn long(cell: &[u8]) -> Option<f64> {
    fast_float2::parse(cell).ok().filter(|value: &f64| value.is_finite())
}

/// The decimal without a sign in the first `length` bytes, if one exact division gives it.
///
/// Eight bytes at once: D. Lemire, "Number parsing at a gigabyte per second", section 3 (2021).
#[inline]
fn unsigned(bytes: &[u8; 16], length: usize) -> Option<f64> {
    match length {
        1..=8 => {
            // The digits are in the upper bytes, zeros below.
            let word = (u64::from_le_bytes(*bytes.first_chunk()?) ^ ZEROS) << (64 - 8 * length);
            let other = not_digits(word);
            if other == 0 {
                return Some(eight(word) as f64);
            }
            let before = word & ((other >> 7) - 1);
            let after = word & !(other | (other - 1));
            let point = (other >> 7).wrapping_mul(POINT);
            if !other.is_power_of_two() || before | after | point != word || length == 1 {
                return None;
            }
            let places = 7 - other.trailing_zeros() / 8;
            Some(eight(before << 8 | after) as f64 / POWERS.get(places as usize)?)
        }
        9..=16 => {
            let zeros = u128::from(ZEROS) << 64 | u128::from(ZEROS);
            let word = (u128::from_le_bytes(*bytes) ^ zeros) << (128 - 8 * length);
            let other =
                u128::from(not_digits((word >> 64) as u64)) << 64 | u128::from(not_digits(word as u64));
            let (digits, places) = if other == 0 {
                (word, 0)
            } else {
                let before = word & ((other >> 7) - 1);
                let after = word & !(other | (other - 1));
                let point = (other >> 7).wrapping_mul(u128::from(POINT));
                if !other.is_power_of_two() || before | after | point != word {
                    return None;
                }
                (before << 8 | after, 15 - other.trailing_zeros() / 8)
            };
            let mantissa = eight(digits as u64) * 100_000_000 + eight((digits >> 64) as u64);
            (mantissa <= EXACT).then_some(mantissa as f64 / POWERS.get(places as usize)?)
        }
        _ => None,
    }
}

/// Eight times `0`, and a point; both as they are loaded, the point with a `0` taken off.
const ZEROS: u64 = 0x3030_3030_3030_3030;
const POINT: u64 = (b'.' ^ b'0') as u64;

/// The top bit of every byte that is not a digit; bytes after the first of them may be wrong.
#[inline]
fn not_digits(word: u64) -> u64 {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}

/// The number of eight digits, the first in the lowest byte.
#[inline]
fn eight(digits: u64) -> i64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & PAIRS).wrapping_mul(0x000f_4240_0000_0064);
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(0x0000_2710_0000_0001);
    (high.wrapping_add(low) >> 32).cast_signed()
}

/// A whole cell, blanks around it allowed; with `port`, hexadecimal such as `0xc0a8` too.
pub(crate) fn parse(cell: &[u8], port: bool) -> Cell {
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
        // As JSON's and Arrow's booleans; pandas writes `True`.
        _ if cell.eq_ignore_ascii_case(b"true") => Cell::Value(1.0),
        _ if cell.eq_ignore_ascii_case(b"false") => Cell::Value(0.0),
        _ => Cell::Bad,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bits of the fast path, with something else behind the cell.
    fn fast(text: &str) -> Option<u64> {
        let padded = [text.as_bytes(), b",7.5,-0,123456789012345"].concat();
        decimal(&padded, 0, text.len()).map(f64::to_bits)
    }

    #[test]
    fn plain_decimals_take_the_fast_path() {
        for text in [
            "0",
            "-0",
            "7",
            "-1",
            "42.",
            ".5",
            "0.000011",
            "90909.0902",
            "4294949667",
            "25157.23270440252",
            "12345678",
            "123456789",
            "1234567890123456",
            "-123456.7",
            "00000000.0000001",
            "9007199254740993",
        ] {
            assert_eq!(fast(text), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
        }
        for text in
            ["", "-", ".", "-.", "x", "1.2.3", "1..", "--1", "1-", "+-1", "inf", "1x345678", "1\u{e9}3"]
        {
            assert_eq!(fast(text), None, "{text}");
        }
    }

    #[test]
    fn the_full_parser_rejects_what_is_not_a_number() {
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
            prop_assert_eq!(fast(&text), Some(text.parse::<f64>().unwrap().to_bits()));
        }

        /// Where the fast path answers, it answers as the full parser does.
        #[test]
        fn no_other_text_is_taken_for_a_number(text in "[-+.0-9eE,xé/:]{0,20}") {
            if let Some(bits) = fast(&text) {
                prop_assert_eq!(parse(text.as_bytes(), false), Cell::Value(f64::from_bits(bits)));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), start in 0_usize..48, end in 0_usize..48) {
            let _ = decimal(&bytes, start, end);
            let _ = parse(&bytes, true);
        }
    }
}
