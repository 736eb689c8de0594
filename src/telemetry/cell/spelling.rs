//! Text cells: decoding, and the spellings that are made one.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::telemetry::schema::field::Field;
use crate::telemetry::schema::{Column, Role};

/// What is made one in a text column besides the blanks around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Nothing, in texts that are times.
    AsIs,
    /// Numbers and booleans have one spelling each: `443.0` and `+443` are `443`; `true` and `False` are `1` and `0`.
    Word,
    /// Protocols become lower-case names: `TCP`, `6` and `6.0` are `tcp`.
    Protocol,
    /// Labels and families are words that lose a dot at the end, and whose broken dashes become `-`.
    Truth,
}

impl Spelling {
    /// The spelling rule of a text column.
    pub(crate) fn of(column: &Column) -> Self {
        match (column.role, column.field) {
            (Role::Label | Role::Family, _) => Self::Truth,
            (_, Some(Field::Protocol)) => Self::Protocol,
            (Role::Time, _) => Self::AsIs,
            _ => Self::Word,
        }
    }

    /// The text of a cell, in UTF-8; empty when there is none.
    #[inline]
    pub(crate) fn read(self, cell: &[u8]) -> Cow<'_, [u8]> {
        let cell = cell.trim_ascii();
        let spelt = match (self, cell.first()) {
            (Self::AsIs, _) => cell.is_ascii(),
            (Self::Word, _) => cell.is_ascii() && word(cell).is_none(),
            (Self::Truth, _) => cell.is_ascii() && !cell.ends_with(b".") && word(cell).is_none(),
            (Self::Protocol, Some(b'a'..=b'z')) => {
                cell.iter().all(|b| b.is_ascii() && !b.is_ascii_uppercase())
            }
            (Self::Protocol, _) => false,
        };
        if spelt {
            return Cow::Borrowed(cell);
        }
        let text = match self {
            Self::AsIs => decode(cell),
            Self::Word => word(cell).unwrap_or_else(|| decode(cell)),
            Self::Protocol => protocol(decode(cell)),
            Self::Truth => word(cell).unwrap_or_else(|| truth(decode(cell))),
        };
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

/// The one spelling of a boolean or of a decimal number; `None` for any other cell, and for one that has it.
///
/// A number with a zero in front, such as `007`, is an identifier and stays as it is.
fn word(cell: &[u8]) -> Option<Cow<'_, str>> {
    match cell.first()? {
        b't' | b'T' => cell.eq_ignore_ascii_case(b"true").then_some(Cow::Borrowed("1")),
        b'f' | b'F' => cell.eq_ignore_ascii_case(b"false").then_some(Cow::Borrowed("0")),
        b'0'..=b'9' | b'-' | b'.' => whole(cell).or_else(|| decimal(cell)),
        b'+' => {
            let number = cell.get(1..).filter(|number| is_number(number))?;
            word(number).or_else(|| std::str::from_utf8(number).ok().map(Cow::Borrowed))
        }
        _ => None,
    }
}

/// The spelling that the readers give a category.
pub(crate) fn category(text: &str) -> Cow<'_, str> {
    word(text.as_bytes()).unwrap_or(Cow::Borrowed(text))
}

/// `443` for `443.0`, `0` for `-0`.
fn whole(cell: &[u8]) -> Option<Cow<'_, str>> {
    if cell == b"-0" {
        return Some(Cow::Borrowed("0"));
    }
    let mut number = cell.strip_suffix(b"0")?;
    while let Some(shorter) = number.strip_suffix(b"0") {
        number = shorter;
    }
    let number = number.strip_suffix(b".")?;
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits == b"0" {
        return Some(Cow::Borrowed("0"));
    }
    std::str::from_utf8(number).ok().map(Cow::Borrowed)
}

/// `0.5` for `0.50`, `1000` for `1e3`: the shortest text of a number with a fraction or an exponent.
fn decimal(cell: &[u8]) -> Option<Cow<'_, str>> {
    let number = cell.strip_prefix(b"-").unwrap_or(cell);
    if number.iter().all(u8::is_ascii_digit) || !is_number(number) {
        return None;
    }
    let value: f64 = fast_float2::parse(cell).ok().filter(|value: &f64| value.is_finite())?;
    let mut text = String::new();
    push_number(&mut text, value);
    (text.as_bytes() != cell).then_some(Cow::Owned(text))
}

/// Whether these bytes are a decimal number without a sign and without a zero in front, with an exponent of at most three
/// digits if any.
fn is_number(number: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let exponent_at = number.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = number.split_at(exponent_at.unwrap_or(number.len()));
    if let [_, exponent @ ..] = exponent {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        if !(1..=3).contains(&exponent.len()) || !digits(exponent) {
            return false;
        }
    }
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let is_identifier = whole.len() > 1 && whole.starts_with(b"0");
    !is_identifier && digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0
}

/// Appends the one spelling of a number as a category; nothing for NaN, which is a missing value.
pub(crate) fn push_number(out: &mut String, value: f64) {
    // 0 for both zeros.
    if value == 0.0 {
        out.push('0');
    } else if !value.is_nan() {
        out.push_str(&value.to_string());
    }
}

/// Appends a number that is written out, without zeros at the end of its fraction.
pub(crate) fn push_decimal(out: &mut String, number: &str) {
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    match number {
        "-0" => out.push('0'),
        "NaN" => {}
        _ => out.push_str(number),
    }
}

/// What data sets write as the label of a record that was not classified.
const UNKNOWN: [&str; 9] =
    ["unknown", "unlabeled", "unlabelled", "no label", "nolabel", "needmanuallabel", "n/a", "?", "-"];

/// Whether a label means that the truth is not known.
pub(crate) fn is_unknown(label: &str) -> bool {
    let label = label.trim();
    UNKNOWN.iter().any(|unknown| label.eq_ignore_ascii_case(unknown))
}

