//! `Table`: raw telemetry in memory, and its readers.

use std::collections::HashMap;
use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Buffer, ClassInstance, Object};
use napi_derive::napi;
use qosguard::telemetry::{self, BatchReader};
use serde::Deserialize;

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
    /// Share of records, in [0, 1], that may be rejected before the reading fails; 0.05 unless said otherwise.
    pub max_rejected_share: Option<f64>,
    /// What separates the cells of a CSV line; `,` unless said otherwise.
    pub delimiter: Option<String>,
    /// Longest line in bytes, 1 to 2^28; a longer one is rejected. 2^20 unless said otherwise.
    pub max_line_bytes: Option<f64>,
    /// Rows of a batch, 1 to 2^20; 65,536 unless said otherwise.
    pub batch_rows: Option<f64>,
    /// Names and definitions of the flows of a capture; `nfstream` unless said otherwise.
    #[napi(ts_type = "'nfstream' | 'cic' | 'cic_legacy'")]
    pub profile: Option<String>,
    /// Of a capture: seconds without a packet after which a flow ends; the profile says when unless said otherwise.
    pub idle_timeout: Option<f64>,
    /// Of a capture: seconds after which a flow ends at all; the profile says when unless said otherwise.
    pub active_timeout: Option<f64>,
    /// Of a capture: seconds after which a flow that goes on gives a row; never unless said otherwise.
    pub interim: Option<f64>,
    /// Of a capture: flows held at a time; 500,000 unless said otherwise.
    pub max_flows: Option<f64>,
    /// Of a capture: whether flows are those inside tunnels.
    pub decode_tunnels: Option<bool>,
    /// Of a live capture: seconds of its time that rows wait for a batch to fill up; as long as it takes unless said otherwise.
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

/// Why one record was left out.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: f64,
    /// Column name; empty when the whole line is meant.
    pub column: String,
    /// The offending value, cut to 64 characters.
    pub value: String,
    /// What was expected there.
    pub expected: String,
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
    /// Lines without a single value, which are no records.
    pub blank: f64,
    /// How many records were of another kind than the reader's, such as the alerts among Suricata's events, or could give no
    /// flow, such as a packet cut short; by the name of the kind.
    pub skipped: HashMap<String, f64>,
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

/// Raw telemetry in memory: rows whose columns are those of a schema. Immutable; share it freely between calls.
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

    /// The table as an Arrow IPC stream, which `tableFromIPC` of apache-arrow reads without a copy.
    #[napi(catch_unwind)]
    pub fn to_ipc(&self) -> Result<Buffer> {
        self.inner.to_ipc().map(Buffer::from).map_err(|e| into_js_err(&e))
    }

    /// Writes the table to a file; its name says the format: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.arrow`, `.ipc`,
    /// `.feather` or `.parquet`. `read` reads the same values back. Rejects with `invalid_argument` for another name, `io`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn write(&self, path: String) -> AsyncTask<Job<()>> {
        let table = Arc::clone(&self.inner);
        spawn(move || telemetry::write(path, &table))
    }

    /// A new table with the given rows, from 0, in the given order. Rejects with `shape_mismatch` for a row past the last.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn take(&self, rows: Vec<f64>) -> Result<AsyncTask<Job<Table>>> {
        let rows = rows.into_iter().map(|row| whole("rows", row)).collect::<Result<Vec<usize>>>()?;
        let table = Arc::clone(&self.inner);
        Ok(spawn(move || table.take(&rows).map(Table::from)))
    }

    /// Takes the table to another schema: columns by name, by what they tell about a flow, or derived, each in the
    /// schema's unit. `guard.inputs` is the schema that brings a table to a guard.
    /// Rejects with `schema_mismatch` naming the features that nothing fills.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn map_to(&self, schema: &Schema) -> AsyncTask<Job<Table>> {
        let (table, schema) = (Arc::clone(&self.inner), Arc::clone(&schema.inner));
        spawn(move || table.map_to(&schema).map(Table::from))
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
    #[napi(catch_unwind)]
    pub fn labels(&self) -> Result<Option<Vec<bool>>> {
        self.inner.labels().map_err(|e| into_js_err(&e))
    }

    /// Attack class per row, empty for clean rows; `null` without one in the schema.
    #[napi(catch_unwind)]
    pub fn families(&self) -> Result<Option<Vec<String>>> {
        self.inner.families().map_err(|e| into_js_err(&e))
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

/// Reads a file of flows, logs or packets: what it begins with tells captures (pcap, pcapng), Parquet, Arrow IPC, Zeek's and
/// Suricata's logs, JSON lines and CSV apart, and then its name; text may be gzipped. Rejects as the reader of its kind.
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
