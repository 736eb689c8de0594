//! What comes in: schemas, and CSV and JSON lines read into Arrow tables.

mod batches;
mod builder;
mod canonical;
mod clock;
mod column;
mod convert;
mod csv;
mod derive;
mod detect;
mod field;
mod fit;
mod json;
mod json_record;
mod lines;
mod map_to;
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
pub mod series;
mod split;
mod table;
mod text;
mod write;

pub use batches::BatchReader;
pub use builder::SchemaBuilder;
pub use clock::TimeUnit;
pub use csv::{CsvReader, read_csv, read_csv_with};
pub use field::Field;
pub use fit::SchemaFit;
pub use json::{JsonReader, read_jsonl, read_jsonl_with};
pub use options::ReadOptions;
pub use read::{read, read_with};
pub use report::{ReadReport, Rejection};
pub use schema::{Column, Kind, Role, Schema};
pub use series::{Series, SeriesConfig, read_series, read_series_with};
pub use table::Table;
pub(crate) use text::protocol_name;
pub use write::CsvWriter;
