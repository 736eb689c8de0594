//! The volume under the surface of precision and recall.

use crate::error::{Error, Result};
use crate::progress;
use crate::ranking::Ranking;

/// Number of thresholds, as in the reference implementation.
const THRESHOLDS: usize = 250;
/// Maximum window.
const MAX_WINDOW: usize = 10_000;

/// The volume under the surface of precision and recall (VUS-PR) of scores of a series, in [0, 1].
///
/// Each labelled range gets a buffer of up to `window / 2` points on both sides, in which the label falls with the distance
/// d as √(1 − d / w). For each w from 0 to `window`, thresholds at 250 evenly spaced ranks of the scores give a precision and
/// a recall; the recall is multiplied by the share of the ranges that contain a detection. The result is the mean over w of
/// the area Σ (recall − previous recall) · precision. So a late or early detection of a range counts in part, and a
/// single point of a range does not count as the whole range.
///
/// Published as VUS by Paparrizos et al., *Volume Under the Surface*, PVLDB 2022; TSB-AD 1.5 has the same values.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a window above 10,000, and the errors of [`roc_auc`](super::roc_auc).
///
/// # Examples
///
/// ```
/// use qosguard::evaluate::vus_pr;
///
/// let labels: Vec<bool> = (0..200).map(|t| (100..110).contains(&t)).collect();
/// let score = |shift: usize| -> Vec<f32> {
///     (0..200).map(|t| if (100 + shift..110 + shift).contains(&t) { 1.0 } else { 0.0 }).collect()
/// };
/// let (exact, late) = (vus_pr(&score(0), &labels, 20)?, vus_pr(&score(5), &labels, 20)?);
/// assert!(exact > 0.99 && (0.4..0.8).contains(&late), "{exact} {late}");
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn vus_pr(scores: &[f32], labels: &[bool], window: usize) -> Result<f64> {
    if window > MAX_WINDOW {
        return Err(Error::invalid("window", format!("at most {MAX_WINDOW}"), window));
    }
    Ranking::new(scores, labels)?; // checks lengths, scores and labels
    let mut order: Vec<(f32, usize)> = scores.iter().map(|score| score + 0.0).zip(0..).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let series = Series { ranges: ranges(labels), thresholds: thresholds(&order), order, scores, labels };
    let mut sum = 0.0;
    for width in 0..=window {
        progress::check()?;
        sum += series.area(width);
    }
    Ok(sum / (window + 1) as f64)
}

/// First and last point of each labelled range.
fn ranges(labels: &[bool]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (t, _) in labels.iter().enumerate().filter(|(_, label)| **label) {
        match ranges.last_mut().filter(|(_, last)| last + 1 == t) {
            Some((_, last)) => *last = t,
            None => ranges.push((t, t)),
        }
    }
    ranges
}

/// The scores at evenly spaced ranks, and the number of scores at or above each.
fn thresholds(order: &[(f32, usize)]) -> Vec<(f32, usize)> {
    let last = order.len().saturating_sub(1);
    let score = |k: usize| order.get(k * last / (THRESHOLDS - 1)).map(|&(score, _)| score);
    let above = |score: f32| (score, order.partition_point(|&(other, _)| other >= score));
    (0..THRESHOLDS).filter_map(score).map(above).collect()
}

struct Series<'a> {
    scores: &'a [f32],
    labels: &'a [bool],
    /// Scores in descending order, with their points.
    order: Vec<(f32, usize)>,
    ranges: Vec<(usize, usize)>,
    thresholds: Vec<(f32, usize)>,
}

