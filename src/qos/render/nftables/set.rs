//! The sets of the table: one for each action, family and shape of key.

use std::fmt::Write;

use super::TABLE;
use crate::qos::render::dscp;
use crate::qos::{Action, Inspection, PlanEntry};

/// Elements that a set may hold. The kernel allocates memory as a set grows.
pub(super) const SET_SIZE: usize = 1_048_576;

/// What the rule of a set does, in the order of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Drops what a host sends and what is sent to it.
    Isolate,
    /// Drops what a host sends.
    Drop,
    /// Copies packets to a netlink group.
    Mirror,
    /// Drops what goes beyond a rate, in bytes per second, with a burst in bytes.
    Limit(u64, u32),
    /// Sends packets to a netlink queue, and lets them pass when nothing reads it.
    Queue,
    /// Marks packets with a code point.
    Mark(dscp::Dscp),
}

impl Effect {
    /// The effect of an action, or why nftables has none.
    pub(super) fn of(action: Action) -> Result<Self, &'static str> {
        Ok(match action {
            Action::Isolate { .. } => Self::Isolate,
            Action::Drop { .. } => Self::Drop,
            Action::Inspect { inspection: Inspection::Mirror, .. } => Self::Mirror,
            Action::Inspect { inspection: Inspection::Queue, .. } => Self::Queue,
            Action::Inspect { inspection: Inspection::Redirect, .. } => {
                return Err("nftables has no inspector to redirect to");
            }
            // The kernel keeps a burst in 32 bits; a smaller burst is stricter.
            Action::RateLimit { bytes_per_second, burst, .. } => {
                Self::Limit(bytes_per_second, u32::try_from(burst).unwrap_or(u32::MAX))
            }
            Action::Prioritize { .. } | Action::Deprioritize { .. } => {
                Self::Mark(dscp::of(action).ok_or("nftables has no mark for the class")?)
            }
            Action::Allow => return Err("allow changes nothing"),
        })
    }

    /// The first part of the names of its sets.
    pub(super) fn name(self) -> String {
        match self {
            Self::Isolate => "isolate".into(),
            Self::Drop => "drop".into(),
            Self::Mirror => "mirror".into(),
            Self::Queue => "queue".into(),
            Self::Limit(rate, burst) => format!("limit_{rate}_{burst}_"),
            Self::Mark(dscp) => format!("mark_{}_", dscp.name),
        }
    }
}

/// What the elements of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// Addresses, in a hash table.
    Host,
    /// Prefixes that do not overlap.
    Net,
    /// An address, a protocol and a port.
    Service,
}

/// One set of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set {
    pub(super) effect: Effect,
    pub(super) is_v6: bool,
    pub(super) shape: Shape,
}

impl Set {
    /// The set of an entry, or why there is none.
    pub(super) fn of(entry: &PlanEntry) -> Result<Self, &'static str> {
        let key = &entry.key;
        let effect = Effect::of(entry.action)?;
        let shape = match (key.protocol, key.dst_port) {
            (None, None) if key.source.is_host() => Shape::Host,
            (None, None) => Shape::Net,
            (Some(_), Some(_)) if key.source.is_host() => Shape::Service,
            (Some(_), Some(_)) => return Err("nftables sets of services hold hosts and not prefixes"),
            _ => return Err("nftables sets of services need a port"),
        };
        if effect == Effect::Isolate && shape == Shape::Service {
            return Err("a host is isolated with all its services");
        }
        Ok(Self { effect, is_v6: key.source.is_v6(), shape })
    }

    pub(super) fn name(&self) -> String {
        let family = if self.is_v6 { 6 } else { 4 };
        let shape = match self.shape {
            Shape::Host => "",
            Shape::Net => "net",
            Shape::Service => "svc",
        };
        format!("{}{family}{shape}", self.effect.name())
    }

    /// The part of a packet that is looked up in the set; `end` is `saddr` or `daddr`.
    pub(super) fn selector(&self, end: &str) -> String {
        let family = if self.is_v6 { "ip6" } else { "ip" };
        match self.shape {
            Shape::Host | Shape::Net => format!("{family} {end}"),
            Shape::Service => format!("{family} {end} . meta l4proto . th dport"),
        }
    }

    /// The command that declares it, and the one that empties it.
    pub(super) fn declare(&self, document: &mut String) {
        let flags = if self.shape == Shape::Net { "interval,timeout" } else { "timeout" };
        let (name, kind) = (self.name(), self.kind());
        let _ = writeln!(
            document,
            "add set {TABLE} {name} {{ type {kind}; flags {flags}; counter; size {SET_SIZE}; }}"
        );
        if let Effect::Limit(..) = self.effect {
            let meter = self.meter();
            // One address of a prefix has one meter, so the meters of a set of prefixes hold addresses.
            let _ = writeln!(
                document,
                "add set {TABLE} {meter} {{ type {kind}; flags dynamic,timeout; timeout 60s; size {SET_SIZE}; }}"
            );
        }
    }

    /// The set of the meters of a rate limit.
    pub(super) fn meter(&self) -> String {
        format!("meter_{}", self.name())
    }

    fn kind(&self) -> String {
        let address = if self.is_v6 { "ipv6_addr" } else { "ipv4_addr" };
        match self.shape {
            Shape::Host | Shape::Net => address.into(),
            Shape::Service => format!("{address} . inet_proto . inet_service"),
        }
    }
}
