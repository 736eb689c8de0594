//! Training a mixture: fitting the experts, their calibrations and the gate, and validating the gate.

mod assign_folds;
mod calibrate;
mod cross;
mod gate_training;
mod joint;
mod samples;
mod task;
mod validate;

pub(super) use assign_folds::{HeldOutRow, cluster_rows};
pub(super) use cross::cross_fit;
pub(super) use gate_training::GateTraining;
#[cfg(test)]
pub(super) use samples::draw;

use ndarray::ArrayView2;

use self::assign_folds::{ATTACKS, CLEAN, assign_folds};
use super::MixtureOfExperts;
use super::config::MixtureOfExpertsConfig;
use super::scorer::GateScorer;
use crate::check;
use crate::detect::training_rows::TrainingRows;
use crate::detect::{FitContext, Labels};
use crate::error::{Error, Result};
use crate::nn::Checkpoint;

impl MixtureOfExpertsConfig {
    /// Fits with columns that are named; weights are rejected before.
    pub(super) fn fit_in(
        &self,
        x: ArrayView2<'_, f32>,
        context: &FitContext<'_>,
    ) -> Result<MixtureOfExperts> {
        if let Labels::Binary(labels) = context.labels {
            return self.fit_binary(x, labels, context.resume);
        }
        let (labels, classes) = context.every_class(x.nrows())?;
        self.fit_classes(x, &labels, &classes, context.resume)
    }

    fn fit_binary(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[bool],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        self.check(&x, labels.len())?;
        require_attacks(labels)?;
        let kinds = cluster_rows(x, |row| labels[row], self.attack_clusters, self.seed)?;
        let rows = TrainingRows { x, attacks: labels.to_vec(), classes: None, learn_classes: false };
        self.fit_rows(&rows, &kinds, resume)
    }

    pub(super) fn fit_classes(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        classes: &[String],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        self.check(&x, labels.len())?;
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes.len()) {
            let expected = format!("a class below {}", classes.len());
            return Err(Error::invalid(format!("labels[{row}]"), expected, labels[row]));
        }
        let attacks: Vec<bool> = labels.iter().map(|&label| label > 0).collect();
        require_attacks(&attacks)?;
        let kinds: Vec<Option<usize>> = if classes.len() == 2 {
            cluster_rows(x, |row| attacks[row], self.attack_clusters, self.seed)?
        } else {
            labels.iter().map(|&label| (label as usize).checked_sub(1)).collect()
        };
        let rows =
            TrainingRows { x, attacks, classes: Some((labels, classes)), learn_classes: self.learn_classes };
        self.fit_rows(&rows, &kinds, resume)
    }

    fn check(&self, x: &ArrayView2<'_, f32>, labels: usize) -> Result<()> {
        self.validate()?;
        self.reject_other_trainings()?;
        if labels != x.nrows() {
            return Err(Error::ShapeMismatch { what: "labels", expected: x.nrows(), got: labels });
        }
        check::finite(x, 0)
    }

    fn fit_rows(
        &self,
        rows: &TrainingRows<'_>,
        kinds: &[Option<usize>],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        let held_out = self.hold_out(rows, kinds)?;
        let (mut detectors, scores) = cross_fit(rows, &self.experts, &held_out, self.folds)?;
        let training = GateTraining { config: self, rows, held_out: &held_out, scores: &scores };
        let report = training.validate()?;
        let all: Vec<usize> = (0..held_out.len()).collect();
        let trained = training.train(&all, resume)?;
        for (expert_index, network) in trained.networks {
            detectors.insert(expert_index, network.into());
        }
        let gate_scorer = GateScorer::new(self, trained.calibrations, trained.weights)?;
        let classes: Vec<String> = match rows.classes {
            Some((_, names)) => names.to_vec(),
            None => vec!["clean".into(), "attack".into()],
        };
        let shares = class_shares(rows, classes.len());
        MixtureOfExperts::new(
            self.clone(),
            detectors,
            gate_scorer,
            (classes, shares),
            report,
            trained.history,
        )
    }

    /// Assigns clean rows by cluster and attacks by kind to the folds that hold them out.
    pub(super) fn hold_out(
        &self,
        rows: &TrainingRows<'_>,
        kinds: &[Option<usize>],
    ) -> Result<Vec<HeldOutRow>> {
        let clean = cluster_rows(rows.x, |row| !rows.attacks[row], self.clean_clusters, self.seed)?;
        let mut held_out = assign_folds(&clean, &CLEAN, self.folds, self.seed);
        held_out.extend(assign_folds(kinds, &ATTACKS, self.folds, self.seed));
        Ok(held_out)
    }
}

fn require_attacks(attacks: &[bool]) -> Result<()> {
    let got = attacks.iter().filter(|&&attack| attack).count();
    for (what, got) in [("attack rows", got), ("clean rows", attacks.len() - got)] {
        if got < 2 {
            return Err(Error::InsufficientData { what: what.into(), needed: 2, got });
        }
    }
    Ok(())
}

/// The share of each class among the attacks; 0 for the clean class.
fn class_shares(rows: &TrainingRows<'_>, classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for (row, &attack) in rows.attacks.iter().enumerate() {
        if attack {
            counts[rows.classes.map_or(1, |(labels, _)| labels[row] as usize)] += 1.0;
        }
    }
    let all: f64 = counts.iter().sum();
    counts.into_iter().map(|count| count / all).collect()
}
