//! What a host context counts by: sources, destinations, pairs of both, and their prefixes.

use super::Record;
use crate::features::context::entities::Key;

/// Kinds of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    Src,
    Dst,
    Pair,
    SrcNet,
    DstNet,
}

impl Grouping {
    /// The kinds of a schema with a source or a destination, in the order of their columns.
    pub(super) fn of((has_src, has_dst): (bool, bool), prefixes: bool) -> Vec<Self> {
        let kinds = [
            (Self::Src, has_src),
            (Self::Dst, has_dst),
            (Self::Pair, has_src && has_dst),
            (Self::SrcNet, has_src && prefixes),
            (Self::DstNet, has_dst && prefixes),
        ];
        kinds.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind).collect()
    }

    /// The name in columns.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Src => "src",
            Self::Dst => "dst",
            Self::Pair => "pair",
            Self::SrcNet => "src_net",
            Self::DstNet => "dst_net",
        }
    }

    /// Whether its entities have peers, where records have both ends.
    pub(super) fn has_peers(self) -> bool {
        self != Self::Pair
    }

    /// The entity of a record, `None` for a record without that address.
    pub(super) fn key(self, record: &Record) -> Option<Key> {
        let (src, dst) = (record.src, record.dst);
        match self {
            Self::Src => src.map(|src| (src, 0)),
            Self::Dst => dst.map(|dst| (dst, 0)),
            Self::Pair => src.zip(dst),
            Self::SrcNet => src.map(|src| (prefix(src), 0)),
            Self::DstNet => dst.map(|dst| (prefix(dst), 0)),
        }
    }

    /// The other end of a record.
    pub(super) fn peer(self, record: &Record) -> Option<u64> {
        match self {
            Self::Src | Self::SrcNet => record.dst,
            Self::Dst | Self::DstNet => record.src,
            Self::Pair => None,
        }
    }
}

/// The first 24 bits of an IPv4 address. IPv6 addresses are entities by their first 64 bits already.
const fn prefix(entity: u64) -> u64 {
    // 16 zero bits begin the number of an IPv4 address, and of no global IPv6 prefix.
    if entity >> 48 == 0 { entity & !0xFF } else { entity }
}
