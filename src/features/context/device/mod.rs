//! The device windows: what each device reported in its current window of event time.

mod columns;
mod config;
mod inputs;
mod sample;
mod saved;
mod window;

use super::append::Appended;
use super::arrivals::{Arrival, Arrivals};
use super::entities::Key;
use super::kept::Kept;
use super::{Context, state};
use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};
use crate::telemetry::{Column, Schema};
use inputs::{Cells, Has, Inputs};
use window::{Log, Window};

pub use config::DeviceWindowsConfig;

/// Windows in succession whose devices are counted.
const COUNTED: u32 = 8;

/// A log that waits for the clock: its device, its time and what it reports.
type Held = (Key, f64, Log);

/// Logs that a [`DeviceWindows`] could not count like the others, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceWindowsCounts {
    /// Logs of a window that had ended for their device: not counted.
    pub late: u64,
    /// Logs more than 60 s ahead of the newest one when they came.
    pub future: u64,
    /// Logs without a time or without a device.
    pub unplaced: u64,
    /// Devices that made room for others.
    pub evicted: u64,
}

/// What each device reported in its current window of event time, as columns of each log.
///
/// Windows are [start, end), 30 s long, and follow each other. Each log gets the values of its device's window so far: of the
/// logs of the same device from the window's start up to and including it. Latency: mean, sample variance, maximum and linear
/// 95 % quantile; packet loss: mean, maximum and sample variance; retries: mean, maximum and share of logs with some; share of codes
/// other than 200, and of 500 and above; traffic: mean, sample variance, maximum − minimum; connection resets: mean and sum; logs
/// per second of the window's whole length; devices with a log in the same window. `docs/CONTEXT_COLUMNS.md` lists them.
///
/// A window's first four logs have null, and so does a log that is not counted. The 95 % quantile is exact up to
/// 512 logs in a window.
///
/// # Examples
///
/// ```
/// use qosguard::arrow::array::Array;
/// use qosguard::features::{Context, DeviceWindows, DeviceWindowsConfig};
/// use qosguard::telemetry::{Schema, Table};
///
/// let schema = Schema::builder("modems").time("at").entity("device_id").feature("latency_ms").build()?;
/// let log = |t: u32| format!(r#"{{"at": {t}, "device_id": "modem-1", "latency_ms": {}}}"#, 40 + t);
/// let logs = Table::from_json(&schema, &format!("[{}]", [0, 1, 2, 3, 4].map(log).join(", ")))?;
/// let mut context = DeviceWindows::new(&DeviceWindowsConfig::default(), logs.schema())?;
/// let with = context.push(&logs.batches()[0])?;
/// let latency = with.column_by_name("avg_latency").unwrap();
/// assert_eq!(latency.null_count(), 4);
/// assert!(format!("{latency:?}").contains("42.0"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeviceWindows {
    inputs: Inputs,
    has: Has,
    columns: Vec<Column>,
    /// What its states belong to.
    owner: state::Owner,
    /// Length of a window in seconds.
    length: f64,
    min_logs: u32,
    arrivals: Arrivals<Held>,
    devices: Kept<Key, Window>,
    /// Devices of the last windows, by the remainder of the window's index.
    reporting: [(i64, u64); COUNTED as usize],
    late: u64,
    unplaced: u64,
}

impl DeviceWindows {
    /// An empty context for records of a schema.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its range, for a schema without a time, an entity or the numbers of
    /// device logs, and for one that has a column of a name that the context appends.
    pub fn new(config: &DeviceWindowsConfig, schema: &Schema) -> Result<Self> {
        config.check()?;
        let inputs = Inputs::of(schema)?;
        let has = inputs.has();
        let columns = columns::columns(has);
        if let Some(taken) = columns.iter().find(|column| schema.index_of(&column.name).is_some()) {
            return Err(Error::invalid("context", "used with a schema without its columns", &taken.name));
        }
        Ok(Self {
            owner: state::owner("device_windows", config, inputs.columns().chain(&columns))?,
            inputs,
            has,
            columns,
            length: f64::from(config.window),
            min_logs: config.min_logs,
            arrivals: Arrivals::default(),
            devices: Kept::new(config.max_devices),
            reporting: [(i64::MIN, 0); COUNTED as usize],
            late: 0,
            unplaced: 0,
        })
    }

    /// What could not be counted like the others so far.
    pub fn counts(&self) -> DeviceWindowsCounts {
        let (late, unplaced) = (self.late, self.unplaced);
        DeviceWindowsCounts {
            late,
            future: self.arrivals.future(),
            unplaced,
            evicted: self.devices.evicted(),
        }
    }

    /// Writes the values of one row into `out`, NaN for none.
    fn row(&mut self, cells: &Cells<'_>, row: usize, out: &mut [f64]) {
        let Some((time, device)) = cells.time(row).zip(cells.device(row)) else {
            self.unplaced += 1;
            out.fill(f64::NAN);
            return;
        };
        let log = cells.log(row);
        let (has, min_logs, length) = (self.has, self.min_logs, self.length);
        match self.arrivals.arrive(time, device.0 ^ device.1, self.length, || (device, time, log)) {
            Arrival::Ahead => out.fill(f64::NAN),
            Arrival::Late => {
                self.late += 1;
                out.fill(f64::NAN);
            }
            Arrival::Counts { is_restart, before } => {
                if is_restart {
                    self.devices.clear();
                    self.reporting = [(i64::MIN, 0); COUNTED as usize];
                }
                for (device, time, log) in before {
                    self.count(device, time, &log);
                }
                match self.count(device, time, &log) {
                    Some((window, devices)) => window.write(has, min_logs, length, devices, out),
                    None => out.fill(f64::NAN),
                }
            }
        }
    }

    /// Counts a log. Returns the window of its device and the devices in the same window; `None` for a late log.
    fn count(&mut self, device: Key, time: f64, log: &Log) -> Option<(&Window, u64)> {
        let index = self.index(time);
        let reporting = index.rem_euclid(i64::from(COUNTED)) as usize;
        let (of, devices) = &mut self.reporting[reporting];
        if *of > index || self.devices.find(device).is_some_and(|window| window.index > index) {
            self.late += 1;
            return None;
        }
        let (window, is_new) = self.devices.see(device);
        if *of < index {
            (*of, *devices) = (index, 0);
        }
        if is_new || window.index < index {
            window.start(index);
            *devices += 1;
        }
        window.push(log);
        Some((window, *devices))
    }

    /// The window of a time: its start, divided by the length.
    fn index(&self, time: f64) -> i64 {
        let index = (time / self.length).floor();
        // A quotient just below a whole number may have been rounded up to it.
        let is_rounded = index * self.length > time;
        index as i64 - i64::from(is_rounded && index > i64::MIN as f64)
    }
}

impl Context for DeviceWindows {
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
