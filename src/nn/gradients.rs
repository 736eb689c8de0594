//! Integrated gradients: what each feature adds to the score of a network.

use std::ops::Range;

use candle_core::{DType, Device, Tensor, Var};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::explain::quadrature::Rule;
use crate::parallel;

/// Initial number of points of the path; doubled for rows whose gap is larger than [`AIM`].
const FIRST_NODES: usize = 8;
/// Maximum number of points of the path.
const MAX_NODES: usize = 512;
/// The target gap, as a fraction of the largest of the score's size, the base's size and 1.
const AIM: f64 = 1e-3;
/// The maximum gap that is accepted with all points, as the same fraction.
const WORST: f64 = 1e-2;
/// Rows that one thread explains at a time.
const BLOCK: usize = 32;
/// Points in one pass of the network.
const POINTS: usize = 256;

/// How close integrated gradients were to their sum before the rest was distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completeness {
    /// Largest gap between the parts of a row and what they should sum to, as a fraction of the largest of the
    /// score's size, the base's size and 1; at most 0.01.
    pub worst_gap: f64,
    /// Points of the path that the hardest row took, 8 to 512.
    pub nodes: usize,
}

/// Splits the scores of some rows by the gradients along the straight path from a base row to each of them.
///
/// Feature `j`, which fills the columns `spans[j]` of the embedded input, gets
///
/// `Σ_{k in spans[j]} (end_k − start_k) ∫₀¹ ∂score/∂x_k (start + t (end − start)) dt`,
///
/// which sum to `score(end) − score(start)` over all features. The integral is taken by Gauss and Legendre's
/// rule with 8 points, twice as many where the sum is off by more than 0.001 of the largest of the score's size, the
/// base's size and 1, and so on up to 512. The remaining gap is distributed over the features in proportion to the size of
/// their parts, so that the sums are exact.
///
/// `start` (1, width), `end` (rows, width), `score` (n, width) → (n), for any n, each row by itself.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for the first row that is off by more than 0.01 with 512 points, as where the
/// score jumps or is not finite; [`Error::Tensor`] for shapes that do not fit.
///
/// # Source
///
/// M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
pub(crate) fn integrated_gradients(
    start: &Tensor,
    end: &Tensor,
    spans: &[Range<usize>],
    score: impl Fn(&Tensor) -> Result<Tensor> + Sync,
) -> Result<(Explanation, Completeness)> {
    let (rows, width) = end.dims2()?;
    let path = Path { start: numbers(start)?, dtype: end.dtype(), score };
    if let Some(span) = spans.iter().find(|span| span.end > width || span.start > span.end) {
        return Err(Error::invalid("spans", format!("within {width} columns"), format!("{span:?}")));
    }
    if path.start.len() != width {
        return Err(Error::ShapeMismatch {
            what: "columns of the base row",
            expected: width,
            got: path.start.len(),
        });
    }
    let Some(&base) = path.scores(&path.start)?.first() else {
        return Err(Error::ShapeMismatch { what: "scores of the base row", expected: 1, got: 0 });
    };
    let end = numbers(end)?;
    let blocks = parallel::map(rows.div_ceil(BLOCK), |block| {
        let first = block * BLOCK;
        let end = &end[first * width..rows.min(first + BLOCK) * width];
        path.explain(base, end, spans, first)
    });
    let (mut parts, mut scores, mut completeness) = (Vec::new(), Vec::new(), Completeness::default());
    for block in blocks {
        let block = block?;
        parts.extend(block.parts);
        scores.extend(block.scores);
        completeness.worst_gap = completeness.worst_gap.max(block.completeness.worst_gap);
        completeness.nodes = completeness.nodes.max(block.completeness.nodes);
    }
    let parts = Array2::from_shape_vec((rows, spans.len()), parts)
        .map_err(|e| Error::Tensor { reason: e.to_string() })?;
    Ok((Explanation::new(base, parts, scores)?, completeness))
}

