//! Several runs of one protocol, summed up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::Report;
use crate::error::{Error, Result};

/// Mean and sample standard deviation (n − 1) over runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeanSd {
    /// Mean.
    pub mean: f64,
    /// Standard deviation; `None` for a single run, which has none.
    pub sd: Option<f64>,
    /// Runs that have the value: a rare family may be missing from a run's test part.
    pub runs: usize,
}

impl MeanSd {
    /// Of some values; the mean of none is NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::evaluate::MeanSd;
    ///
    /// let of = MeanSd::of([1.0, 2.0, 3.0]);
    /// assert_eq!((of.mean, of.sd, of.runs), (2.0, Some(1.0), 3));
    /// assert_eq!(MeanSd::of([1.0]).sd, None);
    /// ```
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Self { mean, sd, runs: values.len() }
    }
}

impl fmt::Display for MeanSd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.4}", self.mean)?;
        self.sd.map_or(Ok(()), |sd| write!(f, " ± {sd:.4}"))
    }
}

/// Mean and spread of [`Report`]s over seeds; `Display` is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Spread {
    /// Name of the protocol.
    pub protocol: String,
    /// Seeds of the runs.
    pub seeds: Vec<u64>,
    /// Area under the ROC curve.
    pub auc: MeanSd,
    /// Average precision.
    pub average_precision: MeanSd,
    /// Largest recall at a false-positive rate of at most 1 %.
    pub tpr_at_1_percent_fpr: MeanSd,
    /// The same at .1 %.
    pub tpr_at_0_1_percent_fpr: MeanSd,
    /// F1 at the runs' thresholds.
    pub f1: MeanSd,
    /// Recall at the runs' thresholds.
    pub recall: MeanSd,
    /// The false-positive rate that was asked for, where all runs asked for the same.
    pub asked_fpr: Option<f64>,
    /// Share of the clean rows above the runs' thresholds.
    pub realised_fpr: MeanSd,
    /// Recall by attack family.
    pub families: BTreeMap<String, MeanSd>,
    /// Mean of the families' recalls, over the runs that were given families.
    pub macro_recall: Option<MeanSd>,
}

impl Spread {
    /// See [`Report::spread`].
    pub(super) fn of(reports: &[Report]) -> Result<Self> {
        let Some(first) = reports.first() else {
            return Err(Error::InsufficientData { what: "reports".into(), needed: 1, got: 0 });
        };
        if let Some(other) = reports.iter().find(|r| r.protocol != first.protocol) {
            let expected = format!("of one protocol, `{}`", first.protocol);
            return Err(Error::invalid("reports", expected, &other.protocol));
        }
        let of = |value: fn(&Report) -> f64| MeanSd::of(reports.iter().map(value));
        let names: BTreeSet<&String> = reports.iter().flat_map(|r| r.families.keys()).collect();
        let family = |name: &String| {
            let found = reports.iter().filter_map(|r| r.families.get(name));
            (name.clone(), MeanSd::of(found.map(|family| family.recall.value)))
        };
        let macro_recalls: Vec<f64> =
            reports.iter().filter_map(|r| r.macro_recall.map(|recall| recall.value)).collect();
        Ok(Self {
            protocol: first.protocol.clone(),
            seeds: reports.iter().map(|r| r.seed).collect(),
            auc: of(|r| r.auc.value),
            average_precision: of(|r| r.average_precision.value),
            tpr_at_1_percent_fpr: of(|r| r.tpr_at_1_percent_fpr.value),
            tpr_at_0_1_percent_fpr: of(|r| r.tpr_at_0_1_percent_fpr.value),
            f1: of(|r| r.f1.value),
            recall: of(|r| r.recall.value),
            asked_fpr: first.asked_fpr.filter(|_| reports.iter().all(|r| r.asked_fpr == first.asked_fpr)),
            realised_fpr: of(|r| r.realised_fpr.value),
            families: names.into_iter().map(family).collect(),
            macro_recall: (!macro_recalls.is_empty()).then(|| MeanSd::of(macro_recalls.iter().copied())),
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.protocol.is_empty() {
            write!(f, "{}: ", self.protocol)?;
        }
        writeln!(f, "{} runs, seeds {:?}", self.seeds.len(), self.seeds)?;
        writeln!(f, "{:<28}{:>8} ± sd", "", "mean")?;
        for (name, value) in [
            ("AUC", self.auc),
            ("average precision", self.average_precision),
            ("TPR at 1 % FPR", self.tpr_at_1_percent_fpr),
            ("TPR at .1 % FPR", self.tpr_at_0_1_percent_fpr),
            ("F1", self.f1),
            ("recall", self.recall),
            ("realised FPR", self.realised_fpr),
        ] {
            writeln!(f, "{name:<28}{value}")?;
        }
        if let Some(asked) = self.asked_fpr {
            writeln!(f, "{:<28}{asked:>8.4}", "asked FPR")?;
        }
        if let Some(value) = self.macro_recall {
            writeln!(f, "{:<28}{value} in {} runs", "macro recall", value.runs)?;
        }
        for (name, value) in &self.families {
            let name = format!("recall of {name}");
            writeln!(f, "{name:<28}{value} in {} runs", value.runs)?;
        }
        Ok(())
    }
}
