//! From a capture to flow records.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;

use super::config::FlowMeterConfig;
use super::counts::CaptureCounts;
use super::flow_counts::FlowCounts;
use super::reader::PacketReader;
use super::table::FlowTable;
use crate::error::{Error, Result};
use crate::telemetry::{BatchReader, ReadReport, Schema, Table};

/// Reads a capture file into a table of its flows; `-` is standard input.
///
/// # Errors
///
/// As [`FlowMeter::open`] and of its batches.
///
/// # Examples
///
/// ```no_run
/// use qosguard::telemetry::packets::{FlowMeterConfig, Profile, read_flows};
///
/// let config = FlowMeterConfig { profile: Profile::Cic, ..FlowMeterConfig::default() };
/// println!("{} flows", read_flows("capture.pcap", &config)?.n_rows());
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn read_flows(path: impl AsRef<Path>, config: &FlowMeterConfig) -> Result<Table> {
    FlowMeter::open(path, config)?.read()
}

/// Meters a capture: a stream of Arrow batches of flow records, in the order in which the flows end.
///
/// Memory is bounded by [`FlowMeterConfig::max_flows`] and one batch. Where the capture breaks off with an error,
/// the flows of the packets before it come first, and the error comes last.
///
/// A batch may be an error of [`PacketReader`].
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::BatchReader;
/// use qosguard::telemetry::packets::{FlowMeter, FlowMeterConfig};
///
/// let mut capture = Vec::new();
/// for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 101] {
///     capture.extend(word.to_be_bytes()); // file header: version 2.4, link type 101, raw IP
/// }
/// for word in [1_700_000_000_u32, 250_000, 20, 20] {
///     capture.extend(word.to_be_bytes()); // record header: seconds, microseconds, lengths
/// }
/// capture.extend([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 89, 0, 0, 10, 0, 0, 1, 224, 0, 0, 5]);
///
/// let mut meter = FlowMeter::from_bytes(&capture, "inline", &FlowMeterConfig::default())?;
/// let flows = meter.read()?;
/// assert_eq!((flows.n_rows(), flows.schema().name()), (1, "nfstream"));
/// assert_eq!((meter.capture_counts().packets, meter.flow_counts().end), (1, 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct FlowMeter<'a> {
    packets: PacketReader<'a>,
    table: FlowTable,
    report: ReadReport,
    /// Nanoseconds that a row waits for its batch to be full.
    flush_ns: Option<i64>,
    /// Time of the packet that came with the first row of the batch that grows.
    pending_since: Option<i64>,
    error: Option<Error>,
    is_finished: bool,
    is_cancelled: bool,
}

impl FlowMeter<'static> {
    /// Opens a capture file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain, and as [`PacketReader::open`].
    pub fn open(path: impl AsRef<Path>, config: &FlowMeterConfig) -> Result<Self> {
        let table = FlowTable::new(config)?;
        Ok(Self::join(PacketReader::open(path, &config.decode())?, table, config))
    }
}

impl<'a> FlowMeter<'a> {
    /// Meters a capture from any source; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain, and as [`PacketReader::new`].
    pub fn new(read: impl Read + Send + 'a, place: &str, config: &FlowMeterConfig) -> Result<Self> {
        let table = FlowTable::new(config)?;
        Ok(Self::join(PacketReader::new(read, place, &config.decode())?, table, config))
    }

    /// Meters a capture in memory; `place` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain, and as [`PacketReader::from_bytes`].
    pub fn from_bytes(bytes: &'a [u8], place: &str, config: &FlowMeterConfig) -> Result<Self> {
        let table = FlowTable::new(config)?;
        Ok(Self::join(PacketReader::from_bytes(bytes, place, &config.decode())?, table, config))
    }

    fn join(packets: PacketReader<'a>, table: FlowTable, config: &FlowMeterConfig) -> Self {
        let report = ReadReport::new(packets.place());
        let flush_ns = config.flush_s.map(|seconds| (seconds * 1e9) as i64);
        Self {
            packets,
            table,
            report,
            flush_ns,
            pending_since: None,
            error: None,
            is_finished: false,
            is_cancelled: false,
        }
    }

    /// What became of the capture's records up to now.
    pub fn capture_counts(&self) -> &CaptureCounts {
        self.packets.counts()
    }

    /// What became of the flows up to now.
    pub fn flow_counts(&self) -> &FlowCounts {
        self.table.counts()
    }

    /// Whether the rows there are have waited long enough at the time of a packet.
    fn is_due(&mut self, time_ns: i64) -> bool {
        let Some(flush_ns) = self.flush_ns else { return false };
        if self.table.pending() == 0 {
            self.pending_since = None;
            return false;
        }
        time_ns.saturating_sub(*self.pending_since.get_or_insert(time_ns)) >= flush_ns
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        // A cancelled read may end inside a packet.
        if self.is_cancelled {
            return Err(Error::Cancelled);
        }
        while !self.is_finished && !self.table.has_batch() {
            match self.packets.next() {
                Some(Err(Error::Cancelled)) => {
                    self.is_cancelled = true;
                    return Err(Error::Cancelled);
                }
                Some(Ok(packet)) => {
                    self.table.push(&packet);
                    if self.is_due(packet.time_ns) {
                        break;
                    }
                }
                end => {
                    self.error = end.and_then(Result::err);
                    self.table.finish();
                    self.is_finished = true;
                }
            }
        }
        let counts = self.packets.counts();
        for (reason, records) in
            counts.by_reason().into_iter().chain([("rejected_times", counts.rejected_times)])
        {
            if records > 0 {
                self.report.skipped.insert(reason.to_owned(), records);
            }
        }
        self.report.skipped.extend(self.packets.unsupported());
        let batch = if self.pending_since.take().is_some() && !self.is_finished {
            self.table.drain()?
        } else {
            self.table.take_batch()?
        };
        match batch {
            Some(batch) => {
                self.report.accepted += batch.num_rows() as u64;
                Ok(Some(batch))
            }
            None => self.error.take().map_or(Ok(None), Err),
        }
    }
}

impl BatchReader for FlowMeter<'_> {
    fn schema(&self) -> &Arc<Schema> {
        self.table.schema()
    }

    /// `accepted` counts flow records; `skipped` counts the records of the capture that gave no packet, by the
    /// names of [`CaptureCounts`]' fields, and none of them is a rejected flow. What is not decoded is there by name
    /// too ([`Decoder::unsupported`](super::Decoder::unsupported)), and so are [`CaptureCounts::rejected_times`].
    fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Iterator for FlowMeter<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
