//! What each feature adds to an ensemble's evidence.

use ndarray::ArrayView2;

use super::{Ensemble, Fusion, Member};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::explain::Explanation;

impl Ensemble {
    /// Explains the score as the weighted mean of the members' explanations, each on the scale of `−ln p`, or of the
    /// probability with [`Fusion::Probability`].
    ///
    /// A member's contributions `φ_j` explain its score `s` from its base `b`. With `l(s) = −ln p(s)`,
    /// `A = Σ |φ_j|` and the slope `m = (l(b + A) − l(b − A)) / 2A`, they become `m φ_j + r |φ_j| / A`, where
    /// the rest `r = l(s) − l(b) − m (s − b)` is what the curve of `l` adds: so they sum to `l(s) − l(b)`, the
    /// base is the weighted mean of `l(b)`, and no sign changes unless the curve makes it. Members that are
    /// switched off have no part.
    ///
    /// # Errors
    ///
    /// The error of the first member that cannot score or explain a row; [`Error::InvalidArgument`] with
    /// [`Fusion::Bonferroni`].
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        if self.fusion() == Fusion::Bonferroni {
            return Err(Error::invalid("fusion", "fisher or probability, to be explained", "bonferroni"));
        }
        let enabled = || self.members().iter().filter(|member| member.is_enabled());
        let total: f64 = enabled().map(Member::weight).sum();
        let parts =
            enabled().map(|member| Ok((member.weight() / total, explain_member(member, self.fusion(), x)?)));
        Explanation::weighted(&parts.collect::<Result<Vec<_>>>()?)
    }
}

fn explain_member(member: &Member, fusion: Fusion, x: ArrayView2<'_, f32>) -> Result<Explanation> {
    let mut explanation = member.detector().explain(x)?;
    let word = |score: f64| member.word(fusion, score as f32);
    let (base, floor) = (explanation.base, word(explanation.base));
    let rows = explanation.contributions.rows_mut().into_iter().zip(&mut explanation.scores);
    for (mut row, score) in rows {
        let size: f64 = row.iter().map(|part| part.abs()).sum();
        let gain = word(*score) - floor;
        if size > 0.0 {
            let slope = (word(base + size) - word(base - size)) / (2.0 * size);
            let rest = gain - slope * row.sum();
            row.mapv_inplace(|part| slope * part + rest * part.abs() / size);
        }
        *score = floor + row.sum();
    }
    explanation.base = floor;
    Explanation::new(explanation.base, explanation.contributions, explanation.scores)
}
