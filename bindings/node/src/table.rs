//! `Table`: raw telemetry in memory, and its readers.

use std::collections::HashMap;
use std::sync::Arc;

use napi::bindgen_prelude::{
    AsyncTask, Buffer, ClassInstance, Either, Float64Array, Object, Uint8Array, Uint32Array,
};
use napi_derive::napi;
use qosguard::arrow::array::{Array, Float64Array as Numbers, RecordBatch, StringArray};
use qosguard::telemetry::{self, BatchReader};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::convert::{Settings, mirror, parse, settings, whole, whole_or};
use crate::error::{Result, into_js_err, invalid};
use crate::job::{Job, spawn};
use crate::schema::Schema;

/// How a file is read.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct ReadOptions<'a> {
    /// The schema; without one it is detected among the built-in ones.
    pub schema: Option<ClassInstance<'a, Schema>>,
    /// Share of records, in [0, 1], that may be rejected before the reading fails; default: 0.05.
    pub max_rejected_share: Option<f64>,
    /// Separator of the cells of a CSV line; default: `,`.
    pub delimiter: Option<String>,
    /// Longest line in bytes, 1 to 2^28; a longer one is rejected; default: 2^20.
    pub max_line_bytes: Option<f64>,
    /// Rows of a batch, 1 to 2^20; default: 65,536.
    pub batch_rows: Option<f64>,
    /// Names and definitions of the flows of a capture; default: `nfstream`.
    #[napi(ts_type = "'nfstream' | 'cic' | 'cic_legacy'")]
    pub profile: Option<String>,
    /// Of a capture: seconds without a packet after which a flow ends; default: by the profile.
    pub idle_timeout: Option<f64>,
    /// Of a capture: maximum length of a flow in seconds; default: by the profile.
    pub active_timeout: Option<f64>,
    /// Of a capture: seconds after which a flow that continues gives a row; default: never.
    pub interim: Option<f64>,
    /// Of a capture: maximum number of flows in memory; default: 500,000.
    pub max_flows: Option<f64>,
    /// Of a capture: whether flows are built from the packets inside tunnels.
    pub decode_tunnels: Option<bool>,
    /// Of a live capture: maximum time in seconds, by its clock, that a row waits for its batch to be full; default: no limit.
    pub flush: Option<f64>,
}

impl Settings for ReadOptions<'_> {
    const KEYS: &'static [&'static str] = &[
        "schema",
        "maxRejectedShare",
        "delimiter",
        "maxLineBytes",
        "batchRows",
        "profile",
        "idleTimeout",
        "activeTimeout",
        "interim",
        "maxFlows",
        "decodeTunnels",
        "flush",
    ];
}

impl ReadOptions<'_> {
    pub(crate) fn to_core(&self) -> Result<telemetry::ReadOptions> {
        let mut options = telemetry::ReadOptions::default();
        options.schema = self.schema.as_ref().map(|schema| (*schema.inner).clone());
        options.max_line_bytes = whole_or("maxLineBytes", self.max_line_bytes, options.max_line_bytes)?;
        if let Some(share) = self.max_rejected_share {
            options.max_rejected_share = share;
        }
        if let Some(text) = &self.delimiter {
            let &[byte] = text.as_bytes() else {
                return Err(invalid("delimiter", "one ASCII character", format!("{text:?}")));
            };
            options.delimiter = byte;
        }
        let meter = &mut options.meter;
        if let Some(rows) = self.batch_rows {
            options.batch_rows = whole("batchRows", rows)?;
            meter.batch_rows = options.batch_rows;
        }
        if let Some(profile) = &self.profile {
            meter.profile = parse("profile", profile.as_str().into())?;
        }
        meter.idle_timeout_s = self.idle_timeout;
        meter.active_timeout_s = self.active_timeout;
        meter.interim_s = self.interim;
        meter.flush_s = self.flush;
        meter.max_flows = whole_or("maxFlows", self.max_flows, meter.max_flows)?;
        meter.decode_tunnels = self.decode_tunnels.unwrap_or_default();
        Ok(options)
    }
}

