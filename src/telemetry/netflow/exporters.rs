//! The decoder of export datagrams.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use hashbrown::HashMap;

use super::columns::{Columns, Origin};
use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::cursor::Cursor;
use super::domain::{Domain, DomainKey, Format};
use super::flows::Flows;
use super::message::{Malformed, Message};
use super::pending_sets::PendingSets;
use super::record::{Clock, FIRST_EXPORT_MS, Record};
use super::sflow::{self, SampleReader};
use super::template::{Template, UnusableFields};
use crate::error::Result;
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::schema::Schema;
use crate::telemetry::table::report::ReadReport;

/// Bytes of a NetFlow v5 record.
const NETFLOW5_RECORD: usize = 48;

/// Bytes of an IPFIX message header.
const IPFIX_HEADER: usize = 16;

/// Decodes export datagrams of any number of exporters into Arrow batches of the schema `ipfix`.
///
/// It decodes NetFlow v5, v9 (RFC 3954), IPFIX (RFC 7011, 7012, biflows of RFC 5103) and flow samples of sFlow v5. Each
/// record becomes a row. A field without a column is skipped. Packets and bytes are multiplied by the sampling interval
/// from the record, from an options record of its sampler, interface or domain, or from the header. The column
/// `sampling_interval` is null if there is none.
///
/// [`Exporters::counts`] counts what cannot be decoded; no input is an error. [`NetflowConfig`] and the rows since the
/// last [`Exporters::take_batch`] bound the memory.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::netflow::{Exporters, NetflowConfig};
///
/// let mut datagram = vec![0, 5, 0, 1]; // NetFlow v5, one record
/// datagram.extend(60_000_u32.to_be_bytes()); // uptime: a minute
/// datagram.extend(1_700_000_000_u32.to_be_bytes()); // time of export
/// datagram.extend([0; 12]); // nanoseconds, sequence, engine, no sampling
/// datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2]); // addresses, next hop, interfaces
/// datagram.extend([0, 0, 0, 3, 0, 0, 0, 180]); // 3 packets, 180 bytes
/// datagram.extend(58_000_u32.to_be_bytes()); // first packet
/// datagram.extend(59_500_u32.to_be_bytes()); // last packet
/// datagram.extend([0x30, 0x39, 0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // 12345 to 53, UDP
///
/// let mut exporters = Exporters::new(&NetflowConfig::default())?;
/// exporters.push("192.0.2.1".parse()?, None, &datagram);
/// let batch = exporters.take_batch()?.ok_or("no row")?;
/// assert_eq!((batch.num_rows(), exporters.counts().flows), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Exporters {
    config: NetflowConfig,
    domains: HashMap<DomainKey, Domain>,
    pending: PendingSets,
    flows: Flows,
    netflow5: Template,
    samples: SampleReader,
    report: ReadReport,
    /// The exporter's address as text.
    exporter: String,
}

impl Exporters {
    /// Creates a decoder without exporters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a limit outside its domain.
    pub fn new(config: &NetflowConfig) -> Result<Self> {
        config.check()?;
        let columns = Columns::new(Schema::preset("ipfix")?);
        Ok(Self {
            config: config.clone(),
            domains: HashMap::new(),
            pending: PendingSets::default(),
            flows: Flows {
                columns,
                counts: ExportCounts::default(),
                unusable: UnusableFields::new(),
                record: Record::default(),
            },
            netflow5: Template::netflow5(),
            samples: SampleReader::default(),
            report: ReadReport::new("exporters"),
            exporter: String::new(),
        })
    }

    /// Decodes one datagram, or several consecutive messages as in files of NetFlow v5 and IPFIX.
    ///
    /// `received` is the time of reception, in seconds since the Unix epoch. sFlow datagrams have no time of their own.
    pub fn push(&mut self, exporter: IpAddr, received: Option<f64>, datagram: &[u8]) {
        let mut next = Some(0);
        while let Some(start) = next {
            next = self.push_message(exporter, received, datagram, start);
        }
    }

    /// Decodes the message that starts at byte `start`, and returns the start of the next one.
    pub(super) fn push_message(
        &mut self,
        exporter: IpAddr,
        received: Option<f64>,
        datagram: &[u8],
        start: usize,
    ) -> Option<usize> {
        self.exporter.clear();
        // Writing to memory cannot fail.
        write!(self.exporter, "{exporter}").unwrap_or_default();
        self.flows.counts.datagrams += 1;
        match self.read(exporter, received, datagram.get(start..)?) {
            Ok(used) => {
                let next = start + used;
                datagram.get(next..)?.iter().any(|&byte| byte != 0).then_some(next)
            }
            Err(Malformed { at, value, expected }) => {
                let value = format!("{value} at byte {}", start + at);
                let reason = Reason::Malformed { expected: expected.to_owned() };
                self.report.reject(self.flows.counts.datagrams, "", value.as_bytes(), reason);
                None
            }
        }
    }

