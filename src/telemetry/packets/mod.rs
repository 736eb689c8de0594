//! Packets to flows: captures are decoded packet by packet and metered into bidirectional flows.

mod counts;
mod decode;
mod fragments;
mod ip;
mod link;
mod packet;
mod part;
mod transport;
mod tunnel;

pub use counts::{CaptureCounts, Skipped};
pub use decode::{DecodeOptions, Decoded, Decoder, Layer};
pub use link::LinkType;
pub use packet::{Packet, TcpFlags};
