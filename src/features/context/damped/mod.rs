//! The damped statistics: what sources, channels and sockets sent, where what is older counts less.

mod columns;
mod config;
mod inputs;
mod link;
mod saved;
mod stream;

use serde::{Deserialize, Serialize};

use super::append::Appended;
use super::arrivals::{Arrival, Arrivals};
use super::entities::Key;
use super::kept::Kept;
use super::{Context, state};
use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};
use crate::telemetry::{Column, Schema};
use inputs::{Cells, Inputs};
use link::Link;
use stream::{DECAYS, Timed};

pub use config::DampedStatisticsConfig;

/// After so many seconds everything has a weight below 2^-864.
const EXPIRY: f64 = 86_400.0;

/// The two ends of a channel and their ports, the lower end first.
type SocketKey = (u64, u64, u32);

/// A record: its time in seconds since the epoch, its ends and the bytes that the source sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Record {
    time: f64,
    src: u64,
    dst: u64,
    ports: Option<(u16, u16)>,
    bytes: f64,
}

/// What two addresses sent to each other.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Channel {
    bytes: Link,
    /// Times between records, by direction.
    intervals: [Timed; 2],
}

/// Records that a [`DampedStatistics`] could not count like the others, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DampedStatisticsCounts {
    /// Records more than two days before the first one: not counted.
    pub late: u64,
    /// Records more than 60 s ahead of the newest one when they came.
    pub future: u64,
    /// Records without a time, bytes or two readable addresses: their columns are null.
    pub unplaced: u64,
    /// Sources, channels and sockets that made room for others.
    pub evicted: u64,
}

/// What sources, channels and sockets sent, with weights that fade with time (the `AfterImage` of Kitsune, Mirsky et al.,
/// NDSS 2018), as 100 columns of each record.
///
/// A record that is Δt seconds old has the weight 2^(−λΔt), for λ of 5, 3, 1, 0.1 and 0.01 per second. For each λ, each record
/// gets: weight, mean and standard deviation of the bytes of its source, of the bytes from its source to its destination
/// (`channel`), of the times between these records (`jitter`), and of the bytes between the two ports (`socket`); channels and
/// sockets also have magnitude, radius, covariance and correlation of the two directions. `docs/CONTEXT_COLUMNS.md` has the
/// formulas. The record itself is counted.
///
/// Kitsune's first stream is by MAC and IP address together. Flow records have no MAC address, so it is by source address here.
///
/// # Examples
///
/// ```
/// use qosguard::features::{Context, DampedStatistics, DampedStatisticsConfig};
/// use qosguard::simulate::{self, FlowSimulatorConfig};
///
/// let flows = simulate::table(&FlowSimulatorConfig { rows: 500, ..Default::default() })?;
/// let mut context = DampedStatistics::new(&DampedStatisticsConfig::default(), flows.schema())?;
/// let with = context.push(&flows.batches()[0])?;
/// assert_eq!(context.columns().len(), 100);
/// assert!(with.column_by_name("damped_channel_correlation_0.1").is_some());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DampedStatistics {
    inputs: Inputs,
    columns: Vec<Column>,
    /// What its states belong to.
    owner: state::Owner,
    arrivals: Arrivals<Record>,
    sources: Kept<u64, Timed>,
    channels: Kept<Key, Channel>,
    sockets: Kept<SocketKey, Link>,
    late: u64,
    unplaced: u64,
}

impl DampedStatistics {
    /// An empty context for records of a schema.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its range, for a schema without a time, both addresses or bytes, and
    /// for one that has a column of a name that the context appends.
    pub fn new(config: &DampedStatisticsConfig, schema: &Schema) -> Result<Self> {
        config.check()?;
        let inputs = Inputs::of(schema)?;
        let columns = columns::columns(inputs.has_ports());
        if let Some(taken) = columns.iter().find(|column| schema.index_of(&column.name).is_some()) {
            return Err(Error::invalid("context", "used with a schema without its columns", &taken.name));
        }
        Ok(Self {
            owner: state::owner("damped_statistics", config, inputs.columns().chain(&columns))?,
            inputs,
            columns,
            arrivals: Arrivals::default(),
            sources: Kept::new(config.max_entities),
            channels: Kept::new(config.max_entities),
            sockets: Kept::new(config.max_entities),
            late: 0,
            unplaced: 0,
        })
    }