/// How a table is taken to another schema.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct MapOptions {
    /// Share of rows, in [0, 1], that may be out of range before the mapping fails; default: 0.05.
    pub max_rejected_share: Option<f64>,
}

/// Why one record was left out.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(from = "telemetry::Rejection")]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: f64,
    /// Column name; empty when the whole line is meant.
    pub column: String,
    /// The offending value, cut to 64 characters.
    pub value: String,
    /// Stable code of the reason, such as `not_a_number`, `below_minimum` or `wrong_cell_count`.
    pub code: String,
    /// Why the record is rejected, as a sentence.
    pub reason: String,
}

impl From<telemetry::Rejection> for Rejection {
    fn from(rejection: telemetry::Rejection) -> Self {
        Self {
            line: rejection.line as f64,
            code: rejection.reason.code().to_owned(),
            reason: rejection.reason.to_string(),
            column: rejection.column,
            value: rejection.value,
        }
    }
}

/// What a reader read and what it rejected.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadReport {
    /// File or stream.
    pub place: String,
    /// Records accepted.
    pub accepted: f64,
    /// Records rejected.
    pub rejected: f64,
    /// Records rejected, by the code of the reason.
    pub rejected_by_code: HashMap<String, f64>,
    /// Accepted JSON records that lack the key of a feature, by the name of its column: the value is missing.
    pub absent: HashMap<String, f64>,
    /// Lines without a value; they do not count as records.
    pub blank: f64,
    /// Counts of records of another kind than the reader's, such as alerts among Suricata's events, and of records that give no
    /// flow, such as a truncated packet; by the name of the kind.
    pub skipped: HashMap<String, f64>,
    /// How many accepted records have a label such as `Unknown`, which is neither clean nor an attack.
    pub unlabelled: f64,
    /// The role of each column and the reason, if the schema was inferred.
    pub inferred: Vec<String>,
    /// The first rejections, in file order.
    pub rejections: Vec<Rejection>,
    /// Why an input that is not empty gave no record, in one sentence; absent if records were accepted or the input is
    /// empty.
    pub nothing_read: Option<String>,
}

impl ReadReport {
    /// The report as JavaScript has it.
    pub(crate) fn of(report: &telemetry::ReadReport) -> Result<Self> {
        Ok(Self { nothing_read: report.nothing_read(), ..mirror(report)? })
    }
}

/// Raw telemetry in memory: rows with the columns of a schema. Immutable; share it freely between calls.
#[napi]
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) inner: Arc<telemetry::Table>,
}

impl From<telemetry::Table> for Table {
    fn from(table: telemetry::Table) -> Self {
        Self { inner: Arc::new(table) }
    }
}

#[napi]
impl Table {
    /// A table of the records that a service posted, by the schema's column names.
    ///
    /// A value is a number, text, a boolean or `null` for missing. A record that cannot be read is rejected, counted, and
    /// named in `report`. Throws `schema_mismatch` naming the columns, `bad_record` for too many rejections, and
    /// `insufficient_data` for none at all.
    #[napi(catch_unwind)]
    pub fn from_records(
        #[napi(ts_arg_type = "FlowRecord | ReadonlyArray<FlowRecord>")] json: String,
        schema: &Schema,
    ) -> Result<Self> {
        telemetry::Table::from_json(&schema.inner, &json).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// A table of Arrow IPC bytes, a file or a stream, such as `tableToIPC` of apache-arrow gives. Copies `bytes`.
    ///
    /// Columns are found by name; with a schema there may be others, which are not read. A row that cannot be read is
    /// rejected, counted, and named in `report`. Rejects as `readIpc`.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn from_ipc(
        bytes: &[u8],
        #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<Table>>> {
        let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
        let bytes = std::io::Cursor::new(bytes.to_vec());
        Ok(spawn(move || telemetry::IpcReader::new(bytes, "ipc", &options)?.read().map(Table::from)))
    }

