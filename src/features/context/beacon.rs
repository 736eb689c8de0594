//! How much the connections from one host to one destination look like a beacon: a program that calls at regular times.

use crate::quantile::quantile;

/// Minimum number of distinct times.
const MIN_TIMES: usize = 4;
/// Length of a histogram bin, seconds.
const BIN_S: f64 = 3600.0;
/// Longest data set, in bins: ten years.
const MAX_BINS: f64 = 87_660.0;
/// Interquartile range from which a skewness is meaningful: seconds or bytes.
const MIN_QUARTILE_RANGE: f64 = 10.0;
/// Hours with connections from which a duration counts.
const MIN_HOURS: usize = 6;
/// Hours in a row with connections that make the duration 1.
const IDEAL_HOURS: f64 = 12.0;
/// Hours with connections from which two common counts per hour are looked for.
const MIN_BIMODAL_HOURS: usize = 11;
/// Counts per hour that differ by less than this fraction of the highest count are taken together.
const COUNT_TOLERANCE: f64 = 0.05;

/// The four parts of a beacon score and their mean, each in [0, 1] and rounded to three digits; higher is more like a
/// beacon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BeaconScore {
    /// How regular the times between connections are.
    pub interval: f64,
    /// How regular the sizes of the connections are.
    pub size: f64,
    /// How much of the data set the connections cover.
    pub duration: f64,
    /// How evenly the connections are spread over the hours.
    pub histogram: f64,
    /// The mean of the four parts.
    pub score: f64,
}

/// The beacon score of the connections of one pair of hosts.
///
/// `times` are the starts of the connections in seconds, in any order, between `dataset_start` and `dataset_end`, the times
/// of the first and the last connection of the whole data set, which usually is a day long. `sizes` are the bytes that the
/// client sent, with IP headers, one value per connection.
///
/// * `interval`: (1 − |skewness| + max(0, 1 − MAD ÷ median)) ÷ 2 of the times between distinct whole seconds. MAD is the
///   median of the absolute differences from the median. The skewness is Bowley's, (Q1 + Q3 − 2 Q2) ÷ (Q3 − Q1). It is 0 if
///   Q3 − Q1 is less than 10 or Q2 equals one of the others. Q1 and Q3 are the medians of the values below and above the
///   middle.
/// * `size`: the same of the sizes; 1 − MAD ÷ median counts as 0 for a median below 1 byte.
/// * `duration`: max(last time − first time, as a fraction of the data set; longest run of hours with connections ÷ 12), at
///   most 1; 0 with connections in fewer than 6 hours. A run may continue from the last hour to the first.
/// * `histogram`: max(0, 1 − standard deviation ÷ mean of the connections per hour); or, with connections in 11 hours or
///   more, the number of hours with one of the two most frequent counts, divided by the hours with connections less one, if
///   that is higher; at most 1. Counts are taken together in steps of 5 % of the highest count, rounded up.
///
/// An hour is one of the equal parts of the data set that are nearest to 3,600 seconds.
///
/// `None` for fewer than four distinct whole seconds, without sizes, for values that are not finite, for times outside the
/// data set, and for a data set without length or of more than ten years.
///
/// Source: the public description of the beacon score of RITA, version 5 (Active Countermeasures,
/// <https://github.com/activecm/rita-legacy/pull/793> and 794).
///
/// # Examples
///
/// ```
/// use qosguard::features::beacon_score;
///
/// // Every five minutes for a day, 320 bytes each time.
/// let times: Vec<f64> = (0..288).map(|i| 300.0 * f64::from(i)).collect();
/// let beacon = beacon_score(&times, &[320.0; 288], 0.0, 86_400.0).expect("more than four times");
/// assert_eq!((beacon.interval, beacon.size, beacon.histogram), (1.0, 1.0, 1.0));
/// assert_eq!((beacon.duration, beacon.score), (1.0, 1.0));
///
/// // A person reads for an hour.
/// let times = [0.0, 4.0, 5.0, 90.0, 95.0, 700.0, 702.0, 3_000.0];
/// let sizes = [400.0, 9_000.0, 2_000.0, 500.0, 70.0, 1_500.0, 900.0, 300.0];
/// let reader = beacon_score(&times, &sizes, 0.0, 86_400.0).expect("more than four times");
/// assert!(reader.score < 0.3, "{reader:?}");
/// assert_eq!(beacon_score(&times[..3], &sizes, 0.0, 86_400.0), None);
/// ```
pub fn beacon_score(
    times: &[f64],
    sizes: &[f64],
    dataset_start: f64,
    dataset_end: f64,
) -> Option<BeaconScore> {
    let span = dataset_end - dataset_start;
    let is_inside = |time: &f64| (dataset_start..=dataset_end).contains(time);
    // The comparisons are also false for NaN.
    let has_span = span > 0.0 && span / BIN_S <= MAX_BINS;
    if !has_span || sizes.is_empty() || !times.iter().all(is_inside) || !sizes.iter().all(|s| s.is_finite()) {
        return None;
    }
    let mut seconds: Vec<f64> = times.iter().map(|time| time.floor()).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.dedup();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else { return None };
    if seconds.len() < MIN_TIMES {
        return None;
    }
    let intervals = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let covered = (last - first) / span;
    let hours = hourly(times, dataset_start, span);
    let parts =
        [regularity(intervals), regularity(sizes.to_vec()), duration(covered, &hours), flatness(&hours)];
    let rounded = |value: f64| (value * 1e3).round() / 1e3;
    let [interval, size, duration, histogram] = parts.map(rounded);
    Some(BeaconScore { interval, size, duration, histogram, score: rounded(parts.iter().sum::<f64>() / 4.0) })
}

