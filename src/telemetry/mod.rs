//! What comes in: schemas, and CSV, JSON lines, Parquet and Arrow read into Arrow tables.

mod arrow;
mod batches;
mod builder;
mod canonical;
mod cells;
mod chain;
mod clock;
mod column;
mod convert;
mod csv;
mod csv_writer;
mod derive;
mod detect;
mod eve;
mod field;
mod fit;
mod follow;
mod format;
mod gzip;
mod infer;
mod infer_names;
mod ipc;
mod ipc_messages;
mod ipc_writer;
mod json;
mod json_nested;
mod json_record;
mod json_writer;
mod lines;
mod map_to;
mod moment;
#[cfg(feature = "netflow")]
pub mod netflow;
mod number;
mod options;
#[cfg(feature = "packets")]
pub mod packets;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod parquet_writer;
mod preset;
mod read;
mod records;
mod report;
mod rows;
mod sample;
mod schema;
pub mod series;
mod split;
mod table;
mod text;
mod texts;
mod time_columns;
mod values;
mod write;
mod zeek;

pub use arrow::ArrowReader;
pub use batches::BatchReader;
pub use builder::SchemaBuilder;
pub use chain::open_all;
pub use clock::TimeUnit;
pub use csv::{CsvReader, read_csv, read_csv_with};
pub use csv_writer::CsvWriter;
pub use eve::EveReader;
pub use field::Field;
pub use fit::SchemaFit;
pub use follow::{Follow, FollowCounts, FollowHandle, FollowOptions};
pub use ipc::{IpcReader, read_ipc, read_ipc_with};
pub use ipc_writer::IpcWriter;
pub use json::{JsonReader, read_jsonl, read_jsonl_with};
pub use json_writer::JsonWriter;
pub use options::ReadOptions;
#[cfg(feature = "parquet")]
pub use parquet::{ParquetReader, read_parquet, read_parquet_with};
#[cfg(feature = "parquet")]
pub use parquet_writer::ParquetWriter;
pub use read::{open, open_input, read, read_with};
pub use report::{ReadReport, Rejection};
pub use schema::{Column, Kind, Role, Schema};
pub use series::{Series, SeriesConfig, read_series, read_series_with};
pub use table::Table;
pub(crate) use text::{category, protocol_name};
pub use write::{OutputFormat, TableWriter, write};
pub use zeek::ZeekReader;
