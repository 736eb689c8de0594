//! Fitting the experts, and scoring rows by experts that were fitted without them.

use ndarray::Array2;

use super::assign_folds::HeldOutRow;
use crate::detect::AnyDetector;
use crate::detect::mixture_of_experts::ExpertConfig;
use crate::detect::training_rows::TrainingRows;
use crate::error::Result;
use crate::folds::{CrossFit, LeftOut};

/// Fits every frozen expert on all rows and on all rows but each fold. Also returns the score of each held-out row by
/// each expert, shape (held-out rows, experts), 0 where the expert is joint.
///
/// # Errors
///
/// The error of the first fit that fails.
pub(crate) fn cross_fit(
    rows: &TrainingRows<'_>,
    experts: &[ExpertConfig],
    held_out: &[HeldOutRow],
    folds: usize,
) -> Result<(Vec<AnyDetector>, Array2<f32>)> {
    let frozen: Vec<usize> = (0..experts.len()).filter(|&i| !experts[i].joint).collect();
    let names: Vec<&str> = frozen.iter().map(|&i| experts[i].name.as_str()).collect();
    let left: Vec<LeftOut> = held_out.iter().map(HeldOutRow::left_out).collect();
    let n = rows.attacks.len();
    let cross = CrossFit { stage: "mixture_of_experts", members: &names, left: &left, rows: n, folds };
    let (detectors, scores) = cross.run(
        |member, takes_part| rows.fit(&experts[frozen[member]].detector, takes_part),
        |model, of| rows.score(model, of),
    )?;
    let mut all = Array2::zeros((held_out.len(), experts.len()));
    for (&expert, scores) in frozen.iter().zip(scores.columns()) {
        all.column_mut(expert).assign(&scores);
    }
    Ok((detectors, all))
}