    /// What could not be counted like the others so far.
    pub fn counts(&self) -> DampedStatisticsCounts {
        DampedStatisticsCounts {
            late: self.late,
            future: self.arrivals.future(),
            unplaced: self.unplaced,
            evicted: self.sources.evicted() + self.channels.evicted() + self.sockets.evicted(),
        }
    }

    /// Writes the values of one row into `out`, NaN for none.
    fn row(&mut self, cells: &Cells<'_>, row: usize, out: &mut [f64]) {
        let Some(record) = cells.record(row) else {
            self.unplaced += 1;
            out.fill(f64::NAN);
            return;
        };
        match self.arrivals.arrive(record.time, record.src, EXPIRY, || record) {
            Arrival::Ahead => alone(&record, out),
            Arrival::Late => {
                self.late += 1;
                alone(&record, out);
            }
            Arrival::Counts { is_restart, before } => {
                if is_restart {
                    self.sources.clear();
                    self.channels.clear();
                    self.sockets.clear();
                }
                for record in before {
                    self.count(&record, None);
                }
                self.count(&record, Some(out));
            }
        }
    }

    /// Counts a record, and writes its values.
    fn count(&mut self, record: &Record, out: Option<&mut [f64]>) {
        let (channel, socket) = record.keys();
        let source = self.sources.see(record.src).0;
        let channel = self.channels.see(channel).0;
        let socket = socket.map(|key| self.sockets.see(key).0);
        add(record, source, channel, socket, out);
    }
}

impl Record {
    /// Whether it goes from the higher end to the lower one.
    fn is_back(&self) -> bool {
        (self.src, self.ports.map(|(src, _)| src)) > (self.dst, self.ports.map(|(_, dst)| dst))
    }

    /// Its channel and its socket, which are the same in both directions.
    fn keys(&self) -> (Key, Option<SocketKey>) {
        let (low, high) = (self.src.min(self.dst), self.src.max(self.dst));
        let socket = self.ports.map(|(src, dst)| {
            let (first, second) = if self.is_back() { (dst, src) } else { (src, dst) };
            (low, high, u32::from(first) << 16 | u32::from(second))
        });
        ((low, high), socket)
    }
}

/// Counts a record in the streams of its source, channel and socket, and writes their values: by stream, then by decay.
fn add(
    record: &Record,
    source: &mut Timed,
    channel: &mut Channel,
    mut socket: Option<&mut Link>,
    out: Option<&mut [f64]>,
) {
    // An address that sends to itself has one direction in its channel.
    let is_back = record.src > record.dst;
    let interval = usize::from(is_back);
    source.push(record.time, record.bytes);
    channel.bytes.push(is_back, record.time, record.bytes);
    channel.intervals[interval].push_interval(record.time);
    if let Some(socket) = &mut socket {
        socket.push(record.is_back(), record.time, record.bytes);
    }
    let Some(out) = out else { return };
    let mut places = out.iter_mut();
    let mut put = |values: &[f64]| places.by_ref().zip(values).for_each(|(place, &value)| *place = value);
    let lanes = 0..DECAYS.len();
    lanes.clone().for_each(|lane| put(&source.values(lane)));
    lanes.clone().for_each(|lane| put(&channel.bytes.values(is_back, lane)));
    lanes.clone().for_each(|lane| put(&channel.intervals[interval].values(lane)));
    match socket {
        Some(socket) => lanes.for_each(|lane| put(&socket.values(record.is_back(), lane))),
        None => places.for_each(|place| *place = f64::NAN),
    }
}

/// The values of a record with nothing before it.
fn alone(record: &Record, out: &mut [f64]) {
    let mut socket = record.ports.map(|_| Link::default());
    add(record, &mut Timed::default(), &mut Channel::default(), socket.as_mut(), Some(out));
}

impl Context for DampedStatistics {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn inputs(&self) -> Vec<&str> {
        self.inputs.columns().map(|column| column.name.as_str()).collect()
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let cells = self.inputs.bind(batch)?;
        let mut appended = Appended::new(self.columns.len(), batch.num_rows());
        appended.fill(|row, out| self.row(&cells, row, out));
        appended.to(batch, &self.columns)
    }

    fn save(&self) -> Result<Vec<u8>> {
        state::write(&self.owner, &self.written())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let saved = state::read(&self.owner, state)?;
        self.replace(saved).ok_or_else(|| state::corrupt("the state contains values that no context has"))
    }
}
