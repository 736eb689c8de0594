//! What pairs of an inside and an outside host did lately: how regular their connections are, and how much was sent.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// Connections of a pair that are kept.
pub(super) const CONNECTIONS: usize = 64;
/// Connections of a pair between two computations of its regularity.
const EVERY: u64 = 4;
/// The bytes of a pair are added up in so many parts of an hour.
const PARTS: i64 = 12;
/// Seconds of one part.
const PART_S: f64 = 300.0;

/// What a pair of hosts did lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PairActivity {
    /// Computed for each fourth connection.
    pub(super) regularity: Option<Regularity>,
    pub(super) upload: Upload,
}

/// How regular the last connections of a pair are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Regularity {
    pub(super) connections: usize,
    /// Median seconds between connections.
    pub(super) interval_s: f64,
    /// From 0 to 1.
    pub(super) score: f64,
}

/// Bytes of a pair within an hour. NaN means unknown, and exceeds no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Upload {
    pub(super) sent: f64,
    pub(super) received: f64,
}

/// One connection of a pair. `sent` and `received` are NaN where they are unknown, and `size` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Connection {
    /// Seconds since the epoch.
    pub(super) time: f64,
    pub(super) size: f64,
    pub(super) sent: f64,
    pub(super) received: f64,
}

/// Source, destination and destination port.
type Pair = (u128, u128, u16);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Connections {
    /// Time and size of the last ones, oldest first.
    last: VecDeque<(f64, f64)>,
    /// Bytes of each part of the last hour, oldest first.
    parts: VecDeque<Part>,
    count: u64,
    seen: u64,
}

/// Bytes within one part of an hour.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Part {
    /// Parts since the epoch.
    number: i64,
    sent: f64,
    received: f64,
}

/// The last connections of each pair of hosts. A full store forgets the quarter of the pairs that was seen longest ago.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pairs {
    /// Not part of a checkpoint, which has it in the settings of the stream.
    #[serde(skip)]
    capacity: usize,
    known: BTreeMap<Pair, Connections>,
    clock: u64,
    pub(super) evicted: u64,
}

impl Pairs {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, known: BTreeMap::new(), clock: 0, evicted: 0 }
    }

    /// The same pairs with another capacity.
    pub(super) fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Adds a connection.
    pub(super) fn add(&mut self, pair: Pair, connection: Connection) -> PairActivity {
        self.clock += 1;
        if self.known.len() >= self.capacity && !self.known.contains_key(&pair) {
            self.evict();
        }
        let pair = self.known.entry(pair).or_default();
        pair.seen = self.clock;
        while pair.last.len() >= CONNECTIONS {
            pair.last.pop_front();
        }
        pair.last.push_back((connection.time, connection.size));
        pair.count += 1;
        let is_due = pair.count.is_multiple_of(EVERY) && pair.last.len() >= 4;
        PairActivity {
            regularity: is_due.then(|| pair.regularity()).flatten(),
            upload: pair.upload(connection),
        }
    }

    /// Forgets the quarter of the pairs that was seen longest ago.
    fn evict(&mut self) {
        let order: BTreeMap<u64, Pair> = self.known.iter().map(|(pair, last)| (last.seen, *pair)).collect();
        let n = (self.capacity / 4).max(1);
        for pair in order.values().take(n) {
            self.known.remove(pair);
            self.evicted += 1;
        }
    }
}

impl Connections {
    /// The mean of the [regularities](regularity) of intervals and of sizes.
    fn regularity(&self) -> Option<Regularity> {
        let mut times: Vec<f64> = self.last.iter().map(|(time, _)| *time).collect();
        times.sort_by(f64::total_cmp);
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (of_gaps, interval_s) = regularity(gaps)?;
        let (of_sizes, _) = regularity(self.last.iter().map(|(_, size)| *size).collect())?;
        Some(Regularity { connections: times.len(), interval_s, score: f64::midpoint(of_gaps, of_sizes) })
    }

    /// Adds the bytes of a connection, and returns the bytes of the last hour.
    fn upload(&mut self, connection: Connection) -> Upload {
        let Connection { time, sent, received, .. } = connection;
        let number = (time / PART_S).floor() as i64;
        match self.parts.back_mut() {
            // A record that is late counts in the newest part.
            Some(part) if part.number >= number => {
                part.sent += sent;
                part.received += received;
            }
            _ => self.parts.push_back(Part { number, sent, received }),
        }
        let newest = self.parts.back().map_or(number, |part| part.number);
        while self.parts.front().is_some_and(|part| part.number <= newest - PARTS) {
            self.parts.pop_front();
        }
        Upload {
            sent: self.parts.iter().map(|part| part.sent).sum(),
            received: self.parts.iter().map(|part| part.received).sum(),
        }
    }
}

/// How regular values are, from 0 to 1, and their median.
///
/// It is the mean of `1 − |q₁ + q₃ − 2·q₂| / q₂` and `1 − MAD / q₂` with the quartiles `q` and the median absolute
/// deviation `MAD`, each at least 0; the median `q₂` is 0 or more. If it is 0, a term is 1 where its numerator is 0, and 0
/// otherwise. Real Intelligence Threat Analytics (RITA) divides the first term by `q₃ − q₁`. With a few tens of nearly equal
/// values, that quotient depends on noise.
fn regularity(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    values.first()?;
    let [q1, q2, q3] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
    let mut differences: Vec<f64> = values.iter().map(|value| (value - q2).abs()).collect();
    differences.sort_by(f64::total_cmp);
    let spread = quantile(&differences, 0.5);
    let share = |part: f64| if q2 > 0.0 { (1.0 - part / q2).max(0.0) } else { f64::from(part == 0.0) };
    Some((f64::midpoint(share((q1 + q3 - 2.0 * q2).abs()), share(spread)), q2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Pair = (1, 2, 443);

    fn connection(time: f64) -> Connection {
        Connection { time, size: 500.0, sent: 2e8, received: 1e3 }
    }

    fn last(times: impl Iterator<Item = f64>) -> Option<Regularity> {
        let mut pairs = Pairs::new(16);
        times.filter_map(|time| pairs.add(PAIR, connection(time)).regularity).last()
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
    fn uploads_add_up_within_an_hour() {
        let mut pairs = Pairs::new(16);
        let start = 1_000_000_200.0;
        let mut sent = |time: f64| pairs.add(PAIR, connection(start + time)).upload.sent;
        assert_eq!([0.0, 1_000.0, 3_000.0, 3_601.0].map(&mut sent), [2e8, 4e8, 6e8, 6e8]);
        let many = (0..1_000).map(|i| sent(20_000.0 + f64::from(i))).last();
        assert_eq!(many, Some(2e11), "not only the connections that are kept");
        let unknown = Connection { sent: f64::NAN, ..connection(start + 21_000.0) };
        assert!(pairs.add(PAIR, unknown).upload.sent.is_nan());
    }

    #[test]
    fn many_pairs_are_bounded() {
        let mut pairs = Pairs::new(64);
        for pair in 0..10_000 {
            pairs.add((pair, 1, 1), connection(pair as f64));
        }
        assert!(pairs.known.len() <= 64);
        assert_eq!(pairs.evicted + pairs.known.len() as u64, 10_000);
    }
}