    /// The table as an Arrow IPC stream, which `tableFromIPC` of apache-arrow reads without a copy; made off the event loop.
    #[napi(catch_unwind, ts_return_type = "Promise<Buffer>")]
    pub fn to_ipc(&self) -> AsyncTask<Job<Buffer>> {
        let table = Arc::clone(&self.inner);
        spawn(move || table.to_ipc().map(Buffer::from))
    }

    /// As `toIpc`, on the calling thread; for a small table.
    #[napi(catch_unwind)]
    pub fn to_ipc_sync(&self) -> Result<Buffer> {
        self.inner.to_ipc().map(Buffer::from).map_err(|e| into_js_err(&e))
    }

    /// Writes the table to a file; its extension determines the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
    /// `.feather` or `.parquet`. `read` reads the same values back. Rejects with `invalid_argument` for another name, `io`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn write(&self, path: String) -> AsyncTask<Job<()>> {
        let table = Arc::clone(&self.inner);
        spawn(move || telemetry::write(path, &table))
    }

    /// A new table with the given rows, from 0, in the given order, such as `assessment.anomalies`. Rejects with
    /// `shape_mismatch` for a row past the last.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn take(
        &self,
        #[napi(ts_arg_type = "Uint32Array | ReadonlyArray<number>")] rows: Either<Uint32Array, Vec<f64>>,
    ) -> Result<AsyncTask<Job<Table>>> {
        let rows = match rows {
            Either::A(rows) => rows.iter().map(|&row| row as usize).collect(),
            Either::B(rows) => {
                rows.into_iter().map(|row| whole("rows", row)).collect::<Result<Vec<usize>>>()?
            }
        };
        let table = Arc::clone(&self.inner);
        Ok(spawn(move || table.take(&rows).map(Table::from)))
    }

    /// The rows from `start`, 0 where it is left out, to before `end`, the last where it is left out, as a table over the
    /// same memory.
    #[napi(catch_unwind)]
    pub fn slice(&self, start: Option<f64>, end: Option<f64>) -> Result<Self> {
        let (report, batches) =
            (telemetry::ReadReport::new(&self.inner.report().place), self.batches(start, end)?);
        let table = telemetry::Table::new(Arc::clone(self.inner.schema()), batches, report);
        table.map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// The rows from `start`, 0 where it is left out, to before `end`, the last where it is left out, as records by column
    /// name, which `fromRecords` reads. A missing value is `null`, a time is as in a file of the schema, and an infinity is the
    /// text that a CSV file has for it. `for await (const record of table)` gives all rows and lets the event loop run.
    #[napi(catch_unwind, ts_return_type = "Array<TableRow>")]
    pub fn records(&self, start: Option<f64>, end: Option<f64>) -> Result<Vec<Value>> {
        let columns = self.inner.schema().columns();
        let mut records = Vec::new();
        let batches = self.slice(start, end)?.inner.to_records().map_err(|e| into_js_err(&e))?;
        for batch in batches {
            let cells: Vec<Cells<'_>> = (0..columns.len()).map(|column| Cells::of(&batch, column)).collect();
            for row in 0..batch.num_rows() {
                let cell = |(column, cells): (&telemetry::Column, &Cells<'_>)| {
                    (column.name.clone(), cells.value(row))
                };
                records.push(Value::Object(columns.iter().zip(&cells).map(cell).collect::<Map<_, _>>()));
            }
        }
        Ok(records)
    }

    /// The cells of a column: a `Float64Array` of numbers, or of times in seconds since the epoch, with NaN for missing; or
    /// texts, with `null` for missing. Throws `invalid_argument` for a column that is not there.
    #[napi(catch_unwind, ts_return_type = "Float64Array | Array<string | null>")]
    pub fn column(&self, name: String) -> Result<Either<Float64Array, Vec<Option<String>>>> {
        let columns = self.inner.schema().columns();
        let Some(index) = columns.iter().position(|column| column.name == name) else {
            let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
            return Err(invalid("name", &format!("one of {}", names.join(", ")), name));
        };
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for batch in self.inner.batches() {
            match Cells::of(batch, index) {
                Cells::Numbers(cells) => {
                    numbers.extend(cells.iter().map(|cell| cell.unwrap_or(f64::NAN)));
                }
                Cells::Texts(cells) => texts.extend(cells.iter().map(|cell| cell.map(str::to_owned))),
                Cells::None => {}
            }
        }
        let is_text = columns[index].kind == telemetry::Kind::Text;
        Ok(if is_text { Either::B(texts) } else { Either::A(numbers.into()) })
    }

    /// Converts the table to another schema: columns by name, by the property of a flow that they hold, or derived, each in the
    /// schema's unit. `guard.inputs` is the schema that brings a table to a guard. A schema without a label or an attack class
    /// gets the column of this table.
    /// Rejects with `schema_mismatch` naming the features that nothing fills, and `bad_record` for more than
    /// `maxRejectedShare` of rows out of range.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn map_to(&self, schema: &Schema, options: Option<MapOptions>) -> AsyncTask<Job<Table>> {
        let (table, schema) = (Arc::clone(&self.inner), Arc::clone(&schema.inner));
        let default = telemetry::ReadOptions::default();
        let share = options.and_then(|options| options.max_rejected_share);
        let max_rejected_share = share.unwrap_or(default.max_rejected_share);
        let options = telemetry::ReadOptions { max_rejected_share, ..default };
        spawn(move || table.map_to_with(&schema, &options).map(Table::from))
    }

    /// Number of rows.
    #[napi(getter, catch_unwind)]
    pub fn num_rows(&self) -> f64 {
        self.inner.n_rows() as f64
    }

    /// Names and roles of the columns.
    #[napi(getter, catch_unwind)]
    pub fn schema(&self) -> Schema {
        Schema { inner: Arc::clone(self.inner.schema()) }
    }

    /// What was read and what was rejected on the way in.
    #[napi(getter, catch_unwind)]
    pub fn report(&self) -> Result<ReadReport> {
        ReadReport::of(self.inner.report())
    }

    /// Ground truth, `true` for attacks: one per row, or `null` without a label column.
    /// Throws `bad_record` for an empty label.
    // As bytes, which `index.js` makes booleans: napi would set them one by one, at ten times the cost.
    #[napi(catch_unwind, ts_return_type = "Array<boolean> | null")]
    pub fn labels(&self) -> Result<Option<Uint8Array>> {
        let labels = self.inner.labels().map_err(|e| into_js_err(&e))?;
        Ok(labels.map(|labels| labels.into_iter().map(u8::from).collect::<Vec<_>>().into()))
    }

    /// Ground truth as bytes, 1 for attacks, off the event loop: what takes `labels` takes them too. `null` without a label
    /// column. Rejects with `bad_record` for an empty label.
    #[napi(catch_unwind, ts_return_type = "Promise<Uint8Array | null>")]
    pub fn label_flags(&self) -> AsyncTask<Job<Option<Uint8Array>>> {
        let table = Arc::clone(&self.inner);
        spawn(move || {
            Ok(table.labels()?.map(|labels| labels.into_iter().map(u8::from).collect::<Vec<_>>().into()))
        })
    }

    /// The rows whose label decides between clean and attack: all but the rows with a label such as `Unknown`.
    /// Throws `bad_record` for an empty label.
    #[napi(catch_unwind)]
    pub fn labelled(&self) -> Result<Self> {
        self.inner.labelled().map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// Attack class per row, empty for clean rows; `null` without one in the schema.
    // As codes of few names, for the same reason.
    #[napi(catch_unwind, ts_return_type = "Array<string> | null")]
    pub fn families(&self) -> Result<Option<(Vec<String>, Uint32Array)>> {
        let families = self.inner.families().map_err(|e| into_js_err(&e))?;
        Ok(families.map(|families| {
            let (mut names, mut seen) = (Vec::new(), HashMap::new());
            let mut code = |name: String| {
                *seen.entry(name).or_insert_with_key(|name| {
                    names.push(name.clone());
                    names.len() as u32 - 1
                })
            };
            let codes: Vec<u32> = families.into_iter().map(&mut code).collect();
            (names, codes.into())
        }))
    }
}

