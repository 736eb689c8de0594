//! Telemetry in: schemas, tables, and the readers and writers of every source.
//!
//! | folder | contains |
//! |---|---|
//! | `cell/` | one cell of text: numbers, times, spellings |
//! | `schema/` | columns, roles, presets, inference, and how one schema maps to another |
//! | `table/` | Arrow batches with a schema, reports, and the contract of all readers |
//! | `text/` | CSV, JSON lines, Zeek's and Suricata's logs |
//! | `columnar/` | Arrow memory, Arrow IPC, Parquet |
//! | `files/` | which reader a file gets, compression, logs that grow |
//! | `packets/` | captures to flows |
//! | `netflow/` | NetFlow, IPFIX and sFlow |
//! | `series/` | traffic series on a regular grid |

mod cell;
mod columnar;
mod community_id;
mod files;
#[cfg(feature = "netflow")]
pub mod netflow;
#[cfg(feature = "packets")]
pub mod packets;
mod schema;
pub mod series;
mod table;
mod text;

pub(crate) use cell::address::read_address;
pub use cell::clock::TimeUnit;
pub use cell::reason::Reason;
pub(crate) use cell::spelling::{category, protocol_name, protocol_number};
pub use columnar::arrow::ArrowReader;
pub use columnar::ipc::{IpcReader, read_ipc, read_ipc_with};
pub use columnar::ipc_writer::IpcWriter;
#[cfg(feature = "parquet")]
pub use columnar::parquet::{ParquetReader, read_parquet, read_parquet_with};
#[cfg(feature = "parquet")]
pub use columnar::parquet_writer::ParquetWriter;
pub use community_id::{CommunityId, FlowTuple};
pub use files::chain::open_all;
pub use files::follow::{Follow, FollowCounts, FollowHandle, FollowOptions};
pub use files::read::{open, open_input, read, read_with};
pub use files::shared::SharedReader;
pub use files::write::{OutputFormat, TableWriter, write};
pub use schema::builder::SchemaBuilder;
pub use schema::field::Field;
pub use schema::mapping::SchemaFit;
pub use schema::names::{clean_labels, is_clean_label};
pub use schema::{Column, Kind, Role, Schema};
pub use series::{Series, SeriesConfig, read_series, read_series_with};
pub use table::Table;
pub use table::batches::BatchReader;
pub use table::options::ReadOptions;
pub use table::report::{ReadReport, Rejection};
pub use text::csv::{CsvReader, read_csv, read_csv_with};
pub use text::csv_writer::CsvWriter;
pub use text::eve::EveReader;
pub use text::json::{JsonReader, read_jsonl, read_jsonl_with};
pub use text::json_writer::JsonWriter;
pub use text::zeek::ZeekReader;
