//! The fitted model.

use ndarray::{Array2, ArrayView1, ArrayView2, s};
use serde_json::{Value, json};

use super::{LogisticRegressionConfig, LogisticRegressionParts, dot, scattered_dot};
use crate::detect::{Classifier, Detector, check, rows_of};
use crate::error::Result;
use crate::explain::Explanation;
use crate::parallel;

/// A fitted logistic regression.
///
/// The margin of a row is `coefficients · x + intercept`. For two classes it is the log-odds of an attack,
/// which is the score. For more there is a margin `z_c` for each class, probabilities are
/// `e^{z_c} / Σ e^{z_k}`, and the score is `ln Σ_{c ≥ 1} e^{z_c} − z_0`, the log-odds of any attack.
#[derive(Clone, Debug)]
pub struct LogisticRegression {
    parts: LogisticRegressionParts,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 16_384;

/// Rows that are checked and scored while they stay in the first-level cache.
const TILE: usize = 128;

impl LogisticRegression {
    /// Checks the parts of a model, from a file or from another library, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) that names the field that does not hold,
    /// [`Error::InsufficientData`](crate::Error::InsufficientData) for fewer than two classes.
    pub fn from_parts(parts: &LogisticRegressionParts) -> Result<Self> {
        parts.check()?;
        Ok(Self { parts: parts.clone() })
    }

    /// The model as plain arrays; [`LogisticRegression::from_parts`] makes it again, bit for bit.
    pub fn to_parts(&self) -> LogisticRegressionParts {
        self.parts.clone()
    }

    /// The settings that the model was fitted with.
    pub fn config(&self) -> &LogisticRegressionConfig {
        &self.parts.config
    }

    /// Shape `(1, features)` for two classes, else `(classes, features)`; per unit of the feature.
    pub fn coefficients(&self) -> Array2<f64> {
        let shape = (self.parts.intercepts.len(), self.parts.n_features);
        Array2::from_shape_fn(shape, |(row, j)| self.parts.coefficients[row * self.parts.n_features + j])
    }

    /// One for two classes, else one per class.
    pub fn intercepts(&self) -> &[f64] {
        &self.parts.intercepts
    }

    /// Weighted mean of each feature over the training rows.
    pub fn means(&self) -> &[f64] {
        &self.parts.means
    }

    /// Steps that the search took.
    pub fn iterations(&self) -> usize {
        self.parts.iterations
    }

    /// Whether the search reached its tolerance; if not, the coefficients are not the best ones yet.
    pub fn converged(&self) -> bool {
        self.parts.converged
    }

    /// The margins of one row.
    fn margins<'a>(&'a self, row: &'a ArrayView1<'a, f32>) -> impl Iterator<Item = f64> + 'a {
        let rows = self.parts.coefficients.chunks_exact(self.parts.n_features);
        rows.zip(&self.parts.intercepts)
            .map(|(w, b)| b + row.to_slice().map_or_else(|| scattered_dot(w, row), |row| dot(w, row)))
    }

    fn score_row(&self, row: &ArrayView1<'_, f32>) -> f64 {
        let mut margins = self.margins(row);
        let first = margins.next().unwrap_or_default();
        // ln Σ exp, with the largest exponent so far taken out.
        let (mut top, mut sum) = (f64::NEG_INFINITY, 0.0);
        for margin in margins {
            if margin > top {
                sum = sum * (top - margin).exp() + 1.0;
                top = margin;
            } else {
                sum += (margin - top).exp();
            }
        }
        if sum == 0.0 { first } else { top + f64::ln(sum) - first }
    }

    fn probabilities_of_row(&self, row: &ArrayView1<'_, f32>, mut out: ndarray::ArrayViewMut1<'_, f64>) {
        if self.parts.classes.len() == 2 {
            let margin = self.margins(row).next().unwrap_or_default();
            let small = (-margin.abs()).exp();
            let (likely, other) = (1.0 / (1.0 + small), small / (1.0 + small));
            let attack_is_likely = usize::from(margin >= 0.0);
            out[attack_is_likely] = likely;
            out[1 - attack_is_likely] = other;
            return;
        }
        out.iter_mut().zip(self.margins(row)).for_each(|(out, margin)| *out = margin);
        let top = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        out.mapv_inplace(|margin| (margin - top).exp());
        let total = out.sum();
        out.mapv_inplace(|odds| odds / total);
    }
}

impl Detector for LogisticRegression {
    fn n_features(&self) -> usize {
        self.parts.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                check::finite(&x, first)?;
                for (out, row) in out.iter_mut().zip(x.rows()) {
                    *out = self.score_row(&row).clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
                }
            }
            Ok(())
        })
    }

    /// The parts of a margin are `coefficient · (value − training mean)`, see [`Explanation::linear`]; the
    /// log-odds of three or more classes share the way from the mean margins to the row's out evenly.
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let rows = self.parts.coefficients.chunks_exact(self.parts.n_features).zip(&self.parts.intercepts);
        let mut margins = rows
            .map(|(weights, &intercept)| Explanation::linear(weights, &self.parts.means, intercept, x))
            .collect::<Result<Vec<_>>>()?;
        if margins.len() == 1 { Ok(margins.remove(0)) } else { Explanation::log_odds(&margins) }
    }

    fn facts(&self) -> Value {
        json!({
            "coefficients": rows_of(&self.coefficients()),
            "intercepts": self.intercepts(),
            "iterations": self.iterations(),
            "converged": self.converged(),
        })
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        Some(self)
    }
}

impl Classifier for LogisticRegression {
    fn classes(&self) -> &[String] {
        &self.parts.classes
    }

    fn probabilities(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut out = Array2::zeros((x.nrows(), self.parts.classes.len()));
        for (row, out) in x.rows().into_iter().zip(out.rows_mut()) {
            self.probabilities_of_row(&row, out);
        }
        Ok(out)
    }
}
