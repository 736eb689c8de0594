//! Trees as a game between features, for the exact explanation of their sum.

use ndarray::ArrayView2;

use super::{Categories, Node, Test, Trees};
use crate::error::Result;
use crate::explain::{self, Explanation, TreeGame};

impl explain::Set for Categories {
    fn contains(&self, value: f32) -> bool {
        Categories::contains(self, value)
    }
}

impl Trees {
    /// Explains `scores[i] = base + scale · Σ leaf values of row i` by the exact Shapley values of the
    /// path-dependent game, see [`TreeGame`].
    ///
    /// A split's shares are the covers of its children over their sum, or a half each where both are 0.
    /// `x` has [`Trees::n_features`] columns.
    pub(crate) fn explain(
        &self,
        x: ArrayView2<'_, f32>,
        base: f64,
        scale: f64,
        scores: Vec<f64>,
    ) -> Result<Explanation> {
        let game = TreeGame::new(self.n_features(), self.iter().map(nodes));
        let mut contributions = game.contributions(x, self.categories())?;
        contributions *= scale;
        Explanation::new(base + scale * game.base(), contributions, scores)
    }
}

/// The nodes of one tree.
fn nodes(tree: &[Node]) -> Vec<explain::Node> {
    let node = |(at, node): (usize, &Node)| match *node {
        Node::Leaf { value, .. } => explain::Node::Leaf(value),
        Node::Split { feature, test, missing_left, right, .. } => {
            let (left, all) = {
                let left = f64::from(tree[at + 1].cover());
                (left, left + f64::from(tree[right as usize].cover()))
            };
            let left_share = if all > 0.0 { left / all } else { 0.5 };
            let test = match test {
                Test::AtMost(threshold) => explain::Test::AtMost(threshold),
                Test::OneOf(set) => explain::Test::OneOf(set),
            };
            explain::Node::Split { feature, test, missing_left, right, left_share }
        }
    };
    tree.iter().enumerate().map(node).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView1};

    use super::*;
    use crate::explain::brute::shapley;
    use crate::rng::Stream;

    /// A random tree; few features, so that ways test them again and again.
    fn grow(rng: &mut Stream, features: usize, depth: usize, covers: bool, nodes: &mut Vec<Node>) {
        let at = nodes.len();
        let cover = if covers && rng.below(4) > 0 { rng.below(100) as f32 } else { 0.0 };
        nodes.push(Node::Leaf { value: rng.normal(), cover });
        if depth == 0 || rng.below(8) == 0 {
            return;
        }
        grow(rng, features, depth - 1, covers, nodes);
        let right = nodes.len() as u32;
        grow(rng, features, depth - 1, covers, nodes);
        let test = if rng.below(3) == 0 {
            Test::OneOf(rng.below(2) as u32)
        } else {
            Test::AtMost(rng.normal() as f32)
        };
        let (feature, missing_left) = (rng.below(features) as u32, rng.below(2) == 0);
        nodes[at] = Node::Split { feature, test, missing_left, right, cover };
    }

    fn forest(seed: u64, features: usize, depth: usize, covers: bool) -> Trees {
        let tree = |i| {
            let mut nodes = Vec::new();
            grow(&mut Stream::new(seed, i), features, depth, covers, &mut nodes);
            nodes
        };
        let sets = vec![Categories::new([0, 2]), Categories::new([1])];
        Trees::new(features, &(0..5).map(tree).collect::<Vec<_>>(), sets).unwrap()
    }

    fn rows(seed: u64, n: usize, features: usize) -> Array2<f32> {
        let mut rng = Stream::new(seed, 99);
        Array2::from_shape_simple_fn((n, features), || match rng.below(6) {
            0 => f32::NAN,
            1 => rng.below(4) as f32,
            _ => rng.normal() as f32,
        })
    }

    /// The value of a tree below `at` where only the features in `set` are known.
    fn worth(trees: &Trees, tree: &[Node], at: usize, row: ArrayView1<'_, f32>, set: usize) -> f64 {
        match tree[at] {
            Node::Leaf { value, .. } => value,
            Node::Split { feature, test, missing_left, right, .. } => {
                let below = |at| worth(trees, tree, at, row, set);
                if set >> feature & 1 == 1 {
                    let left = trees.goes_left(test, missing_left, row[feature as usize]);
                    return below(if left { at + 1 } else { right as usize });
                }
                let (left, right) = (at + 1, right as usize);
                let (l, r) = (f64::from(tree[left].cover()), f64::from(tree[right].cover()));
                let (l, r) = if l + r > 0.0 { (l, r) } else { (1.0, 1.0) };
                (l * below(left) + r * below(right)) / (l + r)
            }
        }
    }

    fn sums(trees: &Trees, x: &Array2<f32>) -> Vec<f64> {
        x.rows().into_iter().map(|row| trees.values(|j| row[j]).sum()).collect()
    }

    #[test]
    fn shapley_values_equal_the_definition() {
        for (seed, features, depth, covers) in [
            (1, 1, 4, true),
            (2, 2, 7, true),
            (3, 5, 8, true),
            (4, 9, 6, true),
            (5, 6, 6, false),
            (6, 12, 5, true),
        ] {
            let trees = forest(seed, features, depth, covers);
            let x = rows(seed, 21, features);
            let explanation = trees.explain(x.view(), 0.0, 1.0, sums(&trees, &x)).unwrap();
            for (i, row) in x.rows().into_iter().enumerate() {
                let all = |set| -> f64 { trees.iter().map(|tree| worth(&trees, tree, 0, row, set)).sum() };
                assert!((explanation.base - all(0)).abs() < 1e-12);
                for (j, shapley) in shapley(features, all).into_iter().enumerate() {
                    let got = explanation.contributions[[i, j]];
                    assert!(
                        (got - shapley).abs() < 1e-12,
                        "forest {seed}, row {i}, {j}: {got}, not {shapley}"
                    );
                }
            }
        }
    }

    #[test]
    fn deep_trees_add_up() {
        let trees = forest(7, 40, 14, true);
        let x = rows(7, 50, 40);
        trees
            .explain(x.view(), 2.0, -0.5, sums(&trees, &x).iter().map(|sum| 2.0 - 0.5 * sum).collect())
            .unwrap();
    }

    #[test]
    fn a_leaf_alone_leaves_nothing_to_explain() {
        let trees = Trees::new(2, &[vec![Node::Leaf { value: 3.0, cover: 0.0 }]], Vec::new()).unwrap();
        let explanation = trees.explain(Array2::zeros((2, 2)).view(), 1.0, 2.0, vec![7.0; 2]).unwrap();
        assert_eq!((explanation.base, explanation.contributions), (7.0, Array2::zeros((2, 2))));
        let none = trees.explain(Array2::zeros((0, 2)).view(), 1.0, 2.0, Vec::new()).unwrap();
        assert_eq!(none.contributions.dim(), (0, 2));
    }

    #[test]
    fn rows_threads_and_layout_do_not_change_the_bits() {
        let trees = forest(8, 12, 9, true);
        let x = rows(8, 1000, 12);
        let scores = sums(&trees, &x);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let explain = |x: ArrayView2<'_, f32>, scores: &[f64]| {
            trees.explain(x, 0.0, 1.0, scores.to_vec()).unwrap().contributions.mapv(f64::to_bits)
        };
        let one = pool(1).install(|| explain(x.view(), &scores));
        assert_eq!(pool(4).install(|| explain(x.view(), &scores)), one);
        assert_eq!(explain(x.t().as_standard_layout().t(), &scores), one, "column-major");
        for i in [0, 15, 16, 999] {
            let row = x.slice(ndarray::s![i..=i, ..]);
            assert_eq!(explain(row, &scores[i..=i]).row(0), one.row(i));
        }
    }
}
