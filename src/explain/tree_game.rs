//! A forest as a game between the features of a row.

use std::ops::Range;

use super::quadrature::Rule;

/// What sends a row left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Test {
    /// The feature is at most this.
    AtMost(f32),
    /// The feature is in this one of the sets.
    OneOf(u32),
}

/// A set of categories.
pub(crate) trait Set: Sync {
    /// Whether `value` is in the set; NaN never is.
    fn contains(&self, value: f32) -> bool;
}

/// One node of a tree in preorder: the left child of a split is the next node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    /// Where a row ends, and what it is worth there.
    Leaf(f64),
    /// Where rows part.
    Split {
        /// The feature that is tested.
        feature: u32,
        /// What sends a row left.
        test: Test,
        /// Whether a row goes left where the feature is NaN.
        missing_left: bool,
        /// Index of the right child, counted from the root.
        right: u32,
        /// Share of the training rows that went left, in [0, 1].
        left_share: f64,
    },
}

/// A sum of trees, ready to be shared out among features.
///
/// The worth of a set `S` of features is what the trees say on average when only those are known: a split on
/// a feature in `S` sends the row where it belongs, any other sends it both ways, weighted by the shares of
/// the training rows that went there (the *path-dependent* game). With no feature known that is
/// [`TreeGame::base`], with all of them the sum of the leaves that the row reaches.
///
/// # How its Shapley values are found
///
/// On the way to one leaf, merge all splits on feature `j` into one condition: `o_j` is 1 where the row meets
/// it, else 0, and `z_j` is the product of their shares. The leaf is then worth `value · Π_S o_j · Π_¬S z_j`,
/// and the Shapley value of feature `i` in this product is
///
/// `φ_i = value · (o_i − z_i) · ∫₀¹ Π_{j ≠ i} (t o_j + (1 − t) z_j) dt`,
///
/// the integral of a polynomial in `t`, for which `⌈d / 2⌉` Gauss–Legendre nodes suffice where the way tests
/// `d` features. At a fixed node `t` all leaves can be taken at once. Let a split on feature `j` send `ζ` of
/// its rows left, `l` be 1 where the row goes left, else 0, `(o, z)` what the splits on `j` above it say
/// (1 and 1 where there are none) and `f = t + (1 − t) z`. Of the product `P` above the split the part
///
/// `x = ζ + t o (l − ζ) / f`
///
/// goes left and `1 − x` goes right; the sums `L` and `R` of what lies below on either side come up as
/// `R + x (L − R)`, and
///
/// `φ_j += o (l − ζ) · z / f² · P · (L − R)`.
///
/// That is a dozen additions and multiplications per split and node `t`, with no division by any cover.
///
/// # Source
///
/// S. M. Lundberg et al., *From local explanations to global understanding with explainable AI for trees*,
/// Nature Machine Intelligence 2, 2020 (the game); P. Yu et al., *Linear `TreeShap`*, Advances in Neural
/// Information Processing Systems 35, 2022 (all leaves at once: products down, sums up).
#[derive(Clone, Debug)]
pub(crate) struct TreeGame {
    pub(super) n_features: usize,
    base: f64,
    pub(super) trees: Vec<Tree>,
    pub(super) splits: Vec<Split>,
    /// The order in which the splits are worked off.
    pub(super) steps: Vec<Step>,
    /// `rules[n]` has n nodes; those that no tree needs are empty.
    pub(super) rules: Vec<Rule>,
}

/// A tree with at least one split.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Its part of the steps.
    pub(super) steps: Range<usize>,
    /// Most splits on a way.
    pub(super) levels: usize,
    /// Quadrature nodes that it needs.
    pub(super) points: usize,
}

/// A split, by its index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Before its left subtree.
    Begin(u32),
    /// Between its subtrees, where the right one is more than a leaf.
    Turn(u32),
    /// After its subtrees.
    End(u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub(super) feature: u32,
    /// Splits above it.
    pub(super) level: u32,
    pub(super) test: Test,
    pub(super) missing_left: bool,
    pub(super) is_left: bool,
    /// ζ of the formula.
    pub(super) left_share: f64,
    /// The nearest split above on the same feature.
    pub(super) before: Option<Before>,
    pub(super) left: Child,
    pub(super) right: Child,
}

