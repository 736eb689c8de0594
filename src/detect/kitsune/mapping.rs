//! Which features go together: correlations over the first rows, and groups by them.

/// Means and co-moments of the rows so far, kept exactly by Welford's update.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapping {
    pub(super) means: Vec<f64>,
    /// `Σ (x_i − mean_i) (x_j − mean_j)` for `j ≤ i`, row by row of the lower triangle.
    pub(super) products: Vec<f64>,
}

impl Mapping {
    pub(super) fn new(n_features: usize) -> Self {
        Self { means: vec![0.0; n_features], products: vec![0.0; n_features * (n_features + 1) / 2] }
    }

    /// Takes in a row, before which there were `rows`.
    pub(super) fn learn(&mut self, value: impl Fn(usize) -> f32, rows: u64) {
        let after = (rows + 1) as f64;
        let share = rows as f64 / after;
        let mut products = self.products.iter_mut();
        for i in 0..self.means.len() {
            let off = (f64::from(value(i)) - self.means[i]) * share;
            for (j, product) in products.by_ref().take(i + 1).enumerate() {
                *product += off * (f64::from(value(j)) - self.means[j]);
            }
        }
        for (i, mean) in self.means.iter_mut().enumerate() {
            *mean += (f64::from(value(i)) - *mean) / after;
        }
    }

    /// `Σ (x_i − mean_i) (x_j − mean_j)`.
    fn product(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.max(j), i.min(j));
        self.products[i * (i + 1) / 2 + j]
    }

    /// 1 less the correlation of each pair of features, in [0, 2]; a constant feature correlates with none.
    fn distances(&self) -> Vec<f64> {
        let n = self.means.len();
        let distance = |i: usize, j: usize| {
            let size = self.product(i, i).sqrt() * self.product(j, j).sqrt();
            1.0 - if size > 0.0 { (self.product(i, j) / size).clamp(-1.0, 1.0) } else { 0.0 }
        };
        (0..n * n).map(|at| distance(at / n, at % n)).collect()
    }

    /// The group of each feature, numbered by their first features.
    pub(super) fn groups(&self, largest: usize) -> Vec<u32> {
        let mut groups = cluster(self.distances(), self.means.len(), largest);
        groups.sort_unstable_by_key(|group| group.iter().min().copied());
        let mut of = vec![0; self.means.len()];
        for (number, group) in groups.iter().enumerate() {
            for &feature in group {
                of[feature] = number as u32;
            }
        }
        of
    }
}

/// Joins the two nearest clusters, by the average distance of their members, until one is left; returns the
/// largest clusters on the way that have at most `largest` members.
fn cluster(mut distances: Vec<f64>, n: usize, largest: usize) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut open: Vec<usize> = (0..n).collect();
    let mut found = Vec::new();
    while let Some((a, b)) = nearest(&open, |i, j| distances[i * n + j]) {
        let sizes = [clusters[a].len() as f64, clusters[b].len() as f64];
        for &c in &open {
            let mean =
                (sizes[0] * distances[a * n + c] + sizes[1] * distances[b * n + c]) / (sizes[0] + sizes[1]);
            (distances[a * n + c], distances[c * n + a]) = (mean, mean);
        }
        open.retain(|&c| c != b);
        let joined = std::mem::take(&mut clusters[b]);
        if clusters[a].len() + joined.len() > largest {
            // A cluster that joins a cluster above the maximum size is a group of its own.
            let parts = [std::mem::take(&mut clusters[a]), joined];
            clusters[a] = parts.concat();
            found.extend(parts.into_iter().filter(|part| part.len() <= largest));
        } else {
            clusters[a].extend(joined);
        }
    }
    found.extend(open.into_iter().map(|a| std::mem::take(&mut clusters[a])).filter(|c| c.len() <= largest));
    found
}

/// The pair with the least distance, the first of equal ones; `None` for fewer than two.
fn nearest(open: &[usize], distance: impl Fn(usize, usize) -> f64) -> Option<(usize, usize)> {
    let mut best: Option<(f64, usize, usize)> = None;
    for (k, &i) in open.iter().enumerate() {
        for &j in &open[k + 1..] {
            let d = distance(i, j);
            if best.is_none_or(|(least, ..)| d < least) {
                best = Some((d, i, j));
            }
        }
    }
    best.map(|(_, i, j)| (i, j))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_agree_with_the_definition() {
        let rows: Vec<[f32; 3]> = (0..200_u16)
            .map(|i| {
                let i = f32::from(i);
                [i % 17.0 + 1e4, 3.0 * (i % 17.0) - i % 5.0, i % 23.0]
            })
            .collect();
        let mut mapping = Mapping::new(3);
        for (i, row) in rows.iter().enumerate() {
            mapping.learn(|j| row[j], i as u64);
        }
        let mean = |j: usize| rows.iter().map(|row| f64::from(row[j])).sum::<f64>() / 200.0;
        let product = |i: usize, j: usize| -> f64 {
            rows.iter().map(|row| (f64::from(row[i]) - mean(i)) * (f64::from(row[j]) - mean(j))).sum()
        };
        let distances = mapping.distances();
        for i in 0..3 {
            for j in 0..3 {
                let expected = 1.0 - product(i, j) / (product(i, i) * product(j, j)).sqrt();
                assert!((distances[i * 3 + j] - expected).abs() < 1e-9, "{i} {j}");
            }
        }
    }

    #[test]
    fn groups_by_hand() {
        // Pairs 0-1 and 2-3 are near, the pairs less so, 4 is far from all.
        let at = [0.0_f64, 0.1, 1.0, 1.15, 9.0];
        let distances: Vec<f64> = at.iter().flat_map(|a| at.map(|b| (a - b).abs())).collect();
        let groups = |largest| cluster(distances.clone(), 5, largest);
        let sorted = |mut groups: Vec<Vec<usize>>| {
            groups.sort();
            groups
        };
        assert_eq!(groups(5), [[0, 1, 2, 3, 4]]);
        assert_eq!(sorted(groups(4)), [vec![0, 1, 2, 3], vec![4]]);
        assert_eq!(sorted(groups(3)), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(sorted(groups(1)), [[0], [1], [2], [3], [4]]);
        assert_eq!(cluster(vec![0.0], 1, 1), [[0]]);
    }

    #[test]
    fn constants_and_the_ends_of_numbers_are_grouped_too() {
        let mut mapping = Mapping::new(4);
        for i in 0..50_u16 {
            let wild = if i % 2 == 0 { f32::MAX } else { f32::MIN };
            let row = [7.0, wild, f32::from(i), wild];
            mapping.learn(|j| row[j], u64::from(i));
        }
        assert!(mapping.products.iter().all(|v| v.is_finite()));
        assert_eq!(mapping.groups(2), [0, 1, 2, 1]);
    }
}
