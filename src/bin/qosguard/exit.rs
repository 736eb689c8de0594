//! The exit codes, and how a failure is reported.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use qosguard::ErrorKind;

use crate::interrupt;
use crate::message::print_message;

/// What the exit codes mean; `--help` prints it.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done, or what reads the output closed it
  1  anomalies or incidents were found (assess, watch --exit-code), policies differ or a case fails (policy diff, test),
     or an address is not in the allow-list (allowlist check)
  2  wrong usage, or a setting outside its range
  3  input that cannot be read as telemetry, or too little of it
  4  a model or a ledger that is not intact, or of a newer release
  5  a policy that does not validate
  6  a file that cannot be read or written
  7  no records: the input is empty, or nothing in it could be decoded, such as NetFlow data without templates or a
     capture without IP packets
  130  cancelled by Ctrl-C (live input such as a pipe or a socket ends instead, and what was read is written)
  143  the same by SIGTERM";

/// Anomalies were found, with `--exit-code`.
pub(crate) const ANOMALIES: u8 = 1;

/// Policies differ, or a case fails.
pub(crate) const UNLIKE: u8 = 1;

/// A policy that does not validate.
pub(crate) const INVALID_POLICY: u8 = 5;

/// The input has no record.
const NOTHING: u8 = 7;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library returned an error.
    Error(qosguard::Error),
    /// The input has no record; the reason in one sentence.
    Nothing(String),
    /// What reads the output closed it, as `head` does.
    Closed,
}

/// What every command returns.
pub(crate) type Outcome = Result<ExitCode, Failure>;

impl From<qosguard::Error> for Failure {
    fn from(error: qosguard::Error) -> Self {
        match &error {
            qosguard::Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Error(error),
        }
    }
}

impl Failure {
    /// A failure while records are read. An input without a record has an exit code of its own.
    pub(crate) fn of_reading(error: qosguard::Error) -> Self {
        match error {
            qosguard::Error::InsufficientData { what, .. } => {
                Self::Nothing(what.replacen(": records", ": no records", 1))
            }
            error => error.into(),
        }
    }

    /// Prints the failure with its causes and returns its exit code.
    pub(crate) fn report(self) -> ExitCode {
        if matches!(self, Self::Closed) {
            return ExitCode::SUCCESS;
        }
        let (message, code) = self.describe();
        print_message(format_args!("qosguard: {message}"));
        ExitCode::from(code)
    }

    /// The failure with its causes, and its exit code.
    pub(crate) fn describe(self) -> (String, u8) {
        let error = match self {
            Self::Error(error) => by_option(error),
            Self::Nothing(reason) => return (reason, NOTHING),
            Self::Closed => return ("the output is closed".to_owned(), 0),
        };
        Self::message_of(&error)
    }

    /// An error with its causes, and its exit code.
    pub(crate) fn message_of(error: &qosguard::Error) -> (String, u8) {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        (message, code(error.kind()))
    }
}

/// The options that set an argument of the library, by the argument's name.
const OPTIONS: [(&str, &str); 23] = [
    ("active_timeout_s", "--active-timeout"),
    ("anomalies", "--attacks"),
    ("anomaly_share", "--attack-share"),
    ("attack_share", "--attack-share"),
    ("attacks", "--attacks"),
    ("clock_skew_s", "--clock-skew"),
    ("delimiter", "--delimiter"),
    ("devices", "--hosts"),
    ("duplicate_fraction", "--duplicates"),
    ("duration_s", "--duration"),
    ("events_per_attack", "--events-per-attack"),
    ("flows_per_s", "--flows-per-s"),
    ("hosts", "--hosts"),
    ("idle_timeout_s", "--idle-timeout"),
    ("interim_s", "--interim"),
    ("late_fraction", "--late"),
    ("max_flows", "--max-flows"),
    ("max_rejected_share", "--max-rejected-share"),
    ("output", "--output"),
    ("path", "--output"),
    ("rate", "--false-positive-rate"),
    ("rows", "--rows"),
    ("seed", "--seed"),
];

/// The same error, with the name of the command line option in place of the library's argument.
fn by_option(error: qosguard::Error) -> qosguard::Error {
    error.with_path(|path| {
        let option = OPTIONS.iter().find(|(argument, _)| *argument == path);
        option.map_or(path, |(_, option)| (*option).to_owned())
    })
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::CorruptArtifact | ErrorKind::IncompatibleFormat => 4,
        ErrorKind::Policy => INVALID_POLICY,
        ErrorKind::Io => 6,
        ErrorKind::Cancelled => interrupt::exit_code(),
        ErrorKind::BadRecord
        | ErrorKind::SchemaMismatch
        | ErrorKind::InsufficientData
        | ErrorKind::ShapeMismatch
        | ErrorKind::NotFinite => 3,
        // An invalid argument, and whatever a later release adds.
        _ => 2,
    }
}
