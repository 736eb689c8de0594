//! One error type for the whole crate, and its coarse, stable category.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Stable, coarse category of an [`Error`].
///
/// The string of [`ErrorKind::as_str`] is the Python exception's `kind` and the
/// JavaScript error's `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or argument is outside its documented domain.
    InvalidArgument,
    /// A matrix or vector has another shape than the model.
    ShapeMismatch,
    /// A NaN or an infinity where a number is needed.
    NotFinite,
    /// The columns are not those of the schema.
    SchemaMismatch,
    /// A file holds records that cannot be read.
    BadRecord,
    /// There are too few rows (or classes) to do what was asked.
    InsufficientData,
    /// The file was written by a newer release.
    IncompatibleFormat,
    /// The file is not an intact guard or detector.
    CorruptArtifact,
    /// A QoS policy does not validate.
    Policy,
    /// The operating system refused a read or a write.
    Io,
    /// A training ran away, or a tensor library refused a step.
    Training,
    /// The work was cancelled.
    Cancelled,
    /// This build lacks the cargo feature that the call needs.
    Unsupported,
}

impl ErrorKind {
    /// The category as a stable string.
    ///
    /// ```
    /// assert_eq!(qosguard::ErrorKind::ShapeMismatch.as_str(), "shape_mismatch");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::ShapeMismatch => "shape_mismatch",
            Self::NotFinite => "not_finite",
            Self::SchemaMismatch => "schema_mismatch",
            Self::BadRecord => "bad_record",
            Self::InsufficientData => "insufficient_data",
            Self::IncompatibleFormat => "incompatible_format",
            Self::CorruptArtifact => "corrupt_artifact",
            Self::Policy => "policy",
            Self::Io => "io",
            Self::Training => "training",
            Self::Cancelled => "cancelled",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A preset that knows some of the columns that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearPreset {
    /// Its name.
    pub name: String,
    /// How many of its columns are there.
    pub found: usize,
    /// How many columns it has.
    pub columns: usize,
}

impl fmt::Display for NearPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; `{}` has {} of them among its {}", self.name, self.found, self.columns)
    }
}

