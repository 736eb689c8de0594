//! Where expectation and maximisation start: k-means++ and a few steps of k-means.

use crate::parallel;
use crate::progress;
use crate::rng::Stream;

/// Steps of k-means after the seeding; the mixture itself does the rest.
const STEPS: usize = 10;

/// The random stream of the seeding.
const START_STREAM: u64 = 1;

/// Rows that one thread compares at a time.
const CHUNK: usize = 1024;

/// Each row belongs to its nearest centre: shape `(rows, k)`, with ones and zeros.
///
/// Centres beyond the number of different rows get no row.
pub(super) fn responsibilities(rows: &[f64], d: usize, k: usize, seed: u64) -> Vec<f64> {
    let mut shares = vec![0.0; rows.len() / d * k];
    for (row, centre) in clusters(rows, d, k, seed).into_iter().enumerate() {
        shares[row * k + centre] = 1.0;
    }
    shares
}

/// The nearest of `k` centres for each row of `d` numbers; there is one row at least.
pub(in crate::detect) fn clusters(rows: &[f64], d: usize, k: usize, seed: u64) -> Vec<usize> {
    let mut centres = seed_centres(rows, d, k, &mut Stream::new(seed, START_STREAM));
    let mut nearest = assign(rows, d, &centres);
    for _ in 0..STEPS {
        let moved = means(rows, d, &nearest, &centres);
        let now = assign(rows, d, &moved);
        let settled = now == nearest;
        (centres, nearest) = (moved, now);
        if settled || progress::is_cancelled() {
            break;
        }
    }
    nearest
}

/// Up to `k` rows, each drawn with a chance in proportion to its squared distance to those drawn before.
fn seed_centres(rows: &[f64], d: usize, k: usize, rng: &mut Stream) -> Vec<f64> {
    let n = rows.len() / d;
    let row = |i: usize| &rows[i * d..][..d];
    let mut centres = row(rng.below(n)).to_vec();
    let mut distances = vec![f64::INFINITY; n];
    while centres.len() < k * d && !progress::is_cancelled() {
        let latest = &centres[centres.len() - d..];
        let mut total = 0.0;
        for (distance, row) in distances.iter_mut().zip(rows.chunks_exact(d)) {
            *distance = distance.min(squared(row, latest));
            total += *distance;
        }
        let mut left = rng.uniform() * total;
        let drawn = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        let Some(drawn) = drawn else { break };
        centres.extend(row(drawn));
    }
    centres
}

/// The nearest centre of every row, the first of equals.
fn assign(rows: &[f64], d: usize, centres: &[f64]) -> Vec<usize> {
    let chunks = parallel::map((rows.len() / d).div_ceil(CHUNK), |chunk| {
        let rows = &rows[chunk * CHUNK * d..];
        let nearest = rows.chunks_exact(d).take(CHUNK).map(|row| {
            let distances = centres.chunks_exact(d).map(|centre| squared(row, centre)).enumerate();
            distances.fold((0, f64::INFINITY), |best, other| if other.1 < best.1 { other } else { best }).0
        });
        nearest.collect::<Vec<usize>>()
    });
    chunks.concat()
}

/// The mean of every centre's rows; a centre without rows stays.
fn means(rows: &[f64], d: usize, nearest: &[usize], centres: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0_u32; centres.len() / d];
    for (row, &centre) in rows.chunks_exact(d).zip(nearest) {
        sums[centre * d..][..d].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        counts[centre] += 1;
    }
    for ((sums, &count), centre) in sums.chunks_exact_mut(d).zip(&counts).zip(centres.chunks_exact(d)) {
        if count == 0 {
            sums.copy_from_slice(centre);
        } else {
            for sum in sums {
                *sum /= f64::from(count);
            }
        }
    }
    sums
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_groups_get_their_own_components() {
        let rows: Vec<f64> = (0..300).map(|i| f64::from(i % 3) * 100.0 + f64::from(i % 7)).collect();
        let shares = responsibilities(&rows, 1, 3, 5);
        for i in 0..300 {
            assert_eq!(shares[i * 3..][..3].iter().sum::<f64>(), 1.0);
            assert_eq!(shares[i * 3..][..3], shares[(i % 3) * 3..][..3], "{i}");
        }
    }

    #[test]
    fn fewer_different_rows_than_centres_leave_centres_empty() {
        let shares = responsibilities(&[1.0, 2.0, 1.0, 2.0, 1.0], 1, 4, 0);
        let used = (0..4).filter(|k| (0..5).any(|row| shares[row * 4 + k] > 0.0)).count();
        assert_eq!(used, 2);
    }
}
