//! Forests of binary trees whose leaves hold numbers that are added up, and the fast ways through them.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod categories;
mod game;
mod heap;
mod heap_walk;
mod layout;
mod masks;
mod walk;
mod word;

pub(crate) use categories::Categories;
pub(crate) use heap::Heap;
pub(crate) use layout::Layout;

use crate::error::{Error, Result};

/// Longest way from a root to a leaf that is accepted, in edges.
pub(crate) const MAX_DEPTH: usize = 512;

/// Most nodes of all trees together that are accepted.
pub(crate) const MAX_NODES: usize = 1 << 26;

/// One node; the left child of a split is the next node of its tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    /// Where a row ends.
    Leaf {
        /// What the tree adds to the sum.
        value: f64,
        /// Training rows, or their weight, that ended here.
        cover: f32,
    },
    /// Where rows part.
    Split {
        /// The feature that is tested.
        feature: u32,
        /// What sends a row left.
        test: Test,
        /// Whether a row goes left where the feature is NaN.
        missing_left: bool,
        /// Index of the right child, counted from the root of its tree.
        right: u32,
        /// Training rows, or their weight, that came by.
        cover: f32,
    },
}

/// What sends a row left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Test {
    /// The feature is at most this.
    AtMost(f32),
    /// The feature, cut to a whole number, is in this one of the forest's [`Categories`].
    OneOf(u32),
}

impl Node {
    /// Training rows, or their weight, that reached the node.
    pub(crate) fn cover(&self) -> f32 {
        match *self {
            Self::Leaf { cover, .. } | Self::Split { cover, .. } => cover,
        }
    }
}

/// Trees in preorder, one after the other. Whatever is in here has passed [`Trees::new`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trees {
    n_features: usize,
    depth: usize,
    nodes: Vec<Node>,
    /// Where each tree begins in `nodes`, and the end.
    offsets: Vec<usize>,
    categories: Vec<Categories>,
}

impl Trees {
    /// Checks every tree: preorder without gaps or cycles, features, thresholds, values and covers in their
    /// domain, no way longer than [`MAX_DEPTH`].
    pub(crate) fn new(n_features: usize, trees: &[Vec<Node>], categories: Vec<Categories>) -> Result<Self> {
        let nodes = trees.iter().map(Vec::len).fold(0, usize::saturating_add);
        if nodes > MAX_NODES {
            return Err(Error::invalid("trees", format!("at most {MAX_NODES} nodes in all"), nodes));
        }
        let mut depth = 0;
        let mut offsets = vec![0];
        for (i, tree) in trees.iter().enumerate() {
            let deepest = check(tree, n_features, categories.len()).map_err(|fault| fault.at(i))?;
            depth = depth.max(deepest);
            offsets.push(offsets[i] + tree.len());
        }
        Ok(Self { n_features, depth, nodes: trees.concat(), offsets, categories })
    }

    /// Gives every leaf the value that `value` makes of its distance from the root, in edges, and its cover.
    pub(crate) fn set_values(&mut self, value: impl Fn(usize, f32) -> f64) {
        for ends in self.offsets.windows(2) {
            let mut depth = 0;
            // Depths of the right children that are still to come.
            let mut pending = Vec::new();
            for node in &mut self.nodes[ends[0]..ends[1]] {
                match node {
                    Node::Leaf { value: to, cover } => {
                        *to = value(depth, *cover);
                        depth = pending.pop().unwrap_or_default();
                    }
                    Node::Split { .. } => {
                        depth += 1;
                        pending.push(depth);
                    }
                }
            }
        }
    }

    /// Number of trees.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of nodes of all trees.
    pub(crate) fn n_nodes(&self) -> usize {
        self.nodes.len()
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

    /// The sets that [`Test::OneOf`] refers to.
    pub(crate) fn categories(&self) -> &[Categories] {
        &self.categories
    }

    /// The value of the leaf that a row reaches in each tree, `value(feature)` being the row.
    ///
    /// The plain twin of every faster way.
    pub(crate) fn values(&self, value: impl Fn(usize) -> f32) -> impl Iterator<Item = f64> {
        self.iter().map(move |tree| {
            let mut at = 0;
            loop {
                match tree[at] {
                    Node::Leaf { value, .. } => return value,
                    Node::Split { feature, test, missing_left, right, .. } => {
                        let left = self.goes_left(test, missing_left, value(feature as usize));
                        at = if left { at + 1 } else { right as usize };
                    }
                }
            }
        })
    }

    /// Whether a row with this value of the tested feature goes left.
    pub(crate) fn goes_left(&self, test: Test, missing_left: bool, value: f32) -> bool {
        match test {
            _ if value.is_nan() => missing_left,
            Test::AtMost(threshold) => value <= threshold,
            Test::OneOf(set) => self.categories[set as usize].contains(value),
        }
    }

    /// Memory that the trees take, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        size_of_val(self.nodes.as_slice())
            + size_of_val(self.offsets.as_slice())
            + self.categories.iter().map(Categories::size_in_bytes).sum::<usize>()
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
fn check(tree: &[Node], n_features: usize, n_sets: usize) -> Result<usize, Fault> {
    let mut deepest = 0;
    let mut depth = 0;
    // Right children that are still to come, with their depths; the next one must follow a leaf.
    let mut pending: Vec<(usize, usize)> = Vec::new();
    for (i, node) in tree.iter().enumerate() {
        if !(node.cover() >= 0.0 && node.cover().is_finite()) {
            return Err(Fault::new(i, "cover", "finite and at least 0", &node.cover()));
        }
        match *node {
            Node::Leaf { value, .. } => {
                if !value.is_finite() {
                    return Err(Fault::new(i, "value", "a finite number", &value));
                }
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
            }
            Node::Split { feature, test, right, .. } => {
                if feature as usize >= n_features {
                    let expected = format!("below {n_features}, or -1 in a leaf");
                    return Err(Fault::new(i, "feature", expected, &feature));
                }
                match test {
                    Test::AtMost(threshold) if !threshold.is_finite() => {
                        return Err(Fault::new(i, "threshold", "a finite number", &threshold));
                    }
                    Test::OneOf(set) if set as usize >= n_sets => {
                        return Err(Fault::new(i, "categories", format!("below {n_sets}"), &set));
                    }
                    _ => {}
                }
                if depth == MAX_DEPTH {
                    let expected = format!("a leaf, {MAX_DEPTH} edges below the root");
                    return Err(Fault::new(i, "feature", expected, &feature));
                }
                if right as usize <= i + 1 || right as usize >= tree.len() {
                    let expected = format!("above {} and below {}", i + 1, tree.len());
                    return Err(Fault::new(i, "right", expected, &right));
                }
                depth += 1;
                pending.push((right as usize, depth));
            }
        }
    }
    Err(Fault::new(tree.len(), "feature", "a leaf at the end of the tree", &"nothing"))
}
