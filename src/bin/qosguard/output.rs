//! Where results go: a file of the kind that its name asks for, or standard output.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use qosguard::guard::Notice;
use qosguard::telemetry::{OutputFormat, Schema, TableWriter};
use qosguard::{Error, Guard, Result};

const STDOUT: &str = "standard output";

/// A writer of tables; `-` is CSV on standard output.
pub(crate) fn create(path: &Path, schema: &Schema) -> Result<TableWriter> {
    if path == Path::new("-") {
        return TableWriter::new(io::stdout(), STDOUT, OutputFormat::Csv, schema);
    }
    TableWriter::create(path, schema)
}

/// Refuses an output that is one of the files that are read: writing would destroy them, even while they are read.
pub(crate) fn spare<'a>(output: &Path, read: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let Ok(file) = output.canonicalize() else { return Ok(()) };
    if read.into_iter().any(|path| path.canonicalize().is_ok_and(|path| path == file)) {
        return Err(Error::invalid("output", "a file that is not an input", output.display()));
    }
    Ok(())
}

/// What a user should know before relying on a guard, as lines of `warning: …` and `note: …`.
pub(crate) fn notices(guard: &Guard) -> Vec<String> {
    let line = |notice: Notice| format!("{}: {notice}", if notice.is_warning() { "warning" } else { "note" });
    guard.notices().into_iter().map(line).collect()
}

/// Prints bytes to standard output.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| Error::Io { path: STDOUT.into(), source })
}
