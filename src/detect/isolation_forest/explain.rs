//! Exact explanation of the forest's score.

use std::f64::consts::LN_2;

use ndarray::ArrayView2;

use super::{IsolationForest, IsolationScoring};
use crate::error::{Error, Result};
use crate::explain::Explanation;

impl IsolationForest {
    /// Explains the score itself, not only the mean path length, by exact Shapley values.
    ///
    /// First the mean path length `E[h]` (or log density) is shared out: a set of features is worth what the
    /// trees say on average when only those are known, where a cut on another feature sends a row both ways,
    /// weighted by the training rows that went there. Call the base `h₀` and the parts `φ_j`.
    ///
    /// A density score is `−E[ln d]` and has the parts `−φ_j`. With depth scoring a set `S` of features is
    /// worth the score that its parts make, `v(S) = 2^(−(h₀ + Σ_S φ_j) / c)`, and the contributions are the
    /// Shapley values of this game. They sum to the score less the base `2^(−h₀ / c)`, a feature that
    /// shortens the paths always raises the score, and one that no path tests gets 0.
    ///
    /// Not the same is the game `2^(−E[h | S] / c)`, which puts each set's own mean path length through the
    /// link. It agrees with `v` where no or all features are known, but the power of a sum over trees is a
    /// product of sums, for which no method is known that does not visit all `2^n` sets. On forests of up to
    /// ten features its values rank the features of a row almost alike.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`](crate::Detector::score_into), and [`Error::InvalidArgument`] for a forest
    /// that cuts along planes, whose cuts belong to no single feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::ndarray::Array2;
    /// use qosguard::{Detector, Fit, FitContext, IsolationForestConfig};
    ///
    /// let mut x = Array2::from_shape_fn((500, 3), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// x[[499, 1]] = 60.0;
    /// let forest = IsolationForestConfig::default().fit(x.view(), FitContext::default())?.model;
    /// let explanation = forest.explain(x.view())?;
    /// assert_eq!(explanation.top(499, 1)[0].0, 1); // the feature that sets the row apart
    /// assert!((explanation.scores[499] - f64::from(forest.score(x.view())?[499])).abs() < 1e-7);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        let Some(trees) = self.trees() else {
            return Err(Error::invalid("splits", "along single features, to be explained", "planes"));
        };
        let sums = self.sums(x)?;
        let scores = sums.iter().map(|&sum| self.score_of_sum(sum)).collect();
        match self.config.scoring {
            IsolationScoring::Density => trees.explain(x, 0.0, -1.0 / self.divisor, scores),
            IsolationScoring::Depth => {
                let scale = -LN_2 / self.divisor;
                let exponents = sums.iter().map(|sum| scale * sum).collect();
                let power = trees.explain(x, 0.0, scale, exponents)?.exponential();
                Explanation::new(power.base, power.contributions, scores)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView1};

    use super::*;
    use crate::detect::isolation_forest::{IsolationForestConfig, IsolationMissing, IsolationSplits};
    use crate::detect::tree::{Node, Trees};
    use crate::explain::brute::shapley;
    use crate::rng::Stream;
    use crate::{Detector, Fit, FitContext};

    /// A cloud whose features depend on each other, and every tenth row somewhere else.
    fn rows(seed: u64, n: usize, features: usize) -> Array2<f32> {
        let mut rng = Stream::new(seed, 0);
        let mut x = Array2::zeros((n, features));
        for (i, mut row) in x.rows_mut().into_iter().enumerate() {
            let common = rng.normal();
            for (j, value) in row.iter_mut().enumerate() {
                let far = if i % 10 == 0 && j % 3 == i % 3 { 4.0 } else { 0.0 };
                *value = (0.5 * common + rng.normal() + far) as f32;
            }
        }
        x
    }

    /// Mean leaf value below `at` where only the features in `set` are known.
    fn worth(trees: &Trees, tree: &[Node], at: usize, row: ArrayView1<'_, f32>, set: usize) -> f64 {
        match tree[at] {
            Node::Leaf { value, .. } => value,
            Node::Split { feature, test, missing_left, right, .. } => {
                let (left, right) = (at + 1, right as usize);
                let below = |at| worth(trees, tree, at, row, set);
                if set >> feature & 1 == 1 {
                    let goes_left = trees.goes_left(test, missing_left, row[feature as usize]);
                    return below(if goes_left { left } else { right });
                }
                let (l, r) = (f64::from(tree[left].cover()), f64::from(tree[right].cover()));
                (l * below(left) + r * below(right)) / (l + r)
            }
        }
    }

    fn sum(forest: &IsolationForest, row: ArrayView1<'_, f32>, set: usize) -> f64 {
        let trees = forest.trees().unwrap();
        trees.iter().map(|tree| worth(trees, tree, 0, row, set)).sum()
    }

    #[test]
    fn the_contributions_equal_the_definition() {
        for (features, scoring) in
            [(1, IsolationScoring::Depth), (5, IsolationScoring::Depth), (5, IsolationScoring::Density)]
        {
            let x = rows(1, 300, features);
            let config = IsolationForestConfig { trees: 10, max_samples: 64, scoring, ..Default::default() };
            let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
            let explanation = forest.explain(x.view()).unwrap();
            explanation.check().unwrap();
            for (exact, score) in explanation.scores.iter().zip(forest.score(x.view()).unwrap()) {
                assert_eq!(*exact as f32, score);
            }
            for (i, row) in x.rows().into_iter().enumerate().take(20) {
                let parts = shapley(features, |set| sum(&forest, row, set));
                let base = sum(&forest, row, 0);
                let worth = |set: usize| {
                    let parts = parts.iter().enumerate().filter(|(j, _)| set >> j & 1 == 1);
                    forest.score_of_sum(base + parts.map(|(_, part)| part).sum::<f64>())
                };
                assert!((explanation.base - worth(0)).abs() < 1e-12);
                for (j, expected) in shapley(features, worth).into_iter().enumerate() {
                    let got = explanation.contributions[[i, j]];
                    assert!((got - expected).abs() < 1e-12, "row {i}, {j}: {got}, not {expected}");
                }
            }
        }
    }

    /// Ranks, from 0, of different numbers.
    fn ranks(values: &[f64]) -> Vec<f64> {
        values.iter().map(|a| values.iter().filter(|b| *b < a).count() as f64).collect()
    }

    #[test]
    fn the_game_of_conditional_paths_is_close() {
        for features in [3, 6, 10] {
            let x = rows(2, 400, features);
            let config = IsolationForestConfig { trees: 25, max_samples: 64, ..Default::default() };
            let forest = config.fit(x.view(), FitContext::default()).unwrap().model;
            let x = x.slice(ndarray::s![..30, ..]);
            let explanation = forest.explain(x).unwrap();
            let (mut largest, mut correlations, mut same_top) = (0.0_f64, 0.0, 0);
            for (i, row) in x.rows().into_iter().enumerate() {
                let direct = shapley(features, |set| forest.score_of_sum(sum(&forest, row, set)));
                let ours = explanation.contributions.row(i).to_vec();
                for (a, b) in ours.iter().zip(&direct) {
                    largest = largest.max((a - b).abs());
                }
                let (a, b) = (ranks(&ours), ranks(&direct));
                let gaps: f64 = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
                let n = features as f64;
                correlations += 1.0 - 6.0 * gaps / (n * (n * n - 1.0));
                same_top +=
                    usize::from(a.iter().position(|&r| r == n - 1.0) == b.iter().position(|&r| r == n - 1.0));
            }
            let correlation = correlations / x.nrows() as f64;
            let found =
                format!("{features} features: {correlation:.4}, {largest:.1e}, {same_top} of 30 rows");
            // Found: 1.0000, 1.4e-3, 30; 0.9962, 1.0e-3, 30; 0.9988, 9.8e-4, 30.
            assert!(correlation > 0.99 && largest < 2e-3 && same_top >= 29, "{found}");
        }
    }

    #[test]
    fn every_variant_is_explained_or_rejected() {
        let x = rows(3, 300, 6);
        let explain = |config: IsolationForestConfig| {
            config.fit(x.view(), FitContext::default()).unwrap().model.explain(x.view())?.check()
        };
        let base = || IsolationForestConfig { trees: 20, ..Default::default() };
        explain(IsolationForestConfig {
            splits: IsolationSplits::PooledGain { features: 1, tries: 2, share: 0.9 },
            ..base()
        })
        .unwrap();
        explain(IsolationForestConfig { scoring: IsolationScoring::Density, ..base() }).unwrap();
        let oblique = IsolationForestConfig { splits: IsolationSplits::Extended { features: 2 }, ..base() };
        let error = explain(oblique).unwrap_err();
        assert_eq!(error.to_string(), "`splits` must be along single features, to be explained, got planes");
        let mut holes = x.clone();
        holes.column_mut(2).mapv_inplace(|value| value.abs().floor());
        holes.iter_mut().step_by(7).for_each(|value| *value = f32::NAN);
        let config =
            IsolationForestConfig { missing: IsolationMissing::Learn, categorical: vec![2], ..base() };
        config
            .fit(holes.view(), FitContext::default())
            .unwrap()
            .model
            .explain(holes.view())
            .unwrap()
            .check()
            .unwrap();
    }
}
