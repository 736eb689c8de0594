//! Which way through a forest is the fastest.

use ndarray::ArrayView2;

use super::masks::Masks;
use super::walk::Walk;
use super::{Heap, Trees};

/// A forest as it is walked; every layout gives the bits of [`Trees::values`].
#[derive(Clone, Debug)]
pub(crate) struct Layout(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Shallow trees of any number of leaves, without categories, that send NaN left.
    Heap(Heap),
    /// Trees of up to 32 leaves, and the same for a row alone.
    Masks32(Masks<u32>, Walk),
    /// Trees of up to 64 leaves, and the same for a row alone.
    Masks64(Masks<u64>, Walk),
    /// Any trees.
    Walk(Walk),
}

/// Deepest trees for which complete heaps are worth their empty places.
const HEAP_DEPTH: usize = 10;

impl Layout {
    /// Chooses by the leaves and the depth of the trees.
    pub(crate) fn new(trees: &Trees) -> Self {
        if let Some(masks) = Masks::<u32>::new(trees) {
            return Self(Kind::Masks32(masks, Walk::new(trees)));
        }
        if let Some(masks) = Masks::<u64>::new(trees) {
            return Self(Kind::Masks64(masks, Walk::new(trees)));
        }
        let heap = (trees.depth() <= HEAP_DEPTH).then(|| Heap::new(trees)).flatten();
        Self(heap.map_or_else(|| Kind::Walk(Walk::new(trees)), Kind::Heap))
    }

    /// Adds each row's leaf values to its sum, tree after tree; `x` has as many rows as `sums` and no
    /// infinities.
    ///
    /// The order of the additions does not depend on how the rows come, so neither do the bits.
    pub(crate) fn add(&self, x: &ArrayView2<'_, f32>, sums: &mut [f64]) {
        match &self.0 {
            Kind::Heap(heap) => heap.add_view(x, sums),
            Kind::Masks32(masks, _) if sums.len() > 1 => masks.add(x, sums),
            Kind::Masks64(masks, _) if sums.len() > 1 => masks.add(x, sums),
            Kind::Masks32(_, walk) | Kind::Masks64(_, walk) | Kind::Walk(walk) => match x.as_slice() {
                Some(rows) => walk.add(|row, feature| rows[row * x.ncols() + feature], sums),
                None => walk.add(|row, feature| x[[row, feature]], sums),
            },
        }
    }

    /// Memory that the layout takes, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        match &self.0 {
            Kind::Heap(heap) => heap.size_in_bytes(),
            Kind::Masks32(masks, walk) => masks.size_in_bytes() + walk.size_in_bytes(),
            Kind::Masks64(masks, walk) => masks.size_in_bytes() + walk.size_in_bytes(),
            Kind::Walk(walk) => walk.size_in_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::detect::tree::processor::Processor;
    use crate::detect::tree::{Categories, Node, Test};
    use crate::rng::Stream;

    const FEATURES: usize = 5;

