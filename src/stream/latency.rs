//! How long the work on one record takes, as a histogram of fixed size.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Parts of equal width between two powers of two.
const PARTS: u64 = 16;
/// Powers of two: up to 2^43 ns, which is more than two hours.
const POWERS: u64 = 40;
const BUCKETS: usize = (PARTS * POWERS) as usize;

/// How long the work of a stream on one record took, since it started.
///
/// The time of a batch is divided by its records, so each record of a batch counts with the mean of the batch. The quantiles
/// are upper ends of buckets: they are at most 1/16 too high. A checkpoint does not contain it.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{self, FlowSimulatorConfig};
/// use qosguard::stream::{Latency, Stream, StreamConfig};
///
/// let flows = simulate::table(&FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
/// let mut stream = Stream::new(flows.schema(), &StreamConfig { warm_up: 0, ..Default::default() })?;
/// assert_eq!(stream.latency(), Latency::default());
/// stream.push_table(&flows)?;
/// let latency = stream.latency();
/// assert!(latency.records == 1_000 && latency.p50_s > 0.0 && latency.p50_s <= latency.p99_s);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// Records that were measured.
    pub records: u64,
    /// Median, in seconds; 0 without records.
    pub p50_s: f64,
    /// 99 % quantile, in seconds; 0 without records.
    pub p99_s: f64,
    /// Maximum, in seconds; 0 without records.
    pub max_s: f64,
}

/// Counts of records in log-linear buckets.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    records: u64,
    max_ns: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), records: 0, max_ns: 0 }
    }

    /// Adds the records of a batch, which took so long together.
    pub(super) fn add(&mut self, elapsed: Duration, records: usize) {
        let Ok(records) = u64::try_from(records) else { return };
        let total = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let Some(each) = total.checked_div(records) else { return };
        self.records += records;
        self.max_ns = self.max_ns.max(each);
        if let Some(count) = self.counts.get_mut(bucket(each)) {
            *count += records;
        }
    }

    /// The quantiles.
    pub(super) fn latency(&self) -> Latency {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let quantile = |part: f64| seconds(self.quantile_ns(part).min(self.max_ns));
        Latency {
            records: self.records,
            p50_s: quantile(0.5),
            p99_s: quantile(0.99),
            max_s: seconds(self.max_ns),
        }
    }

    /// The upper end of the bucket that a part of the records reaches.
    fn quantile_ns(&self, part: f64) -> u64 {
        let needed = (self.records as f64 * part).ceil() as u64;
        let mut sum = 0;
        for (at, count) in self.counts.iter().enumerate() {
            sum += count;
            if sum >= needed {
                return end(at as u64);
            }
        }
        u64::MAX
    }
}

/// The bucket of a number of nanoseconds; the last one for all that are longer.
fn bucket(ns: u64) -> usize {
    let power = ns.checked_ilog2().unwrap_or(0).into();
    let at = match u64::checked_sub(power, PARTS.ilog2().into()) {
        // Below 32 each number has its own bucket.
        None => ns,
        Some(shift) => PARTS * shift + (ns >> shift),
    };
    usize::try_from(at).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The greatest number of nanoseconds in a bucket.
const fn end(at: u64) -> u64 {
    if at < 2 * PARTS {
        return at;
    }
    let shift = at / PARTS - 1;
    ((at % PARTS + PARTS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_a_bucket_that_ends_at_most_a_sixteenth_above_it() {
        for ns in
            (0..5_000).chain((10..43).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 9]))
        {
            let last = end(bucket(ns) as u64);
            assert!(last >= ns && (last - ns) * 16 <= ns.max(16), "{ns}: {last}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_count_records_and_not_batches() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.latency(), Latency::default());
        histogram.add(Duration::from_micros(980), 980);
        histogram.add(Duration::from_millis(2), 20);
        histogram.add(Duration::from_millis(2), 0);
        let latency = histogram.latency();
        assert_eq!(latency.records, 1_000);
        assert!((1e-6..1.07e-6).contains(&latency.p50_s), "{latency:?}");
        assert_eq!((latency.p99_s, latency.max_s), (1e-4, 1e-4));
    }
}