impl Series<'_> {
    /// The area for buffers of one width.
    fn area(&self, width: usize) -> f64 {
        let weights = self.weights(width);
        let highest = self.highest(width / 2);
        let points = self.labels.iter().filter(|&&label| label).count() as f64;
        // Sums of the weights of the points with the highest scores, and of those in buffers.
        let (mut all, mut buffer) =
            (Vec::with_capacity(weights.len() + 1), Vec::with_capacity(weights.len() + 1));
        let (mut all_sum, mut buffer_sum) = (0.0, 0.0);
        all.push(all_sum);
        buffer.push(buffer_sum);
        for &(_, t) in &self.order {
            all_sum += weights[t];
            buffer_sum += if self.labels[t] { 0.0 } else { weights[t] };
            all.push(all_sum);
            buffer.push(buffer_sum);
        }
        let (mut area, mut previous) = (0.0, 0.0);
        for &(threshold, above) in &self.thresholds {
            let detected = highest.iter().filter(|&&score| score >= threshold).count() as f64;
            let positives = points + buffer[above] / 2.0;
            let recall = (all[above] / positives).min(1.0) * detected / highest.len() as f64;
            area += (recall - previous) * all[above] / above as f64;
            previous = recall;
        }
        area
    }

    /// The label of each point with buffers.
    fn weights(&self, width: usize) -> Vec<f64> {
        let mut weights: Vec<f64> = self.labels.iter().map(|&label| f64::from(u8::from(label))).collect();
        for &(first, last) in &self.ranges {
            for distance in 1..=width / 2 {
                let share = (1.0 - distance as f64 / width as f64).sqrt();
                let after = last.checked_add(distance);
                for t in [first.checked_sub(distance), after].into_iter().flatten() {
                    if let Some(weight) = weights.get_mut(t) {
                        *weight += share;
                    }
                }
            }
        }
        for weight in &mut weights {
            *weight = weight.min(1.0);
        }
        weights
    }

    /// The highest score of each range with its buffers; ranges whose buffers touch are one range.
    fn highest(&self, half: usize) -> Vec<f32> {
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for &(first, last) in &self.ranges {
            let (first, last) = (first.saturating_sub(half), (last + half).min(self.scores.len() - 1));
            match merged.last_mut().filter(|(_, end)| *end >= first) {
                Some((_, end)) => *end = last,
                None => merged.push((first, last)),
            }
        }
        let highest = |(first, last): (usize, usize)| {
            self.scores[first..=last].iter().copied().fold(f32::NEG_INFINITY, f32::max)
        };
        merged.into_iter().map(highest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of TSB-AD 1.5 for 400 points with the labels 100 to 119 and 300 to 302 and the window 20.
    #[test]
    fn the_volume_equals_the_reference_implementation() {
        let labels: Vec<bool> =
            (0..400).map(|t| (100..120).contains(&t) || (300..303).contains(&t)).collect();
        let with = |is_raised: &dyn Fn(i32) -> bool| -> Vec<f32> {
            (0..400)
                .map(|t| {
                    let background = ((0.7 * f64::from(t)).sin() + 1.0) / 20.0;
                    (background + if is_raised(t) { 0.8 } else { 0.0 }) as f32
                })
                .collect()
        };
        let is_labelled = |t: i32| (100..120).contains(&t) || (300..303).contains(&t);
        for (what, scores, expected) in [
            ("constant", vec![0.5; 400], 0.097_577),
            ("background", with(&|_| false), 0.131_021),
            ("late by 10", with(&|t| is_labelled(t - 10)), 0.407_623),
            ("early by 10", with(&|t| is_labelled(t + 10)), 0.379_094),
            ("one point in each", with(&|t| t == 110 || t == 301), 0.243_301),
            ("the first range only", with(&|t| (100..120).contains(&t)), 0.617_98),
            ("perfect", with(&is_labelled), 1.0),
        ] {
            let volume = vus_pr(&scores, &labels, 20).unwrap();
            assert!((volume - expected).abs() < 1e-6, "{what}: {volume}, expected {expected}");
        }
    }

    #[test]
    fn ranges_at_the_ends_and_with_common_buffers() {
        let labels: Vec<bool> = (0..60).map(|t| t < 3 || (10..12).contains(&t) || t > 57).collect();
        let perfect: Vec<f32> = labels.iter().map(|&label| f32::from(u8::from(label))).collect();
        assert!(vus_pr(&perfect, &labels, 20).unwrap() > 0.99);
        assert!((vus_pr(&perfect, &labels, 0).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn bad_arguments_are_rejected() {
        let labels = [true, false, false];
        assert!(matches!(vus_pr(&[1.0, 0.0], &labels, 4), Err(Error::ShapeMismatch { .. })));
        assert!(matches!(vus_pr(&[f32::NAN, 0.0, 0.0], &labels, 4), Err(Error::NotFinite { .. })));
        assert!(matches!(vus_pr(&[1.0; 3], &[false; 3], 4), Err(Error::InsufficientData { .. })));
        assert!(vus_pr(&[1.0; 3], &labels, 10_001).unwrap_err().to_string().starts_with("`window`"));
    }
}
