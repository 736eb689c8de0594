//! The fields of errors as data.

use serde_json::{Value, json};

use super::{Error, Problem};

impl Error {
    /// The fields of the error by name, for a program that reads more than the message: `path`, `problem`, `expected`, `got`,
    /// `known`, `place`, `line`, `column`, `row`, `value`, `feature` and the like, as far as the error has them.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = qosguard::Error::invalid("trees", "from 1 to 10000", 0);
    /// let details = error.details();
    /// assert_eq!(details["path"], "trees");
    /// assert_eq!(details["problem"], "out_of_domain");
    /// assert_eq!(details["expected"], "from 1 to 10000");
    /// ```
    pub fn details(&self) -> Value {
        match self {
            Self::InvalidArgument { path, problem } => problem_details(json!({ "path": path }), problem),
            Self::Policy { place, line, path, problem } => {
                problem_details(json!({ "place": place, "line": line, "path": path }), problem)
            }
            Self::ShapeMismatch { what, expected, got } => {
                json!({ "what": what, "expected": expected, "got": got })
            }
            Self::NotFinite { row, column, value } => {
                json!({ "row": row, "column": column, "value": value.to_string() })
            }
            Self::SchemaMismatch { place, schema, missing, unknown } => {
                json!({ "place": place, "schema": schema, "missing": missing, "unknown": unknown })
            }
            Self::NoPreset { place, columns, nearest } => {
                let nearest: Vec<Value> = nearest
                    .iter()
                    .map(|near| json!({ "name": near.name, "found": near.found, "columns": near.columns }))
                    .collect();
                json!({ "place": place, "columns": columns, "nearest": nearest })
            }
            Self::BadRecord { place, line, column, value, expected } => {
                json!({ "place": place, "line": line, "column": column, "value": value, "expected": expected })
            }
            Self::Packed { place, format, remedy } => {
                json!({ "place": place, "format": format, "remedy": remedy })
            }
            Self::BadBytes { place, offset, value, expected } => {
                json!({ "place": place, "offset": offset, "value": value, "expected": expected })
            }
            Self::TooManyRejected { place, rejected, rows, allowed, first } => json!({
                "place": place, "rejected": rejected, "rows": rows, "allowed": allowed, "first": first
            }),
            Self::InsufficientData { what, needed, got } => {
                json!({ "what": what, "needed": needed, "got": got })
            }
            Self::FormatTooNew { path, found, supported } => {
                json!({ "file": path.display().to_string(), "found": found, "supported": supported })
            }
            Self::CorruptArtifact { path, reason } => {
                json!({ "file": path.display().to_string(), "reason": reason })
            }
            Self::BrokenLedger { path, seq, reason } => {
                json!({ "file": path.display().to_string(), "seq": seq, "reason": reason })
            }
            Self::Diverged { stage, step, what, layer } => {
                json!({ "stage": stage, "step": step, "what": what, "layer": layer })
            }
            Self::Tensor { reason } => json!({ "reason": reason }),
            Self::Unsupported { what, feature } => json!({ "what": what, "feature": feature }),
            Self::Io { path, source } => {
                json!({ "file": path.display().to_string(), "errno": source.raw_os_error() })
            }
            Self::Cancelled => json!({}),
        }
    }
}

/// The details of a problem after some others.
fn problem_details(mut details: Value, problem: &Problem) -> Value {
    details["problem"] = problem.code().into();
    match problem {
        Problem::OutOfDomain { expected, got } | Problem::WrongType { expected, got } => {
            details["expected"] = expected.as_str().into();
            details["got"] = got.as_str().into();
        }
        Problem::Unknown { known } => details["known"] = known.as_slice().into(),
        Problem::Missing | Problem::Repeated => {}
    }
    details
}
