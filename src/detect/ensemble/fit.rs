//! Fitting the members, and scoring every row by members that did not see it.

use ndarray::{Array2, ArrayView2, Axis};

use super::{Ensemble, EnsembleConfig, Fusion, Member};
use crate::calibrate::{Conformal, ProbabilityRule};
use crate::detect::{AnyDetector, AnyDetectorConfig, Detector, Fit};
use crate::error::{Error, Result};
use crate::parallel;
use crate::ranking::Ranking;
use crate::rng::Stream;

/// Weights that a member may learn.
const WEIGHTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// How far below the best area and the best recall a smaller weight may stay.
const SLACK: (f64, f64) = (0.0005, 0.005);

impl EnsembleConfig {
    /// Fits the ensemble; also returns the score that it gives each row of `x` when its members were fitted
    /// without the row's fold.
    pub(crate) fn fit_and_score(
        &self,
        x: ArrayView2<'_, f32>,
        labels: Option<&[bool]>,
    ) -> Result<(Ensemble, Vec<f32>)> {
        self.validate()?;
        if let Some(labels) = labels.filter(|labels| labels.len() != x.nrows()) {
            return Err(Error::ShapeMismatch { what: "labels", expected: x.nrows(), got: labels.len() });
        }
        if labels.is_none() && self.needs_labels() {
            return Err(Error::InsufficientData { what: "labels".into(), needed: x.nrows().max(1), got: 0 });
        }
        let rows = Rows { x, attacks: labels.map_or_else(|| vec![false; x.nrows()], <[bool]>::to_vec) };
        let folds = self.deal(&rows.attacks);
        let models = parallel::map(self.members.len(), |i| rows.fit(&self.members[i].detector, |_| true));
        // All fits without a fold are independent of each other.
        let left_out = parallel::map(self.members.len() * self.folds, |i| {
            let (config, fold) = (&self.members[i / self.folds].detector, i % self.folds);
            let left_out: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] == fold).collect();
            let model = rows.fit(config, |row| folds[row] != fold)?;
            let scores = model.score(x.select(Axis(0), &left_out).view())?;
            Ok(left_out.into_iter().zip(scores).collect())
        });
        let left_out: Vec<Vec<(usize, f32)>> = left_out.into_iter().collect::<Result<_>>()?;
        let both_classes = [true, false].iter().all(|label| rows.attacks.contains(label));
        let mut members = Vec::new();
        let mut out_of_fold = Vec::new();
        for ((config, model), left_out) in
            self.members.iter().zip(models).zip(left_out.chunks_exact(self.folds))
        {
            let mut scores = vec![0.0; x.nrows()];
            for &(row, score) in left_out.iter().flatten() {
                scores[row] = score;
            }
            let clean: Vec<f32> =
                (0..x.nrows()).filter(|&row| !rows.attacks[row]).map(|row| scores[row]).collect();
            let conformal = Conformal::fit(&clean)?;
            let platt = || ProbabilityRule::Platt.fit(&scores, &rows.attacks, None);
            let probability = both_classes.then(platt).transpose()?;
            let weight = config.weight.unwrap_or(WEIGHTS[0]);
            let member = Member::new(config.name.clone(), weight, model?, conformal);
            members.push(member.with_probability(probability));
            out_of_fold.push(scores);
        }
        let words = |members: &[Member], fusion| {
            Array2::from_shape_fn((x.nrows(), members.len()), |(row, i)| {
                members[i].word(fusion, out_of_fold[i][row])
            })
        };
        let learner = self.members.iter().position(|member| member.weight.is_none());
        if let Some(i) = learner.filter(|_| both_classes) {
            let weight = learn_weight(&words(&members, Fusion::Fisher), &members, i, &rows.attacks)?;
            members[i].set_weight(weight);
        }
        let words = words(&members, self.fusion);
        let weights: Vec<f64> = members.iter().map(Member::weight).collect();
        let ensemble = Ensemble::new(members, self.fusion)?;
        let scores = words.rows().into_iter().map(|row| {
            self.fusion.score(row.iter().copied().zip(weights.iter().copied())).unwrap_or_default() as f32
        });
        Ok((ensemble, scores.collect()))
    }

    /// The fold of each row: the same share of clean rows and of attacks in each.
    fn deal(&self, attacks: &[bool]) -> Vec<usize> {
        let mut folds = vec![0; attacks.len()];
        for (stream, label) in [false, true].into_iter().enumerate() {
            let mut rows: Vec<usize> = (0..attacks.len()).filter(|&row| attacks[row] == label).collect();
            Stream::new(self.seed, stream as u64).shuffle(&mut rows);
            for (i, row) in rows.into_iter().enumerate() {
                folds[row] = i % self.folds;
            }
        }
        folds
    }
}

/// The rows that an ensemble is fitted on.
struct Rows<'a> {
    x: ArrayView2<'a, f32>,
    attacks: Vec<bool>,
}

impl Rows<'_> {
    /// Fits a member on those of its rows that `takes_part` lets in.
    fn fit(&self, config: &AnyDetectorConfig, takes_part: impl Fn(usize) -> bool) -> Result<AnyDetector> {
        let labelled = config.needs_labels();
        let rows: Vec<usize> = (0..self.attacks.len())
            .filter(|&row| takes_part(row) && (labelled || !self.attacks[row]))
            .collect();
        let labels: Vec<bool> = rows.iter().map(|&row| self.attacks[row]).collect();
        config.fit(self.x.select(Axis(0), &rows).view(), labelled.then_some(labels.as_slice()))
    }
}

/// See [`MemberConfig::weight`](super::MemberConfig::weight).
fn learn_weight(
    surprises: &Array2<f64>,
    members: &[Member],
    learner: usize,
    attacks: &[bool],
) -> Result<f64> {
    let mut weights: Vec<f64> = members.iter().map(Member::weight).collect();
    let mut quality = Vec::new();
    for weight in WEIGHTS {
        weights[learner] = weight;
        let scores =
            surprises.rows().into_iter().map(|row| row.iter().zip(&weights).map(|(s, w)| s * w).sum());
        let curve = Ranking::new(&scores.collect::<Vec<f64>>(), attacks)?.curve(|_| 1);
        quality.push((weight, curve.roc_auc(), curve.tpr_at_fpr(0.01)));
    }
    let area = quality.iter().map(|q| q.1).fold(0.0, f64::max) - SLACK.0;
    let recall = quality.iter().map(|q| q.2).fold(0.0, f64::max) - SLACK.1;
    // The two aims may disagree on every weight; the area decides then.
    let good = quality.iter().find(|q| q.1 >= area && q.2 >= recall);
    Ok(good.or_else(|| quality.iter().find(|q| q.1 >= area)).map_or(WEIGHTS[0], |q| q.0))
}
