//! What a guard says of a table: scores, p-values, decisions.

mod stored;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, RecordBatch, StringBuilder};
use ndarray::{Array2, Axis};

use super::Guard;
use super::bind::Bound;
use super::subjects::Subjects;
use crate::calibrate::Probability;
use crate::detect::{AnyDetector, Classifier, Detector};
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::qos::{Decision, ExpertWeight, MemberVerdict, Recommendation, Recommender, Verdict};
use crate::telemetry::Table;

/// Rows that go through all stages together, so that their features stay in the cache.
const BLOCK: usize = 1024;

/// Bytes that an Arrow text column with 32-bit offsets holds.
const MOST_TEXT: usize = i32::MAX as usize;

/// Scores, p-values and recommendations of a table's rows, in row order.
#[derive(Clone, Debug)]
pub struct Assessment {
    scores: Vec<f32>,
    p_values: Vec<f64>,
    /// Names of the members of an ensemble; empty for a single detector.
    members: Arc<[String]>,
    /// One p-value per row and member, NaN for a member that had no part.
    member_p_values: Vec<f64>,
    /// Names of the experts of a mixture; empty for any other detector.
    experts: Arc<[String]>,
    /// One weight per row and expert.
    gate_weights: Vec<f32>,
    /// Empty unless the detector learnt from labels.
    probabilities: Vec<f64>,
    /// For each row, the most probable attack class of an anomaly and its probability.
    families: Vec<Option<(u32, f64)>>,
    family_names: Arc<[String]>,
    recommendations: Vec<Recommendation>,
    ids: Vec<u64>,
    imputed: u64,
    unread_addresses: u64,
    threshold: f32,
    recommender: Recommender,
}

impl Assessment {
    pub(super) fn of(guard: &Guard, table: &Table) -> Result<Self> {
        Self::of_batches(&Bound::new(guard, table.schema())?, table.batches())
    }

    /// Of batches that have the columns of the guard's contexts.
    pub(super) fn of_batches(bound: &Bound<'_>, batches: &[RecordBatch]) -> Result<Self> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let blocks: Vec<RecordBatch> = batches
            .iter()
            .flat_map(|b| {
                (0..b.num_rows()).step_by(BLOCK).map(|at| b.slice(at, BLOCK.min(b.num_rows() - at)))
            })
            .collect();
        let done = AtomicUsize::new(0);
        let assessed = parallel::map(blocks.len(), |i| -> Result<Self> {
            let block = Self::of_block(bound, &blocks[i])?;
            let done = done.fetch_add(block.len(), Ordering::Relaxed) + block.len();
            progress::report(&Progress::new("assess", Unit::Rows, done, rows))?;
            Ok(block)
        });
        let mut all = Self::empty(bound.guard);
        for block in assessed {
            let block = block?;
            all.scores.extend(block.scores);
            all.p_values.extend(block.p_values);
            all.member_p_values.extend(block.member_p_values);
            all.gate_weights.extend(block.gate_weights);
            all.probabilities.extend(block.probabilities);
            all.families.extend(block.families);
            all.recommendations.extend(block.recommendations);
            all.ids.extend(block.ids);
            all.imputed += block.imputed;
            all.unread_addresses += block.unread_addresses;
        }
        Ok(all)
    }

    fn empty(guard: &Guard) -> Self {
        Self {
            scores: Vec::new(),
            p_values: Vec::new(),
            members: Arc::clone(&guard.members),
            member_p_values: Vec::new(),
            experts: Arc::clone(&guard.experts),
            gate_weights: Vec::new(),
            probabilities: Vec::new(),
            families: Vec::new(),
            family_names: Arc::clone(&guard.family_names),
            recommendations: Vec::new(),
            ids: Vec::new(),
            imputed: 0,
            unread_addresses: 0,
            threshold: guard.stages.threshold.score,
            recommender: guard.recommender.clone(),
        }
    }

