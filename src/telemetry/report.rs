//! What a reader did with each record.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// At most this many rejections are kept in words; all are counted.
const KEPT: usize = 100;

/// Why one record was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: u64,
    /// Column name; empty when the whole line is meant.
    pub column: String,
    /// The offending value, cut to 64 characters.
    pub value: String,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column `{}`", self.column)?;
        }
        write!(f, ": {:?} is not {}", self.value, self.expected)
    }
}

/// What a reader read and what it rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadReport {
    /// File or stream.
    pub place: String,
    /// Records accepted.
    pub accepted: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Lines without a single value, which are no records.
    pub blank: u64,
    /// Records of another kind than the reader's, such as the alerts among Suricata's events, by their kind.
    ///
    /// At most 64 kinds have a name of their own; all others are counted as `other`.
    #[serde(default)]
    pub skipped: BTreeMap<String, u64>,
    /// The first rejections, in file order.
    pub rejections: Vec<Rejection>,
}

impl ReadReport {
    /// An empty report for a place.
    pub fn new(place: &str) -> Self {
        Self { place: place.to_owned(), ..Self::default() }
    }

    /// Arrow refused what the readers built; nothing can be said of a line.
    pub(crate) fn arrow_error(&self, error: &arrow::error::ArrowError) -> Error {
        Error::BadRecord {
            place: self.place.clone(),
            line: 0,
            column: String::new(),
            value: error.to_string(),
            expected: "an Arrow table".into(),
        }
    }

    /// Counts a rejection and keeps it if it is among the first.
    pub(crate) fn reject(&mut self, line: u64, column: &str, value: &[u8], expected: &str) {
        self.rejected += 1;
        if self.rejections.len() < KEPT {
            let value = String::from_utf8_lossy(value).chars().take(64).collect();
            self.rejections.push(Rejection { line, column: column.into(), value, expected: expected.into() });
        }
    }

    /// The same report, after more rows were left out.
    pub(super) fn without(&self, left_out: Self) -> Self {
        let mut report = self.clone();
        report.accepted = report.accepted.saturating_sub(left_out.rejected);
        report.rejected += left_out.rejected;
        report.rejections.extend(left_out.rejections);
        report.rejections.truncate(KEPT);
        report
    }
}
