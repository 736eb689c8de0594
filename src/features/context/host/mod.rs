//! The host context: what sources, destinations and pairs did in sliding windows.

mod columns;
mod config;
mod distinct;
mod failed;
mod grouping;
mod inputs;
mod rings;
mod saved;
mod scope;

use serde::{Deserialize, Serialize};

use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};
use crate::telemetry::{Column, Schema};

use super::append::Appended;
use super::clock::{EventClock, Place, TICKS};
use super::entities::Key;
use super::{Context, state};
use grouping::Grouping;
use inputs::{Cells, Inputs};
use rings::{BUCKETS, Mark};
use scope::Scope;

pub use config::HostContextConfig;

/// Records that are held back until the clock is confirmed, at most.
const MAX_PENDING: usize = 8;

/// Which values the columns of a source allow.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a group of columns that a source has or not")]
struct Counted {
    ports: bool,
    failed: bool,
    bytes: bool,
    packets: bool,
    /// Bytes up and down.
    directions: bool,
}

impl Counted {
    /// Values of one window of one entity.
    fn values(self, has_peers: bool) -> usize {
        let optional = [has_peers, self.ports, self.failed, self.bytes, self.packets, self.directions];
        1 + optional.into_iter().filter(|&is_there| is_there).count()
    }
}

/// What one record adds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Flow {
    tick: u32,
    port: Option<u16>,
    start: f64,
    end: f64,
    up: f64,
    down: f64,
    packets: f64,
    failed: bool,
}

/// A record: its time and the times of its flow in seconds since the epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Record {
    time: f64,
    src: Option<u64>,
    dst: Option<u64>,
    flow: Flow,
}

/// Records that a [`HostContext`] could not count like the others, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostContextCounts {
    /// Records older than the open buckets of one window or more: not counted there.
    pub late: u64,
    /// Records more than 60 s ahead of the newest one when they came.
    pub future: u64,
    /// Records without a time, or without a readable address: their columns are null.
    pub unplaced: u64,
    /// Sources, destinations, pairs and prefixes that made room for others.
    pub evicted: u64,
}

/// What sources, destinations and pairs of both did in sliding windows, as columns of each record.
///
/// For each window, each record gets the flows of its source, its destination and its pair, their distinct peers and
/// destination ports, the share of failed connections, bytes and packets per second, and the share of bytes that went up,
/// as far as the schema has the inputs; `docs/CONTEXT_COLUMNS.md` lists them. The record itself is counted.
///
/// Time is the records' own. A window of `w` seconds has 8 buckets and ends with the bucket of the record, so that it covers
/// between 7/8 `w` and `w`. Bytes and packets are spread over the time that their flow lasted, up to one window before and
/// after the record; what lies after the record counts for later records only.
///
/// # Examples
///
/// ```
/// use qosguard::features::{Context, HostContext, HostContextConfig};
/// use qosguard::simulate::{self, FlowSimulatorConfig};
///
/// let flows = simulate::table(&FlowSimulatorConfig { rows: 500, ..Default::default() })?;
/// let config = HostContextConfig { windows: vec![10.0], ..Default::default() };
/// let mut context = HostContext::new(&config, flows.schema())?;
/// let with = context.push(&flows.batches()[0])?;
/// assert_eq!(with.num_columns(), flows.schema().columns().len() + context.columns().len());
/// assert!(with.column_by_name("src_ports_10s").is_some());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HostContext {
    inputs: Inputs,
    /// What its states belong to.
    owner: state::Owner,
    columns: Vec<Column>,
    /// Where the record at hand is in each window.
    marks: Vec<Mark>,
    /// The longest window, in seconds.
    span: f64,
    clock: EventClock,
    /// Records that are ahead of the clock, in the order that they came.
    pending: Vec<Record>,
    /// In the order of their columns.
    scopes: Vec<(Grouping, Scope)>,
    late: u64,
    unplaced: u64,
}

impl HostContext {
    /// An empty context for records of a schema.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its range, for a schema without a time or an address, and for one
    /// that has a column of a name that the context appends.
    pub fn new(config: &HostContextConfig, schema: &Schema) -> Result<Self> {
        config.check()?;
        let inputs = Inputs::of(schema)?;
        let counted = inputs.counted();
        let width = |window: &f64| (window * TICKS / f64::from(BUCKETS) - 1e-9).ceil() as u32;
        let marks: Vec<Mark> = config.windows.iter().map(|window| Mark::new(width(window))).collect();
        let (has_src, has_dst) = inputs.ends();
        let (mut columns, mut scopes) = (Vec::new(), Vec::new());
        for grouping in Grouping::of((has_src, has_dst), config.prefixes) {
            let has_peers = has_src && has_dst && grouping.has_peers();
            columns.extend(columns::columns(grouping.name(), &config.windows, counted, has_peers));
            scopes
                .push((grouping, Scope::new(counted, has_peers, config.windows.len(), config.max_entities)));
        }
        if let Some(taken) = columns.iter().find(|column| schema.index_of(&column.name).is_some()) {
            return Err(Error::invalid("context", "used with a schema without its columns", &taken.name));
        }
        let longest = marks.last().map_or(1, |mark| mark.width);
        Ok(Self {
            owner: state::owner("host", config, inputs.columns().chain(&columns))?,
            inputs,
            span: f64::from(longest * BUCKETS) / TICKS,
            marks,
            clock: EventClock::default(),
            pending: Vec::with_capacity(MAX_PENDING),
            scopes,
            late: 0,
            unplaced: 0,
            columns,
        })
    }

