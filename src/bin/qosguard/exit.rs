//! Exit codes that mean something, and how a failure is told.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use qosguard::ErrorKind;

/// What the exit codes mean; `--help` prints it.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done
  1  anomalies were found (assess --exit-code)
  2  wrong usage, or a setting outside its range
  3  input that cannot be read as telemetry, or too little of it
  4  a model that is no intact guard, or of a newer release
  5  a policy that does not validate
  6  a file that cannot be read or written
  7  nothing decoded: the input is not empty and gave no flow, such as NetFlow data without templates or a capture
     without IP packets";

/// Anomalies were found and the caller asked to be told.
pub(crate) const ANOMALIES: u8 = 1;

/// The input was read and not a single flow was in it.
const NOTHING: u8 = 7;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library refused.
    Refused(qosguard::Error),
    /// The input holds something, and no flow; the reason in one sentence.
    Nothing(String),
    /// The reader of our output went away, as `head` does.
    Closed,
}

/// What every command returns.
pub(crate) type Outcome = Result<ExitCode, Failure>;

impl From<qosguard::Error> for Failure {
    fn from(error: qosguard::Error) -> Self {
        match &error {
            qosguard::Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Refused(error),
        }
    }
}

impl Failure {
    /// Prints the failure with its causes and gives its exit code.
    pub(crate) fn tell(self) -> ExitCode {
        let error = match self {
            Self::Refused(error) => error,
            Self::Nothing(reason) => {
                eprintln!("qosguard: {reason}");
                return ExitCode::from(NOTHING);
            }
            Self::Closed => return ExitCode::SUCCESS,
        };
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        eprintln!("qosguard: {message}");
        ExitCode::from(code(error.kind()))
    }
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::CorruptArtifact | ErrorKind::IncompatibleFormat => 4,
        ErrorKind::Policy => 5,
        ErrorKind::Io => 6,
        ErrorKind::BadRecord
        | ErrorKind::SchemaMismatch
        | ErrorKind::InsufficientData
        | ErrorKind::ShapeMismatch
        | ErrorKind::NotFinite => 3,
        // An invalid argument, and whatever a later release adds.
        _ => 2,
    }
}
