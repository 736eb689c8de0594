//! The error type of the crate, and its coarse, stable category.

mod details;
mod kind;
mod problem;

use std::fmt;
use std::path::{Path, PathBuf};

pub use kind::ErrorKind;
pub use problem::Problem;

/// Result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A preset with some of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearPreset {
    /// Name of the preset.
    pub name: String,
    /// Number of its columns that were found.
    pub found: usize,
    /// Number of its columns.
    pub columns: usize,
}

impl fmt::Display for NearPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; `{}` has {} of them among its {}", self.name, self.found, self.columns)
    }
}

/// Any error of `qosguard`.
///
/// A message never repeats its `source()`. Join the chain with `": "` to show both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or argument is outside its documented domain.
    #[error("`{path}` {problem}")]
    InvalidArgument {
        /// The setting or argument, such as `experts[1].training.epochs`.
        path: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A matrix or vector has another shape than the model.
    #[error("{what}: expected {expected}, got {got}")]
    ShapeMismatch {
        /// What was counted, such as `feature columns`.
        what: &'static str,
        /// The expected count.
        expected: usize,
        /// The actual count.
        got: usize,
    },
    /// A NaN or an infinity at a known place.
    #[error("row {row}, column `{column}`: {value} is not finite")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column name, or its index if the matrix has no names.
        column: String,
        /// The offending value.
        value: f64,
    },
    /// The columns do not match the schema.
    #[error("{place}: columns do not fit schema `{schema}`: {}", lists(missing, unknown))]
    SchemaMismatch {
        /// File or table.
        place: String,
        /// Name of the given schema, or of the nearest one.
        schema: String,
        /// Columns of the schema that are missing.
        missing: Vec<String>,
        /// Columns that are not in the schema.
        unknown: Vec<String>,
    },
    /// No schema was given, no preset fits the columns, and none can be inferred from them.
    #[error(
        "{place}: no preset fits the columns {}{}; give a schema",
        columns.join(", "),
        nearest.iter().map(ToString::to_string).collect::<String>()
    )]
    NoPreset {
        /// File or table.
        place: String,
        /// The first columns.
        columns: Vec<String>,
        /// The two presets with the most columns in common.
        nearest: Vec<NearPreset>,
    },
    /// A record cannot be read, and reading stops there.
    #[error("{place}{}: {value:?} is not {expected}", within(*line, column))]
    BadRecord {
        /// File or table.
        place: String,
        /// Line, from 1; 0 when the whole file is meant.
        line: u64,
        /// Column name; empty when the whole line is meant.
        column: String,
        /// The offending value, cut to a readable length.
        value: String,
        /// What was expected there.
        expected: String,
    },
    /// Binary input violates its format, and reading stops there.
    #[error("{place}, byte {offset}: {value} is not {expected}")]
    BadBytes {
        /// File or stream.
        place: String,
        /// Offset of the offending bytes.
        offset: u64,
        /// The value there.
        value: String,
        /// What was expected there.
        expected: String,
    },
    /// A file is compressed by another format than gzip, or an archive.
    #[error("{place} is {format}, which is not read directly: {remedy}")]
    Packed {
        /// File or stream.
        place: String,
        /// The format, such as `an xz file`.
        format: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// More records were rejected than the caller allows.
    #[error(
        "{place}: {rejected} of {rows} records rejected, more than the allowed share {allowed}; the first: {first}"
    )]
    TooManyRejected {
        /// File or table.
        place: String,
        /// Rejected records.
        rejected: u64,
        /// Records in total.
        rows: u64,
        /// The allowed share, in `[0, 1]`.
        allowed: f64,
        /// The first rejection as text.
        first: String,
    },
    /// There are too few rows.
    #[error("{what}: needs at least {needed}, got {got}")]
    InsufficientData {
        /// What is short, such as `clean rows`.
        what: String,
        /// The required minimum.
        needed: usize,
        /// The actual count.
        got: usize,
    },
    /// The file was written by a newer release.
    #[error("{}: format {found} is newer than the supported {supported}; upgrade qosguard", path.display())]
    FormatTooNew {
        /// The file.
        path: PathBuf,
        /// Format version of the file.
        found: u32,
        /// Newest format version that this release reads.
        supported: u32,
    },
    /// The file is not an intact guard, detector, checkpoint or ledger.
    #[error("{}: not intact: {reason}", path.display())]
    CorruptArtifact {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line of a ledger was edited, removed or inserted.
    #[error("{}: the chain is broken at line {seq} of the ledger: {reason}", path.display())]
    BrokenLedger {
        /// The file.
        path: PathBuf,
        /// Number of the line in the ledger, over all its files, from 0.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// A QoS policy does not validate.
    #[error("{place}{}: `{path}` {problem}", at_line(*line))]
    Policy {
        /// File, or `policy`.
        place: String,
        /// Line of the field in the text, from 1, or the line where it is missing; `None` for a policy without text.
        line: Option<u64>,
        /// Path of the field, such as `rules[2].ttl_s`.
        path: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Training produced a number that is not finite.
    #[error("{stage}, step {step}: {what} of `{layer}` is not finite; try a smaller learning rate")]
    Diverged {
        /// What was trained, such as `autoencoder`.
        stage: String,
        /// Training steps before it, from 0.
        step: u64,
        /// What was not finite: `loss`, `validation loss`, `gradient` or `weight`.
        what: String,
        /// The first weight that is not finite, or `loss`.
        layer: String,
    },
    /// A [`Monitor`](crate::Monitor) cancelled the work.
    #[error("the work was cancelled")]
    Cancelled,
    /// The tensor library failed, which is a bug of this crate.
    #[error("tensor computation: {reason}")]
    Tensor {
        /// The message of the library.
        reason: String,
    },
    /// This build lacks a cargo feature.
    #[error("{what} needs the cargo feature `{feature}`, which this build of qosguard does not have")]
    Unsupported {
        /// What the call needs, such as `a packet capture`.
        what: String,
        /// The missing feature.
        feature: &'static str,
    },
    /// Reading or writing a file failed.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Maximum number of columns in a message. Further columns are counted.
const MAX_LISTED: usize = 8;

/// The missing and the unknown columns.
fn lists(missing: &[String], unknown: &[String]) -> String {
    match (missing, unknown) {
        ([], []) => "their order or their types differ".into(),
        (missing, []) => format!("missing {}", few(missing)),
        ([], unknown) => format!("unknown {}", few(unknown)),
        (missing, unknown) => format!("missing {}, unknown {}", few(missing), few(unknown)),
    }
}

/// The first of some names, and the number of the others.
pub(crate) fn few(names: &[String]) -> String {
    let listed: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

/// The line and the column of a record, if they are given.
fn within(line: u64, column: &str) -> String {
    let line = if line > 0 { format!(", line {line}") } else { String::new() };
    if column.is_empty() { line } else { format!("{line}, column `{column}`") }
}

impl Error {
    /// The coarse category.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidArgument { .. } => ErrorKind::InvalidArgument,
            Self::ShapeMismatch { .. } => ErrorKind::ShapeMismatch,
            Self::NotFinite { .. } => ErrorKind::NotFinite,
            Self::SchemaMismatch { .. } | Self::NoPreset { .. } => ErrorKind::SchemaMismatch,
            Self::BadRecord { .. }
            | Self::BadBytes { .. }
            | Self::Packed { .. }
            | Self::TooManyRejected { .. } => ErrorKind::BadRecord,
            Self::InsufficientData { .. } => ErrorKind::InsufficientData,
            Self::FormatTooNew { .. } => ErrorKind::IncompatibleFormat,
            Self::CorruptArtifact { .. } | Self::BrokenLedger { .. } => ErrorKind::CorruptArtifact,
            Self::Policy { .. } => ErrorKind::Policy,
            Self::Io { .. } => ErrorKind::Io,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Diverged { .. } | Self::Tensor { .. } => ErrorKind::Training,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// [`Error::InvalidArgument`] for a value outside its domain.
    pub fn invalid(path: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::InvalidArgument { path: path.into(), problem: Problem::out_of_domain(expected, got) }
    }

    /// The same error with its path changed, where it has one: a prefix, or the name that the caller used.
    #[must_use]
    pub fn with_path(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::InvalidArgument { path, problem } => Self::InvalidArgument { path: change(path), problem },
            Self::Policy { place, line, path, problem } => {
                Self::Policy { place, line, path: change(path), problem }
            }
            other => other,
        }
    }

    /// Creates an [`Error::Unsupported`] for a missing cargo feature.
    #[cfg_attr(
        all(
            feature = "netflow",
            feature = "packets",
            feature = "parquet",
            feature = "train",
            feature = "yaml"
        ),
        expect(dead_code, reason = "every feature is there")
    )]
    pub(crate) fn unsupported(what: impl Into<String>, feature: &'static str) -> Self {
        Self::Unsupported { what: what.into(), feature }
    }

    /// Replaces the row of an [`Error::NotFinite`], for errors in a part of a matrix.
    pub(crate) fn at_row(self, row: usize) -> Self {
        match self {
            Self::NotFinite { column, value, .. } => Self::NotFinite { row, column, value },
            other => other,
        }
    }

    /// Creates an [`Error::Io`] with its path.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        if source
            .get_ref()
            .and_then(|inner| inner.downcast_ref())
            .is_some_and(|e| matches!(e, Self::Cancelled))
        {
            return Self::Cancelled;
        }
        Self::Io { path: path.to_path_buf(), source }
    }
}

