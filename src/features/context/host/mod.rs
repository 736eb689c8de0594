//! The host context: what sources, destinations and pairs did in sliding windows.

mod clock;
mod columns;
mod config;
mod distinct;
mod entities;
mod failed;
mod inputs;
mod rings;
mod saved;
mod scope;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use crate::arrow::buffer::NullBuffer;
use crate::arrow::datatypes::{DataType, Field as ArrowField, Schema as ArrowSchema};
use crate::error::{Error, Result};
use crate::telemetry::{Column, Schema};

use super::{Context, state};
use clock::{EventClock, Place, TICKS};
use entities::Key;
use inputs::{Cells, Inputs};
use rings::{BUCKETS, Mark};
use scope::Scope;

pub use config::HostContextConfig;

/// Records that are held back until the clock is confirmed, at most.
const MAX_PENDING: usize = 8;
/// Rows whose values are written to the columns together.
const TILE: usize = 64;

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
    /// Sources, destinations and pairs that made room for others.
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
    src: Option<Scope>,
    dst: Option<Scope>,
    pair: Option<Scope>,
    late: u64,
    unplaced: u64,
    /// Values of the rows of a tile, for [`Context::push`].
    tile: Vec<f64>,
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
        let has_both = has_src && has_dst;
        let mut columns = Vec::new();
        let mut scope = |name, is_there: bool, has_peers| {
            is_there.then(|| {
                columns.extend(columns::columns(name, &config.windows, counted, has_peers));
                Scope::new(counted, has_peers, config.windows.len(), config.max_entities)
            })
        };
        let src = scope("src", has_src, has_both);
        let dst = scope("dst", has_dst, has_both);
        let pair = scope("pair", has_both, false);
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
            src,
            dst,
            pair,
            late: 0,
            unplaced: 0,
            tile: vec![0.0; TILE * columns.len()],
            columns,
        })
    }

    /// What could not be counted like the others so far.
    pub fn counts(&self) -> HostContextCounts {
        let scopes = [&self.src, &self.dst, &self.pair];
        HostContextCounts {
            late: self.late,
            future: self.clock.future,
            unplaced: self.unplaced,
            evicted: scopes.into_iter().flatten().map(Scope::evicted).sum(),
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
                for scope in [&mut self.src, &mut self.dst, &mut self.pair].into_iter().flatten() {
                    scope.clear();
                }
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
        let windows = self.marks.len();
        let (src, dst) = (record.src, record.dst);
        let kinds = [
            (&mut self.src, src.map(|src| (src, 0)), dst),
            (&mut self.dst, dst.map(|dst| (dst, 0)), src),
            (&mut self.pair, src.zip(dst), None),
        ];
        let mut rest = out;
        for (scope, key, peer) in kinds {
            let Some(scope) = scope else { continue };
            let n = (windows * scope.values()).min(rest.len());
            let (out, others) = rest.split_at_mut(n);
            rest = others;
            match key {
                Some(key) => f(scope, key, &self.marks, peer, out),
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
        let inputs = self.inputs.clone();
        let cells = inputs.bind(batch)?;
        let (n, width) = (batch.num_rows(), self.columns.len());
        let mut values: Vec<Vec<f64>> = (0..width).map(|_| Vec::with_capacity(n)).collect();
        let mut tile = std::mem::take(&mut self.tile);
        for start in (0..n).step_by(TILE) {
            let rows = TILE.min(n - start);
            for (row, out) in tile.chunks_exact_mut(width).take(rows).enumerate() {
                self.row(&cells, start + row, out);
            }
            for (column, values) in values.iter_mut().enumerate() {
                values.extend((0..rows).map(|row| tile[row * width + column]));
            }
        }
        self.tile = tile;
        append(batch, &self.columns, values)
    }

    fn save(&self) -> Result<Vec<u8>> {
        state::write(&self.owner, &self.written())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let saved = state::read(&self.owner, state)?;
        self.replace(saved).ok_or_else(|| state::corrupt("the state contains values that no context has"))
    }
}

/// A batch with more columns of numbers; NaN is null.
fn append(batch: &RecordBatch, columns: &[Column], values: Vec<Vec<f64>>) -> Result<RecordBatch> {
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    let mut arrays = batch.columns().to_vec();
    for (column, values) in columns.iter().zip(values) {
        fields.push(Arc::new(ArrowField::new(&column.name, DataType::Float64, true)));
        let is_null = values.iter().any(|value| value.is_nan());
        let nulls = is_null.then(|| values.iter().map(|value| !value.is_nan()).collect::<NullBuffer>());
        let array: ArrayRef = Arc::new(Float64Array::new(values.into(), nulls));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays)
        .map_err(|error| Error::invalid("records", "columns of one length", error))
}
