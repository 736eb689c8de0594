//! The reader of files of export datagrams.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::exporters::Exporters;
use crate::error::{Error, Result};
use crate::progress::{self, Cancellable};
use crate::telemetry::files::gzip::{Gunzip, is_gzip};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::batches::{BatchReader, is_final};
use crate::telemetry::table::report::ReadReport;

/// Maximum size of a file, bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Reads files of export datagrams, in the order of their paths, and returns Arrow batches.
///
/// A file holds one datagram of any format, or consecutive datagrams of NetFlow v5 or IPFIX (RFC 5655). All files belong
/// to one exporter. Its templates may come before or after their data. A file above 64 MiB is counted as a malformed
/// datagram.
///
/// Gzip is unpacked.
///
/// # Errors
///
/// As an iterator, [`Error::Io`], and [`Error::TooManyRejected`] at the end.
///
/// # Examples
///
/// ```no_run
/// use qosguard::telemetry::BatchReader;
/// use qosguard::telemetry::netflow::{ExportReader, NetflowConfig};
///
/// let mut reader = ExportReader::open(["templates.dat", "data.dat"], &NetflowConfig::default())?;
/// let flows = reader.read()?;
/// println!("{} flows, {:?}", flows.n_rows(), reader.counts());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct ExportReader {
    exporters: Exporters,
    exporter: IpAddr,
    paths: std::vec::IntoIter<PathBuf>,
    /// Contents of the current file.
    bytes: Vec<u8>,
    /// Start of the next message in it.
    next: Option<usize>,
    report: ReadReport,
    /// Share of datagrams that may be rejected.
    max_rejected_share: f64,
    schema: Arc<Schema>,
    done: bool,
}

impl ExportReader {
    /// Creates a reader of these files. They are opened one by one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a limit outside its domain.
    pub fn open<P: Into<PathBuf>>(
        paths: impl IntoIterator<Item = P>,
        config: &NetflowConfig,
    ) -> Result<Self> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        let place = paths.first().map_or_else(String::new, |path| path.display().to_string());
        Self::start(paths, &place, config)
    }

    /// A reader of one input, such as standard input; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a limit outside its domain; [`Error::Io`].
    pub fn new(input: impl Read, place: &str, config: &NetflowConfig) -> Result<Self> {
        let mut reader = Self::start(Vec::new(), place, config)?;
        place.clone_into(&mut reader.exporters.report_mut().place);
        match read_whole(input, Path::new(place))? {
            Some(bytes) => (reader.bytes, reader.next) = (bytes, Some(0)),
            None => reader.exporters.reject("a stream of at most 64 MiB"),
        }
        Ok(reader)
    }

    fn start(paths: Vec<PathBuf>, place: &str, config: &NetflowConfig) -> Result<Self> {
        let exporters = Exporters::new(config)?;
        Ok(Self {
            schema: Arc::clone(exporters.schema()),
            exporters,
            exporter: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            report: ReadReport::new(place),
            max_rejected_share: 1.0,
            paths: paths.into_iter(),
            bytes: Vec::new(),
            next: None,
            done: false,
        })
    }

    /// Sets the address of the exporter, which files do not contain. Default: 0.0.0.0.
    #[must_use]
    pub fn with_exporter(mut self, exporter: IpAddr) -> Self {
        self.exporter = exporter;
        self
    }

    /// The same reader with the share of datagrams, in `[0, 1]`, that may be rejected before the reading fails; default: 1.
    #[must_use]
    pub fn with_max_rejected_share(mut self, share: f64) -> Self {
        self.max_rejected_share = share;
        self
    }

    /// The counters up to now.
    pub fn counts(&self) -> &ExportCounts {
        self.exporters.counts()
    }

    /// Decodes messages until the batch is full or all files are read.
    fn fill(&mut self) -> Result<Option<RecordBatch>> {
        while self.exporters.rows() < self.exporters.config().batch_rows {
            if let Some(start) = self.next {
                self.next = self.exporters.push_message(self.exporter, None, &self.bytes, start);
                continue;
            }
            let Some(path) = self.paths.next() else {
                self.done = true;
                self.exporters.drop_kept();
                break;
            };
            self.exporters.report_mut().place = path.display().to_string();
            let file = File::open(&path).map_err(|e| Error::io(&path, e))?;
            match read_whole(file, &path)? {
                Some(bytes) => (self.bytes, self.next) = (bytes, Some(0)),
                None => self.exporters.reject("a file of at most 64 MiB"),
            }
        }
        self.exporters.take_batch()
    }
}

/// The bytes of a file; `None` if there are too many.
fn read_whole(input: impl Read, path: &Path) -> Result<Option<Vec<u8>>> {
    let whole = |input: &mut dyn Read| -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        input.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
        Ok(bytes)
    };
    let mut bytes = whole(&mut Cancellable(input))?;
    if is_gzip(&bytes) {
        bytes = whole(&mut Gunzip::new(&bytes[..]))?;
    }
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

impl Iterator for ExportReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = progress::check().and_then(|()| self.fill());
        self.done |= is_final(&batch);
        let place = std::mem::take(&mut self.report.place);
        self.report = ReadReport { place, ..self.exporters.report().clone() };
        let batch = batch.and_then(|batch| {
            if self.done {
                self.report.check_share(self.max_rejected_share)?;
            }
            Ok(batch)
        });
        batch.transpose()
    }
}

impl BatchReader for ExportReader {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn report(&self) -> &ReadReport {
        &self.report
    }
}