/// Everything that can go wrong in `qosguard`.
///
/// A message never repeats its `source()`; join the chain with `": "` to show both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or argument is outside its documented domain.
    #[error("`{name}` must be {expected}, got {got}")]
    InvalidArgument {
        /// The argument, as the caller wrote it.
        name: String,
        /// What would have been accepted.
        expected: String,
        /// What came instead.
        got: String,
    },
    /// A matrix or vector has another shape than the model.
    #[error("{what}: expected {expected}, got {got}")]
    ShapeMismatch {
        /// What was counted, such as `feature columns`.
        what: &'static str,
        /// The count that the model needs.
        expected: usize,
        /// The count that came.
        got: usize,
    },
    /// A NaN or an infinity at a known place.
    #[error("row {row}, column `{column}`: {value} is not finite")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column name, or its index where the matrix has no names.
        column: String,
        /// The offending value.
        value: f64,
    },
    /// The columns are not those of the schema.
    #[error("{place}: columns do not fit schema `{schema}`: {}", lists(missing, unknown))]
    SchemaMismatch {
        /// File or table.
        place: String,
        /// Name of the schema that was asked for, or the nearest one.
        schema: String,
        /// Columns of the schema that are not there.
        missing: Vec<String>,
        /// Columns that the schema does not know.
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
        /// The first of the columns that are there.
        columns: Vec<String>,
        /// The two presets that know the most of the columns.
        nearest: Vec<NearPreset>,
    },
    /// One record cannot be read and nothing after it can be trusted.
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
    /// Binary input breaks its format and nothing after it can be trusted.
    #[error("{place}, byte {offset}: {value} is not {expected}")]
    BadBytes {
        /// File or stream.
        place: String,
        /// Bytes before the offending ones.
        offset: u64,
        /// What stands there.
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
        /// Records read in all.
        rows: u64,
        /// The allowed share, in `[0, 1]`.
        allowed: f64,
        /// The first rejection, in words.
        first: String,
    },
    /// There are too few rows to do what was asked.
    #[error("{what}: needs at least {needed}, got {got}")]
    InsufficientData {
        /// What is short, such as `clean rows`.
        what: String,
        /// The least that would do.
        needed: usize,
        /// What there is.
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
    /// The file is not an intact guard or detector.
    #[error("{}: not intact: {reason}", path.display())]
    CorruptArtifact {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// A QoS policy does not validate.
    #[error("{place}{}: `{field}` must be {expected}, got {got}", at_line(*line))]
    Policy {
        /// File, or `policy`.
        place: String,
        /// Line of the field in the text, from 1, or of what lacks it; `None` for a policy that is not read from text.
        line: Option<u64>,
        /// Path of the field, such as `rules[2].ttl_s`.
        field: String,
        /// What would have been accepted.
        expected: String,
        /// What came instead.
        got: String,
    },
    /// A training came to numbers that are not finite.
    #[error("{stage}, step {step}: {what} of `{layer}` is not finite; try a smaller learning rate")]
    Diverged {
        /// What was trained, such as `autoencoder`.
        stage: String,
        /// Training steps before it, from 0.
        step: u64,
        /// What was not finite: `loss`, `validation loss`, `gradient` or `weight`.
        what: String,
        /// The first weight where it shows, or `loss`.
        layer: String,
    },
    /// A [`Monitor`](crate::Monitor) cancelled the work.
    #[error("the work was cancelled")]
    Cancelled,
    /// The tensor library refused a step; a bug of this crate.
    #[error("tensor computation: {reason}")]
    Tensor {
        /// Its own words.
        reason: String,
    },
    /// This build lacks a cargo feature.
    #[error("{what} needs the cargo feature `{feature}`, which this build of qosguard does not have")]
    Unsupported {
        /// What was asked for, such as `a packet capture`.
        what: String,
        /// The feature that has it.
        feature: &'static str,
    },
    /// The operating system refused a read or a write.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
}

/// Columns that a message lists before it counts the others.
const LISTED: usize = 8;

/// The columns that are missing and those that are unknown, each list if there is one.
fn lists(missing: &[String], unknown: &[String]) -> String {
    match (missing, unknown) {
        ([], []) => "their order or their types differ".into(),
        (missing, []) => format!("missing {}", few(missing)),
        ([], unknown) => format!("unknown {}", few(unknown)),
        (missing, unknown) => format!("missing {}, unknown {}", few(missing), few(unknown)),
    }
}

/// The first of some names, and how many more there are.
pub(crate) fn few(names: &[String]) -> String {
    let listed: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

/// The line and the column of a record, as far as they are given.
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
            Self::CorruptArtifact { .. } => ErrorKind::CorruptArtifact,
            Self::Policy { .. } => ErrorKind::Policy,
            Self::Io { .. } => ErrorKind::Io,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Diverged { .. } | Self::Tensor { .. } => ErrorKind::Training,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// [`Error::InvalidArgument`] from anything that prints.
    pub(crate) fn invalid(name: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::InvalidArgument { name: name.into(), expected: expected.into(), got: got.to_string() }
    }

    /// [`Error::Unsupported`] by a build without a cargo feature.
    #[cfg_attr(
        all(feature = "netflow", feature = "packets", feature = "parquet", feature = "yaml"),
        expect(dead_code, reason = "every feature is there")
    )]
    pub(crate) fn unsupported(what: impl Into<String>, feature: &'static str) -> Self {
        Self::Unsupported { what: what.into(), feature }
    }

    /// [`Error::NotFinite`] of a part of a matrix, with the row of the whole.
    pub(crate) fn at_row(self, row: usize) -> Self {
        match self {
            Self::NotFinite { column, value, .. } => Self::NotFinite { row, column, value },
            other => other,
        }
    }

    /// [`Error::Io`] with the path that caused it.
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

#[cfg(feature = "neural")]
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor { reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_only_what_is_known() {
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
