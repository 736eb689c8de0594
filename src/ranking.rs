//! Rows in the order of their scores, for the metrics of `evaluate` and the fitted weights of an ensemble.

use crate::error::{Error, Result};

/// Rows in the order of their scores. They are sorted once for any number of weightings.
pub(crate) struct Ranking {
    /// Rows in descending order of their scores: index, label, and whether the next row has a lower score.
    rows: Vec<(usize, bool, bool)>,
}

impl Ranking {
    /// Sorts the rows. It has the errors of [`roc_auc`](crate::evaluate::roc_auc).
    pub(crate) fn new<T: Copy + Into<f64>>(values: &[T], labels: &[bool]) -> Result<Self> {
        check_lengths("labels", values.len(), labels.len())?;
        if let Some(row) = values.iter().position(|&v| v.into().is_nan()) {
            return Err(Error::NotFinite { row, column: "score".into(), value: f64::NAN });
        }
        let attacks = labels.iter().filter(|&&l| l).count();
        for (what, count) in [("attack rows", attacks), ("clean rows", labels.len() - attacks)] {
            if count == 0 {
                return Err(Error::InsufficientData { what: what.into(), needed: 1, got: 0 });
            }
        }
        let mut order: Vec<(f64, usize)> = values.iter().map(|&v| v.into() + 0.0).zip(0..).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let rows = order
            .iter()
            .enumerate()
            .map(|(i, &(value, row))| (row, labels[row], order.get(i + 1).is_none_or(|next| next.0 < value)))
            .collect();
        Ok(Self { rows })
    }

    /// Counts attacks and clean rows at or above each distinct score. Row `i` counts `weight(i)` times.
    pub(crate) fn curve(&self, weight: impl Fn(usize) -> u32) -> Curve {
        let (mut caught, mut alarms) = (0, 0);
        let mut points = vec![(0, 0)];
        for &(row, attack, last_of_ties) in &self.rows {
            *(if attack { &mut caught } else { &mut alarms }) += u64::from(weight(row));
            if last_of_ties {
                points.push((caught, alarms));
            }
        }
        Curve { points, attacks: caught, clean: alarms }
    }
}

/// Attacks and clean rows flagged at each threshold, from none to all.
pub(crate) struct Curve {
    points: Vec<(u64, u64)>,
    attacks: u64,
    clean: u64,
}

impl Curve {
    /// See [`roc_auc`](crate::evaluate::roc_auc).
    pub(crate) fn roc_auc(&self) -> f64 {
        let twice: u128 =
            self.points.windows(2).map(|w| u128::from(w[1].1 - w[0].1) * u128::from(w[0].0 + w[1].0)).sum();
        twice as f64 / (2.0 * self.attacks as f64 * self.clean as f64)
    }

    /// See [`average_precision`](crate::evaluate::average_precision).
    pub(crate) fn average_precision(&self) -> f64 {
        let sum: f64 = self
            .points
            .windows(2)
            .filter(|w| w[1].0 > w[0].0)
            .map(|w| (w[1].0 - w[0].0) as f64 * w[1].0 as f64 / (w[1].0 + w[1].1) as f64)
            .sum();
        sum / self.attacks as f64
    }

    /// See [`tpr_at_fpr`](crate::evaluate::tpr_at_fpr).
    pub(crate) fn tpr_at_fpr(&self, cap: f64) -> f64 {
        let within = self.points.partition_point(|p| p.1 as f64 / self.clean as f64 <= cap);
        self.points[within - 1].0 as f64 / self.attacks as f64
    }
}

pub(crate) fn check_lengths(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::ShapeMismatch { what, expected, got }) }
}
