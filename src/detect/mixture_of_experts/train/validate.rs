//! Validating a gate on rows that neither the gate nor the experts were fitted on.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, Axis};

use super::assign_folds::{HeldOutRow, Role};
use super::gate_training::GateTraining;
use super::samples;
use crate::detect::mixture_of_experts::scorer::GateScorer;
use crate::detect::mixture_of_experts::{ExpertReport, MixtureReport, ValidationMetrics};
use crate::error::Result;
use crate::folds;
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::ranking::Ranking;

/// The rate of false positives at which recall is compared.
const RATE: f64 = 0.01;

impl GateTraining<'_, '_> {
    /// Compares mixture and experts on each fold, with a gate, calibrations and joint networks of the other folds.
    pub(super) fn validate(&self) -> Result<MixtureReport> {
        let folds = self.config.folds;
        let left_out = self.held_out.iter().map(HeldOutRow::left_out);
        let kept = folds::kept(left_out, self.rows.attacks.len(), folds);
        let done = AtomicUsize::new(0);
        let results = parallel::map(folds, |fold| -> Result<FoldResult> {
            let result = progress::quiet(|| self.validate_fold(fold, &kept))?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let progress = Progress::new("mixture_of_experts", Unit::Fits, done, folds);
            progress::report(&progress.of_member("gate", Some(fold)))?;
            Ok(result)
        });
        let results = results.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(self.report(&results))
    }

    /// `kept[row * folds + fold]` is true where `fold` may train on `row`.
    fn validate_fold(&self, fold: usize, kept: &[bool]) -> Result<FoldResult> {
        let held_out = self.held_out;
        let (mut here, mut others): (Vec<usize>, Vec<usize>) =
            (0..held_out.len()).partition(|&i| held_out[i].fold == fold);
        // Other folds may hold out the same row.
        others.retain(|&i| kept[held_out[i].row * self.config.folds + fold]);
        let clean = samples::draw_clean(self.config, held_out, &here);
        here.retain(|&i| held_out[i].role.is_attack());
        here.extend(clean);
        let trained = self.train(&others, None)?;
        let gate_scorer = GateScorer::new(self.config, trained.calibrations, trained.weights)?;
        let mut scores = self.scores.select(Axis(0), &here);
        self.add_joint(&trained.networks, &here, &mut scores)?;
        let roles: Vec<Role> = here.iter().map(|&i| held_out[i].role).collect();
        FoldResult::of(&gate_scorer, &roles, &scores)
    }

    fn report(&self, results: &[FoldResult]) -> MixtureReport {
        let n = self.config.experts.len();
        let mean = |index: usize, role: Role| -> Option<ValidationMetrics> {
            let of: Vec<ValidationMetrics> =
                results.iter().filter_map(|fold| fold.metrics(index, role)).collect();
            let share = 1.0 / of.len() as f64;
            (!of.is_empty()).then(|| weighted_sum(of.into_iter().map(|metrics| (share, metrics))))
        };
        let fraction = self.config.held_out_fraction;
        let both = |known: Option<ValidationMetrics>, novel: Option<ValidationMetrics>| match (known, novel) {
            (Some(known), Some(novel)) => weighted_sum([(1.0 - fraction, known), (fraction, novel)]),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let experts: Vec<ExpertReport> = (0..n)
            .map(|expert_index| {
                let (known, novel) = (mean(expert_index, Role::Known), mean(expert_index, Role::Novel));
                let weights = results.iter().map(|fold| fold.mean_weights[expert_index]);
                let mean_weight = weights.sum::<f64>() / self.config.folds as f64;
                let name = self.config.experts[expert_index].name.clone();
                ExpertReport { name, known, novel, quality: both(known, novel), mean_weight }
            })
            .collect();
        let (known, novel) = (mean(n, Role::Known), mean(n, Role::Novel));
        let quality = both(known, novel);
        let chosen = MixtureReport::choose(&experts, quality);
        MixtureReport { experts, known, novel, quality, chosen }
    }
}

/// The metrics of experts and mixture in one fold.
struct FoldResult {
    /// Of each expert, then of the mixture.
    known: Option<Vec<ValidationMetrics>>,
    novel: Option<Vec<ValidationMetrics>>,
    mean_weights: Vec<f64>,
}

impl FoldResult {
    /// `scores`, shape (rows, experts), are the scores of rows with these roles.
    fn of(gate_scorer: &GateScorer, roles: &[Role], scores: &Array2<f32>) -> Result<Self> {
        let experts = gate_scorer.calibrations.len();
        let evidence = Evidence::of(gate_scorer, scores);
        let metrics = |role: Role| -> Result<Option<Vec<ValidationMetrics>>> {
            let taken: Vec<usize> =
                (0..roles.len()).filter(|&at| !roles[at].is_attack() || roles[at] == role).collect();
            let labels: Vec<bool> = taken.iter().map(|&at| roles[at].is_attack()).collect();
            if !labels.contains(&true) || !labels.contains(&false) {
                return Ok(None);
            }
            let of = |score: &dyn Fn(usize) -> f64| {
                measure(&taken.iter().map(|&at| score(at)).collect::<Vec<_>>(), &labels)
            };
            let of_experts = (0..experts).map(|i| of(&|at| evidence.of_experts[at * experts + i]));
            of_experts.chain([of(&|at| evidence.log_odds[at])]).collect::<Result<_>>().map(Some)
        };
        let mean_weights = mean_weights(roles, &evidence.weights, experts);
        Ok(Self { known: metrics(Role::Known)?, novel: metrics(Role::Novel)?, mean_weights })
    }

