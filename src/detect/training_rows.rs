//! The rows that an ensemble or a mixture is fitted on, and fitting a member on some of them.

use ndarray::{ArrayView2, Axis};

use super::{AnyDetector, AnyDetectorConfig, Fit, FitContext};
use crate::error::Result;

/// Rows, and which of them are attacks.
pub(super) struct TrainingRows<'a> {
    pub(super) x: ArrayView2<'a, f32>,
    pub(super) attacks: Vec<bool>,
    /// The class of each row and the names of the classes, where there are more than clean and attack.
    pub(super) classes: Option<(&'a [u32], &'a [String])>,
    /// Whether members that can learn classes do.
    pub(super) learn_classes: bool,
}

impl TrainingRows<'_> {
    /// Fits a member on the rows that `takes_part` accepts: clean rows alone, except for a member that needs labels.
    pub(super) fn fit(
        &self,
        config: &AnyDetectorConfig,
        takes_part: impl Fn(usize) -> bool,
    ) -> Result<AnyDetector> {
        let labelled = config.needs_labels();
        let rows: Vec<usize> = (0..self.attacks.len())
            .filter(|&row| takes_part(row) && (labelled || !self.attacks[row]))
            .collect();
        let x = self.x.select(Axis(0), &rows);
        if let Some((labels, names)) = self.classes.filter(|_| self.learn_classes && config.learns_classes())
        {
            let (codes, names) = present(&rows, labels, names);
            return Ok(config.fit(x.view(), FitContext::classes(&codes, &names))?.model);
        }
        let labels: Vec<bool> = rows.iter().map(|&row| self.attacks[row]).collect();
        let context = if labelled { FitContext::labelled(&labels) } else { FitContext::default() };
        Ok(config.fit(x.view(), context)?.model)
    }

    /// The scores that a model gives some rows.
    pub(super) fn score(&self, model: &AnyDetector, rows: &[usize]) -> Result<Vec<f32>> {
        use super::Detector;
        model.score(self.x.select(Axis(0), rows).view())
    }
}

/// Labels and names of the classes that have rows: a class without rows is left out.
fn present(rows: &[usize], labels: &[u32], names: &[String]) -> (Vec<Option<u32>>, Vec<String>) {
    let mut number = vec![None; names.len()];
    for &row in rows {
        number[labels[row] as usize] = Some(0);
    }
    let classes: Vec<usize> = (0..names.len()).filter(|&class| number[class].is_some()).collect();
    for (&class, i) in classes.iter().zip(0..) {
        number[class] = Some(i);
    }
    let codes = rows.iter().map(|&row| number[labels[row] as usize]).collect();
    (codes, classes.into_iter().map(|class| names[class].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_rows_leave_no_gap() {
        let names = ["clean", "a", "b", "c"].map(String::from);
        let (codes, names) = present(&[0, 2, 3], &[0, 1, 3, 2], &names);
        let expected = (vec![Some(0), Some(2), Some(1)], ["clean", "b", "c"].map(String::from).to_vec());
        assert_eq!((codes, names), expected);
    }
}
