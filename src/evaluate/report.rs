//! One run of a detector, measured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap_intervals;
use super::metrics::{Caught, Confusion, recall_per_family};
use super::spread::Spread;
use crate::calibrate::{Interval, wilson};
use crate::error::{Error, Result};
use crate::ranking::Ranking;

/// How [`evaluate`] names and resamples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateOptions {
    /// Name of the protocol, such as `nsl-kdd official`; printed, and compared by [`Report::spread`].
    pub protocol: String,
    /// Bootstrap resamples, at least `2 / (1 − level)`.
    pub resamples: usize,
    /// Level of the intervals, in (0, 1).
    pub level: f64,
    /// Seed of the run, which the report names and the bootstrap uses.
    pub seed: u64,
}

impl Default for EvaluateOptions {
    /// 1,000 resamples, intervals at 95 %, seed 0, no name.
    fn default() -> Self {
        Self { protocol: String::new(), resamples: 1000, level: 0.95, seed: 0 }
    }
}

/// A measured value and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The value on all rows.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    pub(super) fn new(value: f64, Interval { low, high }: Interval) -> Self {
        Self { value, low, high }
    }

    /// A share of rows, with Wilson's interval.
    pub(super) fn share(hits: usize, rows: usize, level: f64) -> Self {
        Self::new(hits as f64 / rows as f64, wilson(hits, rows, level))
    }
}

/// Recall of one attack family at the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FamilyRecall {
    /// Rows of the family.
    pub rows: usize,
    /// Share of them that was flagged.
    pub recall: Estimate,
}

/// What [`evaluate`] measured; `Display` is a table.
///
/// Intervals of the rates at the threshold (`recall`, `realised_fpr`, `families`) are Wilson's, the others
/// bootstrapped within the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Name of the protocol.
    pub protocol: String,
    /// Seed of the run.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
    /// Rows measured.
    pub rows: usize,
    /// Attacks among them.
    pub attacks: usize,
    /// Rows that score strictly more were flagged.
    pub threshold: f32,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// Average precision.
    pub average_precision: Estimate,
    /// Largest recall at a false-positive rate of at most 1 %, at its best threshold on these rows.
    pub tpr_at_1_percent_fpr: Estimate,
    /// The same at .1 %.
    pub tpr_at_0_1_percent_fpr: Estimate,
    /// F1 at the threshold.
    pub f1: Estimate,
    /// Recall at the threshold.
    pub recall: Estimate,
    /// False-positive rate that the threshold was asked for.
    pub asked_fpr: Option<f64>,
    /// Share of the clean rows above the threshold.
    pub realised_fpr: Estimate,
    /// Recall by attack family; empty where no families were given.
    pub families: BTreeMap<String, FamilyRecall>,
    /// Mean of the families' recalls, in which a rare family counts as much as a flood.
    ///
    /// `None` where no families were given. In a resample that has no row of a family it is the mean of the
    /// others.
    pub macro_recall: Option<Estimate>,
}

/// Measures scores and a threshold that was fixed before against labels.
///
/// `labels[i]` is `true` for an attack; `families[i]` names its family ([`crate::telemetry::Table::families`]).
/// A row is flagged when it scores strictly more than `threshold`; the report prints `asked_fpr` next to the realised rate.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] when lengths differ, [`Error::NotFinite`] for a NaN score,
/// [`Error::InsufficientData`] unless there are clean rows and attacks, [`Error::InvalidArgument`] for a
/// threshold that is not finite, an asked rate outside [0, 1] and options outside their range.
pub fn evaluate(
    scores: &[f32],
    labels: &[bool],
    families: Option<&[String]>,
    threshold: f32,
    asked_fpr: Option<f64>,
    options: &EvaluateOptions,
) -> Result<Report> {
    let EvaluateOptions { protocol, resamples, level, seed } = options.clone();
    let ranking = Ranking::new(scores, labels)?;
    if !threshold.is_finite() {
        return Err(Error::invalid("threshold", "finite", threshold));
    }
    if let Some(asked) = asked_fpr.filter(|asked| !(0.0..=1.0).contains(asked)) {
        return Err(Error::invalid("asked_fpr", "at least 0 and at most 1", asked));
    }
    let flagged: Vec<bool> = scores.iter().map(|&score| score > threshold).collect();
    let counts = match families {
        Some(families) => recall_per_family(&flagged, labels, families)?,
        None => BTreeMap::new(),
    };
    let family_of = family_of_attacks(&counts, labels, families);
    let measure = |weight: &dyn Fn(usize) -> u32| {
        let curve = ranking.curve(weight);
        let f1 = Confusion::weighted(&flagged, labels, weight).f1();
        let macro_recall = macro_recall(&family_of, counts.len(), &flagged, weight);
        let [low, lower] = [0.01, 0.001].map(|cap| curve.tpr_at_fpr(cap));
        [curve.roc_auc(), curve.average_precision(), low, lower, f1, macro_recall]
    };
    let values = measure(&|_| 1);
    let intervals = bootstrap_intervals(labels, resamples, level, seed, |drawn| measure(&|row| drawn[row]))?;
    let estimate = |i: usize| Estimate::new(values[i], intervals[i]);
    let share_flagged = |label: bool| {
        let rows = labels.iter().filter(|&&l| l == label).count();
        let hits = labels.iter().zip(&flagged).filter(|&(&l, &flag)| l == label && flag).count();
        Estimate::share(hits, rows, level)
    };
    let macro_recall = families.map(|_| estimate(5));
    let families = counts.into_iter().map(|(name, count)| {
        (name, FamilyRecall { rows: count.rows, recall: Estimate::share(count.caught, count.rows, level) })
    });
    Ok(Report {
        protocol,
        seed,
        level,
        rows: labels.len(),
        attacks: labels.iter().filter(|&&l| l).count(),
        threshold,
        auc: estimate(0),
        average_precision: estimate(1),
        tpr_at_1_percent_fpr: estimate(2),
        tpr_at_0_1_percent_fpr: estimate(3),
        f1: estimate(4),
        recall: share_flagged(true),
        asked_fpr,
        realised_fpr: share_flagged(false),
        families: families.collect(),
        macro_recall,
    })
}

