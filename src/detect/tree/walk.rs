//! Trees of any shape as packed nodes that several rows, or one row in several trees, walk side by side.

use std::collections::VecDeque;

use super::{Categories, Node, Test, Trees};

/// A node; a leaf is its own left child and sends everything there, so that a walk may take more steps than
/// the way is long.
#[derive(Clone, Copy, Debug)]
struct Packed {
    /// A row goes right whose value is above it.
    threshold: f32,
    feature: u32,
    /// The left child; the right one is next to it.
    left: u32,
    /// What else sends a row right: one of the constants below, or the number of a set plus [`SETS`].
    kind: u32,
}

/// Nothing else.
const MISSING_LEFT: u32 = 0;

/// NaN.
const MISSING_RIGHT: u32 = 1;

/// Here begin the kinds that look the value up in a set: `SETS + 2 set`, plus [`MISSING_RIGHT`].
const SETS: u32 = 2;

/// A forest as packed nodes.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    nodes: Vec<Packed>,
    /// One for each node, 0 in a split.
    values: Vec<f64>,
    /// The root of each tree.
    roots: Vec<u32>,
    /// Empty where no split looks a category up.
    categories: Vec<Categories>,
}

/// Walks that are under way at a time, to hide the time that memory takes.
const SIDE_BY_SIDE: usize = 8;

impl Walk {
    /// Lays `trees` out.
    pub(super) fn new(trees: &Trees) -> Self {
        let empty = Packed { threshold: f32::INFINITY, feature: 0, left: 0, kind: MISSING_LEFT };
        let mut walk = Self {
            nodes: Vec::with_capacity(trees.n_nodes()),
            values: vec![0.0; trees.n_nodes()],
            roots: Vec::with_capacity(trees.len()),
            categories: trees.categories().to_vec(),
        };
        for tree in trees.iter() {
            walk.roots.push(walk.nodes.len() as u32);
            // Level by level, so that siblings are adjacent and the first levels share cache lines.
            let mut pending = VecDeque::from([(0, walk.nodes.len())]);
            walk.nodes.push(empty);
            while let Some((from, to)) = pending.pop_front() {
                let left = walk.nodes.len();
                walk.nodes[to] = match tree[from] {
                    Node::Leaf { value, .. } => {
                        walk.values[to] = value;
                        Packed { left: to as u32, ..empty }
                    }
                    Node::Split { feature, test, missing_left, right, .. } => {
                        pending.extend([(from + 1, left), (right as usize, left + 1)]);
                        walk.nodes.extend([empty, empty]);
                        let missing = if missing_left { MISSING_LEFT } else { MISSING_RIGHT };
                        let (threshold, kind) = match test {
                            Test::AtMost(threshold) => (threshold, missing),
                            Test::OneOf(set) => (0.0, SETS + 2 * set + missing),
                        };
                        Packed { threshold, feature, left: left as u32, kind }
                    }
                }
            }
        }
        walk
    }

    /// Adds the leaf values of each row to its sum, tree after tree; `value(row, feature)` are the rows.
    pub(super) fn add(&self, value: impl Fn(usize, usize) -> f32, sums: &mut [f64]) {
        let whole = sums.len() / SIDE_BY_SIDE * SIDE_BY_SIDE;
        let (groups, rest) = sums.split_at_mut(whole);
        for (i, sums) in groups.chunks_exact_mut(SIDE_BY_SIDE).enumerate() {
            for &root in &self.roots {
                let reached =
                    self.walk([root; SIDE_BY_SIDE], |lane, feature| value(i * SIDE_BY_SIDE + lane, feature));
                sums.iter_mut().zip(reached).for_each(|(sum, at)| *sum += self.values[at as usize]);
            }
        }
        for (i, sum) in rest.iter_mut().enumerate() {
            self.add_row(|feature| value(whole + i, feature), sum);
        }
    }

    /// One row down several trees side by side.
    fn add_row(&self, value: impl Fn(usize) -> f32, sum: &mut f64) {
        let (groups, rest) = self.roots.as_chunks::<SIDE_BY_SIDE>();
        for roots in groups {
            let reached = self.walk(*roots, |_, feature| value(feature));
            for at in reached {
                *sum += self.values[at as usize];
            }
        }
        for &root in rest {
            let [at] = self.walk([root], |_, feature| value(feature));
            *sum += self.values[at as usize];
        }
    }

    /// Walks from each of these roots to a leaf.
    #[inline]
    fn walk<const N: usize>(&self, mut at: [u32; N], value: impl Fn(usize, usize) -> f32) -> [u32; N] {
        loop {
            let mut moved = 0;
            for (lane, at) in at.iter_mut().enumerate() {
                let node = self.nodes[*at as usize];
                let next = self.step(node, value(lane, node.feature as usize));
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }

    /// The child of `node` for a value of its feature.
    #[inline]
    #[allow(clippy::needless_bitwise_bool, reason = "a branch here halves the speed")]
    fn step(&self, node: Packed, value: f32) -> u32 {
        let mut right = (value > node.threshold) | (value.is_nan() & (node.kind & MISSING_RIGHT != 0));
        if !self.categories.is_empty() && node.kind >= SETS && !value.is_nan() {
            right = !self.categories[((node.kind - SETS) / 2) as usize].contains(value);
        }
        node.left + u32::from(right)
    }

    /// Memory that the layout takes, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        size_of_val(&*self.nodes)
            + size_of_val(&*self.roots)
            + size_of_val(&*self.values)
            + self.categories.iter().map(Categories::size_in_bytes).sum::<usize>()
    }
}
