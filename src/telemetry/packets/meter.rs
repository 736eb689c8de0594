//! The flow meter: it reads a capture and returns flow records.

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

/// Reads a capture file and returns a table of its flows; `-` is standard input.
///
/// # Errors
///
/// The errors of [`FlowMeter::open`] and of its batches.
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

/// Reads a capture and returns Arrow batches of flow records, in the order in which the flows end.
///
/// [`FlowMeterConfig::max_flows`] and one batch bound the memory. If the capture is damaged, the batches first hold the
/// flows of the packets before the damage; the last item is the error.
///
/// # Errors
///
/// As an iterator, the errors of [`PacketReader`].
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
    /// Nanoseconds after which an incomplete batch is returned.
    flush_ns: Option<i64>,
    /// Packet time at which the incomplete batch got its first row.
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
    /// [`Error::InvalidArgument`] for settings outside their domain, and the errors of [`PacketReader::open`].
    pub fn open(path: impl AsRef<Path>, config: &FlowMeterConfig) -> Result<Self> {
        let table = FlowTable::new(config)?;
        Ok(Self::join(PacketReader::open(path, &config.decode())?, table, config))
    }
}

impl<'a> FlowMeter<'a> {
    /// Reads a capture from any source; errors name it `place`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain, and the errors of [`PacketReader::new`].
    pub fn new(read: impl Read + Send + 'a, place: &str, config: &FlowMeterConfig) -> Result<Self> {
        let table = FlowTable::new(config)?;
        Ok(Self::join(PacketReader::new(read, place, &config.decode())?, table, config))
    }

    /// Reads a capture in memory; errors name it `place`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for settings outside their domain, and the errors of [`PacketReader::from_bytes`].
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

    /// The counters of the capture's records up to now.
    pub fn capture_counts(&self) -> &CaptureCounts {
        self.packets.counts()
    }

    /// The counters of the flow table up to now.
    pub fn flow_counts(&self) -> &FlowCounts {
        self.table.counts()
    }

    /// Records when the incomplete batch got its first row. Needed only for [`FlowMeterConfig::flush_s`].
    fn update_pending_since(&mut self, time_ns: i64) {
        if self.flush_ns.is_some() {
            let has_rows = self.table.pending() > 0;
            self.pending_since = has_rows.then(|| self.pending_since.unwrap_or(time_ns));
        }
    }

    /// Whether the incomplete batch has waited for [`FlowMeterConfig::flush_s`] at the time of a packet.
    fn is_due(&self, time_ns: i64) -> bool {
        let waited = self.pending_since.map(|since| time_ns.saturating_sub(since));
        waited.zip(self.flush_ns).is_some_and(|(waited, flush_ns)| waited >= flush_ns)
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
                    self.update_pending_since(packet.time_ns);
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

    /// Copies the counters of the capture and of the flow table that are not 0 into the report.
    fn update_report(&mut self) {
        let (capture, flows) = (self.packets.counts(), self.table.counts());
        let others = [
            ("rejected_times", capture.rejected_times),
            ("backward_packets", flows.backwards),
            ("evicted_flows", flows.evicted),
            ("forgotten_connections", flows.forgotten),
        ];
        for (name, count) in capture.by_reason().into_iter().chain(others) {
            if count > 0 {
                self.report.skipped.insert(name.to_owned(), count);
            }
        }
        self.report.skipped.extend(self.packets.unsupported());
    }
}

impl BatchReader for FlowMeter<'_> {
    fn schema(&self) -> &Arc<Schema> {
        self.table.schema()
    }

    /// `accepted` counts flow records. `skipped` counts the records of the capture that are not packets, by the names of
    /// the fields of [`CaptureCounts`], and again by the names of unsupported link types and encapsulations
    /// ([`Decoder::unsupported`](super::Decoder::unsupported)). It also has [`CaptureCounts::rejected_times`]
    /// and three counters of the flow table, of [`FlowCounts`]: `backward_packets`, `evicted_flows` and
    /// `forgotten_connections`. `rejected` is always 0.
    fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Iterator for FlowMeter<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        self.update_report();
        batch.transpose()
    }
}