    fn of_block(bound: &Bound<'_>, rows: &RecordBatch) -> Result<Self> {
        progress::check()?;
        let guard = bound.guard;
        let (stages, n) = (&guard.stages, rows.num_rows());
        let mut x = Array2::zeros((n, stages.detector.n_features()));
        let imputed = bound.encoder.transform_into(rows, x.view_mut())?;
        let mut scores = vec![0.0; n];
        let mut member_p_values = vec![0.0; n * guard.members.len()];
        let mut gate_weights = vec![0.0; n * guard.experts.len()];
        match &stages.detector {
            AnyDetector::Ensemble(ensemble) => {
                ensemble.score_and_p_values_into(x.view(), &mut scores, &mut member_p_values)?;
            }
            AnyDetector::MixtureOfExperts(mixture) => {
                mixture.score_and_weights_into(x.view(), &mut scores, &mut gate_weights)?;
            }
            detector => detector.score_into(x.view(), &mut scores)?,
        }
        let mut p_values = vec![0.0; n];
        stages.conformal.p_values_into(&scores, &mut p_values)?;
        let probability = |map: &Probability| scores.iter().map(|&score| map.probability(score)).collect();
        let probabilities = stages.probability.as_ref().map_or_else(Vec::new, probability);
        let families = families(guard, &x, &scores)?;
        let subjects = Subjects::new(&bound.subjects, rows);
        let mut unread_addresses = 0;
        let recommend = |(row, (&score, &p))| {
            let family =
                families.get(row).copied().flatten().map(|(class, _)| &*guard.family_names[class as usize]);
            let subject = subjects.get(row, family);
            unread_addresses += u64::from(subject.unread_address);
            guard.recommender.recommend(p, stages.threshold.is_anomaly(score), &subject)
        };
        let recommendations = scores.iter().zip(&p_values).enumerate().map(recommend).collect();
        let mut ids = vec![guard.salt; n];
        bound.fingerprints.fold(rows, &mut ids);
        Ok(Self {
            scores,
            p_values,
            member_p_values,
            gate_weights,
            probabilities,
            families,
            recommendations,
            ids,
            imputed,
            unread_addresses,
            ..Self::empty(guard)
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Scores; higher is more anomalous.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Share of clean traffic that scores at least this high, in (0, 1].
    pub fn p_values(&self) -> &[f64] {
        &self.p_values
    }

    /// Calibrated probability that each row is an attack; empty unless the detector learnt from labels.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// The most probable attack class of a row and its probability among the attack classes; `None` for a
    /// row that is no anomaly and where the guard knows no classes.
    pub fn family(&self, row: usize) -> Option<(&str, f64)> {
        let (class, p) = (*self.families.get(row)?)?;
        Some((&self.family_names[class as usize], p))
    }

    /// Names of the members of an ensemble, in order; empty for a single detector.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// Each member's p-value, row after row; NaN for a member that was switched off or could not score the
    /// row, and so had no part in its verdict.
    pub fn member_p_values(&self) -> &[f64] {
        &self.member_p_values
    }

    /// Names of the experts of a mixture, in order; empty for any other detector.
    pub fn experts(&self) -> &[String] {
        &self.experts
    }

    /// How much each expert of a mixture counted, row after row; the weights of a row sum to 1.
    pub fn gate_weights(&self) -> &[f32] {
        &self.gate_weights
    }

    /// Cells that were missing or infinite and were imputed.
    pub fn imputed(&self) -> u64 {
        self.imputed
    }

    /// Rows with an address that cannot be read; their action is [`Action::Allow`](crate::qos::Action::Allow), since the
    /// address could be one of the policy's allow-list.
    pub fn unread_addresses(&self) -> u64 {
        self.unread_addresses
    }

    /// Whether a row's score passed the threshold; `false` past the last row.
    pub fn is_anomaly(&self, row: usize) -> bool {
        self.scores.get(row).is_some_and(|&score| score > self.threshold)
    }

    /// The decision for one row, or `None` past the last.
    ///
    /// Its id folds [`Guard::model_digest`], the raw record (without truth) and nothing else: the same record through the
    /// same model always has the same id, whichever the policy.
    pub fn decision(&self, row: usize) -> Option<Decision> {
        let recommendation = self.recommendations.get(row)?;
        let family = self.families.get(row).copied().flatten();
        let verdict = Verdict {
            score: self.scores[row],
            p_value: self.p_values[row],
            threshold: self.threshold,
            is_anomaly: self.scores[row] > self.threshold,
            severity: recommendation.severity,
            family: family.map(|(class, _)| self.family_names[class as usize].clone()),
            family_probability: family.map(|(_, p)| p),
            probability: self.probabilities.get(row).copied(),
            members: self.member_verdicts(row),
            experts: self.expert_weights(row),
        };
        let rule = self.recommender.rule_name(recommendation.rule).to_owned();
        let (action, dry_run) = (recommendation.action, recommendation.dry_run);
        Some(Decision {
            id: self.ids[row],
            row: row as u64,
            verdict,
            action,
            rule,
            policy: self.recommender.policy_id(),
            dry_run,
        })
    }

    fn member_verdicts(&self, row: usize) -> Vec<MemberVerdict> {
        let p_values = self.member_p_values.iter().skip(row * self.members.len());
        let verdict = |(name, &p): (&String, &f64)| MemberVerdict {
            name: name.clone(),
            p_value: (!p.is_nan()).then_some(p),
        };
        self.members.iter().zip(p_values).map(verdict).collect()
    }

    fn expert_weights(&self, row: usize) -> Vec<ExpertWeight> {
        let weights = self.gate_weights.iter().skip(row * self.experts.len());
        let weight = |(name, &weight): (&String, &f32)| ExpertWeight { name: name.clone(), weight };
        self.experts.iter().zip(weights).map(weight).collect()
    }

    /// The decisions of all rows, made as they are asked for.
    pub fn decisions(&self) -> impl Iterator<Item = Decision> + '_ {
        (0..self.len()).filter_map(|row| self.decision(row))
    }

    /// The `n` most anomalous rows, highest score first; of equal scores the earlier row.
    pub fn top(&self, n: usize) -> Vec<Decision> {
        let mut rows: Vec<usize> = (0..self.len()).collect();
        let order = |&a: &usize, &b: &usize| self.scores[b].total_cmp(&self.scores[a]).then(a.cmp(&b));
        if n < rows.len() {
            rows.select_nth_unstable_by(n, order);
            rows.truncate(n);
        }
        rows.sort_unstable_by(order);
        rows.into_iter().filter_map(|row| self.decision(row)).collect()
    }

    /// One row per record: `id`, `score`, `p_value`, `is_anomaly`, `severity`, `action`, `rule`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when the texts outgrow an Arrow column (2 GiB).
    pub fn to_arrow(&self) -> Result<RecordBatch> {
        let mut texts: [StringBuilder; 4] = Default::default();
        for decision in self.decisions() {
            let cells = [
                format!("{:016x}", decision.id),
                decision.verdict.severity.to_string(),
                decision.action.to_string(),
                decision.rule,
            ];
            for (builder, cell) in texts.iter_mut().zip(cells) {
                append(builder, &cell, MOST_TEXT)?;
            }
        }
        let [id, severity, action, rule] =
            texts.map(|mut builder| -> ArrayRef { Arc::new(builder.finish()) });
        let is_anomaly: BooleanArray = self.scores.iter().map(|&s| Some(s > self.threshold)).collect();
        let columns: [(&str, ArrayRef); 7] = [
            ("id", id),
            ("score", Arc::new(Float32Array::from(self.scores.clone()))),
            ("p_value", Arc::new(Float64Array::from(self.p_values.clone()))),
            ("is_anomaly", Arc::new(is_anomaly)),
            ("severity", severity),
            ("action", action),
            ("rule", rule),
        ];
        RecordBatch::try_from_iter(columns).map_err(|e| Error::invalid("assessment", "an Arrow batch", e))
    }
}

/// The attack class of every anomaly; empty where the guard knows no classes.
fn families(guard: &Guard, x: &Array2<f32>, scores: &[f32]) -> Result<Vec<Option<(u32, f64)>>> {
    let Some(model) = &guard.stages.families else { return Ok(Vec::new()) };
    let threshold = &guard.stages.threshold;
    let anomalies: Vec<usize> = (0..scores.len()).filter(|&row| threshold.is_anomaly(scores[row])).collect();
    let probabilities = model.probabilities(x.select(Axis(0), &anomalies).view())?;
    let mut families = vec![None; scores.len()];
    for (row, p) in anomalies.into_iter().zip(probabilities.rows()) {
        // Of equal probabilities the first class.
        families[row] =
            (0..).zip(p.iter().copied()).reduce(|best, next| if next.1 > best.1 { next } else { best });
    }
    Ok(families)
}

/// Appends a cell, where the builder would panic on more than `most` bytes in all.
fn append(builder: &mut StringBuilder, cell: &str, most: usize) -> Result<()> {
    let bytes = builder.values_slice().len() + cell.len();
    if bytes > most {
        return Err(Error::invalid("assessment", format!("at most {most} bytes of text in a column"), bytes));
    }
    builder.append_value(cell);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_outgrows_a_column_is_an_error() {
        let mut builder = StringBuilder::new();
        append(&mut builder, "drop", 10).unwrap();
        append(&mut builder, "isolat", 10).unwrap();
        let error = append(&mut builder, "x", 10).unwrap_err();
        assert_eq!(error.to_string(), "`assessment` must be at most 10 bytes of text in a column, got 11");
        assert_eq!(builder.finish().iter().flatten().collect::<Vec<_>>(), ["drop", "isolat"]);
    }
}
