//! The Shapley values of a matrix, on all threads and with the widest registers of the processor.

use ndarray::{Array2, ArrayView2, s};

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::lanes::Portable;
use super::rows::rows;
use super::tree_game::{Set, TreeGame};
use crate::error::Result;
use crate::parallel;

/// Rows that one thread takes at a time.
const CHUNK: usize = 256;

impl TreeGame {
    /// The Shapley values of every row, shape (rows, features): they sum to the leaves that the row reaches
    /// less [`TreeGame::base`]. `x` has as many columns as the game has features, `sets` are those that its
    /// tests use.
    ///
    /// The bits depend on the row alone: not on other rows, the threads or the processor.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn contributions<S: Set>(&self, x: ArrayView2<'_, f32>, sets: &[S]) -> Result<Array2<f64>> {
        let mut out = vec![0.0; x.len()];
        parallel::for_each_chunk(&mut out, CHUNK * x.ncols().max(1), |start, out| {
            let first = start / x.ncols();
            let x = x.slice(s![first..first + out.len() / x.ncols(), ..]);
            #[cfg(target_arch = "x86_64")]
            if avx512::rows(self, sets, &x, out) {
                return Ok(());
            }
            rows::<Portable, S>(self, sets, &x, out);
            Ok(())
        })?;
        Ok(Array2::from_shape_vec(x.dim(), out).unwrap_or_else(|_| Array2::zeros(x.dim())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree_game::{Node, Test};
    use super::*;
    use crate::rng::Stream;

    struct NoSet;

    impl Set for NoSet {
        fn contains(&self, _: f32) -> bool {
            false
        }
    }

    fn grow(rng: &mut Stream, depth: usize, nodes: &mut Vec<Node>) {
        let at = nodes.len();
        nodes.push(Node::Leaf(rng.normal()));
        if depth > 0 && rng.below(6) > 0 {
            grow(rng, depth - 1, nodes);
            let right = nodes.len() as u32;
            grow(rng, depth - 1, nodes);
            nodes[at] = Node::Split {
                feature: rng.below(9) as u32,
                test: Test::AtMost(rng.normal() as f32),
                missing_left: rng.below(2) == 0,
                right,
                left_share: rng.uniform(),
            };
        }
    }

    #[test]
    fn every_processor_gives_the_same_bits() {
        let mut rng = Stream::new(5, 0);
        let trees: Vec<Vec<Node>> = (0..20)
            .map(|_| {
                let mut nodes = Vec::new();
                grow(&mut rng, 9, &mut nodes);
                nodes
            })
            .collect();
        let game = TreeGame::new(9, trees.into_iter());
        let x = Array2::from_shape_simple_fn((37, 9), || match rng.below(7) {
            0 => f32::NAN,
            _ => rng.normal() as f32,
        });
        let mut portable = vec![0.0; x.len()];
        rows::<Portable, NoSet>(&game, &[], &x.view(), &mut portable);
        let fastest = game.contributions::<NoSet>(x.view(), &[]).unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(fastest.as_slice().unwrap()), bits(&portable));
        assert!(portable.iter().any(|&value| value != 0.0));
    }
}
