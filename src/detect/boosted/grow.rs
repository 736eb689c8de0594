//! Growing one tree, the leaf of the greatest gain first.

use std::ops::Range;

use super::bins::{Binned, Bins};
use super::histogram::{Builder, Derivatives, Histogram, Sums};
use super::settings::BoostedTreesConfig;
use super::split::{Bounds, Cut, Parent, Search, Split, UNBOUNDED, leaf_value};
use crate::detect::tree::{Categories, MAX_DEPTH, Node, Test};
use crate::progress;

/// Memory for histograms of leaves that may be split; a leaf beyond it is added up anew when it is.
const POOL: usize = 1 << 29;

/// What every tree of a fit grows on, and memory that one leaves to the next.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    config: &'a BoostedTreesConfig,
    bins: &'a [Bins],
    binned: &'a Binned,
    builder: Builder<'a>,
    /// The training rows of a tree; the rows of a leaf are adjacent.
    rows: Vec<u32>,
    /// Room for the rows that go right.
    aside: Vec<u32>,
}

/// A tree, and where the training rows ended.
#[derive(Debug)]
pub(super) struct Grown {
    pub(super) nodes: Vec<Node>,
    pub(super) categories: Vec<Categories>,
    /// The range of rows and the value of each leaf.
    leaves: Vec<(Range<usize>, f64)>,
}

/// A node while the tree grows.
enum Draft {
    Leaf(usize),
    Split { split: Split, rows: usize, left: usize, right: usize },
}

struct Leaf {
    draft: usize,
    range: Range<usize>,
    depth: usize,
    parent: Parent,
    split: Option<Split>,
    histogram: Option<Histogram>,
}

impl Leaf {
    fn new(draft: usize, range: Range<usize>, depth: usize, sums: Sums, bounds: Bounds) -> Self {
        Self { draft, range, depth, parent: Parent { sums, bounds }, split: None, histogram: None }
    }
}

struct Tree<'t, 'g> {
    ground: &'t mut Ground<'g>,
    search: Search<'t>,
    drafts: Vec<Draft>,
    leaves: Vec<Leaf>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(config: &'a BoostedTreesConfig, bins: &'a [Bins], binned: &'a Binned) -> Self {
        Self { config, bins, binned, builder: Builder::new(binned), rows: Vec::new(), aside: Vec::new() }
    }

    /// Grows a tree on these rows, ascending.
    pub(super) fn grow(&mut self, search: Search<'_>, derivatives: &[Derivatives], rows: &[u32]) -> Grown {
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.aside.resize(rows.len(), 0);
        let mut tree = Tree { ground: self, search, drafts: Vec::new(), leaves: Vec::new() };
        tree.plant();
        // A tree that is cut short by cancellation is never returned from the fit.
        while tree.leaves.len() < tree.ground.config.leaves
            && !progress::is_cancelled()
            && let Some((at, split)) = tree.pop()
        {
            tree.split(at, split);
        }
        tree.harvest(derivatives)
    }

    /// Adds the values of the tree that has just grown to the scores of its rows.
    pub(super) fn add_to(&self, scores: &mut [f64], grown: &Grown) {
        for (range, value) in &grown.leaves {
            for &row in &self.rows[range.clone()] {
                scores[row as usize] += value;
            }
        }
    }
}

impl Tree<'_, '_> {
    fn histogram(&mut self, range: Range<usize>) -> Histogram {
        self.ground.builder.build(self.search.derivatives, &self.ground.rows[range])
    }

    fn plant(&mut self) {
        let all = 0..self.ground.rows.len();
        let histogram = self.histogram(all.clone());
        let mut root = Leaf::new(0, all, 0, histogram.total(), UNBOUNDED);
        self.look(&mut root, histogram);
        self.drafts.push(Draft::Leaf(0));
        self.leaves.push(root);
    }

    /// The leaf whose split gains most, and that split; the first of equal ones.
    fn pop(&mut self) -> Option<(usize, Split)> {
        let gain = |leaf: &Leaf| leaf.split.as_ref().map_or(f64::NEG_INFINITY, |split| split.gain);
        let at = (0..self.leaves.len())
            .reduce(|best, i| if gain(&self.leaves[i]) > gain(&self.leaves[best]) { i } else { best })?;
        self.leaves[at].split.take().map(|split| (at, split))
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        let config = self.ground.config;
        leaf.range.len() >= 2 * config.min_rows_per_leaf && leaf.depth < config.max_depth.unwrap_or(MAX_DEPTH)
    }

    /// Finds the best split of a leaf, and keeps its histogram if there is one.
    fn look(&mut self, leaf: &mut Leaf, histogram: Histogram) {
        if self.may_split(leaf) {
            leaf.split = self.search.best(&histogram, leaf.parent);
        }
        let kept = self.leaves.iter().filter(|leaf| leaf.histogram.is_some()).count();
        if leaf.split.is_some() && (kept + 1).saturating_mul(self.ground.builder.size_in_bytes()) <= POOL {
            leaf.histogram = Some(histogram);
        } else {
            self.ground.builder.recycle(histogram);
        }
    }

