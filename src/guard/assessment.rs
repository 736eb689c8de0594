//! The result of a guard for a table: scores, p-values, decisions.

mod stored;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::arrow::array::RecordBatch;
use ndarray::{Array2, Axis};

use super::Guard;
use super::bind::Bound;
use super::notice::{self, Notice};
use super::subjects::Subjects;
use crate::calibrate::Probability;
use crate::detect::{AnyDetector, Classifier, Detector};
use crate::error::Result;
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::qos::{Decision, Recommendation, Recommender, RuleRef, to_arrow};
use crate::telemetry::{Field, FlowTuple, Table};
use crate::verdict::{Evidence, Verdict};

/// Rows that go through all stages together, so that their features stay in the cache.
const BLOCK: usize = 1024;

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
    /// Empty for a detector that was fitted without labels.
    probabilities: Vec<f64>,
    /// For each row, the most probable attack class of an anomaly and its probability.
    families: Vec<Option<(u32, f64)>>,
    family_names: Arc<[String]>,
    recommendations: Vec<Recommendation>,
    ids: Vec<u64>,
    /// What identifies the flow of each row; empty for records without columns of both addresses.
    flows: Vec<Option<FlowTuple>>,
    imputed: u64,
    unread_addresses: u64,
    missing_addresses: u64,
    /// Fields that policies compare and the table has no column of.
    absent: Vec<Field>,
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
        let mut all = Self { absent: bound.absent.clone(), ..Self::empty(bound.guard) };
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
            all.flows.extend(block.flows);
            all.imputed += block.imputed;
            all.unread_addresses += block.unread_addresses;
            all.missing_addresses += block.missing_addresses;
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
            flows: Vec::new(),
            imputed: 0,
            unread_addresses: 0,
            missing_addresses: 0,
            absent: Vec::new(),
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
        let (mut unread_addresses, mut flows) = (0, Vec::new());
        let has_addresses = subjects.has_addresses();
        let recommend = |(row, (&score, &p))| {
            let family =
                families.get(row).copied().flatten().map(|(class, _)| &*guard.family_names[class as usize]);
            let subject = subjects.get(row, family);
            unread_addresses += u64::from(subject.unread_address);
            if has_addresses {
                flows.push(subject.flow_tuple());
            }
            guard.recommender.recommend(p, stages.threshold.is_anomaly(score), &subject)
        };
        let recommendations: Vec<Recommendation> =
            scores.iter().zip(&p_values).enumerate().map(recommend).collect();
        let without = |answer: &&Recommendation| answer.rule == RuleRef::NoAddress;
        let missing_addresses = recommendations.iter().filter(without).count() as u64;
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
            flows,
            imputed,
            unread_addresses,
            missing_addresses,
            ..Self::empty(guard)
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether the table has no rows.
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

    /// Calibrated probability that each row is an attack; empty for a detector that was fitted
    /// without labels.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// The most probable attack class of an anomaly and its probability among the attack classes; `None` for a clean row, and
    /// for a guard without attack classes.
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

    /// Rows without any address that got [`Action::Allow`](crate::qos::Action::Allow) instead of the action that the policy asks
    /// for, because an address of theirs could be in its allow-list; 0 for an empty allow-list.
    pub fn missing_addresses(&self) -> u64 {
        self.missing_addresses
    }

    /// What the policy could not do with the rows of this table: warnings about rules that never apply for lack of a column,
    /// and about rows that are allowed because an address is missing or cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Guard, Schema, Table};
    ///
    /// let schema = Schema::builder("rtt").feature("rtt_ms").feature("loss").build()?;
    /// let records: Vec<String> =
    ///     (0..200).map(|i| format!(r#"{{"rtt_ms": {}, "loss": {}}}"#, i % 17, i % 5)).collect();
    /// let table = Table::from_json(&schema, &format!("[{}]", records.join(",")))?;
    /// let assessment = Guard::builder().fit(&table)?.assess(&table)?;
    /// assert!(assessment.notices()[0].to_string().starts_with("every action is `allow`: the records have no column of addresses"));
    /// assert!(assessment.decisions().all(|decision| decision.action.as_str() == "allow"));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn notices(&self) -> Vec<Notice> {
        let mut notices = notice::of_columns(self.recommender.policy(), &self.absent);
        if self.missing_addresses > 0 {
            notices.push(Notice::NoAddress { rows: self.missing_addresses });
        }
        if self.unread_addresses > 0 {
            notices.push(Notice::UnreadAddress { rows: self.unread_addresses });
        }
        notices
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
            evidence: self.evidence(row),
        };
        let flow = self.flows.get(row).and_then(Option::as_ref);
        Some(self.recommender.decision(self.ids[row], row as u64, flow, verdict, *recommendation))
    }

    /// What each member of an ensemble or expert of a mixture contributed to a row.
    fn evidence(&self, row: usize) -> Vec<Evidence> {
        let p_values = self.member_p_values.iter().skip(row * self.members.len());
        let member = |(name, &p): (&String, &f64)| Evidence::member(name, (!p.is_nan()).then_some(p));
        let weights = self.gate_weights.iter().skip(row * self.experts.len());
        let expert = |(name, &weight): (&String, &f32)| Evidence::expert(name, weight.into());
        let experts = self.experts.iter().zip(weights).map(expert);
        self.members.iter().zip(p_values).map(member).chain(experts).collect()
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

    /// One row per record, with the columns of [`DecisionColumn::ALL`](crate::qos::DecisionColumn::ALL).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for more than 2 GiB of text in a column,
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Guard, qos::DecisionColumn, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 500, ..Default::default() })?;
    /// let batch = Guard::builder().fit(&flows)?.assess(&flows)?.to_arrow()?;
    /// assert_eq!((batch.num_rows(), batch.schema()), (500, DecisionColumn::schema()));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_arrow(&self) -> Result<RecordBatch> {
        to_arrow(self.decisions())
    }
}

/// The attack class of every anomaly; empty for a guard without attack classes.
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