/// What the splits above on the same feature come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// Level of the nearest one.
    pub(super) level: u32,
    /// z of the formula.
    pub(super) share: f64,
}

/// What lies below a split, on one side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Child {
    Leaf(f64),
    Split,
}

impl TreeGame {
    /// Prepares trees that have been checked: preorder without gaps or cycles, features below `n_features`,
    /// finite values.
    pub(crate) fn new(n_features: usize, trees: impl Iterator<Item = Vec<Node>>) -> Self {
        let empty = Rule { nodes: Vec::new(), weights: Vec::new() };
        let (trees_of_splits, rules) = (Vec::new(), vec![empty.clone()]);
        let mut game = Self {
            n_features,
            base: 0.0,
            trees: trees_of_splits,
            splits: Vec::new(),
            steps: Vec::new(),
            rules,
        };
        let mut before = vec![None; n_features];
        for nodes in trees {
            let first = game.steps.len();
            let mut build =
                Build { game: &mut game, nodes: &nodes, before: &mut before, levels: 0, features: 0 };
            build.subtree(0, Way { level: 0, features: 0, share: 1.0, is_left: true });
            let (levels, points) = (build.levels, build.features.div_ceil(2));
            if levels > 0 {
                if game.rules.len() <= points {
                    game.rules.resize(points + 1, empty.clone());
                }
                if game.rules[points].nodes.is_empty() {
                    game.rules[points] = Rule::new(points);
                }
                game.trees.push(Tree { steps: first..game.steps.len(), levels, points });
            }
        }
        game
    }

    /// The worth of knowing nothing: the mean of each tree's leaves, weighted by the training rows, summed.
    pub(crate) fn base(&self) -> f64 {
        self.base
    }
}

/// The way down to a node.
#[derive(Clone, Copy)]
struct Way {
    level: usize,
    /// Different features that it tests.
    features: usize,
    /// Share of the training rows that take it.
    share: f64,
    is_left: bool,
}

struct Build<'a> {
    game: &'a mut TreeGame,
    nodes: &'a [Node],
    /// By feature, for the way that is being built.
    before: &'a mut [Option<Before>],
    levels: usize,
    features: usize,
}

impl Build<'_> {
    /// Appends the splits below `at`; trees are at most some hundred levels deep.
    fn subtree(&mut self, at: usize, way: Way) -> Child {
        match self.nodes[at] {
            Node::Leaf(value) => {
                self.game.base += value * way.share;
                self.levels = self.levels.max(way.level);
                self.features = self.features.max(way.features);
                Child::Leaf(value)
            }
            Node::Split { feature, test, missing_left, right, left_share } => {
                let before = self.before[feature as usize];
                let index = self.game.splits.len();
                self.game.splits.push(Split {
                    feature,
                    level: way.level as u32,
                    test,
                    missing_left,
                    is_left: way.is_left,
                    left_share,
                    before,
                    left: Child::Split,
                    right: Child::Split,
                });
                self.game.steps.push(Step::Begin(index as u32));
                let features = way.features + usize::from(before.is_none());
                let mut side = |is_left: bool, at: usize, turn: bool| {
                    let share = if is_left { left_share } else { 1.0 - left_share };
                    if turn && matches!(self.nodes[at], Node::Split { .. }) {
                        self.game.steps.push(Step::Turn(index as u32));
                    }
                    self.before[feature as usize] = Some(Before {
                        level: way.level as u32,
                        share: share * before.map_or(1.0, |before| before.share),
                    });
                    self.subtree(
                        at,
                        Way { level: way.level + 1, features, share: way.share * share, is_left },
                    )
                };
                let left = side(true, at + 1, false);
                let right = side(false, right as usize, true);
                self.before[feature as usize] = before;
                self.game.steps.push(Step::End(index as u32));
                let split = &mut self.game.splits[index];
                (split.left, split.right) = (left, right);
                Child::Split
            }
        }
    }
}
