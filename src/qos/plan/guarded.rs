//! The addresses that no entry of a plan touches.

use std::net::IpAddr;

use crate::qos::policy::prefix::PrefixSet;
use crate::qos::{Policy, Prefix};

/// The lists of a policy that forbid actions and the list of a plan, as one set with every form of their IPv4 addresses.
#[derive(Debug)]
pub(super) struct Guarded(PrefixSet);

impl Guarded {
    pub(super) fn new(policy: &Policy, never_act: &[Prefix]) -> Self {
        let listed = || policy.config().without_action().chain(never_act);
        // A prefix of NAT64 or 6to4 addresses contains the hosts of an IPv4 prefix.
        let embedded = listed().flat_map(Prefix::embedded_forms);
        Self(PrefixSet::new(&listed().copied().chain(embedded).collect::<Vec<_>>()))
    }

    /// Whether any address of a prefix is protected.
    pub(super) fn touches(&self, prefix: Prefix) -> bool {
        self.0.overlaps(&prefix)
    }

    /// Whether an address is protected.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(Some(address))
    }
}
