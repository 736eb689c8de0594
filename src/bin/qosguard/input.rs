//! Where records come from: a file of any kind, or standard input.

use std::path::Path;

use qosguard::telemetry::{self, BatchReader, ReadOptions, Schema, Table};
use qosguard::{Error, Result};

use crate::arguments::{Input, Profile};
use crate::progress::Progress;

/// Opens the input with the reader of its kind.
pub(crate) fn open(input: &Input) -> Result<Box<dyn BatchReader>> {
    let options = ReadOptions {
        schema: input.schema.as_deref().map(schema).transpose()?,
        max_rejected_share: input.max_rejected_share,
        delimiter: input.delimiter,
        ..ReadOptions::default()
    };
    if input.path == Path::new("-") {
        return telemetry::open_input(std::io::stdin(), "standard input", &options);
    }
    telemetry::open(&input.path, &options)
}

/// Reads the whole input into memory.
pub(crate) fn read(input: &Input) -> Result<Table> {
    let mut reader = open(input)?;
    let progress = Progress::new("read", None);
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().transpose()? {
        progress.add(batch.num_rows());
        batches.push(batch);
    }
    Table::new(reader.schema().clone(), batches, reader.report().clone())
}

/// A built-in schema by name, or the one in a TOML file.
pub(crate) fn schema(name: &str) -> Result<Schema> {
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("toml")) {
        return Schema::preset(name);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    Schema::from_toml(&text)
}