/// UTF-8, or else Latin-1, in which every byte is a character and none is lost.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    }
}

/// What the dash of `Web Attack – XSS` became in public copies: the replacement character and the
/// Windows-1252 dash, each also read as Latin-1 once more, and the dashes themselves.
const DASHES: [&str; 8] = [
    "\u{ef}\u{bf}\u{bd}",
    "\u{e2}\u{20ac}\u{201c}",
    "\u{c2}\u{96}",
    "\u{fffd}",
    "\u{96}",
    "\u{97}",
    "–",
    "—",
];

/// A label without the dot at its end and without broken dashes.
fn truth(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut text = text.into_owned();
    for dash in DASHES {
        text = text.replace(dash, "-");
    }
    Cow::Owned(text.trim_end_matches('.').to_owned())
}

/// A protocol's lower-case name.
fn protocol(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '+') {
        let number = category(&text);
        return match number.parse().ok().and_then(protocol_name) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(number.to_ascii_lowercase()),
        };
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    text
}

/// Keyword of the IANA "Assigned Internet Protocol Numbers" registry, in lower case.
pub(crate) fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "hopopt",
        1 => "icmp",
        2 => "igmp",
        4 => "ipv4",
        6 => "tcp",
        8 => "egp",
        9 => "igp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        43 => "ipv6-route",
        44 => "ipv6-frag",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        59 => "ipv6-nonxt",
        60 => "ipv6-opts",
        88 => "eigrp",
        89 => "ospf",
        94 => "ipip",
        103 => "pim",
        108 => "ipcomp",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        137 => "mpls-in-ip",
        _ => return None,
    })
}

/// A protocol's number, from its name or its digits.
pub(crate) fn protocol_number(text: &str) -> Option<u8> {
    static NAMES: LazyLock<Vec<(u8, &str)>> =
        LazyLock::new(|| (0..=u8::MAX).filter_map(|number| Some((number, protocol_name(number)?))).collect());
    let text = protocol(Cow::Borrowed(text));
    let number = NAMES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
    number.or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_become_lower_case_names() {
        for (cell, name) in [("TCP", "tcp"), ("6", "tcp"), ("17.0", "udp"), (" icmp ", "icmp"), ("1", "icmp")]
        {
            assert_eq!(*Spelling::Protocol.read(cell.as_bytes()), *name.as_bytes());
        }
        assert_eq!(*Spelling::Protocol.read(b"253.0"), *b"253");
        assert_eq!(*Spelling::Protocol.read(b"+6.00"), *b"tcp");
        for unknown in ["3pc", "253", "6.5", "1000", "-"] {
            assert_eq!(*Spelling::Protocol.read(unknown.as_bytes()), *unknown.as_bytes());
        }
    }

    #[test]
    fn a_number_and_a_boolean_have_one_spelling() {
        for (cell, text) in [
            ("443", "443"),
            ("443.0", "443"),
            ("443.00", "443"),
            ("-1.0", "-1"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("True", "1"),
            ("false", "0"),
            ("1e+16", "10000000000000000"),
            ("1e-05", "0.00001"),
            ("100", "100"),
            ("10.0.0.0", "10.0.0.0"),
            ("2.10", "2.1"),
            ("443.50", "443.5"),
            ("0.50", "0.5"),
            ("0.5", "0.5"),
            ("-12.250", "-12.25"),
            (".5", "0.5"),
            ("5.", "5"),
            ("12e4", "120000"),
            ("1e3", "1000"),
            ("1.5E-05", "0.000015"),
            ("0.1000000000000000055", "0.1"),
            ("+443", "443"),
            ("+443.0", "443"),
            ("+0.5", "0.5"),
            ("+.50", "0.5"),
            ("007", "007"),
            ("+007", "+007"),
            ("007.5", "007.5"),
            ("00.5", "00.5"),
            ("+", "+"),
            ("++1", "++1"),
            ("+x", "+x"),
            (".", "."),
            ("-", "-"),
            ("-.", "-."),
            ("e3", "e3"),
            (".e3", ".e3"),
            ("1e", "1e"),
            ("1e+", "1e+"),
            ("1e1000", "1e1000"),
            ("1e999", "1e999"),
            ("1.2.3", "1.2.3"),
            ("1-2", "1-2"),
            ("-.0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("truth", "truth"),
        ] {
            assert_eq!(*Spelling::Word.read(cell.as_bytes()), *text.as_bytes(), "{cell}");
            assert_eq!(*Spelling::AsIs.read(cell.as_bytes()), *cell.as_bytes(), "{cell}");
        }
        assert_eq!(*Spelling::Truth.read(b"False"), *b"0");
    }

    #[test]
    fn every_broken_dash_of_a_label_becomes_the_same() {
        let spellings: [&[u8]; 6] = [
            b"Web Attack \x96 XSS",
            "Web Attack \u{96} XSS".as_bytes(),
            "Web Attack \u{fffd} XSS".as_bytes(),
            "Web Attack ï¿½ XSS".as_bytes(),
            "Web Attack – XSS".as_bytes(),
            b"Web Attack - XSS",
        ];
        for cell in spellings {
            assert_eq!(*Spelling::Truth.read(cell), *b"Web Attack - XSS", "{cell:?}");
        }
        assert_eq!(*Spelling::Truth.read(b" neptune."), *b"neptune");
        assert_eq!(*Spelling::Truth.read(b" Fuzzers"), *b"Fuzzers");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_latin_1() {
        assert_eq!(*Spelling::AsIs.read(b"caf\xe9"), *"café".as_bytes());
        assert_eq!(*Spelling::AsIs.read("café".as_bytes()), *"café".as_bytes());
    }
}
