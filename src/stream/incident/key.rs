//! What an incident is about, and its id.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Direction, IncidentKind};
use crate::artifact::hex;
use crate::qos::Subject;

/// What an incident is about: its kind, its direction, and the host that it is about, with a peer for pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) kind: IncidentKind,
    pub(super) direction: Direction,
    pub(super) host: u128,
    pub(super) peer: u128,
}

impl Key {
    /// The first key of the kinds whose evidence is verdicts, which are the last kinds.
    pub(super) const FIRST_OF_VERDICTS: Self =
        Self { kind: IncidentKind::DistributedAnomaly, direction: Direction::Inbound, host: 0, peer: 0 };

    /// What a record's evidence for a kind is about; `None` where the record lacks the address.
    pub(super) fn of(kind: IncidentKind, subject: &Subject<'_>) -> Option<Self> {
        let number = |address: Option<IpAddr>| address.map(Self::entity);
        let (attacker, victim) = (number(subject.src_ip), number(subject.dst_ip));
        let (host, peer) = match kind {
            IncidentKind::Beacon | IncidentKind::Exfiltration => (attacker?, victim?),
            kind if kind.is_about_victim() => (victim?, 0),
            _ => (attacker?, 0),
        };
        Some(Self { kind, direction: Direction::of(subject.src_ip, subject.dst_ip), host, peer })
    }

    /// The id of an incident that begins at a time.
    pub(super) fn id(&self, onset: f64) -> String {
        let mut hash = Sha256::new();
        hash.update(self.kind.as_str());
        hash.update(self.direction.as_str());
        hash.update(self.host.to_be_bytes());
        hash.update(self.peer.to_be_bytes());
        hash.update(onset.to_bits().to_be_bytes());
        hex(&hash.finalize()[..8])
    }

    /// An address as a number; of IPv6 the first 64 bits, since a host chooses the others.
    pub(super) fn entity(address: IpAddr) -> u128 {
        match address.to_canonical() {
            IpAddr::V4(address) => 0xffff << 32 | u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        }
    }
}