    /// Rows since the last batch.
    pub fn rows(&self) -> usize {
        self.flows.columns.rows()
    }

    /// Takes the rows since the last batch; `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`](crate::Error::BadRecord) if Arrow rejects the columns.
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.flows.columns.finish().map_err(|e| self.report.arrow_error(&e))
    }

    /// Names and roles of the columns.
    pub fn schema(&self) -> &Arc<Schema> {
        self.flows.columns.schema()
    }

    /// The counters of all datagrams up to now.
    pub fn counts(&self) -> &ExportCounts {
        &self.flows.counts
    }

    /// The counters in the form of the other readers. Accepted records are rows. Rejected records are datagrams that
    /// cannot be decoded, with the offset of the error. Skipped records are counted by name, and unusable fields also by
    /// element: `unusable_element_7`, with an enterprise number `unusable_element_29305/1`.
    pub fn report(&mut self) -> &ReadReport {
        self.report.accepted = self.flows.counts.flows;
        self.report.skipped = self.flows.skipped();
        &self.report
    }

    /// Drops the data sets that wait for a template, because no more templates will arrive.
    pub fn drop_kept(&mut self) {
        self.pending.clear(&mut self.flows.counts);
    }

    /// Counts an input that is not a datagram.
    pub(super) fn reject(&mut self, expected: &str) {
        self.flows.counts.datagrams += 1;
        self.flows.counts.malformed_datagrams += 1;
        let reason = Reason::Malformed { expected: expected.to_owned() };
        self.report.reject(self.flows.counts.datagrams, "", b"", reason);
    }

    pub(super) fn config(&self) -> &NetflowConfig {
        &self.config
    }

    pub(super) fn counts_mut(&mut self) -> &mut ExportCounts {
        &mut self.flows.counts
    }

    pub(super) fn report_mut(&mut self) -> &mut ReadReport {
        &mut self.report
    }

    /// Decodes one message and returns its length.
    fn read(&mut self, exporter: IpAddr, received: Option<f64>, message: &[u8]) -> Result<usize, Malformed> {
        let mut cursor = Cursor::new(message);
        let outcome = match message {
            [0, 5, ..] => self.read_netflow5(exporter, received, &mut cursor),
            [0, 9, ..] => self.read_netflow9(exporter, received, &mut cursor),
            [0, 10, ..] => return self.read_ipfix(exporter, received, message),
            [0, 0, 0, 5, ..] => self.read_sflow(exporter, received, &mut cursor),
            _ => {
                self.flows.counts.unsupported_datagrams += 1;
                let value = cursor.u16().map_or(message.len(), usize::from);
                return Err(Malformed { at: 0, value, expected: "NetFlow v5 or v9, IPFIX or sFlow v5" });
            }
        };
        match outcome {
            Some(Ok(())) => Ok(cursor.at()),
            Some(Err(malformed)) => Err(self.malformed(malformed)),
            None => Err(self.malformed(Malformed {
                at: cursor.at(),
                value: cursor.rest().len(),
                expected: "the number of bytes in its header",
            })),
        }
    }

    fn malformed(&mut self, malformed: Malformed) -> Malformed {
        self.flows.counts.malformed_datagrams += 1;
        malformed
    }

    /// The clock of a datagram: the time in its header, or the time of reception if the exporter's clock was never set.
    fn clock(&mut self, export_ms: i64, uptime_ms: Option<u32>, received: Option<f64>) -> Clock {
        let unset = export_ms < FIRST_EXPORT_MS;
        self.flows.counts.unset_clocks += u64::from(unset);
        let received = received.filter(|_| unset).map(milliseconds);
        Clock { export_ms: Some(received.unwrap_or(export_ms)), uptime_ms }
    }

    /// Decodes a NetFlow v5 datagram; `None` if it ends too early.
    fn read_netflow5(
        &mut self,
        exporter: IpAddr,
        received: Option<f64>,
        cursor: &mut Cursor<'_>,
    ) -> Option<Result<(), Malformed>> {
        let _version = cursor.u16()?;
        let count = cursor.u16()?;
        let uptime = cursor.u32()?;
        let (seconds, nanos) = (cursor.u32()?, cursor.u32()?);
        let sequence = cursor.u32()?;
        let engine = cursor.u16()?;
        // The upper two bits are the mode.
        let interval = cursor.u16()? & 0x3fff;
        let records = cursor.take(usize::from(count) * NETFLOW5_RECORD)?;
        let export_ms = i64::from(seconds) * 1_000 + i64::from(nanos / 1_000_000);
        let clock = self.clock(export_ms, Some(uptime), received);
        let key = DomainKey { exporter, format: Format::Netflow5, domain: u32::from(engine) };
        let domain = domain_of(&mut self.domains, key, &self.config, &mut self.flows.counts);
        let units = Some(u32::from(count));
        self.flows.counts.follow(domain.follow(sequence, units), units, true);
        let origin =
            Origin { exporter: &self.exporter, format: key.format.name(), domain: key.domain, clock };
        let interval = (interval > 0).then(|| f64::from(interval));
        self.flows.read_set(&self.netflow5, records, &origin, |_| interval);
        Some(Ok(()))
    }

    /// Decodes a NetFlow v9 datagram; `None` if its header is incomplete.
    fn read_netflow9(
        &mut self,
        exporter: IpAddr,
        received: Option<f64>,
        cursor: &mut Cursor<'_>,
    ) -> Option<Result<(), Malformed>> {
        let (_version, _count) = (cursor.u16()?, cursor.u16()?);
        let uptime = cursor.u32()?;
        let seconds = cursor.u32()?;
        let sequence = cursor.u32()?;
        let key = DomainKey { exporter, format: Format::Netflow9, domain: cursor.u32()? };
        let clock = self.clock(i64::from(seconds) * 1_000, Some(uptime), received);
        Some(self.read_sets(key, clock, sequence, cursor))
    }

    /// Decodes an IPFIX message and returns its length.
    fn read_ipfix(
        &mut self,
        exporter: IpAddr,
        received: Option<f64>,
        message: &[u8],
    ) -> Result<usize, Malformed> {
        let mut cursor = Cursor::new(message);
        let header = (cursor.u16(), cursor.u16(), cursor.u32(), cursor.u32(), cursor.u32());
        let (_, Some(len), Some(seconds), Some(sequence), Some(domain)) = header else {
            let expected = "the 16 bytes of a message header";
            return Err(self.malformed(Malformed { at: 0, value: message.len(), expected }));
        };
        let len = usize::from(len);
        let Some(whole) = message.get(..len).filter(|_| len >= IPFIX_HEADER) else {
            let expected = "the length of a message within its datagram";
            return Err(self.malformed(Malformed { at: 2, value: len, expected }));
        };
        let key = DomainKey { exporter, format: Format::Ipfix, domain };
        let clock = self.clock(i64::from(seconds) * 1_000, None, received);
        let mut cursor = Cursor::new(whole);
        cursor.take(IPFIX_HEADER);
        let outcome = self.read_sets(key, clock, sequence, &mut cursor);
        outcome.map(|()| len).map_err(|malformed| self.malformed(malformed))
    }

    /// Decodes the sets of a NetFlow v9 or IPFIX message.
    fn read_sets(
        &mut self,
        key: DomainKey,
        clock: Clock,
        sequence: u32,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Malformed> {
        let domain = domain_of(&mut self.domains, key, &self.config, &mut self.flows.counts);
        let mut message = Message {
            key,
            exporter: &self.exporter,
            clock,
            domain,
            flows: &mut self.flows,
            pending: &mut self.pending,
            config: &self.config,
            records: Some(0),
        };
        let outcome = message.read(cursor);
        // The sequence numbers of NetFlow v9 count datagrams, those in IPFIX count data records.
        let in_records = key.format == Format::Ipfix;
        let units = if in_records { message.records.filter(|_| outcome.is_ok()) } else { Some(1) };
        let sequence = message.domain.follow(sequence, units);
        self.flows.counts.follow(sequence, units, in_records);
        // The rest of a complete message is padding.
        cursor.take(cursor.rest().len());
        outcome
    }

    /// Decodes an sFlow v5 datagram; `None` if it ends too early.
    fn read_sflow(
        &mut self,
        exporter: IpAddr,
        received: Option<f64>,
        cursor: &mut Cursor<'_>,
    ) -> Option<Result<(), Malformed>> {
        let header = sflow::header(cursor)?;
        let key = DomainKey { exporter, format: Format::Sflow5, domain: header.sub_agent };
        let domain = domain_of(&mut self.domains, key, &self.config, &mut self.flows.counts);
        let sequence = domain.follow(header.sequence, Some(1));
        self.flows.counts.follow(sequence, Some(1), false);
        let clock = Clock { export_ms: received.map(milliseconds), uptime_ms: None };
        let origin =
            Origin { exporter: &self.exporter, format: key.format.name(), domain: key.domain, clock };
        self.samples.read(cursor, header.samples, &origin, &mut self.flows)?;
        Some(Ok(()))
    }
}

/// Seconds as milliseconds.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

/// The state of the domain of a datagram. If there are too many domains, it replaces the one without datagrams for
/// longest.
fn domain_of<'a>(
    domains: &'a mut HashMap<DomainKey, Domain>,
    key: DomainKey,
    config: &NetflowConfig,
    counts: &mut ExportCounts,
) -> &'a mut Domain {
    if domains.len() >= config.max_domains && !domains.contains_key(&key) {
        let oldest = domains.iter().min_by_key(|(_, domain)| domain.last_datagram).map(|(&key, _)| key);
        if let Some(oldest) = oldest {
            domains.remove(&oldest);
            counts.evicted_domains += 1;
        }
    }
    let domain = domains.entry(key).or_default();
    domain.last_datagram = counts.datagrams;
    domain
}
