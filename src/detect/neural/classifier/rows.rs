//! Which rows a classifier learns from, which it stops by, and what each counts.

use std::collections::HashSet;

use crate::detect::ClassWeight;
use crate::detect::neural::training::split;
use crate::error::{Error, Result};

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
    /// Deals the rows that have a label and count; the same share of each class is for validation.
    pub(super) fn new(
        rows: usize,
        labels: &[Option<u32>],
        classes: &[String],
        weights: Option<&[f32]>,
        (share, class_weight, seed): (f64, ClassWeight, u64),
    ) -> Result<Self> {
        check_classes(classes)?;
        check(rows, labels, classes.len(), weights)?;
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
        if class_weight == ClassWeight::Balanced {
            balance(&mut weights, &labels, &training, classes.len());
        }
        Ok(Self { training, validation, labels, weights })
    }
}

/// Two or more names, each once.
pub(super) fn check_classes(classes: &[String]) -> Result<()> {
    if classes.len() < 2 {
        return Err(Error::InsufficientData { what: "classes".into(), needed: 2, got: classes.len() });
    }
    let mut seen = HashSet::new();
    match classes.iter().position(|name| !seen.insert(name)) {
        None => Ok(()),
        Some(i) => {
            Err(Error::invalid(format!("classes[{i}]"), "a name that no other class has", &classes[i]))
        }
    }
}

fn check(rows: usize, labels: &[Option<u32>], classes: usize, weights: Option<&[f32]>) -> Result<()> {
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

/// Lets all classes weigh the same over the training rows.
fn balance(weights: &mut [f32], labels: &[u32], training: &[usize], classes: usize) {
    let mut totals = vec![0.0; classes];
    for &row in training {
        totals[labels[row] as usize] += f64::from(weights[row]);
    }
    let all: f64 = totals.iter().sum();
    for (weight, &label) in weights.iter_mut().zip(labels) {
        *weight *= (all / (classes as f64 * totals[label as usize])) as f32;
    }
}
