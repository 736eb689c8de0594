//! Data sets that arrived before their template.

use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::domain::DomainKey;
use super::record::Clock;

/// A data set that waits for its template.
#[derive(Debug)]
pub(super) struct PendingSet {
    key: DomainKey,
    template: u16,
    pub(super) clock: Clock,
    pub(super) bytes: Box<[u8]>,
}

/// Data sets that wait for their template, oldest first, bounded in number, bytes and age.
///
/// When there is no room for another set, the exporter with the largest share loses its oldest set. One exporter, such
/// as a sender of forged datagrams, thus cannot remove the sets of the others.
#[derive(Debug, Default)]
pub(super) struct PendingSets {
    sets: VecDeque<PendingSet>,
    bytes: usize,
    shares: HashMap<IpAddr, Share>,
}

/// The part of an exporter.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    sets: usize,
    bytes: usize,
}

impl Share {
    /// The larger of its parts of the two limits.
    fn of_limits(self, config: &NetflowConfig) -> f64 {
        let part = |part: usize, limit: usize| part as f64 / limit.max(1) as f64;
        part(self.sets, config.max_kept_sets).max(part(self.bytes, config.max_kept_bytes))
    }
}

impl PendingSets {
    /// Keeps a set. Older sets make room for it.
    pub(super) fn keep(
        &mut self,
        key: DomainKey,
        template: u16,
        clock: Clock,
        bytes: &[u8],
        config: &NetflowConfig,
        counts: &mut ExportCounts,
    ) {
        if config.max_kept_sets == 0 || bytes.len() > config.max_kept_bytes {
            counts.dropped_sets += 1;
            return;
        }
        self.add(PendingSet { key, template, clock, bytes: bytes.into() });
        counts.kept_sets += 1;
        while self.sets.len() > config.max_kept_sets || self.bytes > config.max_kept_bytes {
            if !self.drop_of_largest(config) {
                break;
            }
            counts.dropped_sets += 1;
        }
    }

    /// Takes out the sets that wait for a template, in the order of their arrival. `now` is the clock of the datagram
    /// with the template. Sets that waited for more than `keep_s` seconds are dropped.
    pub(super) fn take(
        &mut self,
        key: &DomainKey,
        template: u16,
        now: Clock,
        keep_s: f64,
        counts: &mut ExportCounts,
    ) -> Vec<PendingSet> {
        let waits = |set: &PendingSet| set.template == template && set.key == *key;
        if !self.sets.iter().any(waits) {
            return Vec::new();
        }
        let (taken, others): (VecDeque<_>, _) = self.sets.drain(..).partition(waits);
        self.sets = others;
        for set in &taken {
            self.subtract(set);
        }
        let n_taken = taken.len();
        let age_s = |set: &PendingSet| match (now.export_ms, set.clock.export_ms) {
            (Some(now), Some(then)) => (now - then) as f64 / 1e3,
            _ => 0.0,
        };
        let fresh: Vec<PendingSet> = taken.into_iter().filter(|set| age_s(set) <= keep_s).collect();
        counts.dropped_sets += (n_taken - fresh.len()) as u64;
        counts.replayed_sets += fresh.len() as u64;
        fresh
    }

    /// Drops all sets, because no more templates will arrive.
    pub(super) fn clear(&mut self, counts: &mut ExportCounts) {
        counts.dropped_sets += self.sets.len() as u64;
        *self = Self::default();
    }

    fn add(&mut self, set: PendingSet) {
        let share = self.shares.entry(set.key.exporter).or_default();
        (share.sets, share.bytes) = (share.sets + 1, share.bytes + set.bytes.len());
        self.bytes += set.bytes.len();
        self.sets.push_back(set);
    }

    /// Subtracts a set that was removed from the sums.
    fn subtract(&mut self, set: &PendingSet) {
        self.bytes -= set.bytes.len();
        let Some(share) = self.shares.get_mut(&set.key.exporter) else { return };
        (share.sets, share.bytes) = (share.sets - 1, share.bytes - set.bytes.len());
        if share.sets == 0 {
            self.shares.remove(&set.key.exporter);
        }
    }

    /// Drops the oldest set of the exporter with the largest share; false if there is no set. Of equal shares, the one of
    /// the lowest address.
    fn drop_of_largest(&mut self, config: &NetflowConfig) -> bool {
        let largest = self.shares.iter().max_by(|(a, share_a), (b, share_b)| {
            share_a.of_limits(config).total_cmp(&share_b.of_limits(config)).then_with(|| b.cmp(a))
        });
        let Some((&exporter, _)) = largest else { return false };
        let oldest = self.sets.iter().position(|set| set.key.exporter == exporter);
        let Some(set) = oldest.and_then(|at| self.sets.remove(at)) else { return false };
        self.subtract(&set);
        true
    }
}
