//! Packet captures: packets are decoded one by one and grouped into bidirectional flows.
#![allow(clippy::inline_always, reason = "without it, decoding a packet takes twice as long")]

mod clock;
mod config;
mod counts;
mod decode;
mod end_reason;
mod flow_counts;
mod fragments;
mod input;
mod interface;
mod ip;
mod key;
mod link;
mod meter;
mod packet;
mod part;
mod pcap;
mod pcapng;
mod profile;
mod reader;
mod record;
mod rows;
mod rules;
mod slab;
mod statistics;
mod table;
mod transport;
mod tunnel;
mod views;

pub use config::FlowMeterConfig;
pub use counts::{CaptureCounts, Skipped};
pub use decode::{DecodeOptions, Decoded, Decoder, Layer};
pub use end_reason::EndReason;
pub use flow_counts::FlowCounts;
pub use link::{Encapsulation, LinkType};
pub use meter::{FlowMeter, read_flows};
pub use packet::{Packet, TcpFlags};
pub use profile::{FlowColumn, Profile};
pub use reader::PacketReader;
pub use table::FlowTable;