    /// A tree of `leaves` leaves on thresholds and categories that rows meet exactly.
    fn grow(leaves: usize, with: Splits, rng: &mut Stream, tree: &mut Vec<Node>) {
        let this = tree.len();
        tree.push(Node::Leaf { value: rng.normal(), cover: 1.0 });
        if leaves > 1 {
            let left = 1 + rng.below(leaves - 1);
            grow(left, with, rng, tree);
            let right = tree.len() as u32;
            grow(leaves - left, with, rng, tree);
            let test = match with {
                Splits::Any if rng.below(4) == 0 => Test::OneOf(rng.below(3) as u32),
                _ => Test::AtMost(rng.below(7) as f32 - 3.0),
            };
            let missing_left = with == Splits::Numeric || rng.below(2) == 0;
            tree[this] =
                Node::Split { feature: rng.below(FEATURES) as u32, test, missing_left, right, cover: 2.0 };
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Splits {
        /// Thresholds; NaN goes left.
        Numeric,
        /// Thresholds and categories; NaN goes anywhere.
        Any,
    }

    fn forest(trees: usize, max_leaves: usize, with: Splits, seed: u64) -> Trees {
        let mut rng = Stream::new(seed, 0);
        let trees: Vec<Vec<Node>> = (0..trees)
            .map(|i| {
                let mut tree = Vec::new();
                let leaves = if i == 0 { max_leaves } else { 1 + rng.below(max_leaves) };
                grow(leaves, with, &mut rng, &mut tree);
                tree
            })
            .collect();
        let sets = vec![Categories::new([0, 2]), Categories::new([1, 70]), Categories::default()];
        Trees::new(FEATURES, &trees, sets).unwrap()
    }

    /// Small whole numbers, halves, large numbers and NaN.
    fn rows(rows: usize, seed: u64) -> Array2<f32> {
        let mut rng = Stream::new(seed, 1);
        Array2::from_shape_simple_fn((rows, FEATURES), || match rng.below(12) {
            0 => f32::NAN,
            1 => f32::MAX,
            2 => f32::MIN,
            3 => 70.0,
            i => (i as f32 - 7.0) / [1.0, 2.0][rng.below(2)],
        })
    }

    fn same_bits(trees: &Trees, x: &ArrayView2<'_, f32>, add: impl Fn(&ArrayView2<'_, f32>, &mut [f64])) {
        let mut sums = vec![0.125; x.nrows()];
        add(x, &mut sums);
        for (i, (row, sum)) in x.rows().into_iter().zip(&sums).enumerate() {
            let plain = trees.values(|feature| row[feature]).fold(0.125, |sum, value| sum + value);
            assert_eq!(sum.to_bits(), plain.to_bits(), "row {i}: {sum}, the plain twin gives {plain}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_layout_gives_the_bits_of_the_plain_twin(
            trees in 1_usize..20,
            leaves in prop_oneof![1_usize..5, 20_usize..34, 60_usize..66, 66_usize..120],
            with in prop_oneof![Just(Splits::Numeric), Just(Splits::Any)],
            n in prop_oneof![1_usize..20, 60_usize..90],
            seed in any::<u64>(),
        ) {
            let trees = forest(trees, leaves, with, seed);
            let x = rows(n, seed);
            let by_column = x.t().as_standard_layout().into_owned().reversed_axes();
            for x in [x.view(), by_column.view(), x.slice(ndarray::s![..;2, ..])] {
                same_bits(&trees, &x, |x, sums| Layout::new(&trees).add(x, sums));
                same_bits(&trees, &x, |x, sums| Layout(Kind::Walk(Walk::new(&trees))).add(x, sums));
                let (narrow, wide) = (Masks::<u32>::new(&trees), Masks::<u64>::new(&trees));
                prop_assert_eq!((narrow.is_some(), wide.is_some()), (leaves <= 32, leaves <= 64));
                for processor in Processor::all() {
                    if let Some(masks) = &narrow {
                        same_bits(&trees, &x, |x, sums| masks.add_with(processor, x, sums));
                    }
                    if let Some(masks) = &wide {
                        same_bits(&trees, &x, |x, sums| masks.add_with(processor, x, sums));
                    }
                }
                if with == Splits::Numeric && let Some(heap) = Heap::new(&trees) {
                    same_bits(&trees, &x, |x, sums| heap.add_view(x, sums));
                }
            }
        }
    }

    #[test]
    fn the_layout_follows_the_shape_of_the_trees() {
        assert!(matches!(Layout::new(&forest(3, 32, Splits::Any, 1)).0, Kind::Masks32(..)));
        assert!(matches!(Layout::new(&forest(3, 33, Splits::Any, 1)).0, Kind::Masks64(..)));
        assert!(matches!(Layout::new(&forest(3, 65, Splits::Any, 1)).0, Kind::Walk(_)));
        let shallow = |depth: u32| {
            let mut tree = Vec::new();
            complete(depth, &mut tree);
            Layout::new(&Trees::new(1, &[tree], vec![]).unwrap()).0
        };
        assert!(matches!(shallow(8), Kind::Heap(_)));
        assert!(matches!(shallow(11), Kind::Walk(_)));
    }

    fn complete(depth: u32, tree: &mut Vec<Node>) {
        let this = tree.len();
        tree.push(Node::Leaf { value: 1.0, cover: 1.0 });
        if depth > 0 {
            complete(depth - 1, tree);
            let right = tree.len() as u32;
            complete(depth - 1, tree);
            let test = Test::AtMost(0.0);
            tree[this] = Node::Split { feature: 0, test, missing_left: true, right, cover: 1.0 };
        }
    }
}
