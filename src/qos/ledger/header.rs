//! The first line of each file of a ledger.

use serde::{Deserialize, Serialize};

use super::outcome::EndedCounts;
use super::time;

/// How every file of a ledger begins.
pub(super) const MAGIC: &[u8] = br#"{"ledger":"qosguard","version":"#;
/// Version of the format.
pub(super) const VERSION: u32 = 1;
/// What takes the place of the hash of a line before the first line.
pub(super) const NO_LINE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) ledger: String,
    pub(super) version: u32,
    /// Number of the file, from 1.
    pub(super) file: u32,
    pub(super) seq: u64,
    /// SHA-256 of the last line of the file before it.
    pub(super) previous: String,
    /// Time of the last record before it.
    #[serde(with = "time::maybe")]
    pub(super) time: Option<i64>,
    /// The clock of the ledger at that record.
    pub(super) elapsed_us: u64,
    /// Number of live decisions, which the next lines repeat.
    pub(super) live: usize,
    /// Decisions that were started, or ended without a start, in the files before it.
    pub(super) decisions: u64,
    /// How they ended.
    pub(super) ended: EndedCounts,
}

impl Header {
    /// The header of the first file.
    pub(super) fn first() -> Self {
        Self {
            ledger: "qosguard".into(),
            version: VERSION,
            file: 1,
            seq: 0,
            previous: NO_LINE.into(),
            time: None,
            elapsed_us: 0,
            live: 0,
            decisions: 0,
            ended: EndedCounts::default(),
        }
    }
}
