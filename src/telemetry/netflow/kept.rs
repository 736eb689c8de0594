//! Data sets that came before their template.

use std::collections::VecDeque;

use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::domain::DomainKey;
use super::record::Clock;

/// A data set that waits.
#[derive(Debug)]
pub(super) struct KeptSet {
    key: DomainKey,
    template: u16,
    pub(super) clock: Clock,
    pub(super) bytes: Box<[u8]>,
}

/// Data sets that wait, oldest first, bounded in number, bytes and age.
#[derive(Debug, Default)]
pub(super) struct KeptSets {
    sets: VecDeque<KeptSet>,
    bytes: usize,
}

impl KeptSets {
    /// Keeps a set; the oldest ones make room.
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
        while self.sets.len() >= config.max_kept_sets || self.bytes + bytes.len() > config.max_kept_bytes {
            let Some(oldest) = self.sets.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            counts.dropped_sets += 1;
        }
        counts.kept_sets += 1;
        self.bytes += bytes.len();
        self.sets.push_back(KeptSet { key, template, clock, bytes: bytes.into() });
    }

    /// Takes out the sets that waited for a template which came in a datagram of this clock, in the order in
    /// which they came; those that waited too long are dropped.
    pub(super) fn take(
        &mut self,
        key: &DomainKey,
        template: u16,
        now: Clock,
        keep_s: f64,
        counts: &mut ExportCounts,
    ) -> Vec<KeptSet> {
        let waits = |set: &KeptSet| set.template == template && set.key == *key;
        if !self.sets.iter().any(waits) {
            return Vec::new();
        }
        let (taken, left): (VecDeque<_>, _) = self.sets.drain(..).partition(waits);
        self.sets = left;
        self.bytes -= taken.iter().map(|set| set.bytes.len()).sum::<usize>();
        let came = taken.len();
        let age_s = |set: &KeptSet| match (now.export_ms, set.clock.export_ms) {
            (Some(now), Some(then)) => (now - then) as f64 / 1e3,
            _ => 0.0,
        };
        let fresh: Vec<KeptSet> = taken.into_iter().filter(|set| age_s(set) <= keep_s).collect();
        counts.dropped_sets += (came - fresh.len()) as u64;
        counts.replayed_sets += fresh.len() as u64;
        fresh
    }

    /// Drops all that wait: no template will come.
    pub(super) fn clear(&mut self, counts: &mut ExportCounts) {
        counts.dropped_sets += self.sets.len() as u64;
        self.sets.clear();
        self.bytes = 0;
    }
}
