//! Flows that routers export: NetFlow v5 and v9, IPFIX and sFlow v5, from files or by UDP.
//!
//! | type | what it is |
//! |---|---|
//! | [`Exporters`] | datagrams pushed in one by one, Arrow batches taken out |
//! | [`ExportReader`] | files of datagrams as a [`BatchReader`](crate::telemetry::BatchReader) |
//! | [`Collector`] | a UDP port as a [`BatchReader`](crate::telemetry::BatchReader) |
//!
//! All give the columns of the schema `ipfix`.

mod collector;
mod columns;
mod config;
mod counts;
mod cursor;
mod domain;
mod element;
mod exporters;
mod files;
mod flows;
mod kept;
mod message;
mod queue;
mod record;
mod sflow;
mod template;

pub use collector::{Collector, CollectorConfig, StopHandle};
pub use config::NetflowConfig;
pub use counts::ExportCounts;
pub use exporters::Exporters;
pub use files::ExportReader;