/// Half of 1 − |skewness|, and half of 1 − relative spread.
fn regularity(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let (q1, q2, q3) = if half == 0 {
        let only = median(&values);
        (only, only, only)
    } else {
        (median(&values[..half]), median(&values), median(&values[values.len() - half..]))
    };
    let range = q3 - q1;
    let skewness =
        if range < MIN_QUARTILE_RANGE || q1 == q2 || q2 == q3 { 0.0 } else { (q1 + q3 - 2.0 * q2) / range };
    let mut differences: Vec<f64> = values.iter().map(|value| (value - q2).abs()).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let spread = if q2 < 1.0 { 1.0 } else { median(&differences) / q2 };
    f64::midpoint(1.0 - skewness.abs(), (1.0 - spread).max(0.0))
}

fn median(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.5)
}

/// Connections in each hour of the data set.
fn hourly(times: &[f64], start: f64, span: f64) -> Vec<u64> {
    let bins = (span / BIN_S).round().max(1.0);
    let mut counts = vec![0; bins as usize];
    for time in times {
        let bin = ((time - start) / span * bins).min(bins - 1.0) as usize;
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    counts
}

fn duration(covered: f64, hours: &[u64]) -> f64 {
    if hours.iter().filter(|&&count| count > 0).count() < MIN_HOURS {
        return 0.0;
    }
    let (mut run, mut longest) = (0_usize, 0);
    // Twice, because a run may continue from the last hour to the first.
    for &count in hours.iter().chain(hours) {
        run = if count > 0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let longest = longest.min(hours.len()) as f64;
    covered.max(longest / IDEAL_HOURS).min(1.0)
}

fn flatness(hours: &[u64]) -> f64 {
    let n = hours.len() as f64;
    let mean = hours.iter().sum::<u64>() as f64 / n;
    let variance = hours.iter().map(|&count| (count as f64 - mean).powi(2)).sum::<f64>() / n;
    let flat = (1.0 - variance.sqrt() / mean).max(0.0);
    flat.max(bimodal(hours)).min(1.0)
}

/// The fraction of the hours that have one of the two most frequent counts; one other hour is allowed.
fn bimodal(hours: &[u64]) -> f64 {
    let mut seen: Vec<u64> = hours.iter().copied().filter(|&count| count > 0).collect();
    if seen.len() < MIN_BIMODAL_HOURS {
        return 0.0;
    }
    let highest = seen.iter().max().copied().unwrap_or_default();
    let step = ((highest as f64 * COUNT_TOLERANCE).ceil() as u64).max(1);
    for count in &mut seen {
        *count /= step;
    }
    seen.sort_unstable();
    let mut frequencies: Vec<usize> = seen.chunk_by(|a, b| a == b).map(<[u64]>::len).collect();
    frequencies.sort_unstable_by(|a, b| b.cmp(a));
    let common: usize = frequencies.iter().take(2).sum();
    common as f64 / (seen.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400.0;

    #[test]
    fn the_regularity_follows_the_formula() {
        // Q1 = 20, Q2 = 60, Q3 = 80: skewness −1/3; differences 0, 20, 20, 40, 50: MAD 20.
        assert!((regularity(vec![80.0, 10.0, 60.0, 30.0, 80.0]) - 2.0 / 3.0).abs() < 1e-12);
        // A range of less than 10 has no skewness: MAD 1 of a median of 5.
        assert!((regularity(vec![4.0, 5.0, 5.0, 6.0, 9.0]) - 0.9).abs() < 1e-12);
        assert_eq!(regularity(vec![0.0, 0.0, 0.0]), 0.5);
        assert_eq!(regularity(vec![7.0]), 1.0);
    }

    #[test]
    fn the_duration_is_the_cover_or_the_longest_run_across_midnight() {
        let mut hours = [0; 24];
        hours[..3].fill(1);
        hours[22..].fill(1);
        assert_eq!(duration(0.9, &hours), 0.0, "five hours");
        hours[21] = 1;
        assert_eq!(duration(0.1, &hours), 0.5, "six hours in a row");
        assert_eq!(duration(0.9, &hours), 0.9);
        assert_eq!(duration(0.9, &[1; 24]), 1.0);
        assert_eq!(duration(0.2, &[1; 7]), 7.0 / 12.0, "no run is longer than the data set");
    }

    #[test]
    fn a_histogram_is_even_or_has_two_counts() {
        assert_eq!(flatness(&[3; 24]), 1.0);
        let mut burst = [0; 24];
        burst[4] = 100;
        assert_eq!(flatness(&burst), 0.0);
        let alternating: Vec<u64> = (0..24).map(|hour| if hour % 2 == 0 { 40 } else { 10 }).collect();
        assert_eq!(flatness(&alternating), 1.0);
        let three: Vec<u64> = (0..24).map(|hour| [10, 40, 80][hour % 3]).collect();
        assert_eq!(bimodal(&three), 16.0 / 23.0);
        assert_eq!(bimodal(&[5; 10]), 0.0, "ten hours");
    }

    #[test]
    fn the_order_of_the_times_and_more_in_one_second_do_not_change_the_intervals() {
        let times: Vec<f64> = (0..200).map(|i| 400.0 * f64::from(i)).collect();
        let score = beacon_score(&times, &[60.0], 0.0, DAY).unwrap();
        let mut doubled: Vec<f64> =
            times.iter().rev().copied().chain(times.iter().map(|t| t + 0.5)).collect();
        doubled.rotate_left(77);
        assert_eq!(beacon_score(&doubled, &[60.0], 0.0, DAY).unwrap().interval, score.interval);
    }

    #[test]
    fn what_has_no_score_is_none() {
        let times = [0.0, 1.0, 2.0, 3.0];
        assert!(beacon_score(&times, &[1.0], 0.0, 3.0).is_some());
        for (times, sizes, start, end) in [
            (&times[..3], &[1.0][..], 0.0, 3.0),
            (&[0.0, 0.1, 0.2, 0.3, 1.0][..], &[1.0], 0.0, 3.0),
            (&times, &[], 0.0, 3.0),
            (&times, &[f64::NAN], 0.0, 3.0),
            (&times, &[1.0], 1.0, 3.0),
            (&times, &[1.0], 0.0, 2.0),
            (&times, &[1.0], 3.0, 0.0),
            (&times, &[1.0], f64::NAN, 3.0),
            (&times, &[1.0], 0.0, 1e12),
            (&times, &[1.0], f64::NEG_INFINITY, f64::INFINITY),
            (&[0.0, 1.0, 2.0, f64::NAN], &[1.0], 0.0, 3.0),
        ] {
            assert_eq!(beacon_score(times, sizes, start, end), None, "{times:?} {sizes:?} {start} {end}");
        }
    }
}
