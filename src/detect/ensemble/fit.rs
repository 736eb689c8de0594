//! Fitting the members, and scoring every row by members that did not see it.

use ndarray::{Array2, ArrayView2, Axis};

use super::{Ensemble, EnsembleConfig, Fusion, Member};
use crate::calibrate::{Conformal, ProbabilityRule};
use crate::detect::{AnyDetector, AnyDetectorConfig, Detector, Fit};
use crate::error::{Error, Result};
use crate::parallel;
use crate::rng::Stream;

/// Weights that a member may learn.
const WEIGHTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// How far below the best area and the best recall a smaller weight may stay.
const SLACK: (f64, f64) = (0.0005, 0.005);

impl EnsembleConfig {
    /// Fits the ensemble; also returns the score that it gives each row of `x` when its members were fitted
    /// without the row's fold.
    pub(crate) fn fit_and_score(
        &self,
        x: ArrayView2<'_, f32>,
        labels: Option<&[bool]>,
    ) -> Result<(Ensemble, Vec<f32>)> {
        self.validate()?;
        if let Some(labels) = labels.filter(|labels| labels.len() != x.nrows()) {
            return Err(Error::ShapeMismatch { what: "labels", expected: x.nrows(), got: labels.len() });
        }
        if labels.is_none() && self.needs_labels() {
            return Err(Error::InsufficientData { what: "labels".into(), needed: x.nrows().max(1), got: 0 });
        }
        let rows = Rows { x, attacks: labels.map_or_else(|| vec![false; x.nrows()], <[bool]>::to_vec) };
        let folds = self.deal(&rows.attacks);
        // All fits are independent: each member once without each fold, and once on everything.
        let fits = parallel::map(self.members.len() * (self.folds + 1), |i| {
            let (config, fold) = (&self.members[i / (self.folds + 1)].detector, i % (self.folds + 1));
            let model = rows.fit(config, |row| folds[row] != fold)?;
            if fold == self.folds {
                return Ok((model, Vec::new()));
            }
            let left_out: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] == fold).collect();
            let scores = model.score(x.select(Axis(0), &left_out).view())?;
            Ok((model, left_out.into_iter().zip(scores).collect()))
        });
        let fits: Vec<(AnyDetector, Vec<(usize, f32)>)> = fits.into_iter().collect::<Result<_>>()?;
        let both_classes = [true, false].iter().all(|label| rows.attacks.contains(label));
        let mut members = Vec::new();
        let mut out_of_fold = Vec::new();
        for (config, fits) in self.members.iter().zip(fits.chunks_exact(self.folds + 1)) {
            let mut scores = vec![0.0; x.nrows()];
            for &(row, score) in fits.iter().flat_map(|(_, scores)| scores) {
                scores[row] = score;
            }
            let clean: Vec<f32> =
                (0..x.nrows()).filter(|&row| !rows.attacks[row]).map(|row| scores[row]).collect();
            let conformal = Conformal::fit(&clean)?;
            let probability = if both_classes {
                Some(ProbabilityRule::Platt.fit(&scores, &rows.attacks, None)?)
            } else {
                None
            };
            let (model, _) = fits[self.folds].clone();
            let member = Member::new(config.name.clone(), config.weight.unwrap_or(1.0), model, conformal);
            members.push(member.with_probability(probability));
            out_of_fold.push(scores);
        }
        let words = |members: &[Member], fusion| {
            Array2::from_shape_fn((x.nrows(), members.len()), |(row, i)| {
                members[i].word(fusion, out_of_fold[i][row])
            })
        };
        if let Some(i) = self.members.iter().position(|member| member.weight.is_none()) {
            let weight = learn_weight(&words(&members, Fusion::Fisher), &members, i, &rows.attacks);
            members[i] = members[i].clone().weighing(weight);
        }
        let words = words(&members, self.fusion);
        let weights: Vec<f64> = members.iter().map(Member::weight).collect();
        let ensemble = Ensemble::new(members, self.fusion)?;
        let scores = words.rows().into_iter().map(|row| {
            self.fusion.score(row.iter().copied().zip(weights.iter().copied())).unwrap_or_default() as f32
        });
        Ok((ensemble, scores.collect()))
    }

    /// The fold of each row: the same share of clean rows and of attacks in each.
    fn deal(&self, attacks: &[bool]) -> Vec<usize> {
        let mut folds = vec![0; attacks.len()];
        for (stream, label) in [false, true].into_iter().enumerate() {
            let mut rows: Vec<usize> = (0..attacks.len()).filter(|&row| attacks[row] == label).collect();
            Stream::new(self.seed, stream as u64).shuffle(&mut rows);
            for (i, row) in rows.into_iter().enumerate() {
                folds[row] = i % self.folds;
            }
        }
        folds
    }
}

