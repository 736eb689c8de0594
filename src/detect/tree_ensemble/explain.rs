//! Exact explanation of margins and scores.

use ndarray::ArrayView2;

use super::{Link, Number, TreeEnsemble};
use crate::error::{Error, Result};
use crate::explain::Explanation;

impl TreeEnsemble {
    /// Explains the margin of one output by exact, path-dependent Shapley values.
    ///
    /// The value of a set of features is the mean of the trees when only these are known: a split on
    /// another feature sends a row both ways, weighted by the training rows that went there. Base and
    /// contributions sum to the margin to 1e-9.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`](crate::Detector::score_into), and [`Error::InvalidArgument`] where there is
    /// no such output.
    ///
    /// # Source
    ///
    /// S. M. Lundberg et al., *From local explanations to global understanding with explainable AI for
    /// trees*, Nature Machine Intelligence 2, 2020; `shap.TreeExplainer` gives the same values.
    pub fn explain_margin(&self, x: ArrayView2<'_, f32>, output: usize) -> Result<Explanation> {
        self.explain_margin_of(x, output)
    }

    /// Explains the score.
    ///
    /// A score that is a sum of margins has the sum of their explanations, see
    /// [`TreeEnsemble::explain_margin`]. The log-odds of three or more classes share the way from the bases
    /// of the margins to the margins out evenly: Aumann–Shapley values.
    ///
    /// # Errors
    ///
    /// As [`Detector::score_into`](crate::Detector::score_into).
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Fit, FitContext};
    /// use qosguard::detect::BoostedTreesConfig;
    /// use qosguard::ndarray::Array2;
    ///
    /// // The second feature alone identifies attacks.
    /// let x = Array2::from_shape_fn((400, 3), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// let labels: Vec<bool> = x.column(1).iter().map(|&value| value > 9.0).collect();
    /// let model = BoostedTreesConfig::default().fit(x.view(), FitContext::labelled(&labels))?.model;
    /// let explanation = model.explain(x.view())?;
    /// let importance = explanation.importance();
    /// assert!(importance[1] > 10.0 * importance[0] && importance[1] > 10.0 * importance[2]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        self.explain_rows(x)
    }

    /// [`TreeEnsemble::explain_margin`] of rows of either width.
    fn explain_margin_of<T: Number>(&self, x: ArrayView2<'_, T>, output: usize) -> Result<Explanation> {
        let Some((base, trees, divisor)) = self.outputs().nth(output) else {
            return Err(Error::invalid("output", format!("below {}", self.n_outputs()), output));
        };
        let margins = self.margins_of(x)?.column(output).to_vec();
        trees.explain(T::prepare(self, &x, 0)?.view(), base / divisor, 1.0 / divisor, margins)
    }

    /// [`TreeEnsemble::explain`] of rows of either width.
    pub(super) fn explain_rows<T: Number>(&self, x: ArrayView2<'_, T>) -> Result<Explanation> {
        if self.n_outputs() == 1 {
            return self.explain_margin_of(x, 0);
        }
        let margins = (0..self.n_outputs()).map(|output| self.explain_margin_of(x, output));
        if self.link() == Link::Softmax {
            return Explanation::log_odds(&margins.collect::<Result<Vec<_>>>()?);
        }
        let attacks = margins.skip(1).map(|margin| Ok((1.0, margin?)));
        Explanation::weighted(&attacks.collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::{Output, TreeEnsembleParts};
    use super::*;
    use crate::Detector;
    use crate::detect::tree::{Node, Test};

    fn stump(feature: u32, low: f64, high: f64) -> Vec<Node> {
        vec![
            Node::Split { feature, test: Test::AtMost(0.0), missing_left: true, right: 2, cover: 4.0 },
            Node::Leaf { value: low, cover: 3.0 },
            Node::Leaf { value: high, cover: 1.0 },
        ]
    }

    fn model(link: Link, trees: &[[f64; 2]]) -> TreeEnsemble {
        let output = |&[low, high]: &[f64; 2]| Output {
            base: if link == Link::Mean { 0.0 } else { 0.5 },
            trees: vec![stump(0, low, high), stump(1, high, low)],
            categories: Vec::new(),
        };
        let classes = (0..trees.len().max(2)).map(|k| k.to_string()).collect();
        TreeEnsemble::from_outputs(3, classes, trees.iter().map(output).collect(), link).unwrap()
    }

    #[test]
    fn every_link_explains_its_own_score() {
        let x: Array2<f32> = array![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [f32::NAN, 2.0, 0.0]];
        for model in [
            model(Link::Logistic, &[[-1.0, 2.0]]),
            model(Link::Mean, &[[0.25, 1.0]]),
            model(Link::Mean, &[[0.75, 0.0], [0.25, 1.0]]),
            model(Link::Mean, &[[0.75, 0.0], [0.25, 0.25], [0.0, 0.75]]),
            model(Link::Softmax, &[[0.75, 0.0], [0.25, 1.0]]),
            model(Link::Softmax, &[[0.75, 0.0], [3.0, 0.25], [-1.0, 6.0]]),
        ] {
            let explanation = model.explain(x.view()).unwrap();
            explanation.check().unwrap();
            for (score, expected) in explanation.scores.iter().zip(model.score(x.view()).unwrap()) {
                assert!((score - f64::from(expected)).abs() < 1e-6, "{score}, not {expected}");
            }
            assert!(explanation.contributions.column(2).iter().all(|&part| part == 0.0));
        }
    }

    #[test]
    fn a_margin_by_hand() {
        let model = model(Link::Logistic, &[[-1.0, 3.0]]);
        let explanation = model.explain(array![[5.0, -5.0, 0.0]].view()).unwrap();
        // Means of the leaves: (3 · −1 + 3) / 4 = 0 and (3 · 3 − 1) / 4 = 2.
        assert_eq!(explanation.base, 2.5);
        assert_eq!(explanation.contributions, array![[3.0, 1.0, 0.0]]);
        assert_eq!(explanation.scores, [6.5]);
        assert!(model.explain_margin(array![[5.0, -5.0, 0.0]].view(), 1).is_err());
    }

    #[derive(serde::Deserialize)]
    struct Oracle {
        parts: TreeEnsembleParts,
        x: Vec<Vec<f32>>,
        base: f64,
        contributions: Vec<Vec<f64>>,
        margins: Vec<f64>,
    }

    #[test]
    fn the_contributions_equal_the_contributions_of_shap() {
        let oracles: Vec<Oracle> =
            serde_json::from_str(include_str!("../../../tests/oracle/shap.json")).unwrap();
        for oracle in oracles {
            let model = TreeEnsemble::from_parts(&oracle.parts).unwrap();
            let x = Array2::from_shape_fn((oracle.x.len(), oracle.parts.n_features), |(i, j)| oracle.x[i][j]);
            let explanation = model.explain(x.view()).unwrap();
            assert!((explanation.base - oracle.base).abs() < 1e-9);
            for (i, (got, expected)) in explanation.scores.iter().zip(&oracle.margins).enumerate() {
                assert!((got - expected).abs() < 1e-9, "row {i}: {got}, not {expected}");
            }
            for ((i, j), got) in explanation.contributions.indexed_iter() {
                let expected = oracle.contributions[i][j];
                assert!((got - expected).abs() < 1e-9, "row {i}, feature {j}: {got}, not {expected}");
            }
        }
    }
}
