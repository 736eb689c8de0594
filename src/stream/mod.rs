//! A stream of records in event time: verdicts, and incidents that open, go on and close.
//!
//! A [`Stream`] works from its first record. Limits that need no learning ([`Floors`]) find scans, floods and password
//! guesses in what each host did in the last seconds and minutes. The verdicts of a [`Guard`](crate::Guard) add what these
//! limits cannot describe. Without a guard, the stream fits one on the first records that it sees.

mod activity;
mod checkpoint;
mod config;
mod export;
mod incident;
mod latency;
mod merge;
mod pairs;
mod recorder;
mod records;
mod run;
mod signals;
mod table;
mod update;
mod warm_up;
mod watermark;

pub use config::{Floors, IncidentConfig, StreamConfig, TimeConfig};
pub use export::IncidentFormat;
pub use incident::{
    Direction, EvidenceRecord, Incident, IncidentChange, IncidentEvent, IncidentKind, Measurement, Parties,
};
pub use latency::Latency;
pub use merge::MergedReader;
pub use recorder::IncidentRecorder;
pub use run::Stream;
pub use table::IncidentTable;
pub use update::{StreamCounts, StreamState, Update};
pub use watermark::{Placement, Watermarks};
