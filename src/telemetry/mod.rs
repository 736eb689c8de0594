//! What comes in: schemas, and CSV and JSON lines read into Arrow tables.

mod report;
mod schema;
mod table;
mod write;

pub use report::{ReadReport, Rejection};
pub use schema::{Column, Field, Kind, Role, Schema};
pub use table::Table;
pub use write::CsvWriter;
