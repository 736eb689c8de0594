//! Why a record is rejected: a stable code, and a sentence with what was expected.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a reader rejects a record.
///
/// [`Reason::code`] is stable and counts in [`ReadReport::rejected_by_code`](crate::telemetry::ReadReport::rejected_by_code).
/// `Display` is the sentence for people. In JSON a reason is an object with the key `code` and the fields of its variant.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::Reason;
///
/// let reason = Reason::AboveMaximum { maximum: 65_535.0 };
/// assert_eq!(reason.code(), "above_maximum");
/// assert_eq!(reason.to_string(), "expected at most 65535");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A cell of a number column is not a number.
    NotANumber,
    /// A number does not fit a 64-bit float, such as `1e400`.
    NumberTooLarge,
    /// A number is below the column's minimum.
    BelowMinimum {
        /// The column's minimum.
        minimum: f64,
    },
    /// A number is above the column's maximum.
    AboveMaximum {
        /// The column's maximum.
        maximum: f64,
    },
    /// A port is not a whole number.
    NotWhole,
    /// Text with hexadecimal digits is expected, such as Suricata's TCP flags.
    NotHexadecimal,
    /// A cell of a time column is not a time.
    NotATime {
        /// The column's format, if it has one.
        format: Option<String>,
    },
    /// A time is too far from 1970, or has a unit that puts it there.
    TimeOutOfRange {
        /// The times that are accepted.
        expected: String,
    },
    /// A list or an object is in a column of numbers or text.
    NestedValue,
    /// A text is longer than [`ReadOptions::max_line_bytes`](crate::telemetry::ReadOptions::max_line_bytes).
    TextTooLong {
        /// Bytes that are accepted.
        maximum: usize,
    },
    /// A line is longer than [`ReadOptions::max_line_bytes`](crate::telemetry::ReadOptions::max_line_bytes).
    LineTooLong {
        /// Bytes that are accepted.
        maximum: usize,
    },
    /// The texts of one column in a batch exceed 2 GiB.
    TooMuchText,
    /// A NUL byte is in the text.
    NulByte,
    /// JSON is not UTF-8.
    NotUtf8,
    /// A record has another number of cells than columns.
    WrongCellCount {
        /// Columns of the file.
        expected: usize,
    },
    /// A quoted cell has no closing quote.
    UnclosedQuote,
    /// Text follows the closing quote of a cell.
    TextAfterQuote,
    /// A line is not a JSON object.
    NotJson {
        /// What the parser found.
        problem: String,
    },
    /// A key occurs twice in one JSON object.
    DuplicateKey,
    /// A JSON object has a key that is not a column.
    UnknownKey,
    /// An event has no key for its kind, such as `event_type`.
    NoKind {
        /// The key.
        key: String,
    },
    /// A Zeek record has no `#fields` line above it.
    NoFields,
    /// A `#separator` line of Zeek does not name one byte.
    BadSeparator,
    /// All columns of which a record has at least one are missing.
    NoMeasurement {
        /// Some of the columns.
        columns: Vec<String>,
    },
    /// A row of a series has no entity.
    NoEntity,
    /// Binary data breaks its format.
    Malformed {
        /// What was expected in its place.
        expected: String,
    },
}

impl Reason {
    /// The stable code of the reason, in `snake_case`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotANumber => "not_a_number",
            Self::NumberTooLarge => "number_too_large",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::AboveMaximum { .. } => "above_maximum",
            Self::NotWhole => "not_whole",
            Self::NotHexadecimal => "not_hexadecimal",
            Self::NotATime { .. } => "not_a_time",
            Self::TimeOutOfRange { .. } => "time_out_of_range",
            Self::NestedValue => "nested_value",
            Self::TextTooLong { .. } => "text_too_long",
            Self::LineTooLong { .. } => "line_too_long",
            Self::TooMuchText => "too_much_text",
            Self::NulByte => "nul_byte",
            Self::NotUtf8 => "not_utf8",
            Self::WrongCellCount { .. } => "wrong_cell_count",
            Self::UnclosedQuote => "unclosed_quote",
            Self::TextAfterQuote => "text_after_quote",
            Self::NotJson { .. } => "not_json",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownKey => "unknown_key",
            Self::NoKind { .. } => "no_kind",
            Self::NoFields => "no_fields",
            Self::BadSeparator => "bad_separator",
            Self::NoMeasurement { .. } => "no_measurement",
            Self::NoEntity => "no_entity",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// What was expected, without the value.
    pub(crate) fn expected(&self) -> String {
        let sentence = self.to_string();
        sentence.strip_prefix("expected ").map(str::to_owned).unwrap_or(sentence)
    }

