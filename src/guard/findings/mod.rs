//! What an operator reads of an assessment: a summary and the worst findings, equal ones as one.

mod collect;
mod finding;

use std::fmt;

use serde::Serialize;

use super::{Assessment, Guard};
use crate::calibrate::{Interval, Threshold, wilson};
use crate::error::{Error, Result};
use crate::telemetry::Table;

pub use collect::FindingsCollector;
pub use finding::Finding;

/// Reasons of each finding.
const REASONS: usize = 1;
/// Level of the intervals.
const LEVEL: f64 = 0.95;

/// A summary of an assessment and its worst findings; [`Guard::findings`] makes it.
///
/// `Display` is the summary and one line for each finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Findings {
    /// Records assessed.
    pub records: u64,
    /// Anomalies among them.
    pub anomalies: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// The guard's threshold: the rate that was asked for, and what it realised on held-out rows of the training.
    pub threshold: Threshold,
    /// Anomalies counted against the records' labels, where they have labels.
    pub labelled: Option<Labelled>,
    /// Groups of equal anomalies.
    pub groups: usize,
    /// The worst groups, worst first.
    pub worst: Vec<Finding>,
}

/// Anomalies counted against labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Labelled {
    /// Records labelled clean.
    pub clean: u64,
    /// Anomalies among them.
    pub false_positives: u64,
    /// Records labelled attack.
    pub attacks: u64,
    /// Anomalies among them.
    pub caught: u64,
}

impl Labelled {
    /// Share of the clean records that are anomalies, in [0, 1]; `None` without clean records.
    pub fn false_positive_rate(&self) -> Option<f64> {
        (self.clean > 0).then(|| self.false_positives as f64 / self.clean as f64)
    }

    /// Share of the attacks that are anomalies, in [0, 1]; `None` without attacks.
    pub fn recall(&self) -> Option<f64> {
        (self.attacks > 0).then(|| self.caught as f64 / self.attacks as f64)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} records, {} anomalies, {} rejected records",
            self.records, self.anomalies, self.rejected
        )?;
        if let Some(asked) = self.threshold.asked {
            write!(f, "asked for {} % false positives", percent(asked))?;
            if let Some(realised) = self.threshold.realised {
                let Interval { low, high } = realised.false_positive_interval;
                write!(
                    f,
                    "; realised {} % [{}, {}] on {} held-out clean records of the training",
                    percent(realised.false_positive_rate),
                    percent(low),
                    percent(high),
                    realised.clean_rows
                )?;
            }
            writeln!(f)?;
        }
        if let Some(labelled) = &self.labelled {
            let share = |name, hits: u64, of: u64, what| {
                let Interval { low, high } = wilson(hits as usize, of as usize, LEVEL);
                let value = percent(hits as f64 / of as f64);
                format!("{name} {value} % [{}, {}] of {of} {what}", percent(low), percent(high))
            };
            let Labelled { clean, false_positives, attacks, caught } = *labelled;
            let rates = [
                (attacks > 0).then(|| share("recall", caught, attacks, "attacks")),
                (clean > 0).then(|| share("false positives", false_positives, clean, "clean records")),
            ];
            let rates: Vec<String> = rates.into_iter().flatten().collect();
            if !rates.is_empty() {
                writeln!(f, "by the labels: {}", rates.join("; "))?;
            }
        }
        if !self.worst.is_empty() {
            let dry_run = self.worst.iter().all(|finding| finding.decision.dry_run);
            let mode = if dry_run { "; dry run, nothing is changed" } else { "" };
            writeln!(f, "\nworst findings, equal ones as one line{mode}:")?;
        }
        for finding in &self.worst {
            writeln!(f, "  {finding}")?;
        }
        match self.groups.saturating_sub(self.worst.len()) {
            more if more > 0 && !self.worst.is_empty() => writeln!(f, "  and {more} more"),
            _ => Ok(()),
        }
    }
}

/// A share in percent, with three significant digits at most.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = if percent >= 10.0 { 1 } else { 2 };
    let text = format!("{percent:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Guard {
    /// A summary of an assessment and its `n` worst findings: equal ones grouped, each with time, addresses, ports,
    /// protocol, severity, action and what is rare about it.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the assessment is not of this table.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
    /// let guard = Guard::builder().fit(&flows)?;
    /// let findings = guard.findings(&flows, &guard.assess(&flows)?, 10)?;
    /// println!("{findings}");
    /// assert!(findings.worst.len() <= 10 && findings.worst[0].src_ip.is_some());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn findings(&self, table: &Table, assessment: &Assessment, n: usize) -> Result<Findings> {
        let mut collector = FindingsCollector::new();
        collector.add(self, table, assessment)?;
        collector.finish(self, n, REASONS)
    }

    /// Each of these rows as a [`Finding`] of its own, in the order given; at most `reasons` reasons each. Rows past the
    /// last are left out.
    ///
    /// # Errors
    ///
    /// As [`Guard::findings`].
    pub fn describe(
        &self,
        table: &Table,
        assessment: &Assessment,
        rows: &[usize],
        reasons: usize,
    ) -> Result<Vec<Finding>> {
        let (expected, got) = (table.n_rows(), assessment.len());
        if expected != got {
            return Err(Error::ShapeMismatch { what: "assessed rows", expected, got });
        }
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| row < got).collect();
        let decisions = rows.iter().filter_map(|&row| assessment.decision(row)).collect();
        collect::describe(self, &self.append_contexts(table)?.take(&rows)?, decisions, reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{FlowSimulatorConfig, table};

    #[test]
    fn shares_are_short() {
        for (share, text) in [(0.0, "0"), (0.01, "1"), (0.000_15, "0.01"), (0.123_45, "12.3"), (1.0, "100")] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn every_anomaly_is_in_one_group_and_the_worst_comes_first() {
        let flows = table(&FlowSimulatorConfig { rows: 3_000, ..Default::default() }).unwrap();
        let guard = Guard::builder().fit(&flows).unwrap();
        let assessment = guard.assess(&flows).unwrap();
        let findings = guard.findings(&flows, &assessment, usize::MAX).unwrap();
        let anomalies = assessment.decisions().filter(|decision| decision.verdict.is_anomaly).count() as u64;
        assert_eq!((findings.records, findings.anomalies), (3_000, anomalies));
        assert_eq!(findings.worst.iter().map(|finding| finding.count).sum::<u64>(), anomalies);
        assert_eq!(findings.worst[0].decision, assessment.top(1)[0]);
        assert!(findings.worst.is_sorted_by(|a, b| a.decision.verdict.score >= b.decision.verdict.score));
        let labels = flows.labels().unwrap().unwrap();
        let caught = (0..3_000).filter(|&row| labels[row] && assessment.is_anomaly(row)).count() as u64;
        assert_eq!(findings.labelled.unwrap().caught, caught);

        // Ten are the first ten of all, and in parts they are the same as in one table.
        let ten = guard.findings(&flows, &assessment, 10).unwrap();
        assert_eq!(ten.worst, findings.worst[..10]);
        let mut collector = FindingsCollector::new();
        for rows in [0..1_000, 1_000..3_000] {
            let part = flows.take(&rows.collect::<Vec<_>>()).unwrap();
            collector.add(&guard, &part, &guard.assess(&part).unwrap()).unwrap();
        }
        assert_eq!(collector.finish(&guard, 10, REASONS).unwrap(), ten);

        let other = guard.assess(&flows.take(&[0]).unwrap()).unwrap();
        assert!(
            guard.findings(&flows, &other, 1).is_err() && guard.describe(&flows, &other, &[0], 1).is_err()
        );
    }
}
