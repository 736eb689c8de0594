//! A UDP port that exporters send to.

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
use crate::telemetry::batches::{BatchReader, is_final};
use crate::telemetry::report::ReadReport;
use crate::telemetry::schema::Schema;

/// Bytes of the largest UDP datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// How often the receiving thread looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(50);

/// Errors after which receiving goes on.
const PASSING: [ErrorKind; 4] =
    [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted, ErrorKind::ConnectionReset];

/// Settings of a [`Collector`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// What is remembered of exporters, and the rows of a batch.
    pub netflow: NetflowConfig,
    /// Bytes of the datagrams that were received and not yet read, 2^16 to 2^32; what does not fit is dropped and counted.
    pub queue_bytes: usize,
    /// Seconds that a row waits for its batch to fill up, above 0 and at most a day.
    pub flush_interval_s: f64,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self { netflow: NetflowConfig::default(), queue_bytes: 32 << 20, flush_interval_s: 10.0 }
    }
}

impl CollectorConfig {
    /// The flush interval.
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

/// Receives export datagrams by UDP and gives Arrow batches of the schema `ipfix`.
///
/// One thread receives; iterating decodes, and waits for a batch to be full or for a row to have waited for
/// [`CollectorConfig::flush_interval_s`]. While nothing comes it waits. [`StopHandle::stop`] ends it: what was
/// received before is still given. Dropping the collector stops it too.
///
/// Loss is counted, in [`Collector::counts`] and in the report: datagrams for which the queue had no room,
/// and what sequence numbers say. The operating system's own buffer is that of its settings (on Linux
/// `net.core.rmem_default`); what it drops shows in the sequence numbers.
///
/// UDP senders are not authenticated: bind to an address that only exporters reach.
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
    /// Ends the receiving; the collector gives what it has and then nothing more.
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
    /// [`Error::InvalidArgument`] for a setting outside its domain, [`Error::Io`] where the address cannot be bound.
    pub fn bind(address: impl ToSocketAddrs, config: &CollectorConfig) -> Result<Self> {
        let flush_interval = config.check()?;
        let exporters = Exporters::new(&config.netflow)?;
        let place = Path::new("UDP socket");
        let socket = UdpSocket::bind(address).map_err(|e| Error::io(place, e))?;
        let address = socket.local_addr().map_err(|e| Error::io(place, e))?;
        socket.set_read_timeout(Some(LOOK)).map_err(|e| Error::io(place, e))?;
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

    /// The address that it receives at, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops it.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// What became of everything that was received, as of the last batch.
    pub fn counts(&self) -> &ExportCounts {
        &self.counts
    }

    /// Reads datagrams until a batch is full, a row has waited long enough, or no more come.
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

/// Receives until it shall stop.
fn receive(socket: &UdpSocket, queue: &Queue, stop: &StopHandle) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut stopped_at = None;
    // What waits in the socket when it shall stop is still received, but not what keeps coming.
    while stopped_at.is_none_or(|at: Instant| at.elapsed() < LOOK) {
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
            // Nothing came; or, on some systems, an earlier answer was refused.
            Err(e) if PASSING.contains(&e.kind()) => {}
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
            // It cannot have panicked, and has told its error through the queue.
            let _ = receiver.join();
        }
    }
}
