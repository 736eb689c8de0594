//! Packets to flows: captures are decoded packet by packet and metered into bidirectional flows.

mod clock;
mod config;
mod flow_counts;
mod key;
mod packet;
mod profile;
mod rows;
mod slab;
mod statistics;
mod table;
mod views;

pub use config::FlowMeterConfig;
pub use flow_counts::FlowCounts;
pub use packet::{Packet, TcpFlags};
pub use profile::{FlowColumn, Profile};
pub use statistics::EndReason;
pub use table::FlowTable;