    fn metrics(&self, index: usize, role: Role) -> Option<ValidationMetrics> {
        let of = if role == Role::Known { &self.known } else { &self.novel };
        of.as_ref().map(|of| of[index])
    }
}

/// The evidence of the experts for some rows, and what the gate combines it into.
struct Evidence {
    /// Shape (rows, experts).
    of_experts: Vec<f64>,
    /// Shape (rows, experts).
    weights: Vec<f32>,
    /// Of the mixture, shape (rows).
    log_odds: Vec<f64>,
}

impl Evidence {
    /// From scores, shape (rows, experts).
    fn of(gate_scorer: &GateScorer, scores: &Array2<f32>) -> Self {
        let calibrations = gate_scorer.calibrations.iter().cycle();
        let of_experts: Vec<f64> = scores
            .iter()
            .zip(calibrations)
            .map(|(&score, calibration)| calibration.evidence(score))
            .collect();
        let (mut weights, mut log_odds) = (vec![0.0; of_experts.len()], vec![0.0; scores.nrows()]);
        gate_scorer.combine(&of_experts, &mut weights, &mut log_odds);
        Self { of_experts, weights, log_odds }
    }
}

/// The mean weight of each expert: half over the clean rows, half over the attacks.
fn mean_weights(roles: &[Role], weights: &[f32], experts: usize) -> Vec<f64> {
    let mut sums = [vec![0.0; experts], vec![0.0; experts]];
    let mut rows = [0.0_f64; 2];
    for (role, weights) in roles.iter().zip(weights.chunks_exact(experts)) {
        let side = usize::from(role.is_attack());
        rows[side] += 1.0;
        sums[side].iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += f64::from(weight));
    }
    let sides = rows.iter().filter(|&&n| n > 0.0).count() as f64;
    (0..experts)
        .map(|i| (0..2).filter(|&side| rows[side] > 0.0).map(|side| sums[side][i] / rows[side] / sides).sum())
        .collect()
}

fn measure(scores: &[f64], labels: &[bool]) -> Result<ValidationMetrics> {
    let curve = Ranking::new(scores, labels)?.curve(|_| 1);
    Ok(ValidationMetrics { roc_auc: curve.roc_auc(), tpr_at_1_percent: curve.tpr_at_fpr(RATE) })
}

/// `Σ share · metrics`.
fn weighted_sum(parts: impl IntoIterator<Item = (f64, ValidationMetrics)>) -> ValidationMetrics {
    parts.into_iter().fold(ValidationMetrics::default(), |sum, (share, metrics)| ValidationMetrics {
        roc_auc: sum.roc_auc + share * metrics.roc_auc,
        tpr_at_1_percent: sum.tpr_at_1_percent + share * metrics.tpr_at_1_percent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_by_hand() {
        let of = measure(&[0.0, 1.0, 2.0, 3.0], &[false, true, false, true]).unwrap();
        assert_eq!(of, ValidationMetrics { roc_auc: 0.75, tpr_at_1_percent: 0.5 });
        let other = ValidationMetrics { roc_auc: 0.25, tpr_at_1_percent: 1.0 };
        let sum = weighted_sum([(0.5, of), (0.5, other)]);
        assert_eq!(sum, ValidationMetrics { roc_auc: 0.5, tpr_at_1_percent: 0.75 });
        assert_eq!(sum.mean(), 0.625);
    }
}
