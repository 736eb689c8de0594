//! Where results go: a file of the kind that its name asks for, or standard output.

use std::io::{self, Write};
use std::path::Path;

use qosguard::telemetry::{OutputFormat, Schema, TableWriter};
use qosguard::{Error, Result};

const STDOUT: &str = "standard output";

/// A writer of tables; `-` is CSV on standard output.
pub(crate) fn create(path: &Path, schema: &Schema) -> Result<TableWriter> {
    if path == Path::new("-") {
        return TableWriter::new(io::stdout(), STDOUT, OutputFormat::Csv, schema);
    }
    TableWriter::create(path, schema)
}

/// Prints bytes to standard output.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| Error::Io { path: STDOUT.into(), source })
}