/// The rows that an ensemble is fitted on.
struct Rows<'a> {
    x: ArrayView2<'a, f32>,
    attacks: Vec<bool>,
}

impl Rows<'_> {
    /// Fits a member on those of its rows that `takes_part` lets in.
    fn fit(&self, config: &AnyDetectorConfig, takes_part: impl Fn(usize) -> bool) -> Result<AnyDetector> {
        let labelled = config.needs_labels();
        let rows: Vec<usize> = (0..self.attacks.len())
            .filter(|&row| takes_part(row) && (labelled || !self.attacks[row]))
            .collect();
        let labels: Vec<bool> = rows.iter().map(|&row| self.attacks[row]).collect();
        config.fit(self.x.select(Axis(0), &rows).view(), labelled.then_some(labels.as_slice()))
    }
}

/// See [`MemberConfig::weight`](super::MemberConfig::weight).
fn learn_weight(surprises: &Array2<f64>, members: &[Member], learner: usize, attacks: &[bool]) -> f64 {
    if attacks.iter().all(|&attack| attack == attacks[0]) {
        return WEIGHTS[0];
    }
    let quality = WEIGHTS.map(|weight| {
        let weights: Vec<f64> =
            (0..members.len()).map(|i| if i == learner { weight } else { members[i].weight() }).collect();
        let mut scored: Vec<(f64, bool)> = surprises
            .rows()
            .into_iter()
            .zip(attacks)
            .map(|(row, &attack)| (row.iter().zip(&weights).map(|(s, w)| s * w).sum(), attack))
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        area_and_recall(&scored)
    });
    let best = |of: fn(&(f64, f64)) -> f64| quality.iter().map(of).fold(0.0, f64::max);
    let (area, recall) = (best(|q| q.0), best(|q| q.1));
    let good = |q: &&(f64, (f64, f64))| q.1.0 >= area - SLACK.0 && q.1.1 >= recall - SLACK.1;
    let pairs: Vec<(f64, (f64, f64))> = WEIGHTS.into_iter().zip(quality).collect();
    // The two aims may disagree on every weight; the area decides then.
    let by_area = || pairs.iter().find(|q| q.1.0 >= area - SLACK.0);
    pairs.iter().find(good).or_else(by_area).map_or(WEIGHTS[0], |q| q.0)
}

/// Area under the ROC curve, and recall at a false-positive rate of at most 1 %, of rows in descending order.
fn area_and_recall(scored: &[(f64, bool)]) -> (f64, f64) {
    let attacks = scored.iter().filter(|row| row.1).count() as f64;
    let clean = scored.len() as f64 - attacks;
    let (mut caught, mut alarms, mut area, mut recall) = (0.0, 0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|row| row.1).count() as f64;
        let false_alarms = tied.len() as f64 - hits;
        area += false_alarms * (caught + hits / 2.0);
        caught += hits;
        alarms += false_alarms;
        if alarms <= 0.01 * clean {
            recall = caught / attacks;
        }
    }
    (area / (attacks * clean), recall)
}
