//! The times that loggers write, as seconds since the epoch, without a general parser.

/// Seconds since the Unix epoch of a time such as `2021-06-06T15:57:37.272281+0200`, correctly rounded.
///
/// `None` for all but a four-digit year, at most six decimals, and `Z`, `+0200` or `+02:00`: the general parser reads
/// other times.
pub(crate) fn seconds(cell: &[u8]) -> Option<f64> {
    let (head, tail) = cell.split_first_chunk::<19>()?;
    let punctuation = [head[4], head[7], head[10], head[13], head[16]];
    if punctuation != *b"--T::" {
        return None;
    }
    let year = digits(&head[..4])?;
    let (month, day) = (digits(&head[5..7])?, digits(&head[8..10])?);
    let (hour, minute, second) = (digits(&head[11..13])?, digits(&head[14..16])?, digits(&head[17..])?);
    let (micros, offset) = match tail.split_first() {
        Some((b'.', rest)) => {
            let places = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (decimals, offset) = rest.split_at_checked(places)?;
            let unit = 10_i64.pow(6_u32.checked_sub(u32::try_from(places).ok()?)?);
            (if places == 0 { return None } else { digits(decimals)? * unit }, offset)
        }
        _ => (0, tail),
    };
    let east = match offset {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] | [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let east = (hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60)?;
            if *sign == b'-' { -east } else { east }
        }
        _ => return None,
    };
    if !(1..=12).contains(&month)
        || day < 1
        || day > days(year, month)
        || hour > 23
        || minute > 59
        // A leap second is the first second of the next minute, as in POSIX.
        || second > 60
    {
        return None;
    }
    let seconds = since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - east;
    Some((seconds * 1_000_000 + micros) as f64 / 1e6)
}

/// The number of some digits and nothing else; at most six are asked for.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, b| b.is_ascii_digit().then(|| number * 10 + i64::from(b - b'0')))
}

fn days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March (H. Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`).
fn since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_move_the_clock() {
        assert_eq!(seconds(b"1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds(b"1970-01-01T02:00:00.5+0200"), Some(0.5));
        assert_eq!(seconds(b"1969-12-31T19:00:00-05:00"), Some(0.0));
        assert_eq!(seconds(b"2021-06-06T15:57:37.272281+0200"), Some(1_622_987_857.272_281));
    }

    #[test]
    fn other_times_are_left_to_the_general_parser() {
        for text in [
            "",
            "2021-06-06",
            "2021-06-06T15:57:37",
            "2021-06-06T15:57:37.272281",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:00:00+25:00",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00.1234567Z",
            "2021-01-01T00:00:00Zx",
            "99999-01-01T00:00:00Z",
            "2021-01-01T00:00:00\u{e9}",
        ] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// The fast path reads a time as jiff does, and rejects what jiff rejects.
        #[test]
        fn the_calendar_is_the_same_as_in_jiff(
            year in 0_u32..10_000, month in 0_u32..14, day in 0_u32..33, hour in 0_u32..25, minute in 0_u32..61,
            second in 0_u32..60, decimals in "(\\.[0-9]{1,6})?", offset in "Z|[+-](0[0-9]|1[0-4])(:?)[0-5][0-9]",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{decimals}{offset}");
            let oracle = text.parse::<Timestamp>().ok().map(|t| t.as_microsecond() as f64 / 1e6);
            // The range of jiff ends one day before the year 10000.
            if (2..9_998).contains(&year) {
                prop_assert_eq!(seconds(text.as_bytes()), oracle, "{}", text);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[-0-9T:.+Z]{0,35}") {
            let _ = seconds(&bytes);
            let _ = seconds(text.as_bytes());
        }
    }
}
