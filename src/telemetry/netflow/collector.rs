//! The collector: it receives export datagrams at a UDP port.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::exporters::Exporters;
use super::queue::{Datagram, Queue, Waited};
use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;
use crate::telemetry::table::batches::{BatchReader, is_final};
use crate::telemetry::table::report::ReadReport;

/// Bytes of the largest UDP datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// How often the receiving thread checks whether it was stopped.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Errors after which the thread continues to receive.
const TEMPORARY: [ErrorKind; 4] =
    [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted, ErrorKind::ConnectionReset];

/// Settings of a [`Collector`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// Limits of the state per exporter, and the rows per batch.
    pub netflow: NetflowConfig,
    /// Size of the queue of received datagrams, bytes, 2^16 to 2^32. A datagram that does not fit is dropped and counted.
    /// Default: 2^25.
    pub queue_bytes: usize,
    /// Seconds after its first row at which an incomplete batch is returned, above 0 and at most 86,400. Default: 10.
    pub flush_interval_s: f64,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self { netflow: NetflowConfig::default(), queue_bytes: 32 << 20, flush_interval_s: 10.0 }
    }
}

impl CollectorConfig {
    /// Checks the settings and returns the flush interval.
    fn check(&self) -> Result<Duration> {
        if !(1 << 16..=1 << 32).contains(&(self.queue_bytes as u64)) {
            return Err(Error::invalid("queue_bytes", "in 2^16..=2^32", self.queue_bytes));
        }
        let interval = self.flush_interval_s;
        if !(interval > 0.0 && interval <= 86_400.0) {
            return Err(Error::invalid("flush_interval_s", "above 0 and at most 86400", interval));
        }
        Ok(Duration::from_secs_f64(interval))
    }
}

/// Receives export datagrams by UDP and returns Arrow batches of the schema `ipfix`.
///
/// A thread receives the datagrams. The iterator decodes them. It returns a batch when the batch is full, or
/// [`CollectorConfig::flush_interval_s`] after its first row. It blocks while no datagrams arrive.
/// [`StopHandle::stop`] ends it after the datagrams that are already received. Dropping the collector stops it as well.
///
/// [`Collector::counts`] and the report count losses: datagrams that did not fit into the queue, and gaps in the
/// sequence numbers. The operating system sets the size of the socket's buffer (on Linux `net.core.rmem_default`); its
/// losses are visible as gaps in the sequence numbers.
///
/// UDP does not authenticate senders. Bind to an address that only exporters can reach.
///
/// # Examples
///
/// ```
/// use std::net::UdpSocket;
///
/// use qosguard::telemetry::netflow::{Collector, CollectorConfig};
///
/// let mut collector = Collector::bind("127.0.0.1:0", &CollectorConfig::default())?;
/// let exporter = UdpSocket::bind("127.0.0.1:0")?;
/// exporter.send_to(b"not an export datagram", collector.local_addr())?;
/// collector.stop_handle().stop();
/// assert!(collector.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Collector {
    exporters: Exporters,
    schema: Arc<Schema>,
    report: ReadReport,
    counts: ExportCounts,
    queue: Arc<Queue>,
    stop: StopHandle,
    address: SocketAddr,
    flush_interval: Duration,
    receiver: Option<JoinHandle<()>>,
    done: bool,
}

/// Stops a [`Collector`] from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Stops receiving. The collector returns the flows that it already has, and then ends.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Collector {
    /// Binds a UDP socket and starts to receive.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain, [`Error::Io`] if the address cannot be bound.
    pub fn bind(address: impl ToSocketAddrs, config: &CollectorConfig) -> Result<Self> {
        let flush_interval = config.check()?;
        let exporters = Exporters::new(&config.netflow)?;
        let place = Path::new("UDP socket");
        let socket = UdpSocket::bind(address).map_err(|e| Error::io(place, e))?;
        let address = socket.local_addr().map_err(|e| Error::io(place, e))?;
        socket.set_read_timeout(Some(CHECK_INTERVAL)).map_err(|e| Error::io(place, e))?;
        let queue = Arc::new(Queue::new(config.queue_bytes));
        let stop = StopHandle(Arc::default());
        let receiver = {
            let (queue, stop) = (Arc::clone(&queue), stop.clone());
            let thread = thread::Builder::new().name("qosguard-collector".into());
            thread.spawn(move || queue.close(receive(&socket, &queue, &stop).err()))
        };
        Ok(Self {
            schema: Arc::clone(exporters.schema()),
            report: ReadReport::new(&format!("udp://{address}")),
            counts: ExportCounts::default(),
            exporters,
            queue,
            stop,
            address,
            flush_interval,
            receiver: Some(receiver.map_err(|e| Error::io(place, e))?),
            done: false,
        })
    }

    /// The address of the socket. For port 0 it has the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops the collector.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// The counters as of the last batch.
    pub fn counts(&self) -> &ExportCounts {
        &self.counts
    }

    /// Decodes datagrams until the batch is full, the flush interval is over, or the collector was stopped.
    fn fill(&mut self) -> Result<Option<RecordBatch>> {
        let mut deadline = None;
        while self.exporters.rows() < self.exporters.config().batch_rows {
            match self.queue.pop(deadline) {
                Waited::Datagram(Datagram { exporter, received, bytes }) => {
                    self.exporters.push(exporter, Some(received), &bytes);
                    if deadline.is_none() && self.exporters.rows() > 0 {
                        deadline = Some(Instant::now() + self.flush_interval);
                    }
                }
                Waited::TimedOut => break,
                Waited::Cancelled => return Err(Error::Cancelled),
                Waited::Closed(Some(error)) => return Err(Error::io(Path::new(&self.report.place), error)),
                Waited::Closed(None) => {
                    self.done = true;
                    self.exporters.drop_kept();
                    break;
                }
            }
        }
        self.exporters.take_batch()
    }
}

/// Receives datagrams until the collector is stopped.
fn receive(socket: &UdpSocket, queue: &Queue, stop: &StopHandle) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut stopped_at = None;
    // After the stop, datagrams that are already in the socket are still received.
    while stopped_at.is_none_or(|at: Instant| at.elapsed() < CHECK_INTERVAL) {
        if stopped_at.is_none() && stop.is_stopped() {
            stopped_at = Some(Instant::now());
        }
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let received = since.map_or(0.0, |since| since.as_secs_f64());
                let bytes = buffer.get(..len).unwrap_or_default().into();
                queue.push(Datagram { exporter: from.ip().to_canonical(), received, bytes });
            }
            // A timeout, or on some systems an ICMP answer to an earlier datagram.
            Err(e) if TEMPORARY.contains(&e.kind()) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

impl Iterator for Collector {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.fill();
        self.done |= is_final(&batch);
        self.exporters.counts_mut().dropped_datagrams = self.queue.dropped();
        self.counts = *self.exporters.counts();
        let place = std::mem::take(&mut self.report.place);
        self.report = ReadReport { place, ..self.exporters.report().clone() };
        batch.transpose()
    }
}

impl BatchReader for Collector {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(receiver) = self.receiver.take() {
            // The thread cannot panic, and the queue has its error.
            let _ = receiver.join();
        }
    }
}