    /// What could not be counted like the others so far.
    pub fn counts(&self) -> HostContextCounts {
        HostContextCounts {
            late: self.late,
            future: self.clock.future,
            unplaced: self.unplaced,
            evicted: self.scopes.iter().map(|(_, scope)| scope.evicted()).sum(),
        }
    }

    /// Writes the values of one row into `out`, NaN for a kind of entity that the row does not have.
    fn row(&mut self, cells: &Cells<'_>, row: usize, out: &mut [f64]) {
        let ends = cells.ends(row);
        let Some(time) = cells.time(row).filter(|_| ends.0.is_some() || ends.1.is_some()) else {
            self.unplaced += 1;
            out.fill(f64::NAN);
            return;
        };
        let record = Record { time, src: ends.0, dst: ends.1, flow: cells.flow(row, time) };
        let source = ends.0.or(ends.1).unwrap_or_default();
        match self.clock.place(time, source, self.span) {
            Place::Ahead(tick) => {
                if self.pending.len() < MAX_PENDING {
                    self.pending.push(record);
                }
                let flow = self.at(&record, tick, tick);
                self.each(&record, out, |scope, key, marks, peer, out| {
                    scope.peek(key, marks, &flow, peer, out);
                });
            }
            Place::Late => {
                self.late += 1;
                let flow = self.at(&record, 1, self.clock.latest());
                self.each(&record, out, |scope, _, marks, peer, out| scope.alone(marks, &flow, peer, out));
            }
            Place::At(tick) => {
                self.pending.clear();
                self.count(&record, tick, out);
            }
            Place::Confirmed(tick) => {
                self.count_pending();
                self.count(&record, tick, out);
            }
            Place::Restart(tick) => {
                self.scopes.iter_mut().for_each(|(_, scope)| scope.clear());
                self.count_pending();
                self.count(&record, tick, out);
            }
        }
    }

    /// Counts a record at a tick of the clock, and writes its values.
    fn count(&mut self, record: &Record, tick: u32, out: &mut [f64]) {
        let flow = self.at(record, tick, self.clock.latest());
        self.late += u64::from(self.marks.iter().any(|mark| !mark.is_open));
        if self.marks.iter().any(|mark| mark.is_open) {
            self.each(record, out, |scope, key, marks, peer, out| scope.push(key, marks, &flow, peer, out));
        } else {
            self.each(record, out, |scope, _, marks, peer, out| scope.alone(marks, &flow, peer, out));
        }
    }

    /// Counts the records that waited for the clock and that it has not left behind.
    fn count_pending(&mut self) {
        let mut ignored = vec![0.0; self.columns.len()];
        for at in 0..self.pending.len() {
            let record = self.pending[at];
            if let Some(tick) = self.clock.open_tick(record.time) {
                self.count(&record, tick, &mut ignored);
            }
        }
        self.pending.clear();
    }

    /// What a record adds at a tick. Sets the marks to it.
    fn at(&mut self, record: &Record, tick: u32, latest: u32) -> Flow {
        let (start, end) = (self.clock.exact(record.flow.start), self.clock.exact(record.flow.end));
        for mark in &mut self.marks {
            mark.set(tick, start, end, latest);
        }
        Flow { tick, ..record.flow }
    }

    /// Calls `f` for each kind of entity with its key, the marks of the record, its peer and its part of `out`.
    fn each(
        &mut self,
        record: &Record,
        out: &mut [f64],
        mut f: impl FnMut(&mut Scope, Key, &[Mark], Option<u64>, &mut [f64]),
    ) {
        let mut rest = out;
        for (grouping, scope) in &mut self.scopes {
            let n = (self.marks.len() * scope.values()).min(rest.len());
            let (out, others) = rest.split_at_mut(n);
            rest = others;
            match grouping.key(record) {
                Some(key) => f(scope, key, &self.marks, grouping.peer(record), out),
                None => out.fill(f64::NAN),
            }
        }
    }
}

impl Context for HostContext {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn inputs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.inputs.columns().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
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
