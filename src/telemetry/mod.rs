//! What comes in: schemas, and CSV and JSON lines read into Arrow tables.

mod batches;
mod builder;
mod column;
mod convert;
mod csv;
mod detect;
mod field;
mod json;
mod json_record;
mod lines;
#[cfg(feature = "netflow")]
pub mod netflow;
mod number;
mod options;
#[cfg(feature = "packets")]
pub mod packets;
mod preset;
mod read;
mod records;
mod report;
mod rows;
mod schema;
mod split;
mod table;
mod text;
mod write;

pub use batches::BatchReader;
pub use builder::SchemaBuilder;
pub use csv::{CsvReader, read_csv, read_csv_with};
pub use field::Field;
pub use json::{JsonReader, read_jsonl, read_jsonl_with};
pub use options::ReadOptions;
pub use read::{read, read_with};
pub use report::{ReadReport, Rejection};
pub use schema::{Column, Kind, Role, Schema};
pub use table::Table;
pub(crate) use text::protocol_name;
pub use write::CsvWriter;