    /// A time outside the accepted ones.
    pub(crate) fn time_out_of_range(expected: &str) -> Self {
        Self::TimeOutOfRange { expected: expected.to_owned() }
    }

    /// A time outside the years that the calendar has.
    pub(crate) fn year_out_of_range() -> Self {
        Self::time_out_of_range("a time of the years -9999 to 9999")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("expected a number"),
            Self::NumberTooLarge => f.write_str("expected a number that fits a 64-bit float"),
            Self::BelowMinimum { minimum } => write!(f, "expected at least {minimum}"),
            Self::AboveMaximum { maximum } => write!(f, "expected at most {maximum}"),
            Self::NotWhole => f.write_str("expected a whole number"),
            Self::NotHexadecimal => f.write_str("expected a hexadecimal number"),
            Self::NotATime { format: Some(format) } => {
                write!(f, "expected a time in the format `{format}` or in ISO 8601")
            }
            Self::NotATime { format: None } => {
                f.write_str("expected a time in ISO 8601 or a number since the epoch")
            }
            Self::TimeOutOfRange { expected } | Self::Malformed { expected } => {
                write!(f, "expected {expected}")
            }
            Self::NestedValue => f.write_str("expected a number or text"),
            Self::TextTooLong { maximum } => write!(f, "expected text of at most {maximum} bytes"),
            Self::LineTooLong { maximum } => write!(f, "expected a line of at most {maximum} bytes"),
            Self::TooMuchText => f.write_str("expected less than 2 GiB of text in a column"),
            Self::NulByte => f.write_str("expected text without NUL bytes"),
            Self::NotUtf8 => f.write_str("expected UTF-8 text"),
            Self::WrongCellCount { expected } => write!(f, "expected {expected} cells"),
            Self::UnclosedQuote => f.write_str("expected a closing quote"),
            Self::TextAfterQuote => f.write_str("expected a delimiter after the closing quote"),
            Self::NotJson { problem } => write!(f, "expected one JSON object on a line: {problem}"),
            Self::DuplicateKey => f.write_str("the key occurs twice"),
            Self::UnknownKey => f.write_str("the table has no column of this name"),
            Self::NoKind { key } => write!(f, "expected a JSON object with the key `{key}`"),
            Self::NoFields => f.write_str("expected a JSON object or a `#fields` line above the record"),
            Self::BadSeparator => f.write_str("expected a separator of one byte"),
            Self::NoMeasurement { columns } => {
                write!(f, "expected a value in at least one of {}", crate::error::few(columns))
            }
            Self::NoEntity => f.write_str("expected the name of an entity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_in_json_is_the_code() {
        for reason in [
            Reason::NotANumber,
            Reason::NumberTooLarge,
            Reason::BelowMinimum { minimum: 0.5 },
            Reason::AboveMaximum { maximum: 1.0 },
            Reason::NotWhole,
            Reason::NotHexadecimal,
            Reason::NotATime { format: None },
            Reason::year_out_of_range(),
            Reason::NestedValue,
            Reason::TextTooLong { maximum: 1 },
            Reason::LineTooLong { maximum: 1 },
            Reason::TooMuchText,
            Reason::NulByte,
            Reason::NotUtf8,
            Reason::WrongCellCount { expected: 2 },
            Reason::UnclosedQuote,
            Reason::TextAfterQuote,
            Reason::NotJson { problem: "EOF".into() },
            Reason::DuplicateKey,
            Reason::UnknownKey,
            Reason::NoKind { key: "event_type".into() },
            Reason::NoFields,
            Reason::BadSeparator,
            Reason::NoMeasurement { columns: vec!["x".into()] },
            Reason::NoEntity,
            Reason::Malformed { expected: "a header".into() },
        ] {
            let json = serde_json::to_value(&reason).unwrap();
            assert_eq!(json["code"], reason.code());
            assert_eq!(serde_json::from_value::<Reason>(json).unwrap(), reason);
        }
    }
}
