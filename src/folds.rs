//! Held-out rows, folds and cross-fitting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;

use crate::error::Result;
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;

/// Splits rows `0..rows` into training rows and held-out rows, each in ascending order.
///
/// The share `share`, in [0, 1), of the rows of each class is held out, rounded down. There is one label per row; without
/// labels all rows belong to one class.
pub(crate) fn hold_out(
    labels: Option<&[u32]>,
    rows: usize,
    share: f64,
    random: &mut Stream,
) -> (Vec<usize>, Vec<usize>) {
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    match labels {
        Some(labels) => {
            labels.iter().enumerate().for_each(|(row, &label)| by_class.entry(label).or_default().push(row));
        }
        None => drop(by_class.insert(0, (0..rows).collect())),
    }
    let mut held_out = vec![false; rows];
    for rows in by_class.values_mut() {
        random.shuffle(rows);
        let held = (rows.len() as f64 * share) as usize;
        rows.iter().take(held).for_each(|&row| held_out[row] = true);
    }
    (0..rows).partition(|&row| !held_out[row])
}

/// The clean rows and the attack rows, each in random order.
pub(crate) fn shuffled_by_label(labels: &[bool], seed: u64) -> [Vec<usize>; 2] {
    [false, true].map(|label| {
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == label).collect();
        Stream::new(seed, u64::from(label)).shuffle(&mut rows);
        rows
    })
}

/// Assigns rows to `folds` folds in turn. Each list starts with the first fold. Returns the fold of each of `n` rows.
pub(crate) fn deal<'a>(lists: impl IntoIterator<Item = &'a [usize]>, n: usize, folds: usize) -> Vec<usize> {
    let mut fold = vec![0; n];
    for rows in lists {
        rows.iter().enumerate().for_each(|(i, &row)| fold[row] = i % folds);
    }
    fold
}

/// A row that one fold leaves out. Several folds may leave out the same row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeftOut {
    pub(crate) row: usize,
    pub(crate) fold: usize,
}

/// Whether a row is a training row of a fold, shape (rows, folds).
pub(crate) fn kept(left: impl IntoIterator<Item = LeftOut>, rows: usize, folds: usize) -> Vec<bool> {
    let mut kept = vec![true; rows * folds];
    for LeftOut { row, fold } in left {
        kept[row * folds + fold] = false;
    }
    kept
}

/// Cross-fitting of several members.
pub(crate) struct CrossFit<'a> {
    /// The stage of progress reports.
    pub(crate) stage: &'a str,
    /// Names of the members.
    pub(crate) members: &'a [&'a str],
    pub(crate) left: &'a [LeftOut],
    pub(crate) rows: usize,
    pub(crate) folds: usize,
}

impl CrossFit<'_> {
    /// Fits each member on all rows, and for each fold on the rows that the fold does not leave out. Returns the models of
    /// all rows, and the scores of the left-out rows, shape (left, members).
    ///
    /// `fit` gets a member and a function that is true for its training rows. `score` gets a model and rows.
    ///
    /// # Errors
    ///
    /// The error of the first fit that fails.
    pub(crate) fn run<M: Send>(
        &self,
        fit: impl Fn(usize, &dyn Fn(usize) -> bool) -> Result<M> + Sync,
        score: impl Fn(&M, &[usize]) -> Result<Vec<f32>> + Sync,
    ) -> Result<(Vec<M>, Array2<f32>)> {
        let folds = self.folds;
        let kept = kept(self.left.iter().copied(), self.rows, folds);
        let n_jobs = self.members.len() * (folds + 1);
        let done = AtomicUsize::new(0);
        // All fits are independent. Each member has one fit per fold and one on all rows.
        let jobs = parallel::map(n_jobs, |job| -> Result<_> {
            let (member, fold) = (job / (folds + 1), job % (folds + 1));
            progress::check()?;
            let result = progress::quiet(|| -> Result<_> {
                if fold == folds {
                    return Ok((Some(fit(member, &|_| true)?), Vec::new()));
                }
                let model = fit(member, &|row| kept[row * folds + fold])?;
                let out: Vec<usize> = (0..self.left.len()).filter(|&i| self.left[i].fold == fold).collect();
                let rows: Vec<usize> = out.iter().map(|&i| self.left[i].row).collect();
                let scores = score(&model, &rows)?;
                Ok((None, out.into_iter().zip(scores).collect::<Vec<_>>()))
            })?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let fold = (fold < folds).then_some(fold);
            let progress = Progress::new(self.stage, Unit::Fits, done, n_jobs);
            progress::report(&progress.of_member(self.members[member], fold))?;
            Ok(result)
        });
        let (mut models, mut all) = (Vec::new(), Array2::zeros((self.left.len(), self.members.len())));
        for (job, result) in jobs.into_iter().enumerate() {
            let (model, scores) = result?;
            models.extend(model);
            for (i, score) in scores {
                all[[i, job / (folds + 1)]] = score;
            }
        }
        Ok((models, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_each_class_is_held_out() {
        let labels: Vec<u32> = (0..1000).map(|row| if row % 10 == 0 { 7 } else { row % 2 }).collect();
        let (training, held) = hold_out(Some(&labels), 1000, 0.25, &mut Stream::new(3, 0));
        let of = |rows: &[usize], class: u32| rows.iter().filter(|&&row| labels[row] == class).count();
        for class in [0, 1, 7] {
            let all = labels.iter().filter(|&&label| label == class).count();
            assert_eq!(of(&held, class), all / 4);
            assert_eq!(of(&training, class), all - all / 4);
        }
        let mut all = [training.as_slice(), held.as_slice()].concat();
        assert!(training.is_sorted() && held.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_share_below_one_row_holds_out_nothing() {
        let rows = |labels, rows, share| hold_out(labels, rows, share, &mut Stream::new(1, 0));
        assert_eq!(rows(None, 9, 0.1), ((0..9).collect(), vec![]));
        assert_eq!(rows(None, 10, 0.1).1.len(), 1);
        assert_eq!(rows(Some(&[0, 1, 0, 1]), 4, 0.4), ((0..4).collect(), vec![]));
        assert_eq!(rows(None, 4, 0.0).1, Vec::<usize>::new());
        assert_eq!(rows(None, 0, 0.5), (vec![], vec![]));
    }
}
