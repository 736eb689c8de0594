//! Fitting the experts, and scoring rows by experts that did not see them.

use ndarray::{Array2, ArrayView2, Axis};

use super::config::ExpertConfig;
use super::deal::Left;
use crate::detect::{AnyDetector, AnyDetectorConfig, Detector, Fit};
use crate::error::Result;
use crate::parallel;

/// An expert that saw all rows, or the scores of rows that were left out, by where they stand.
type Job = (Option<AnyDetector>, Vec<(usize, f32)>);

/// The rows that a mixture is fitted on.
pub(super) struct Rows<'a> {
    pub(super) x: ArrayView2<'a, f32>,
    pub(super) attacks: Vec<bool>,
    /// The class of each row and the names of the classes, where there are more than clean and attack.
    pub(super) classes: Option<(&'a [u32], &'a [String])>,
    /// Whether experts that can learn classes do.
    pub(super) learn_classes: bool,
}

impl Rows<'_> {
    /// Fits an expert on those of its rows that `takes_part` lets in.
    fn fit(&self, config: &AnyDetectorConfig, takes_part: impl Fn(usize) -> bool) -> Result<AnyDetector> {
        let labelled = config.needs_labels();
        let rows: Vec<usize> = (0..self.attacks.len())
            .filter(|&row| takes_part(row) && (labelled || !self.attacks[row]))
            .collect();
        let x = self.x.select(Axis(0), &rows);
        if let Some((labels, names)) = self.classes.filter(|_| labelled && self.learn_classes) {
            let (labels, names) = there(&rows, labels, names);
            match config {
                AnyDetectorConfig::BoostedTrees(config) => {
                    return Ok(config.fit_classes(x.view(), &labels, &names, None)?.into());
                }
                AnyDetectorConfig::LogisticRegression(config) => {
                    return Ok(config.fit_classes(x.view(), &labels, &names, None)?.into());
                }
                AnyDetectorConfig::NeuralClassifier(config) => {
                    return Ok(config.fit_classes(x.view(), &labels, &names, None)?.into());
                }
                _ => {}
            }
        }
        let labels: Vec<bool> = rows.iter().map(|&row| self.attacks[row]).collect();
        config.fit(x.view(), labelled.then_some(labels.as_slice()))
    }

    /// Fits every frozen expert on all rows and on all but each fold; also returns the score that each expert gives
    /// each row that was left out, shape (left, experts), 0 where the expert is joint.
    ///
    /// # Errors
    ///
    /// That of the first fit that fails.
    pub(super) fn cross_fit(
        &self,
        experts: &[ExpertConfig],
        left: &[Left],
        folds: usize,
    ) -> Result<(Vec<AnyDetector>, Array2<f32>)> {
        let frozen: Vec<usize> = (0..experts.len()).filter(|&who| !experts[who].joint).collect();
        let kept = kept(left, self.attacks.len(), folds);
        // All fits are independent of each other; one more than folds sees all rows.
        let jobs = parallel::map(frozen.len() * (folds + 1), |job| -> Result<Job> {
            let (config, fold) = (&experts[frozen[job / (folds + 1)]].detector, job % (folds + 1));
            if fold == folds {
                return Ok((Some(self.fit(config, |_| true)?), Vec::new()));
            }
            let model = self.fit(config, |row| kept[row * folds + fold])?;
            let out: Vec<usize> = (0..left.len()).filter(|&i| left[i].fold == fold).collect();
            let rows: Vec<usize> = out.iter().map(|&i| left[i].row).collect();
            let scores = model.score(self.x.select(Axis(0), &rows).view())?;
            Ok((None, out.into_iter().zip(scores).collect()))
        });
        let (mut detectors, mut all) = (Vec::new(), Array2::zeros((left.len(), experts.len())));
        for (job, result) in jobs.into_iter().enumerate() {
            let (detector, scores) = result?;
            detectors.extend(detector);
            for (i, score) in scores {
                all[[i, frozen[job / (folds + 1)]]] = score;
            }
        }
        Ok((detectors, all))
    }
}

/// Whether those who judge a fold may learn from a row, shape (rows, folds): not where the fold leaves it out.
pub(super) fn kept(left: &[Left], rows: usize, folds: usize) -> Vec<bool> {
    let mut kept = vec![true; rows * folds];
    for l in left {
        kept[l.row * folds + l.fold] = false;
    }
    kept
}

/// Labels and names of the classes that have rows: one that is left out as a whole is no class.
fn there(rows: &[usize], labels: &[u32], names: &[String]) -> (Vec<u32>, Vec<String>) {
    let mut number = vec![None; names.len()];
    for &row in rows {
        number[labels[row] as usize] = Some(0);
    }
    let classes: Vec<usize> = (0..names.len()).filter(|&class| number[class].is_some()).collect();
    for (&class, i) in classes.iter().zip(0..) {
        number[class] = Some(i);
    }
    let labels = rows.iter().filter_map(|&row| number[labels[row] as usize]).collect();
    (labels, classes.into_iter().map(|class| names[class].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_rows_leave_no_gap() {
        let names = ["clean", "a", "b", "c"].map(String::from);
        let (labels, names) = there(&[0, 2, 3], &[0, 1, 3, 2], &names);
        assert_eq!((labels, names), (vec![0, 2, 1], ["clean", "b", "c"].map(String::from).to_vec()));
    }
}
