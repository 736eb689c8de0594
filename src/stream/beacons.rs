//! How regular the connections of pairs of hosts are.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::features::regularity;

/// Connections of a pair that are kept.
pub(super) const TIMES: usize = 64;
/// Connections of a pair between two computations.
const EVERY: u64 = 4;

/// How regular the last connections of a pair are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Regularity {
    pub(super) connections: usize,
    /// Median seconds between connections.
    pub(super) interval_s: f64,
    /// From 0 to 1.
    pub(super) score: f64,
}

/// Two hosts and the port that they use.
type Pair = (u128, u128, u16);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Connections {
    /// Times in seconds and bytes, oldest first.
    last: VecDeque<(f64, f64)>,
    count: u64,
    seen: u64,
}

/// The last connections of each pair of hosts; the pair seen longest ago makes room for a new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Beacons {
    /// A checkpoint has it in the settings of the stream.
    #[serde(skip)]
    capacity: usize,
    pairs: BTreeMap<Pair, Connections>,
    clock: u64,
    pub(super) evicted: u64,
}

impl Beacons {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, pairs: BTreeMap::new(), clock: 0, evicted: 0 }
    }

    /// The same pairs with room for so many.
    pub(super) fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Adds a connection. Returns the regularity of its pair each fourth time.
    pub(super) fn add(&mut self, pair: Pair, time: f64, bytes: f64) -> Option<Regularity> {
        self.clock += 1;
        if self.pairs.len() >= self.capacity && !self.pairs.contains_key(&pair) {
            self.evict();
        }
        let pair = self.pairs.entry(pair).or_default();
        pair.seen = self.clock;
        while pair.last.len() >= TIMES {
            pair.last.pop_front();
        }
        pair.last.push_back((time, bytes));
        pair.count += 1;
        (pair.count.is_multiple_of(EVERY) && pair.last.len() >= 4).then(|| pair.regularity()).flatten()
    }

    /// Forgets the quarter of the pairs that was seen longest ago.
    fn evict(&mut self) {
        let order: BTreeMap<u64, Pair> = self.pairs.iter().map(|(pair, last)| (last.seen, *pair)).collect();
        let n = (self.capacity / 4).max(1);
        for pair in order.values().take(n) {
            self.pairs.remove(pair);
            self.evicted += 1;
        }
    }
}

impl Connections {
    /// The mean of the regularities of intervals and of sizes, as [`beacon_score`](crate::features::beacon_score) defines them.
    /// Its other parts need hours of traffic.
    fn regularity(&self) -> Option<Regularity> {
        let mut times: Vec<f64> = self.last.iter().map(|(time, _)| *time).collect();
        times.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let sizes = self.last.iter().map(|(_, bytes)| *bytes).collect();
        let score = f64::midpoint(regularity(gaps.clone()), regularity(sizes));
        gaps.sort_by(f64::total_cmp);
        let interval_s = *gaps.get(gaps.len() / 2)?;
        Some(Regularity { connections: times.len(), interval_s, score })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(times: impl Iterator<Item = f64>) -> Option<Regularity> {
        let mut beacons = Beacons::new(16);
        times.filter_map(|time| beacons.add((1, 2, 443), time, 500.0)).last()
    }

    #[test]
    fn regular_connections_score_near_one() {
        let jitter = |i: u32| f64::from(i * 7919 % 13) / 13.0;
        let beacon = last((0..40).map(|i| 1e9 + 60.0 * f64::from(i) + jitter(i)));
        let beacon = beacon.filter(|beacon| beacon.score > 0.95 && beacon.connections == 40);
        assert!((beacon.map_or(0.0, |beacon| beacon.interval_s) - 60.0).abs() < 1.0);
        let page = last((0..40).map(|i| 1e9 + f64::from(i * i % 97) * f64::from(1 + i % 11)));
        assert!(page.is_some_and(|page| page.score < 0.8), "{page:?}");
    }

    #[test]
    fn many_pairs_are_bounded() {
        let mut beacons = Beacons::new(64);
        for pair in 0..10_000 {
            beacons.add((pair, 1, 1), pair as f64, 1.0);
        }
        assert!(beacons.pairs.len() <= 64);
        assert_eq!(beacons.evicted + beacons.pairs.len() as u64, 10_000);
    }
}
