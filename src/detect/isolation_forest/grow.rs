//! Growing one isolation tree.

use std::collections::HashSet;

use super::config::IsolationMissing;
use super::cut::{Cut, Cutter, Rule};
use super::plane::Planes;
use super::training_data::TrainingData;
use crate::detect::tree::{Categories, Node, Test};
use crate::error::Result;
use crate::progress;
use crate::rng::Stream;

/// Nodes with fewer rows do not check whether the work is cancelled.
const LARGE: usize = 64;

/// A tree, with the planes and the sets of categories that its splits use.
pub(super) struct Tree {
    /// Each leaf's value is the natural logarithm of its density.
    pub(super) nodes: Vec<Node>,
    pub(super) planes: Planes,
    pub(super) sets: Vec<Categories>,
}

/// Grows a tree on rows that are drawn without replacement.
///
/// # Errors
///
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub(super) fn grow(data: &TrainingData<'_>, rng: &mut Stream) -> Result<Tree> {
    progress::check()?;
    let mut rows = draw(data.x.nrows(), data.sample, rng);
    let tree =
        Tree { nodes: Vec::new(), planes: Planes::new(data.config.splits.features()), sets: Vec::new() };
    let max_depth = data.config.depth(data.sample);
    let mut grower = Grower { data, max_depth, cutter: Cutter::new(data), rng, tree };
    grower.node(&mut rows, data.x.ncols(), 0, 0.0);
    progress::check()?;
    Ok(grower.tree)
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

struct Grower<'s, 'x> {
    data: &'s TrainingData<'x>,
    max_depth: usize,
    cutter: Cutter<'s, 'x>,
    rng: &'s mut Stream,
    tree: Tree,
}

impl Grower<'_, '_> {
    /// Appends the subtree of `rows` in preorder.
    ///
    /// Only the first `active` features of the cutter can differ between the rows; the node has the share
    /// `e^log_volume` of the volume.
    fn node(&mut self, rows: &mut [usize], mut active: usize, depth: usize, log_volume: f64) {
        let this = self.tree.nodes.len();
        let cover = rows.len() as f32;
        let value = (rows.len() as f64 / self.data.sample as f64).ln() - log_volume;
        self.tree.nodes.push(Node::Leaf { value, cover });
        if depth == self.max_depth || rows.len() == 1 || rows.len() >= LARGE && progress::is_cancelled() {
            return;
        }
        let Some(Cut { rule, left_share }) = self.cutter.cut(rows, &mut active, self.rng) else { return };
        let x = &self.data.x;
        let missing_left = self.missing_left(&rule, rows);
        let left = partition(rows, |row| rule.goes_left(|j| x[[row, j]]).unwrap_or(missing_left));
        let (left, right) = rows.split_at_mut(left);
        let (feature, test) = self.name(rule);
        let share = left_share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        self.node(left, active, depth + 1, log_volume + share.ln());
        let right_child = self.tree.nodes.len() as u32;
        self.node(right, active, depth + 1, log_volume + (1.0 - share).ln());
        self.tree.nodes[this] = Node::Split { feature, test, missing_left, right: right_child, cover };
    }

    /// The side of rows without a value, by the odds of those that have one.
    fn missing_left(&mut self, rule: &Rule, rows: &[usize]) -> bool {
        if self.data.config.missing == IsolationMissing::Refuse {
            return true;
        }
        let sides: Vec<bool> =
            rows.iter().filter_map(|&row| rule.goes_left(|j| self.data.x[[row, j]])).collect();
        sides.get(self.rng.below(sides.len())).is_none_or(|&left| left)
    }

    /// The feature and the test of a split, which the tree keeps.
    fn name(&mut self, rule: Rule) -> (u32, Test) {
        match rule {
            Rule::AtMost { feature, threshold } => (feature as u32, Test::AtMost(threshold)),
            Rule::OneOf { feature, set } => {
                self.tree.sets.push(set);
                (feature as u32, Test::OneOf((self.tree.sets.len() - 1) as u32))
            }
            Rule::Plane { terms, offset } => (self.tree.planes.push(&terms, offset), Test::AtMost(0.0)),
        }
    }
}

/// Moves the rows that go left to the front; returns how many.
fn partition(rows: &mut [usize], goes_left: impl Fn(usize) -> bool) -> usize {
    let mut left = 0;
    for i in 0..rows.len() {
        if goes_left(rows[i]) {
            rows.swap(i, left);
            left += 1;
        }
    }
    left
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
}