/// Where in a file, for a message.
fn at_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

#[cfg(feature = "train")]
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor { reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_listed_once() {
        // `Unsupported` is the last variant.
        assert_eq!(ErrorKind::Unsupported as usize + 1, ErrorKind::ALL.len());
        assert!(ErrorKind::ALL.iter().enumerate().all(|(i, &kind)| i == kind as usize));
        let names: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn a_message_has_only_the_known_parts_of_the_place() {
        let record = |line, column: &str| Error::BadRecord {
            place: "a.csv".into(),
            line,
            column: column.into(),
            value: "x".into(),
            expected: "a number".into(),
        };
        assert_eq!(record(3, "bytes").to_string(), "a.csv, line 3, column `bytes`: \"x\" is not a number");
        assert_eq!(record(3, "").to_string(), "a.csv, line 3: \"x\" is not a number");
        assert_eq!(record(0, "").to_string(), "a.csv: \"x\" is not a number");
    }

    #[test]
    fn a_long_list_of_columns_is_cut_and_counted() {
        let names = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>();
        let error = |missing, unknown| {
            Error::SchemaMismatch { place: "a.csv".into(), schema: "flow".into(), missing, unknown }
                .to_string()
        };
        let start = "a.csv: columns do not fit schema `flow`: ";
        assert_eq!(error(names(1), names(2)), format!("{start}missing `c0`, unknown `c0`, `c1`"));
        assert_eq!(error(names(1), vec![]), format!("{start}missing `c0`"));
        let listed = "`c0`, `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7`";
        assert_eq!(error(vec![], names(170)), format!("{start}unknown {listed} and 162 more"));
    }
}
