//! The steps from proposals to a plan.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::config::PlanConfig;
use super::entry::PlanEntry;
use super::guarded::Guarded;
use super::key::PlanKey;
use super::{Plan, Proposal, SkippedDecision, Unplanned};
use crate::error::{Error, Result};
use crate::progress;
use crate::qos::{Action, Policy, Prefix};

/// Proposals between two checks for cancellation.
const CHECK_EVERY: usize = 65_536;

pub(super) fn build(proposals: &[Proposal], now: f64, policy: &Policy, config: &PlanConfig) -> Result<Plan> {
    let guarded = Guarded::new(policy, &config.never_act);
    let (mut kept, mut skipped) = (Vec::new(), Vec::new());
    for (index, proposal) in proposals.iter().enumerate() {
        if index % CHECK_EVERY == 0 {
            progress::check()?;
        }
        if let Some((name, expected, got)) = proposal.action.bad_setting() {
            return Err(Error::invalid(format!("proposals[{index}].action.{name}"), expected, got));
        }
        match place(proposal, now, &guarded, config) {
            Ok((key, rest_s)) => kept.push((key.rank(), index, key, rest_s)),
            Err(reason) => skipped.push(skip(proposal, reason)),
        }
    }
    // The key decides, then the place in the input, which merging does not depend on.
    kept.sort_unstable_by_key(|&(rank, index, ..)| (rank, index));
    progress::check()?;
    let mut groups: Vec<(PlanEntry, std::ops::Range<usize>)> = Vec::new();
    for (at, &(_, index, key, rest_s)) in kept.iter().enumerate() {
        let Some(proposal) = proposals.get(index) else { continue };
        match groups.last_mut() {
            Some((entry, rows)) if entry.key == key => {
                entry.add(proposal, rest_s);
                rows.end = at + 1;
            }
            _ => groups.push((PlanEntry::new(key, proposal, rest_s), at..at + 1)),
        }
    }
    let fits = within_budget(&groups, config.max_hosts);
    let mut entries = Vec::with_capacity(groups.len());
    for ((mut entry, rows), fits) in groups.into_iter().zip(fits) {
        if fits {
            entry.finish();
            entries.push(entry);
        } else {
            let over = kept.get(rows).unwrap_or_default().iter().filter_map(|row| proposals.get(row.1));
            skipped.extend(over.map(|proposal| skip(proposal, Unplanned::OverBudget)));
        }
    }
    let entries = without_covered(entries);
    skipped.sort_unstable_by_key(|skip: &SkippedDecision| {
        (skip.id, skip.reason, skip.source.map(|source| PlanKey::from(source).rank()))
    });
    let hosts = entries.iter().map(|entry| hosts(entry.key.source)).fold(0, u64::saturating_add);
    Ok(Plan { now, hosts, entries, skipped })
}

fn skip(proposal: &Proposal, reason: Unplanned) -> SkippedDecision {
    SkippedDecision { id: proposal.id, source: proposal.source, reason }
}

/// The key of a proposal and the seconds until it expires, or why it is not planned.
fn place(
    proposal: &Proposal,
    now: f64,
    guarded: &Guarded,
    config: &PlanConfig,
) -> Result<(PlanKey, u32), Unplanned> {
    if proposal.action == Action::Allow {
        return Err(Unplanned::Allow);
    }
    if proposal.unread_address {
        return Err(Unplanned::UnreadAddress);
    }
    let source = proposal.source.ok_or(Unplanned::NoAddress)?;
    if guarded.touches(source) || proposal.destination.is_some_and(|address| guarded.contains(address)) {
        return Err(Unplanned::AllowListed);
    }
    let min_length = if source.is_v6() { config.min_length_v6 } else { config.min_length_v4 };
    if source.length() < min_length {
        return Err(Unplanned::TooWide);
    }
    if !is_unicast(source.address()) {
        return Err(Unplanned::NotUnicast);
    }
    let rest_s = proposal.rest_s(now).ok_or(Unplanned::Expired)?;
    let service = config.per_service;
    let protocol = proposal.protocol.filter(|_| service);
    let key =
        PlanKey { source, protocol, dst_port: proposal.dst_port.filter(|_| protocol.is_some_and(has_ports)) };
    Ok((key, rest_s))
}

/// Whether a protocol has ports: TCP, UDP, DCCP, SCTP and UDP-Lite.
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// Whether an address can be the source of one host: it is not unspecified, multicast or reserved for broadcasts.
fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] != 0 && address.octets()[0] < 224,
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast(),
    }
}

/// Hosts of a prefix: addresses of IPv4, networks of /64 of IPv6.
fn hosts(prefix: Prefix) -> u64 {
    let full: u8 = if prefix.is_v6() { 64 } else { 32 };
    1_u64 << full.saturating_sub(prefix.length()).min(63)
}

/// Whether each entry is within the budget: the strictest first, then the most serious, the longest, and the order of the keys.
fn within_budget(groups: &[(PlanEntry, std::ops::Range<usize>)], max_hosts: u64) -> Vec<bool> {
    let needed = |entry: &PlanEntry| hosts(entry.key.source);
    if groups.iter().map(|(entry, _)| needed(entry)).fold(0, u64::saturating_add) <= max_hosts {
        return vec![true; groups.len()];
    }
    let mut order: Vec<_> = groups.iter().enumerate().collect();
    order.sort_by_key(|(_, (entry, _))| Reverse((entry.action.rung(), entry.severity, entry.rest_s)));
    let mut fits = vec![false; groups.len()];
    let mut left = max_hosts;
    for (index, (entry, _)) in order {
        let needed = needed(entry);
        if needed <= left
            && let Some(fits) = fits.get_mut(index)
        {
            left -= needed;
            *fits = true;
        }
    }
    fits
}

/// Merges an entry into one that contains its traffic, if that one is at least as strict and lasts at least as long.
///
/// The entries are in the order of their keys, so an entry comes after all that contain it.
fn without_covered(entries: Vec<PlanEntry>) -> Vec<PlanEntry> {
    let mut kept: Vec<PlanEntry> = Vec::with_capacity(entries.len());
    // Places of the entries whose prefixes contain the present one.
    let mut around: Vec<usize> = Vec::new();
    for entry in entries {
        around.retain(|&at| {
            kept.get(at).is_some_and(|wider| wider.key.source.contains_prefix(&entry.key.source))
        });
        let covers = |at: &&usize| {
            kept.get(**at).is_some_and(|wider| wider.key.contains(&entry.key) && wider.covers(&entry))
        };
        let wider = around.iter().find(covers).and_then(|&at| kept.get_mut(at));
        if let Some(wider) = wider {
            wider.absorb(&entry);
        } else {
            around.push(kept.len());
            kept.push(entry);
        }
    }
    for entry in &mut kept {
        entry.finish();
    }
    kept
}
