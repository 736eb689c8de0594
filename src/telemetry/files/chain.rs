//! A rotated set of files, read as one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::read::{is_export, open, open_export};
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::batches::{BatchReader, is_final};
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::table::report::ReadReport;

/// Opens files of one kind, such as a rotated set of logs, as one stream, in the order in which they are given.
///
/// Each is opened with the reader of its kind, as by [`open`]; a file without a record is passed over. Errors name
/// the file; the report sums up all files, with lines as they count in each. Exports (NetFlow, IPFIX, sFlow) are
/// read as the exports of one exporter, whose templates may be in another file than their data.
///
/// # Errors
///
/// The errors of [`open`] for the files up to the first record; [`Error::InsufficientData`] if no file has one. A batch
/// may be the errors of the later files, and [`Error::SchemaMismatch`] for a file of other columns.
///
/// # Examples
///
/// ```no_run
/// use qosguard::telemetry::{self, ReadOptions};
///
/// let logs = ["conn.00:00:00-01:00:00.log.gz", "conn.01:00:00-02:00:00.log.gz", "conn.log"];
/// let flows = telemetry::open_all(logs, &ReadOptions::default())?.read()?;
/// println!("{} flows", flows.n_rows());
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn open_all<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    options: &ReadOptions,
) -> Result<Box<dyn BatchReader>> {
    let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
    let place = match &paths[..] {
        [only] => only.display().to_string(),
        [first, ..] => format!("{} and {} more files", first.display(), paths.len() - 1),
        [] => "no file".into(),
    };
    // Only a regular file gives the same bytes again.
    if let Some(first) = paths.first().filter(|path| path.is_file())
        && is_export(first)?
    {
        return open_export(paths.iter().map(PathBuf::as_path), &place, options);
    }
    let mut rest = paths.into_iter();
    let mut before = ReadReport::new(&place);
    while let Some(path) = rest.next() {
        if let Some((reader, first)) = begin(&path, options, &mut before)? {
            let report = before.with(reader.report());
            let mut options = options.clone();
            let schema = (**reader.schema()).clone();
            if reader.report().inferred.is_empty() {
                options.fallback.get_or_insert(schema);
            } else {
                // What the first file is taken for holds for all.
                options.schema = Some(schema);
            }
            return Ok(Box::new(Chain {
                reader,
                first: Some(first),
                rest,
                options,
                before,
                report,
                done: false,
            }));
        }
    }
    Err(Error::InsufficientData { what: format!("{place}: records"), needed: 1, got: 0 })
}

/// Opens a file and reads its first batch; `None` where it holds no record.
fn begin(
    path: &Path,
    options: &ReadOptions,
    before: &mut ReadReport,
) -> Result<Option<(Box<dyn BatchReader>, RecordBatch)>> {
    let begun = open(path, options).and_then(|mut reader| {
        let first = reader.next().transpose();
        match first {
            Err(Error::InsufficientData { .. }) | Ok(None) => {
                *before = before.with(reader.report());
                Ok(None)
            }
            first => Ok(first?.map(|first| (reader, first))),
        }
    });
    match begun {
        Err(Error::InsufficientData { .. }) => Ok(None),
        begun => begun,
    }
}

/// The files of a set, one after the other.
struct Chain {
    reader: Box<dyn BatchReader>,
    first: Option<RecordBatch>,
    rest: std::vec::IntoIter<PathBuf>,
    options: ReadOptions,
    /// What was read of the files before.
    before: ReadReport,
    report: ReadReport,
    done: bool,
}

impl Chain {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.first.take().map(Ok).or_else(|| self.reader.next()) {
                self.report = self.before.with(self.reader.report());
                return batch.map(Some);
            }
            self.before = self.before.with(self.reader.report());
            if !self.next_file()? {
                self.report = self.before.clone();
                return Ok(None);
            }
        }
    }

    /// Goes on to the next file with a record; `false` where there is none.
    fn next_file(&mut self) -> Result<bool> {
        while let Some(path) = self.rest.as_slice().first() {
            let begun = begin(path, &self.options, &mut self.before);
            if is_final(&begun) || begun.is_ok() {
                self.rest.next();
            }
            let Some((reader, first)) = begun? else { continue };
            if reader.schema() != self.reader.schema() {
                return Err(mismatch(reader.as_ref(), self.reader.schema()));
            }
            (self.reader, self.first) = (reader, Some(first));
            return Ok(true);
        }
        Ok(false)
    }
}

/// The error of a file whose columns differ from the files before.
fn mismatch(reader: &dyn BatchReader, wanted: &Schema) -> Error {
    let lacks = |a: &Schema, b: &Schema| {
        let lacking = b.columns().iter().filter(|column| !a.columns().contains(column));
        lacking.map(|column| column.name.clone()).collect()
    };
    Error::SchemaMismatch {
        place: reader.report().place.clone(),
        schema: wanted.name().to_owned(),
        missing: lacks(reader.schema(), wanted),
        unknown: lacks(wanted, reader.schema()),
    }
}

impl BatchReader for Chain {
    fn schema(&self) -> &Arc<Schema> {
        self.reader.schema()
    }

    fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Iterator for Chain {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.next_batch().transpose();
        self.done |= batch.as_ref().is_none_or(is_final);
        batch
    }
}
