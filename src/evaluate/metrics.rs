//! Metrics of scores, decisions and probabilities against labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ranking::{Ranking, check_lengths};

/// Area under the receiver operating characteristic.
///
/// `P(attack scores higher than clean) + ½ P(they tie)`, in [0, 1]; ½ for scores that say nothing.
/// `labels[i]` is `true` for an attack.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] when the lengths differ, [`Error::NotFinite`] for a NaN score,
/// [`Error::InsufficientData`] unless there are clean rows and attacks.
///
/// # Source
///
/// H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically
/// larger than the other", Annals of Mathematical Statistics 18 (1947).
///
/// # Examples
///
/// ```
/// // Of the four pairs of attack and clean, three are in order.
/// let auc = qosguard::evaluate::roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert_eq!(auc, 0.75);
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn roc_auc(scores: &[f32], labels: &[bool]) -> Result<f64> {
    Ok(Ranking::new(scores, labels)?.curve(|_| 1).roc_auc())
}

/// Average precision `Σ (Rᵢ − Rᵢ₋₁) Pᵢ` over the distinct scores, highest first, as scikit-learn's.
///
/// R is the recall and P the precision of flagging everything that scores at least so much. No
/// interpolation; the share of attacks for scores that say nothing.
///
/// # Errors
///
/// As [`roc_auc`].
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Result<f64> {
    Ok(Ranking::new(scores, labels)?.curve(|_| 1).average_precision())
}

/// The largest true-positive rate among thresholds whose false-positive rate is at most `cap`.
///
/// `cap` lies in [0, 1] and is never exceeded: thresholds are not interpolated, and rows that
/// tie are flagged together or not at all.
///
/// # Errors
///
/// As [`roc_auc`]; [`Error::InvalidArgument`] for a cap outside [0, 1].
pub fn tpr_at_fpr(scores: &[f32], labels: &[bool], cap: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&cap) {
        return Err(Error::invalid("cap", "in [0, 1]", cap));
    }
    Ok(Ranking::new(scores, labels)?.curve(|_| 1).tpr_at_fpr(cap))
}

/// How decisions meet labels.
///
/// # Examples
///
/// ```
/// use qosguard::evaluate::Confusion;
///
/// let flagged = [true, true, false, false, true];
/// let labels = [true, false, true, false, true];
/// let confusion = Confusion::new(&flagged, &labels)?;
/// assert_eq!(confusion.recall(), 2.0 / 3.0);
/// assert_eq!(confusion.false_positive_rate(), 0.5);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confusion {
    /// Attacks that were flagged.
    pub true_positives: u64,
    /// Clean rows that were flagged.
    pub false_positives: u64,
    /// Attacks that were missed.
    pub false_negatives: u64,
    /// Clean rows that were left alone.
    pub true_negatives: u64,
}

impl Confusion {
    /// Counts decisions against labels; both `true` for an attack.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ.
    pub fn new(flagged: &[bool], labels: &[bool]) -> Result<Self> {
        check_lengths("labels", flagged.len(), labels.len())?;
        Ok(Self::weighted(flagged, labels, |_| 1))
    }

    /// Counts row `i` `weight(i)` times.
    pub(super) fn weighted(flagged: &[bool], labels: &[bool], weight: impl Fn(usize) -> u32) -> Self {
        let mut counts = Self::default();
        for (row, decision) in flagged.iter().zip(labels).enumerate() {
            let count = match decision {
                (true, true) => &mut counts.true_positives,
                (true, false) => &mut counts.false_positives,
                (false, true) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            };
            *count += u64::from(weight(row));
        }
        counts
    }

    /// Share of the flagged rows that are attacks; 0 where nothing was flagged.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of the attacks that were flagged; 0 where there are none.
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// `2 TP / (2 TP + FP + FN)`; 0 where there is neither an attack nor a flag.
    pub fn f1(&self) -> f64 {
        let errors = self.false_positives + self.false_negatives;
        share(2 * self.true_positives, 2 * self.true_positives + errors)
    }

    /// Share of the clean rows that were flagged; 0 where there are none.
    pub fn false_positive_rate(&self) -> f64 {
        share(self.false_positives, self.false_positives + self.true_negatives)
    }
}

/// How many attacks of one family were flagged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Caught {
    /// Rows of the family.
    pub rows: usize,
    /// Those of them that were flagged.
    pub caught: usize,
}

/// Counts the caught rows of each attack family, by name.
///
/// Clean rows are passed over; attacks without a family name have the empty name.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] when the lengths differ.
pub fn recall_per_family(
    flagged: &[bool],
    labels: &[bool],
    families: &[String],
) -> Result<BTreeMap<String, Caught>> {
    check_lengths("labels", flagged.len(), labels.len())?;
    check_lengths("families", flagged.len(), families.len())?;
    let mut counts: BTreeMap<String, Caught> = BTreeMap::new();
    for ((&flagged, &attack), family) in flagged.iter().zip(labels).zip(families) {
        if attack {
            let count = counts.entry(family.clone()).or_default();
            count.rows += 1;
            count.caught += usize::from(flagged);
        }
    }
    Ok(counts)
}

/// Expected calibration error `Σ_b n_b/n · |mean probability − share of attacks|` over equal-width bins.
///
/// `probabilities` are in [0, 1]; bin b of B holds `[b/B, (b+1)/B)`, the last one also 1.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] when the lengths differ; [`Error::InsufficientData`] without rows;
/// [`Error::InvalidArgument`] for no bins, more than a million, or a probability outside [0, 1].
///
/// # Source
///
/// M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
/// binning", AAAI 2015.
pub fn expected_calibration_error(probabilities: &[f64], labels: &[bool], bins: usize) -> Result<f64> {
    check_probabilities(probabilities, labels)?;
    if !(1..=1_000_000).contains(&bins) {
        return Err(Error::invalid("bins", "in 1..=1000000", bins));
    }
    // Probability minus label, summed by bin: its absolute value is n_b · |mean − share|.
    let mut gaps = vec![0.0; bins];
    for (&p, &attack) in probabilities.iter().zip(labels) {
        gaps[((p * bins as f64) as usize).min(bins - 1)] += p - f64::from(u8::from(attack));
    }
    Ok(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / probabilities.len() as f64)
}

/// Rejects probabilities outside [0, 1], labels of another length, and no rows.
pub(super) fn check_probabilities(probabilities: &[f64], labels: &[bool]) -> Result<()> {
    check_lengths("labels", probabilities.len(), labels.len())?;
    if probabilities.is_empty() {
        return Err(Error::InsufficientData { what: "rows".into(), needed: 1, got: 0 });
    }
    match probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(row) => Err(Error::invalid(format!("probabilities[{row}]"), "in [0, 1]", probabilities[row])),
    }
}

/// `part / whole`, 0 for an empty whole.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
