//! The recurrence of [`TreeGame`] for some rows side by side.
#![allow(clippy::inline_always, reason = "compiled once for each kind of processor")]

use super::lanes::{LANES, Lanes};
use super::tree_game::{Child, Set, Split, Step, Test, TreeGame};

/// Memory for one set of rows on their way through a game.
pub(super) struct Tile<L> {
    /// The rows, feature by feature.
    pub(super) columns: Vec<[f32; LANES]>,
    /// What each feature has got so far.
    pub(super) contributions: Vec<[f64; LANES]>,
    levels: Vec<Level<L>>,
    /// `P` of the formula, times the weight of the quadrature node, by level and quadrature node.
    products: Vec<L>,
    /// `x` of the formula, by level and quadrature node.
    shares: Vec<L>,
    /// What comes up from below: per level a block of quadrature nodes for a left child, one for a right one.
    sums: Vec<L>,
    /// `t / f` and `z / f²` of the formula where `o` is 1, by level and quadrature node.
    factors: Vec<[f64; 2]>,
}

/// The split of one level that is being worked off.
#[derive(Clone)]
struct Level<L> {
    /// `o` of the formula.
    open: L,
    /// `o` for the splits below on the same feature, on the side that is being worked off.
    inside: L,
    /// `o (l − ζ)` of the formula.
    pull: L,
}

impl<L: Lanes> Tile<L> {
    #[inline(always)]
    pub(super) fn new(game: &TreeGame) -> Self {
        let levels = game.trees.iter().map(|tree| tree.levels).max().unwrap_or_default();
        let blocks = game.trees.iter().map(|tree| (tree.levels + 1) * tree.points).max().unwrap_or_default();
        let zero = L::load(&[0.0; LANES]);
        Self {
            columns: vec![[0.0; LANES]; game.n_features],
            contributions: vec![[0.0; LANES]; game.n_features],
            levels: vec![Level { open: zero, inside: zero, pull: zero }; levels],
            products: vec![zero; blocks],
            shares: vec![zero; blocks],
            sums: vec![zero; 2 * blocks],
            factors: vec![[0.0; 2]; blocks],
        }
    }

    /// Adds the Shapley values of the rows in `columns` to `contributions`.
    #[inline(always)]
    pub(super) fn add<S: Set>(&mut self, game: &TreeGame, sets: &[S]) {
        for tree in &game.trees {
            let rule = &game.rules[tree.points];
            let points = tree.points;
            for (product, &weight) in self.products.iter_mut().zip(&rule.weights) {
                *product = L::all(weight);
            }
            for step in &game.steps[tree.steps.clone()] {
                match *step {
                    Step::Begin(split) => {
                        self.begin(&game.splits[split as usize], points, &rule.nodes, sets);
                    }
                    Step::Turn(split) => self.turn(&game.splits[split as usize], points),
                    Step::End(split) => self.end(&game.splits[split as usize], points),
                }
            }
        }
    }

    #[inline(always)]
    fn begin<S: Set>(&mut self, split: &Split, points: usize, nodes: &[f64], sets: &[S]) {
        let at = split.level as usize;
        let left = goes_left::<L, S>(split, &self.columns[split.feature as usize], sets);
        let open = split.before.map_or(L::all(1.0), |before| self.levels[before.level as usize].inside);
        let left_share = L::all(split.left_share);
        let pull = open.times(left.minus(left_share));
        self.levels[at] = Level { open, inside: open.times(left), pull };
        let factors = &mut self.factors[at * points..][..points];
        match split.before {
            None => {
                for (factors, &t) in factors.iter_mut().zip(nodes) {
                    *factors = [t, 1.0];
                }
            }
            Some(before) => {
                for (factors, &t) in factors.iter_mut().zip(nodes) {
                    let inverse = 1.0 / (t + (1.0 - t) * before.share);
                    *factors = [t * inverse, before.share * inverse * inverse];
                }
            }
        }
        let shares = &mut self.shares[at * points..][..points];
        let (here, below) = self.products[at * points..][..2 * points].split_at_mut(points);
        for (((share, here), below), factors) in shares.iter_mut().zip(here).zip(below).zip(factors) {
            *share = left_share.plus(pull.times(L::all(factors[0])));
            *below = here.times(*share);
        }
    }

    #[inline(always)]
    fn turn(&mut self, split: &Split, points: usize) {
        let at = split.level as usize;
        let level = &mut self.levels[at];
        level.inside = level.open.minus(level.inside);
        let (here, below) = self.products[at * points..][..2 * points].split_at_mut(points);
        for (here, below) in here.iter().zip(below) {
            *below = here.minus(*below);
        }
    }

    #[inline(always)]
    fn end(&mut self, split: &Split, points: usize) {
        let at = split.level as usize;
        let (upper, lower) = self.sums.split_at_mut(2 * (at + 1) * points);
        let (left, right) = lower[..2 * points].split_at(points);
        let to = &mut upper[(2 * at + usize::from(!split.is_left)) * points..][..points];
        let block = at * points..(at + 1) * points;
        let here =
            self.shares[block.clone()].iter().zip(&self.products[block.clone()]).zip(&self.factors[block]);
        let here = to.iter_mut().zip(here);
        let mut total = L::all(0.0);
        let mut join = |to: &mut L, share: &L, product: &L, factors: &[f64; 2], left: L, right: L| {
            let gap = left.minus(right);
            *to = right.plus(share.times(gap));
            total = total.plus(L::all(factors[1]).times(product.times(gap)));
        };
        match (split.left, split.right) {
            (Child::Split, Child::Split) => {
                for (((to, ((share, product), factors)), left), right) in here.zip(left).zip(right) {
                    join(to, share, product, factors, *left, *right);
                }
            }
            (Child::Leaf(value), Child::Split) => {
                let left = L::all(value);
                for ((to, ((share, product), factors)), right) in here.zip(right) {
                    join(to, share, product, factors, left, *right);
                }
            }
            (Child::Split, Child::Leaf(value)) => {
                let right = L::all(value);
                for ((to, ((share, product), factors)), left) in here.zip(left) {
                    join(to, share, product, factors, *left, right);
                }
            }
            (Child::Leaf(left), Child::Leaf(right)) => {
                let (left, right) = (L::all(left), L::all(right));
                for (to, ((share, product), factors)) in here {
                    join(to, share, product, factors, left, right);
                }
            }
        }
        let contribution = &mut self.contributions[split.feature as usize];
        L::load(contribution).plus(self.levels[at].pull.times(total)).store(contribution);
    }
}

/// 1 where a row goes left, else 0.
#[inline(always)]
fn goes_left<L: Lanes, S: Set>(split: &Split, values: &[f32; LANES], sets: &[S]) -> L {
    match split.test {
        Test::AtMost(threshold) => L::at_most(values, threshold, split.missing_left),
        Test::OneOf(set) => L::load(&values.map(|value| {
            let left = if value.is_nan() { split.missing_left } else { sets[set as usize].contains(value) };
            f64::from(u8::from(left))
        })),
    }
}
