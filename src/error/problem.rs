//! What is wrong with one setting or argument, as data.

use std::fmt;

/// Names that a message lists at most.
const LISTED: usize = 60;

/// What is wrong with the value at the path of an [`Error::InvalidArgument`](crate::Error::InvalidArgument) or an
/// [`Error::Policy`](crate::Error::Policy).
///
/// Its `Display` completes a sentence that starts with the path.
///
/// # Examples
///
/// ```
/// use qosguard::{Error, Problem, settings};
/// use qosguard::detect::AnyDetectorConfig;
///
/// let typed = serde_json::json!({"kind": "isolation_forest", "treez": 50});
/// let error = settings::from_value::<AnyDetectorConfig>(typed).unwrap_err();
/// let Error::InvalidArgument { path, problem: Problem::Unknown { known } } = error else { panic!("{error}") };
/// assert_eq!(path, "treez");
/// assert!(known.iter().any(|name| name == "trees"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The value is outside its documented domain.
    OutOfDomain {
        /// What is accepted, such as `above 0 and below 1`.
        expected: String,
        /// The value.
        got: String,
    },
    /// The value has another type, such as text instead of a number.
    WrongType {
        /// The type that is accepted, such as `a number`.
        expected: String,
        /// The type and the value, such as `string "x"`.
        got: String,
    },
    /// There is no setting with this name.
    Unknown {
        /// The names that are accepted there.
        known: Vec<String>,
    },
    /// A required setting is missing.
    Missing,
    /// The setting is given twice.
    Repeated,
}

impl Problem {
    /// A value outside its documented domain.
    pub(crate) fn out_of_domain(expected: impl Into<String>, got: impl ToString) -> Self {
        Self::OutOfDomain { expected: expected.into(), got: got.to_string() }
    }

    /// A stable name of the kind of problem: `out_of_domain`, `wrong_type`, `unknown`, `missing` or `repeated`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfDomain { .. } => "out_of_domain",
            Self::WrongType { .. } => "wrong_type",
            Self::Unknown { .. } => "unknown",
            Self::Missing => "missing",
            Self::Repeated => "repeated",
        }
    }

    /// What is accepted, if one phrase describes it.
    pub fn expected(&self) -> Option<&str> {
        match self {
            Self::OutOfDomain { expected, .. } | Self::WrongType { expected, .. } => Some(expected),
            Self::Unknown { .. } | Self::Missing | Self::Repeated => None,
        }
    }

    /// The value that was given, if there is one.
    pub fn got(&self) -> Option<&str> {
        match self {
            Self::OutOfDomain { got, .. } | Self::WrongType { got, .. } => Some(got),
            Self::Unknown { .. } | Self::Missing | Self::Repeated => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfDomain { expected, got } | Self::WrongType { expected, got } => {
                write!(f, "must be {expected}, got {got}")
            }
            Self::Unknown { known } if known.is_empty() => f.write_str("cannot be used here"),
            Self::Unknown { known } => {
                write!(f, "is unknown here; the names are {}", known[..known.len().min(LISTED)].join(", "))
            }
            Self::Missing => f.write_str("is missing"),
            Self::Repeated => f.write_str("is given twice"),
        }
    }
}
