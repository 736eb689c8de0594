//! What each feature adds to an ensemble's evidence.

use ndarray::ArrayView2;

use super::{Ensemble, Member};
use crate::detect::Detector;
use crate::error::Result;
use crate::explain::Explanation;

impl Ensemble {
    /// Explains the score as the weighted mean of the members' explanations, each on the scale of `−ln p`.
    ///
    /// A member's contributions `φ_j` explain its score `s` from its base `b`. With `l(s) = −ln p(s)`,
    /// `A = Σ |φ_j|` and the slope `m = (l(b + A) − l(b − A)) / 2A`, they become `m φ_j + r |φ_j| / A`, where
    /// the rest `r = l(s) − l(b) − m (s − b)` is what the curve of `l` adds: so they sum to `l(s) − l(b)`, the
    /// base is the weighted mean of `l(b)`, and no sign changes unless the curve makes it. Members that are
    /// switched off have no part.
    ///
    /// # Errors
    ///
    /// That of the first member that cannot score or explain a row.
    pub fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        let enabled = || self.members().iter().filter(|member| member.is_enabled());
        let total: f64 = enabled().map(Member::weight).sum();
        let parts = enabled().map(|member| Ok((member.weight() / total, explain_member(member, x)?)));
        Explanation::weighted(&parts.collect::<Result<Vec<_>>>()?)
    }
}

fn explain_member(member: &Member, x: ArrayView2<'_, f32>) -> Result<Explanation> {
    let mut explanation = member.detector().explain(x)?;
    let surprise = |score: f64| -member.conformal().p_value(score as f32).ln();
    let (base, floor) = (explanation.base, surprise(explanation.base));
    let rows = explanation.contributions.rows_mut().into_iter().zip(&mut explanation.scores);
    for (mut row, score) in rows {
        let size: f64 = row.iter().map(|part| part.abs()).sum();
        let gain = surprise(*score) - floor;
        if size > 0.0 {
            let slope = (surprise(base + size) - surprise(base - size)) / (2.0 * size);
            let rest = gain - slope * row.sum();
            row.mapv_inplace(|part| slope * part + rest * part.abs() / size);
        }
        *score = floor + row.sum();
    }
    explanation.base = floor;
    Explanation::new(explanation.base, explanation.contributions, explanation.scores)
}