/// The numbers of a tensor, row by row.
fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

struct Path<F> {
    start: Vec<f64>,
    dtype: DType,
    score: F,
}

/// Some rows, explained.
struct Block {
    /// (rows, features)
    parts: Vec<f64>,
    scores: Vec<f64>,
    completeness: Completeness,
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Path<F> {
    fn tensor(&self, x: &[f64]) -> Result<Tensor> {
        let width = self.start.len();
        let rows = x.len().checked_div(width).unwrap_or(0);
        Ok(Tensor::from_slice(x, (rows, width), &Device::Cpu)?.to_dtype(self.dtype)?)
    }

    fn scores(&self, x: &[f64]) -> Result<Vec<f64>> {
        numbers(&(self.score)(&self.tensor(x)?)?)
    }

    fn explain(&self, base: f64, end: &[f64], spans: &[Range<usize>], first: usize) -> Result<Block> {
        let (width, features) = (self.start.len(), spans.len());
        let scores = self.scores(end)?;
        let mut parts = vec![0.0; scores.len() * features];
        let mut completeness = Completeness::default();
        let mut open: Vec<usize> = (0..scores.len()).collect();
        let mut nodes = FIRST_NODES;
        while !open.is_empty() {
            let rule = Rule::new(nodes);
            let rows: Vec<&[f64]> = open.iter().map(|&row| &end[row * width..(row + 1) * width]).collect();
            let slopes = self.mean_slopes(&rows, &rule)?;
            let mut still_open = Vec::new();
            for (i, (&row, end)) in open.iter().zip(rows).enumerate() {
                let slopes = &slopes[i * width..(i + 1) * width];
                let parts = &mut parts[row * features..(row + 1) * features];
                for (part, span) in parts.iter_mut().zip(spans) {
                    *part = span.clone().map(|k| (end[k] - self.start[k]) * slopes[k]).sum();
                }
                let (sum, due) = (parts.iter().sum::<f64>(), scores[row] - base);
                let gap = (due - sum).abs() / scores[row].abs().max(base.abs()).max(1.0);
                // A gap that is not a number is never small enough.
                if gap <= AIM || nodes == MAX_NODES && gap <= WORST {
                    share_out(parts, due - sum);
                    completeness.worst_gap = completeness.worst_gap.max(gap);
                } else if nodes == MAX_NODES {
                    let expected = format!("parts that sum to {due} within {WORST} of the score");
                    return Err(Error::invalid(format!("contributions[{}]", first + row), expected, sum));
                } else {
                    still_open.push(row);
                }
            }
            completeness.nodes = nodes;
            open = still_open;
            nodes *= 2;
        }
        Ok(Block { parts, scores, completeness })
    }

    /// `∫₀¹ ∂score/∂x dt` for each of the rows, one after the other.
    fn mean_slopes(&self, rows: &[&[f64]], rule: &Rule) -> Result<Vec<f64>> {
        let (width, nodes) = (self.start.len(), rule.nodes.len());
        let mut slopes = vec![0.0; rows.len() * width];
        let all: Vec<usize> = (0..rows.len() * nodes).collect();
        for some in all.chunks(POINTS) {
            let mut points = Vec::with_capacity(some.len() * width);
            for &point in some {
                let t = rule.nodes[point % nodes];
                let end = rows[point / nodes];
                points.extend(self.start.iter().zip(end).map(|(start, end)| start + t * (end - start)));
            }
            let points = Var::from_tensor(&self.tensor(&points)?)?;
            let gradients = (self.score)(&points)?.sum_all()?.backward()?;
            // A score that does not depend on its input has no gradient.
            let Some(gradient) = gradients.get(&points) else { continue };
            for (&point, gradient) in some.iter().zip(numbers(gradient)?.chunks_exact(width.max(1))) {
                let slopes = &mut slopes[point / nodes * width..][..width];
                let weight = rule.weights[point % nodes];
                slopes.iter_mut().zip(gradient).for_each(|(slope, g)| *slope += weight * g);
            }
        }
        Ok(slopes)
    }
}

/// Adds the rest to the parts in proportion to their size, or evenly where all are 0.
fn share_out(parts: &mut [f64], rest: f64) {
    let size: f64 = parts.iter().map(|part| part.abs()).sum();
    let even = rest / parts.len() as f64;
    for part in parts {
        *part += if size > 0.0 { rest * (part.abs() / size) } else { even };
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::config::Activation;
    use super::super::layers::{BatchNorm, LayerNorm, Linear};
    use super::super::pass::Pass;
    use super::super::weights::Weights;
    use super::*;

    fn tensor(x: &Array2<f64>) -> Tensor {
        Tensor::from_iter(x.iter().copied(), &Device::Cpu).unwrap().reshape(x.dim()).unwrap()
    }

    /// One span a column.
    fn single(width: usize) -> Vec<Range<usize>> {
        (0..width).map(|j| j..j + 1).collect()
    }

    fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
        a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance)
    }

