//! Finds the scopes that apply to a flow.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::{Scope, ScopeDirection};
use crate::qos::policy::PolicyConfig;
use crate::qos::policy::prefix::Prefix;

/// Indices of scopes.
type Indices = Vec<usize>;

/// The scopes of a policy by prefix: one hash table for each prefix length that occurs.
#[derive(Clone, Debug, Default)]
pub(in crate::qos) struct ScopeIndex {
    /// By family (whether IPv6) and length; then by the bits of the prefix.
    by_length: BTreeMap<(bool, u8), HashMap<u128, Indices>>,
    /// Place of each scope in the order from the widest to the most specific.
    ranks: Vec<usize>,
    directions: Vec<Option<ScopeDirection>>,
}

impl ScopeIndex {
    pub(in crate::qos) fn new(config: &PolicyConfig) -> Self {
        let mut index = Self {
            ranks: ranks(&config.scopes),
            directions: config.scopes.iter().map(|scope| scope.direction).collect(),
            ..Self::default()
        };
        for (at, scope) in config.scopes.iter().enumerate() {
            let tenant = scope.tenant.as_ref().and_then(|name| config.tenants.get(name));
            let prefixes = tenant.map_or(&[][..], |tenant| &tenant.prefixes);
            for prefix in prefixes.iter().chain(&scope.prefix) {
                let (is_v6, bits) = prefix.bits();
                let table = index.by_length.entry((is_v6, prefix.length())).or_default();
                table.entry(bits).or_default().push(at);
            }
        }
        index
    }

    pub(in crate::qos) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// The scopes that apply to a flow, from the widest to the most specific.
    pub(in crate::qos) fn find(&self, source: Option<IpAddr>, destination: Option<IpAddr>) -> Indices {
        let mut found = Vec::new();
        self.collect(source, ScopeDirection::Inbound, &mut found);
        self.collect(destination, ScopeDirection::Outbound, &mut found);
        found.sort_unstable_by_key(|&at| self.ranks.get(at));
        found.dedup();
        found
    }

    /// Adds the scopes of one end, but for the ones of the other direction.
    fn collect(&self, address: Option<IpAddr>, other: ScopeDirection, found: &mut Indices) {
        let (is_v6, bits, width) = match address.map(|address| address.to_canonical()) {
            None => return,
            Some(IpAddr::V4(address)) => (false, u128::from(address.to_bits()), 32),
            Some(IpAddr::V6(address)) => (true, address.to_bits(), 128),
        };
        for (&(_, length), table) in self.by_length.range((is_v6, 0)..=(is_v6, 128)) {
            let shift = u32::from(width - length);
            let first = bits.checked_shr(shift).unwrap_or(0).checked_shl(shift).unwrap_or(0);
            let scopes = table.get(&first).map_or(&[][..], Vec::as_slice);
            found.extend(scopes.iter().filter(|&&at| self.directions.get(at) != Some(&Some(other))));
        }
    }
}

/// The place of each scope in the order from the widest to the most specific.
pub(super) fn ranks(scopes: &[Scope]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scopes.len()).collect();
    // Of equal ones the first in the file is the most specific, so it comes last.
    order.sort_by_key(|&at| {
        let scope = scopes.get(at);
        let length = scope.and_then(|scope| scope.prefix.as_ref()).map(width);
        (length, scope.is_some_and(|scope| scope.direction.is_some()), std::cmp::Reverse(at))
    });
    let mut ranks = vec![0; scopes.len()];
    for (rank, at) in order.into_iter().enumerate() {
        if let Some(slot) = ranks.get_mut(at) {
            *slot = rank;
        }
    }
    ranks
}

/// Length of a prefix as one of IPv6 addresses, so that both families compare.
fn width(prefix: &Prefix) -> u8 {
    if prefix.is_v6() { prefix.length() } else { 96 + prefix.length() }
}

impl super::super::Policy {
    /// The wider scopes that contain a scope with a prefix, from the widest; none for a tenant.
    pub(in crate::qos::policy) fn around(config: &PolicyConfig, inner: usize) -> Indices {
        let Some(scope) = config.scopes.get(inner) else { return Vec::new() };
        let Some(prefix) = scope.prefix else { return Vec::new() };
        let ranks = ranks(&config.scopes);
        let contains = |outer: &Scope| {
            let tenant = outer.tenant.as_ref().and_then(|name| config.tenants.get(name));
            let tenant = tenant.map_or(&[][..], |tenant| &tenant.prefixes);
            tenant.iter().chain(&outer.prefix).any(|wide| wide.contains_prefix(&prefix))
        };
        let applies = |outer: &Scope| outer.direction.is_none() || outer.direction == scope.direction;
        let mut around: Indices = (0..config.scopes.len())
            .filter(|&at| ranks.get(at) < ranks.get(inner))
            .filter(|&at| config.scopes.get(at).is_some_and(|outer| applies(outer) && contains(outer)))
            .collect();
        around.sort_unstable_by_key(|&at| ranks.get(at));
        around
    }
}
