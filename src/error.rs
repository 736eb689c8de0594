//! One error type for the whole crate, and its coarse, stable category.

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
    #[error("{place}: columns do not fit schema `{schema}`: missing {missing:?}, unknown {unknown:?}")]
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
        nearest.iter().map(|near| format!("; `{}` has {} of them among its {}", near.name, near.found, near.columns)).collect::<String>()
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
    #[error("{place}, line {line}, column `{column}`: {value:?} is not {expected}")]
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
    #[error("{place}: `{field}` must be {expected}, got {got}")]
    Policy {
        /// File, or `policy`.
        place: String,
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
    /// The tensor library refused a step; a bug of this crate.
    #[error("tensor computation: {reason}")]
    Tensor {
        /// Its own words.
        reason: String,
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

impl Error {
    /// The coarse category.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidArgument { .. } => ErrorKind::InvalidArgument,
            Self::ShapeMismatch { .. } => ErrorKind::ShapeMismatch,
            Self::NotFinite { .. } => ErrorKind::NotFinite,
            Self::SchemaMismatch { .. } | Self::NoPreset { .. } => ErrorKind::SchemaMismatch,
            Self::BadRecord { .. } | Self::BadBytes { .. } | Self::TooManyRejected { .. } => {
                ErrorKind::BadRecord
            }
            Self::InsufficientData { .. } => ErrorKind::InsufficientData,
            Self::FormatTooNew { .. } => ErrorKind::IncompatibleFormat,
            Self::CorruptArtifact { .. } => ErrorKind::CorruptArtifact,
            Self::Policy { .. } => ErrorKind::Policy,
            Self::Io { .. } => ErrorKind::Io,
            Self::Diverged { .. } | Self::Tensor { .. } => ErrorKind::Training,
        }
    }

    /// [`Error::InvalidArgument`] from anything that prints.
    pub(crate) fn invalid(name: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::InvalidArgument { name: name.into(), expected: expected.into(), got: got.to_string() }
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
        Self::Io { path: path.to_path_buf(), source }
    }
}

#[cfg(feature = "neural")]
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor { reason: error.to_string() }
    }
}
