//! Fitting the members, and scoring every row by members that did not see it.

use ndarray::{Array2, ArrayView2};

use super::{Ensemble, EnsembleConfig, Fusion, Member};
use crate::calibrate::{Conformal, ProbabilityRule};
use crate::detect::training_rows::TrainingRows;
use crate::detect::{Fit, FitContext, Fitted};
use crate::error::{Error, Result};
use crate::folds::{self, CrossFit, LeftOut};
use crate::ranking::Ranking;

/// Weights that a member may learn.
const WEIGHTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// How far below the best area and the best recall a smaller weight may stay.
const SLACK: (f64, f64) = (0.0005, 0.005);

impl EnsembleConfig {
    /// Fits the ensemble, and scores each row of `x` by members that were fitted without the row's fold.
    fn fit_rows(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<Fitted<Ensemble>> {
        self.validate()?;
        if let Some(labels) = labels.filter(|labels| labels.len() != x.nrows()) {
            return Err(Error::ShapeMismatch { what: "labels", expected: x.nrows(), got: labels.len() });
        }
        if labels.is_none() && self.needs_labels() {
            return Err(Error::InsufficientData { what: "labels".into(), needed: x.nrows().max(1), got: 0 });
        }
        let attacks = labels.map_or_else(|| vec![false; x.nrows()], <[bool]>::to_vec);
        let rows = TrainingRows { x, attacks, classes: None, learn_classes: false };
        let [clean, attacks] = folds::shuffled_by_label(&rows.attacks, self.seed);
        let fold = folds::deal([clean.as_slice(), &attacks], x.nrows(), self.folds);
        let left: Vec<LeftOut> = (0..x.nrows()).map(|row| LeftOut { row, fold: fold[row] }).collect();
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let cross =
            CrossFit { stage: "ensemble", members: &names, left: &left, rows: x.nrows(), folds: self.folds };
        let (models, left_out) = cross.run(
            |member, takes_part| rows.fit(&self.members[member].detector, takes_part),
            |model, of| rows.score(model, of),
        )?;
        let both_classes = [true, false].iter().all(|label| rows.attacks.contains(label));
        let mut members = Vec::new();
        let mut out_of_fold = Vec::new();
        for ((config, model), scores) in self.members.iter().zip(models).zip(left_out.columns()) {
            let scores = scores.to_vec();
            let clean: Vec<f32> =
                (0..x.nrows()).filter(|&row| !rows.attacks[row]).map(|row| scores[row]).collect();
            let conformal = Conformal::fit(&clean)?;
            let platt = || ProbabilityRule::Platt.fit(&scores, &rows.attacks, None);
            let probability = both_classes.then(platt).transpose()?;
            let weight = config.weight.unwrap_or(WEIGHTS[0]);
            let member = Member::new(config.name.clone(), weight, model, conformal);
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
        Ok(Fitted { model: ensemble, out_of_fold: Some(scores.collect()) })
    }
}

impl Fit for EnsembleConfig {
    type Model = Ensemble;

    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<Ensemble>> {
        context.refuse_weights()?;
        let labels = context.attacks()?;
        if let Some(columns) = context.columns {
            let mut named = self.clone();
            named.name_columns(columns)?;
            return context.run(|| named.fit_rows(x, labels));
        }
        context.run(|| self.fit_rows(x, labels))
    }

    fn needs_labels(&self) -> bool {
        self.fusion == Fusion::Probability || self.members.iter().any(|member| member.detector.needs_labels())
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
