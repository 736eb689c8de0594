//! The training and validation rows of a classifier, with labels and weights.

use crate::detect::{ClassWeight, check};
use crate::error::{Error, Result};
use crate::nn::train::split;

#[derive(Debug)]
pub(super) struct Rows {
    /// Rising.
    pub(super) training: Vec<usize>,
    /// Rising.
    pub(super) validation: Vec<usize>,
    /// One for each row of the matrix; 0 where there is none.
    pub(super) labels: Vec<u32>,
    /// One for each row of the matrix.
    pub(super) weights: Vec<f32>,
}

impl Rows {
    /// Splits the rows that have a label and a weight above 0; the same fraction of each class is for validation.
    pub(super) fn new(
        rows: usize,
        labels: &[Option<u32>],
        classes: &[String],
        weights: Option<&[f32]>,
        (share, class_weight, seed): (f64, ClassWeight, u64),
    ) -> Result<Self> {
        check::classes(classes)?;
        check_rows(rows, labels, classes.len(), weights)?;
        let mut weights = weights.map_or_else(|| vec![1.0; rows], <[f32]>::to_vec);
        let counting: Vec<usize> =
            (0..rows).filter(|&row| labels[row].is_some() && weights[row] > 0.0).collect();
        let labels: Vec<u32> = labels.iter().map(|label| label.unwrap_or_default()).collect();
        let of_counting: Vec<u32> = counting.iter().map(|&row| labels[row]).collect();
        if let Some(empty) = (0..classes.len() as u32).find(|class| !of_counting.contains(class)) {
            let what = format!("training rows of class `{}` that count", classes[empty as usize]);
            return Err(Error::InsufficientData { what, needed: 1, got: 0 });
        }
        let (training, validation) = split(Some(&of_counting), counting.len(), share, seed);
        let [training, validation] = [training, validation]
            .map(|of: Vec<usize>| -> Vec<usize> { of.iter().map(|&i| counting[i]).collect() });
        class_weight.apply(&mut weights, &labels, classes.len(), training.iter().copied());
        Ok(Self { training, validation, labels, weights })
    }
}

fn check_rows(rows: usize, labels: &[Option<u32>], classes: usize, weights: Option<&[f32]>) -> Result<()> {
    if labels.len() != rows {
        return Err(Error::ShapeMismatch { what: "labels", expected: rows, got: labels.len() });
    }
    for (i, label) in labels.iter().enumerate() {
        if let Some(label) = label.filter(|&label| label as usize >= classes) {
            return Err(Error::invalid(format!("labels[{i}]"), format!("a class below {classes}"), label));
        }
    }
    let weights = weights.unwrap_or_default();
    if !weights.is_empty() && weights.len() != rows {
        return Err(Error::ShapeMismatch { what: "weights", expected: rows, got: weights.len() });
    }
    match weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(format!("weights[{i}]"), "at least 0 and finite", weights[i])),
    }
}