    #[test]
    fn a_linear_score_is_split_by_its_terms() {
        let (start, end) = (array![[1.0, 0.0, 2.0]], array![[3.0, 1.0, 2.0], [0.0, -5.0, 4.0]]);
        let weights = Tensor::new(&[2.0, -1.0, 0.5], &Device::Cpu).unwrap();
        let score = |x: &Tensor| Ok((x.broadcast_mul(&weights)?.sum(1)? + 7.0)?);
        let (explanation, completeness) =
            integrated_gradients(&tensor(&start), &tensor(&end), &single(3), score).unwrap();
        assert_eq!(explanation.base, 10.0);
        assert!(close(&explanation.contributions, &array![[4.0, -1.0, 0.0], [-2.0, 5.0, 1.0]], 1e-12));
        assert_eq!(explanation.scores, [13.0, 14.0]);
        assert!(completeness.nodes == 8 && completeness.worst_gap < 1e-12, "{completeness:?}");
    }

    #[test]
    fn a_product_is_shared_half_and_half_and_columns_of_a_span_are_one_feature() {
        let (start, end) = (array![[0.0, 0.0, 0.0]], array![[3.0, 5.0, 2.0]]);
        let score = |x: &Tensor| {
            let column = |j| x.narrow(1, j, 1);
            Ok(((column(0)? * column(1)?)? + column(2)?.sqr()?)?.squeeze(1)?)
        };
        let (explanation, _) =
            integrated_gradients(&tensor(&start), &tensor(&end), &single(3), score).unwrap();
        assert!(close(&explanation.contributions, &array![[7.5, 7.5, 4.0]], 1e-12));
        let (grouped, _) =
            integrated_gradients(&tensor(&start), &tensor(&end), &[1..3, 0..1], score).unwrap();
        assert!(close(&grouped.contributions, &array![[11.5, 7.5]], 1e-12), "{grouped:?}");
    }

    #[test]
    fn a_bend_takes_more_points_and_the_rest_is_shared_out() {
        // max(0, x − 0.3): 0.7 at 1, 0 at 0, with the bend at 0.3.
        let score = |x: &Tensor| Ok((x - 0.3)?.relu()?.squeeze(1)?);
        let end = array![[1.0], [0.0], [0.31]];
        let (explanation, completeness) =
            integrated_gradients(&tensor(&array![[0.0]]), &tensor(&end), &single(1), score).unwrap();
        assert!(close(&explanation.contributions, &array![[0.7], [0.0], [0.01]], 1e-9));
        assert!(completeness.nodes > FIRST_NODES, "{completeness:?}");
        assert!(completeness.worst_gap > 0.0 && completeness.worst_gap <= AIM, "{completeness:?}");
        explanation.check().unwrap();
    }