/// Row and family of every attack, the families by their place in `counts`; none without families.
fn family_of_attacks(
    counts: &BTreeMap<String, Caught>,
    labels: &[bool],
    families: Option<&[String]>,
) -> Vec<(usize, usize)> {
    let places: BTreeMap<&str, usize> = counts.keys().map(String::as_str).zip(0..).collect();
    let attacks = families.unwrap_or_default().iter().enumerate().filter(|&(row, _)| labels[row]);
    attacks.filter_map(|(row, name)| Some((row, *places.get(name.as_str())?))).collect()
}

/// Mean of the recalls of the families that have weight; 0 where none has.
fn macro_recall(
    family_of: &[(usize, usize)],
    families: usize,
    flagged: &[bool],
    weight: &dyn Fn(usize) -> u32,
) -> f64 {
    let mut counts = vec![(0_u64, 0_u64); families];
    for &(row, family) in family_of {
        let weight = u64::from(weight(row));
        counts[family].0 += weight;
        counts[family].1 += if flagged[row] { weight } else { 0 };
    }
    counts.retain(|(rows, _)| *rows > 0);
    if counts.is_empty() {
        return 0.0;
    }
    counts.iter().map(|&(rows, caught)| caught as f64 / rows as f64).sum::<f64>() / counts.len() as f64
}

impl Report {
    /// Mean and standard deviation over runs of one protocol with several seeds.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] without reports, [`Error::InvalidArgument`] for reports of two protocols.
    pub fn spread(reports: &[Self]) -> Result<Spread> {
        Spread::of(reports)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, rows, attacks, seed, .. } = self;
        if !protocol.is_empty() {
            write!(f, "{protocol}: ")?;
        }
        writeln!(f, "{rows} rows, {attacks} attacks, seed {seed}")?;
        writeln!(f, "{:<28}{:>8}   {} % interval", "", "value", self.level * 100.0)?;
        for (name, Estimate { value, low, high }) in [
            ("AUC", self.auc),
            ("average precision", self.average_precision),
            ("TPR at 1 % FPR", self.tpr_at_1_percent_fpr),
            ("TPR at .1 % FPR", self.tpr_at_0_1_percent_fpr),
            ("F1", self.f1),
            ("recall", self.recall),
            ("realised FPR", self.realised_fpr),
        ] {
            writeln!(f, "{name:<28}{value:>8.4}   [{low:.4}, {high:.4}]")?;
        }
        if let Some(asked) = self.asked_fpr {
            writeln!(f, "{:<28}{asked:>8.4}", "asked FPR")?;
        }
        if let Some(Estimate { value, low, high }) = self.macro_recall {
            writeln!(f, "{:<28}{value:>8.4}   [{low:.4}, {high:.4}]", "macro recall")?;
        }
        for (name, FamilyRecall { rows, recall: Estimate { value, low, high } }) in &self.families {
            let name = format!("recall of {name}");
            writeln!(f, "{name:<28}{value:>8.4}   [{low:.4}, {high:.4}] of {rows} rows")?;
        }
        Ok(())
    }
}
