//! Flows exported by routers: NetFlow v5 and v9, IPFIX and sFlow v5, from files or by UDP.
//!
//! | type | purpose |
//! |---|---|
//! | [`Exporters`] | decodes datagrams, pushed one by one, into Arrow batches |
//! | [`ExportReader`] | reads files of datagrams as a [`BatchReader`](crate::telemetry::BatchReader) |
//! | [`Collector`] | receives datagrams at a UDP port as a [`BatchReader`](crate::telemetry::BatchReader) |
//!
//! All return the columns of the schema `ipfix`.

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
mod message;
mod pending_sets;
mod queue;
mod record;
mod sflow;
mod template;

pub use collector::{Collector, CollectorConfig, StopHandle};
pub use config::NetflowConfig;
pub use counts::ExportCounts;
pub use exporters::Exporters;
pub use files::ExportReader;
