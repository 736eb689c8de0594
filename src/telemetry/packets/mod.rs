//! Packets to flows: captures are decoded packet by packet and metered into bidirectional flows.

mod packet;

pub use packet::{Packet, TcpFlags};
