//! Packets to flows: captures are decoded packet by packet and metered into bidirectional flows.

mod counts;
mod decode;
mod fragments;
mod input;
mod interface;
mod ip;
mod link;
mod packet;
mod part;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod transport;
mod tunnel;

pub use counts::{CaptureCounts, Skipped};
pub use decode::{DecodeOptions, Decoded, Decoder, Layer};
pub use link::LinkType;
pub use packet::{Packet, TcpFlags};
pub use reader::PacketReader;