impl Table {
    /// The batches of some rows, over the same memory.
    fn batches(&self, start: Option<f64>, end: Option<f64>) -> Result<Vec<RecordBatch>> {
        let (mut first, end) = (whole_or("start", start, 0)?, whole_or("end", end, self.inner.n_rows())?);
        let mut at: usize = 0;
        let mut batches = Vec::new();
        for batch in self.inner.batches() {
            let next = at + batch.num_rows();
            if first < next.min(end) {
                batches.push(batch.slice(first - at, next.min(end) - first));
                first = next;
            }
            at = next;
        }
        Ok(batches)
    }
}

/// The cells of one column of a batch.
enum Cells<'a> {
    Numbers(&'a Numbers),
    Texts(&'a StringArray),
    /// Of a type that no schema has.
    None,
}

impl<'a> Cells<'a> {
    fn of(batch: &'a RecordBatch, column: usize) -> Self {
        let cells = batch.column(column).as_any();
        let numbers = cells.downcast_ref().map(Self::Numbers);
        numbers.or_else(|| cells.downcast_ref().map(Self::Texts)).unwrap_or(Self::None)
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Self::Numbers(cells) if cells.is_valid(row) => match cells.value(row) {
                f64::INFINITY => "Infinity".into(),
                f64::NEG_INFINITY => "-Infinity".into(),
                number => number.into(), // NaN is null
            },
            Self::Texts(cells) if cells.is_valid(row) => cells.value(row).into(),
            _ => Value::Null,
        }
    }
}

