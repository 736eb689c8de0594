//! Forests of binary trees with one threshold per inner node, and the fast way through them.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod heap;

pub(crate) use heap::Heap;

use crate::error::{Error, Result};

/// Longest way from a root to a leaf that is accepted, in edges.
pub(crate) const MAX_DEPTH: usize = 32;

/// One node; the left child of an inner node is the next node of its tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Node {
    /// The feature that an inner node compares; [`Node::LEAF`] in a leaf.
    pub(crate) feature: u32,
    /// A row goes left when its feature is at most this.
    pub(crate) threshold: f32,
    /// Index of the right child, counted from the root of its tree.
    pub(crate) right: u32,
    /// Training rows that reached the node.
    pub(crate) samples: u32,
}

impl Node {
    /// Stands in `feature` of a leaf.
    pub(crate) const LEAF: u32 = u32::MAX;

    /// A leaf that `samples` training rows reached.
    pub(crate) fn leaf(samples: u32) -> Self {
        Self { feature: Self::LEAF, threshold: 0.0, right: 0, samples }
    }

    /// Whether the node has no children.
    pub(crate) fn is_leaf(&self) -> bool {
        self.feature == Self::LEAF
    }
}

/// Where a row ends: the leaf and its distance from the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leaf {
    /// Edges between the root and the leaf.
    pub(crate) depth: usize,
    /// Training rows in the leaf.
    pub(crate) samples: u32,
}

/// Trees in preorder, one after the other. Whatever is in here has passed [`Trees::new`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trees {
    n_features: usize,
    depth: usize,
    nodes: Vec<Node>,
    /// Where each tree begins in `nodes`, and the end.
    offsets: Vec<usize>,
}

impl Trees {
    /// Checks every tree: preorder without gaps or cycles, features and thresholds in their domain,
    /// samples that add up, no way longer than [`MAX_DEPTH`].
    pub(crate) fn new(n_features: usize, trees: &[Vec<Node>]) -> Result<Self> {
        let mut depth = 0;
        let mut offsets = vec![0];
        for (i, tree) in trees.iter().enumerate() {
            depth = depth.max(check(tree, n_features).map_err(|fault| fault.at(i))?);
            offsets.push(offsets[i] + tree.len());
        }
        Ok(Self { n_features, depth, nodes: trees.concat(), offsets })
    }

    /// Number of trees.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of features that a row has.
    pub(crate) fn n_features(&self) -> usize {
        self.n_features
    }

    /// Longest way from a root to a leaf, in edges.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The nodes of each tree.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Node]> {
        self.offsets.windows(2).map(|ends| &self.nodes[ends[0]..ends[1]])
    }

    /// The leaf of each tree that a row reaches, `value(feature)` being the row: the plain twin of [`Heap`].
    pub(crate) fn leaves(&self, value: impl Fn(usize) -> f32) -> impl Iterator<Item = Leaf> {
        self.iter().map(move |tree| {
            let (mut at, mut depth) = (0, 0);
            while !tree[at].is_leaf() {
                let right = value(tree[at].feature as usize) > tree[at].threshold;
                at = if right { tree[at].right as usize } else { at + 1 };
                depth += 1;
            }
            Leaf { depth, samples: tree[at].samples }
        })
    }

    /// Memory that the trees take, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        size_of_val(self.nodes.as_slice()) + size_of_val(self.offsets.as_slice())
    }
}

/// What does not hold in a tree.
struct Fault {
    node: usize,
    field: &'static str,
    expected: String,
    got: String,
}

impl Fault {
    fn new(node: usize, field: &'static str, expected: impl Into<String>, got: &impl ToString) -> Self {
        Self { node, field, expected: expected.into(), got: got.to_string() }
    }

    fn at(self, tree: usize) -> Error {
        Error::invalid(format!("trees[{tree}].{}[{}]", self.field, self.node), self.expected, self.got)
    }
}

/// Checks one tree and returns its depth.
fn check(tree: &[Node], n_features: usize) -> Result<usize, Fault> {
    let mut deepest = 0;
    let mut depth = 0;
    // Right children that are still to come, with their depths; the next one must follow a leaf.
    let mut pending: Vec<(usize, usize)> = Vec::new();
    for (i, node) in tree.iter().enumerate() {
        if node.samples == 0 {
            return Err(Fault::new(i, "samples", "at least 1", &0));
        }
        if node.is_leaf() {
            deepest = deepest.max(depth);
            let Some((next, next_depth)) = pending.pop() else {
                if i + 1 == tree.len() {
                    return Ok(deepest);
                }
                return Err(Fault::new(i + 1, "feature", "no node after the last leaf", &tree.len()));
            };
            if next != i + 1 {
                return Err(Fault::new(i + 1, "right", format!("a right child at {}", i + 1), &next));
            }
            depth = next_depth;
            continue;
        }
        if node.feature as usize >= n_features {
            return Err(Fault::new(
                i,
                "feature",
                format!("below {n_features}, or -1 in a leaf"),
                &node.feature,
            ));
        }
        if !node.threshold.is_finite() {
            return Err(Fault::new(i, "threshold", "a finite number", &node.threshold));
        }
        if depth == MAX_DEPTH {
            return Err(Fault::new(
                i,
                "feature",
                format!("a leaf, {MAX_DEPTH} edges below the root"),
                &node.feature,
            ));
        }
        let right = node.right as usize;
        let (Some(left_child), Some(right_child)) = (tree.get(i + 1), tree.get(right)) else {
            return Err(Fault::new(i, "right", format!("below {}", tree.len()), &right));
        };
        let samples = u64::from(left_child.samples) + u64::from(right_child.samples);
        if samples != u64::from(node.samples) {
            return Err(Fault::new(
                i,
                "samples",
                format!("{samples}, the sum of its children"),
                &node.samples,
            ));
        }
        depth += 1;
        pending.push((right, depth));
    }
    Err(Fault::new(tree.len(), "feature", "a leaf at the end of the tree", &"nothing"))
}
