//! Where results go: a file in the format of its name, or standard output.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use qosguard::arrow::datatypes::Fields;
use qosguard::guard::Notice;
use qosguard::telemetry::{OutputFormat, Schema, TableWriter};
use qosguard::{Error, Result};

const STDOUT: &str = "standard output";

/// A writer of tables with the columns of a schema and further ones; `-` is CSV on standard output.
pub(crate) fn create(path: &Path, schema: &Schema, more: &Fields) -> Result<TableWriter> {
    if path == Path::new("-") {
        return TableWriter::new_with(io::stdout(), STDOUT, OutputFormat::Csv, schema, more);
    }
    TableWriter::create_with(path, schema, more)
}

/// Rejects an output that is one of the files that are read: writing would destroy them while they are read.
pub(crate) fn spare<'a>(output: &Path, read: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let Ok(file) = output.canonicalize() else { return Ok(()) };
    if read.into_iter().any(|path| path.canonicalize().is_ok_and(|path| path == file)) {
        return Err(Error::invalid("output", "a file that is not an input", output.display()));
    }
    Ok(())
}

/// Notices as lines of `warning: …` and `note: …`, warnings first.
pub(crate) fn notices(mut notices: Vec<Notice>) -> Vec<String> {
    let line = |notice: Notice| format!("{}: {notice}", if notice.is_warning() { "warning" } else { "note" });
    notices.sort_by_key(|notice| !notice.is_warning());
    notices.into_iter().map(line).collect()
}

/// Prints bytes to standard output.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| Error::Io { path: STDOUT.into(), source })
}
