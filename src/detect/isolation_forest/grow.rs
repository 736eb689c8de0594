//! Growing one isolation tree.

use std::collections::HashSet;

use ndarray::ArrayView2;

use crate::detect::tree::{Node, Test};
use crate::rng::Stream;

/// Grows a tree on `sample` rows of `x` that are drawn without replacement; its leaves have no values yet.
pub(super) fn grow(x: &ArrayView2<'_, f32>, sample: usize, max_depth: usize, rng: &mut Stream) -> Vec<Node> {
    let mut rows = draw(x.nrows(), sample, rng);
    let mut grower = Grower { x, max_depth, rng, features: (0..x.ncols()).collect(), nodes: Vec::new() };
    grower.node(&mut rows, x.ncols(), 0);
    grower.nodes
}

/// `k` different numbers below `n`, by Floyd's method: no memory in proportion to `n`.
fn draw(n: usize, k: usize, rng: &mut Stream) -> Vec<usize> {
    let mut seen = HashSet::with_capacity(k);
    (n - k..n)
        .map(|last| {
            let candidate = rng.below(last + 1);
            let chosen = if seen.contains(&candidate) { last } else { candidate };
            seen.insert(chosen);
            chosen
        })
        .collect()
}

struct Grower<'a> {
    x: &'a ArrayView2<'a, f32>,
    max_depth: usize,
    rng: &'a mut Stream,
    /// All features, in an order that changes; see [`Grower::split`].
    features: Vec<usize>,
    nodes: Vec<Node>,
}

impl Grower<'_> {
    /// Appends the subtree of `rows` in preorder.
    ///
    /// Only the first `active` features can differ between the rows.
    fn node(&mut self, rows: &mut [usize], mut active: usize, depth: usize) {
        let this = self.nodes.len();
        let cover = rows.len() as f32;
        self.nodes.push(Node::Leaf { value: 0.0, cover });
        if depth == self.max_depth || rows.len() == 1 {
            return;
        }
        let Some((feature, threshold)) = self.split(rows, &mut active) else { return };
        let (left, right) = self.partition(rows, feature, threshold);
        self.node(left, active, depth + 1);
        let right_child = self.nodes.len() as u32;
        self.node(right, active, depth + 1);
        let (feature, test) = (feature as u32, Test::AtMost(threshold));
        self.nodes[this] = Node::Split { feature, test, missing_left: true, right: right_child, cover };
    }

    /// A random feature among those that differ between `rows`, and a random threshold; `None` where all
    /// rows are equal.
    ///
    /// A feature found constant moves behind the `active` ones, and stays there for the whole subtree.
    fn split(&mut self, rows: &[usize], active: &mut usize) -> Option<(usize, f32)> {
        while *active > 0 {
            let pick = self.rng.below(*active);
            let feature = self.features[pick];
            let column = self.x.column(feature);
            let first = column[rows[0]];
            let (min, max) = rows
                .iter()
                .fold((first, first), |(min, max), &row| (min.min(column[row]), max.max(column[row])));
            if min < max {
                return Some((feature, between(min, max, self.rng.uniform())));
            }
            *active -= 1;
            self.features.swap(pick, *active);
        }
        None
    }

    /// Moves the rows at or below the threshold to the front.
    fn partition<'r>(
        &self,
        rows: &'r mut [usize],
        feature: usize,
        threshold: f32,
    ) -> (&'r mut [usize], &'r mut [usize]) {
        let column = self.x.column(feature);
        let mut left = 0;
        for i in 0..rows.len() {
            if column[rows[i]] <= threshold {
                rows.swap(i, left);
                left += 1;
            }
        }
        rows.split_at_mut(left)
    }
}

/// The point `u`, in `[0, 1)`, of the way from `min` to `max`; at least `min`, below `max`.
fn between(min: f32, max: f32, u: f64) -> f32 {
    let exact = f64::from(min) + u * (f64::from(max) - f64::from(min));
    let rounded = exact as f32;
    // Rounding to f32 may reach max, and then no row would go right.
    if rounded < max { rounded } else { max.next_down() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_has_no_repeats_and_hits_every_row_equally() {
        let mut counts = [0_u32; 10];
        for index in 0..2000 {
            let rows = draw(10, 4, &mut Stream::new(7, index));
            assert_eq!(rows.iter().collect::<HashSet<_>>().len(), 4);
            for row in rows {
                counts[row] += 1;
            }
        }
        // Binomial(2000, 0.4): mean 800, standard deviation 21.9.
        assert!(counts.iter().all(|&count| count.abs_diff(800) < 110), "{counts:?}");
        let mut all = draw(5, 5, &mut Stream::new(7, 0));
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_threshold_separates_even_neighbouring_numbers() {
        let next = 1.0_f32.next_up();
        for u in [0.0, 0.3, 0.5, 0.9, 1.0 - f64::EPSILON] {
            assert_eq!(between(1.0, next, u).to_bits(), 1.0_f32.to_bits());
            let wide = between(f32::MIN, f32::MAX, u);
            assert!((f32::MIN..f32::MAX).contains(&wide));
        }
        assert_eq!(between(2.0, 6.0, 0.25).to_bits(), 3.0_f32.to_bits());
    }
}