/// Reads a CSV file, plain or gzipped; the schema is detected from the header or the number of columns.
///
/// A row that cannot be read is rejected, counted, and named in `table.report`. Rejects with `io`, `schema_mismatch` naming
/// missing and unknown columns, `bad_record` for too many rejections, and `insufficient_data` for an empty file.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_csv(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(spawn(move || telemetry::read_csv_with(path, &options).map(Table::from)))
}

/// Reads a file of JSON lines, plain or gzipped.
///
/// A row that cannot be read is rejected, counted, and named in `table.report`. Rejects with `io`, `schema_mismatch` naming
/// missing and unknown columns, `bad_record` for too many rejections, and `insufficient_data` for an empty file.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_jsonl(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(spawn(move || telemetry::read_jsonl_with(path, &options).map(Table::from)))
}

/// Reads a file of flows, logs or packets. Its first bytes, and then its name, determine the format: captures (pcap, pcapng),
/// Parquet, Arrow IPC, logs of Zeek and Suricata, exports, JSON lines or CSV; text may be gzipped. Rejects as the reader of its kind.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(spawn(move || telemetry::read_with(path, &options).map(Table::from)))
}

/// Reads a Parquet file; with a schema it may hold other columns, which are not read.
///
/// A row that cannot be read is rejected, counted, and named in `table.report`. Rejects with `io`, `schema_mismatch` naming
/// missing and unknown columns, `bad_record` for a broken file and too many rejections, and `insufficient_data` for no row.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_parquet(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(spawn(move || telemetry::read_parquet_with(path, &options).map(Table::from)))
}

/// Reads an Arrow IPC file (Feather version 2) or stream; with a schema it may hold other columns, which are not read.
///
/// A row that cannot be read is rejected, counted, and named in `table.report`. Rejects with `io`, `schema_mismatch` naming
/// missing and unknown columns, `bad_record` for a broken file and too many rejections, and `insufficient_data` for no row.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn read_ipc(
    path: String,
    #[napi(ts_arg_type = "ReadOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options = settings::<ReadOptions<'_>>(options)?.to_core()?;
    Ok(spawn(move || telemetry::read_ipc_with(path, &options).map(Table::from)))
}
