//! The stable categories of errors.

/// Stable, coarse category of an [`Error`](crate::Error).
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
    /// The columns do not match the schema.
    SchemaMismatch,
    /// A file holds records that cannot be read.
    BadRecord,
    /// There are too few rows or classes.
    InsufficientData,
    /// The file was written by a newer release.
    IncompatibleFormat,
    /// The file is not an intact guard, detector, checkpoint or ledger.
    CorruptArtifact,
    /// A QoS policy does not validate.
    Policy,
    /// Reading or writing a file failed.
    Io,
    /// Training diverged, or the tensor library failed.
    Training,
    /// The work was cancelled.
    Cancelled,
    /// This build lacks the cargo feature that the call needs.
    Unsupported,
}

impl ErrorKind {
    /// Every category.
    pub const ALL: [Self; 13] = [
        Self::InvalidArgument,
        Self::ShapeMismatch,
        Self::NotFinite,
        Self::SchemaMismatch,
        Self::BadRecord,
        Self::InsufficientData,
        Self::IncompatibleFormat,
        Self::CorruptArtifact,
        Self::Policy,
        Self::Io,
        Self::Training,
        Self::Cancelled,
        Self::Unsupported,
    ];

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