    #[test]
    fn a_jump_has_no_gradient_and_is_rejected() {
        let score = |x: &Tensor| Ok(x.ge(0.5)?.to_dtype(DType::F64)?.squeeze(1)?);
        let end = array![[0.4], [0.9]];
        let error =
            integrated_gradients(&tensor(&array![[0.0]]), &tensor(&end), &single(1), score).unwrap_err();
        let expected = "`contributions[1]` must be parts that sum to 1 within 0.01 of the score, got 0";
        assert_eq!(error.to_string(), expected);
        let nan = |x: &Tensor| Ok(x.log()?.squeeze(1)?);
        assert!(
            integrated_gradients(&tensor(&array![[1.0]]), &tensor(&array![[-1.0]]), &single(1), nan).is_err()
        );
    }

    #[test]
    fn inputs_of_other_shapes_are_rejected() {
        let score = |x: &Tensor| Ok(x.sum(1)?);
        let (start, end) = (tensor(&array![[0.0, 0.0]]), tensor(&array![[1.0, 2.0]]));
        let span = [Range { start: 1, end: 3 }];
        let error = integrated_gradients(&start, &end, &span, score).unwrap_err();
        assert_eq!(error.to_string(), "`spans` must be within 2 columns, got 1..3");
        let error = integrated_gradients(&tensor(&array![[0.0]]), &end, &single(2), score).unwrap_err();
        assert_eq!(error.to_string(), "columns of the base row: expected 2, got 1");
        let none = Tensor::zeros((0, 2), DType::F64, &Device::Cpu).unwrap();
        let (explanation, completeness) = integrated_gradients(&start, &none, &single(2), score).unwrap();
        assert_eq!(explanation.contributions.dim(), (0, 2));
        assert_eq!(completeness, Completeness::default());
    }

    #[test]
    fn a_network_adds_up_row_by_row_and_all_gradients_flow() {
        let mut weights = Weights::new(3);
        let first = Linear::new(&mut weights, "first", 5, 16).unwrap();
        let norm = BatchNorm::new(&mut weights, "norm", 16).unwrap();
        let layer_norm = LayerNorm::new(&mut weights, "layer_norm", 16).unwrap();
        let second = Linear::new(&mut weights, "second", 16, 8).unwrap();
        let last = Linear::new(&mut weights, "last", 8, 1).unwrap();
        let score = |x: &Tensor| {
            let x = norm.forward(&first.forward(x)?, &Pass::scoring())?;
            let x = layer_norm.forward(&Activation::Relu.apply(&x)?)?;
            let x = Activation::Gelu.apply(&second.forward(&x)?)?;
            Ok(last.forward(&x)?.squeeze(1)?)
        };
        let rows = 70; // more than one block
        let x: Vec<f32> = (0..rows * 5).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
        let end = Tensor::from_vec(x, (rows, 5), &Device::Cpu).unwrap();
        let start = Tensor::zeros((1, 5), DType::F32, &Device::Cpu).unwrap();
        let (explanation, completeness) = integrated_gradients(&start, &end, &single(5), score).unwrap();
        explanation.check().unwrap();
        assert!(completeness.worst_gap <= AIM, "{completeness:?}");
        let scores = numbers(&score(&end).unwrap()).unwrap();
        let off = scores.iter().zip(&explanation.scores).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-6, "{off}");
        assert!(
            explanation.contributions.columns().into_iter().all(|column| column.iter().any(|&v| v != 0.0))
        );
        let gradients = score(&end).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var) in weights.trained() {
            assert!(gradients.get(var).is_some(), "{name} got no gradient");
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let score = |x: &Tensor| Ok(x.sqr()?.sum(1)?.sin()?);
        let x = Array2::from_shape_fn((100, 4), |(i, j)| ((i * (j + 3)) % 17) as f64 / 17.0);
        let explain = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let start = tensor(&array![[0.0, 0.0, 0.0, 0.0]]);
            pool.install(|| integrated_gradients(&start, &tensor(&x), &single(4), score).unwrap())
        };
        assert_eq!(explain(1), explain(4));
    }
}