    fn split(&mut self, at: usize, split: Split) {
        let leaf = &mut self.leaves[at];
        let (range, depth, parent, draft) = (leaf.range.clone(), leaf.depth + 1, leaf.parent, leaf.draft);
        let histogram = leaf.histogram.take();
        let middle = range.start + self.partition(range.clone(), &split);
        let [left_bounds, right_bounds] = self.search.bounds(&split, parent);
        let (left_draft, right_draft) = (self.drafts.len(), self.drafts.len() + 1);
        let right_sums = parent.sums.minus(split.left);
        let mut left = Leaf::new(left_draft, range.start..middle, depth, split.left, left_bounds);
        let mut right = Leaf::new(right_draft, middle..range.end, depth, right_sums, right_bounds);
        self.drafts.extend([Draft::Leaf(at), Draft::Leaf(self.leaves.len())]);
        self.drafts[draft] = Draft::Split { split, rows: range.len(), left: left_draft, right: right_draft };
        let last = self.leaves.len() + 1 == self.ground.config.leaves;
        if !last && (self.may_split(&left) || self.may_split(&right)) {
            let left_is_smaller = left.range.len() <= right.range.len();
            let (smaller, larger) =
                if left_is_smaller { (&mut left, &mut right) } else { (&mut right, &mut left) };
            let of_smaller = self.histogram(smaller.range.clone());
            let of_larger = match histogram {
                Some(histogram) => histogram.without(&of_smaller),
                None => self.histogram(larger.range.clone()),
            };
            self.look(smaller, of_smaller);
            self.look(larger, of_larger);
        } else if let Some(histogram) = histogram {
            self.ground.builder.recycle(histogram);
        }
        self.leaves[at] = left;
        self.leaves.push(right);
    }

    /// Brings the rows that go left before the others, each in their order; returns how many do.
    fn partition(&mut self, range: Range<usize>, split: &Split) -> usize {
        let goes_left = split.goes_left();
        let bins = self.ground.binned.column(split.feature);
        let rows = &mut self.ground.rows[range];
        let aside = &mut self.ground.aside[..rows.len()];
        let (mut left, mut right) = (0, 0);
        for i in 0..rows.len() {
            let row = rows[i];
            let is_left = goes_left[usize::from(bins[row as usize])];
            rows[left] = row;
            aside[right] = row;
            left += usize::from(is_left);
            right += usize::from(!is_left);
        }
        rows[left..].copy_from_slice(&aside[..right]);
        left
    }

    /// Makes nodes of the drafts; leaves take their values from the derivatives before rounding.
    fn harvest(mut self, derivatives: &[Derivatives]) -> Grown {
        for histogram in self.leaves.iter_mut().filter_map(|leaf| leaf.histogram.take()) {
            self.ground.builder.recycle(histogram);
        }
        let config = self.ground.config;
        let value = |leaf: &Leaf| {
            let (mut gradient, mut hessian) = (0.0, 0.0);
            for &row in &self.ground.rows[leaf.range.clone()] {
                let d = derivatives[row as usize];
                gradient += f64::from(d.gradient);
                hessian += f64::from(d.hessian);
            }
            config.learning_rate * leaf_value(gradient, hessian, config.l2, leaf.parent.bounds)
        };
        let leaves: Vec<_> = self.leaves.iter().map(|leaf| (leaf.range.clone(), value(leaf))).collect();
        let mut writer =
            Writer { drafts: &self.drafts, leaves: &leaves, bins: self.ground.bins, ..Writer::default() };
        writer.write(0);
        let (nodes, categories) = (writer.nodes, writer.categories);
        Grown { nodes, categories, leaves }
    }
}

/// Writes drafts down in preorder.
#[derive(Default)]
struct Writer<'a> {
    drafts: &'a [Draft],
    leaves: &'a [(Range<usize>, f64)],
    bins: &'a [Bins],
    nodes: Vec<Node>,
    categories: Vec<Categories>,
}

impl Writer<'_> {
    fn write(&mut self, draft: usize) {
        match &self.drafts[draft] {
            Draft::Leaf(leaf) => {
                let (range, value) = &self.leaves[*leaf];
                self.nodes.push(Node::Leaf { value: *value, cover: range.len() as f32 });
            }
            Draft::Split { split, rows, left, right } => {
                let at = self.nodes.len();
                // A leaf is the placeholder until the right child's position is known.
                let cover = *rows as f32;
                self.nodes.push(Node::Leaf { value: 0.0, cover });
                let test = self.test(split);
                self.write(*left);
                let right_child = self.nodes.len() as u32;
                self.write(*right);
                let (feature, missing_left) = (split.feature as u32, split.missing_left);
                self.nodes[at] = Node::Split { feature, test, missing_left, right: right_child, cover };
            }
        }
    }

    fn test(&mut self, split: &Split) -> Test {
        match (&split.cut, &self.bins[split.feature]) {
            (Cut::OneOf(bins), Bins::Codes(codes)) => {
                let left = bins.iter().filter_map(|&bin| codes.get(usize::from(bin)).copied());
                self.categories.push(Categories::new(left));
                Test::OneOf(self.categories.len() as u32 - 1)
            }
            // Beyond the last limit lies every number: only missing ones go right.
            (Cut::AtMost(bin), Bins::Numbers(limits)) => {
                Test::AtMost(limits.get(usize::from(*bin)).copied().unwrap_or(f32::MAX))
            }
            _ => unreachable!("numbers are cut, codes are chosen"),
        }
    }
}
