//! The fitted ensemble.

use ndarray::{Array2, ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::{Fusion, MAX_MEMBERS};
use crate::calibrate::{Conformal, Probability};
use crate::detect::{AnyDetector, Detector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;

/// One detector of an [`Ensemble`], and what makes its scores comparable.
#[derive(Clone, Debug)]
pub struct Member {
    name: String,
    weight: f64,
    detector: AnyDetector,
    conformal: Conformal,
    /// Where labels were given.
    probability: Option<Probability>,
    enabled: bool,
}

impl Member {
    pub(super) fn new(name: String, weight: f64, detector: AnyDetector, conformal: Conformal) -> Self {
        Self { name, weight, detector, conformal, probability: None, enabled: true }
    }

    /// The same member with the probability of an attack.
    pub(super) fn with_probability(self, probability: Option<Probability>) -> Self {
        Self { probability, ..self }
    }

    /// A score on the scale that is fused.
    pub(super) fn word(&self, fusion: Fusion, score: f32) -> f64 {
        self.word_of(fusion, score, self.conformal.p_value(score))
    }

    /// The same, where the p-value is known.
    fn word_of(&self, fusion: Fusion, score: f32, p_value: f64) -> f64 {
        match (fusion, &self.probability) {
            (Fusion::Probability, Some(map)) => map.probability(score),
            _ => -p_value.ln(),
        }
    }

    pub(super) fn set_weight(&mut self, weight: f64) {
        self.weight = weight;
    }

    /// The same member, switched off.
    pub(super) fn disabled(self) -> Self {
        Self { enabled: false, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much its evidence counts.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// What scores the rows.
    pub fn detector(&self) -> &AnyDetector {
        &self.detector
    }

    /// What turns its scores into p-values.
    pub fn conformal(&self) -> &Conformal {
        &self.conformal
    }

    /// What turns its scores into the probability of an attack, where labels were given.
    pub fn probability(&self) -> Option<&Probability> {
        self.probability.as_ref()
    }

    /// Whether it takes part; see [`Ensemble::without`].
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }
}

/// Fitted detectors whose p-values are put together.
///
/// The score of a row is what [`Fusion`] makes of the members' p-values or probabilities. A member that was switched
/// off ([`Ensemble::without`]) or that cannot score a row is left out of the mean for that
/// row, and its p-value is NaN in [`Ensemble::p_values`].
///
/// The score is not a p-value yet, since members that see the same rows are not independent: calibrate it, as a guard
/// does.
#[derive(Clone, Debug)]
pub struct Ensemble {
    members: Vec<Member>,
    fusion: Fusion,
    n_features: usize,
}

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows that go through all members together.
const TILE: usize = 128;

impl Ensemble {
    /// Puts fitted members together.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for no members, more than 16, two of one name, or none enabled;
    /// [`Error::ShapeMismatch`] for members that were fitted on different numbers of features.
    pub(super) fn new(members: Vec<Member>, fusion: Fusion) -> Result<Self> {
        let n_features = members.first().map_or(0, |member| member.detector.n_features());
        if members.is_empty() || members.len() > MAX_MEMBERS {
            return Err(Error::invalid("members", format!("1 to {MAX_MEMBERS}"), members.len()));
        }
        for (i, member) in members.iter().enumerate() {
            if matches!(member.detector, AnyDetector::Ensemble(_)) {
                return Err(Error::invalid(format!("members[{i}].detector"), "no ensemble", "an ensemble"));
            }
            let got = member.detector.n_features();
            if got != n_features {
                return Err(Error::ShapeMismatch { what: "feature columns", expected: n_features, got });
            }
            if fusion == Fusion::Probability && member.probability.is_none() {
                let name = format!("members[{i}].probability");
                return Err(Error::invalid(name, "there, to be fused", "none"));
            }
            if !(member.weight > 0.0 && member.weight.is_finite()) {
                let name = format!("members[{i}].weight");
                return Err(Error::invalid(name, "above 0 and finite", member.weight));
            }
            if members[..i].iter().any(|other| other.name == member.name) {
                return Err(Error::invalid(
                    format!("members[{i}].name"),
                    "of one member alone",
                    &member.name,
                ));
            }
        }
        if !members.iter().any(|member| member.enabled) {
            return Err(Error::invalid("members", "enabled, one at least", "none"));
        }
        Ok(Self { members, fusion, n_features })
    }

    /// The members, in the order of the settings.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How what the members say becomes one score.
    pub fn fusion(&self) -> Fusion {
        self.fusion
    }

    /// The same ensemble with a member switched off.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a name that no member has, and for the last member that is on.
    pub fn without(&self, name: &str) -> Result<Self> {
        let mut members = self.members.clone();
        let Some(member) = members.iter_mut().find(|member| member.name == name) else {
            let names: Vec<&str> = self.members.iter().map(Member::name).collect();
            return Err(Error::invalid("name", format!("one of {names:?}"), name));
        };
        member.enabled = false;
        Self::new(members, self.fusion)
    }

    /// Each member's p-value of each row, shape `(rows, features)` → `(rows, members)`; NaN where a member
    /// is switched off or cannot score the row.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for another width; the member's own error for a row that no member can score.
    pub fn p_values(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        let mut p = Array2::zeros((x.nrows(), self.members.len()));
        let mut scores = vec![0.0; x.nrows()];
        self.score_and_p_values_into(x, &mut scores, p.as_slice_mut().unwrap_or_default())?;
        Ok(p)
    }

    /// Writes one score and one p-value of each member per row.
    pub(crate) fn score_and_p_values_into(
        &self,
        x: ArrayView2<'_, f32>,
        scores: &mut [f32],
        p_values: &mut [f64],
    ) -> Result<()> {
        check::shape(&x, self.n_features, scores.len())?;
        let k = self.members.len();
        let tiles = scores.chunks_mut(TILE).zip(p_values.chunks_mut(TILE * k)).enumerate();
        for (tile, (scores, p_values)) in tiles {
            let first = tile * TILE;
            self.tile(x.slice(s![first..first + scores.len(), ..]), first, scores, p_values)?;
        }
        Ok(())
    }

    /// Scores up to [`TILE`] rows, of which the first is `first` of its matrix.
    fn tile(
        &self,
        x: ArrayView2<'_, f32>,
        first: usize,
        scores: &mut [f32],
        p_values: &mut [f64],
    ) -> Result<()> {
        let k = self.members.len();
        let mut words = [0.0; TILE * MAX_MEMBERS];
        for (i, member) in self.members.iter().enumerate() {
            // The member's scores are written where the ensemble's scores go later.
            if member.enabled && member.detector.score_into(x, scores).is_err() {
                for (row, score) in scores.iter_mut().enumerate() {
                    let one = std::slice::from_mut(score);
                    if member.detector.score_into(x.slice(s![row..=row, ..]), one).is_err() {
                        *score = f32::NAN;
                    }
                }
            }
            let rows = p_values.chunks_exact_mut(k).zip(words.chunks_exact_mut(k));
            for (score, (p, words)) in scores.iter().zip(rows) {
                (p[i], words[i]) = (f64::NAN, f64::NAN);
                if member.enabled && score.is_finite() {
                    p[i] = member.conformal.p_value(*score);
                    words[i] = member.word_of(self.fusion, *score, p[i]);
                }
            }
        }
        for (row, (score, words)) in scores.iter_mut().zip(words.chunks_exact(k)).enumerate() {
            let known = words.iter().zip(&self.members).filter(|(word, _)| !word.is_nan());
            let Some(fused) = self.fusion.score(known.map(|(&word, member)| (word, member.weight))) else {
                return Err(self.failure(x.slice(s![row..=row, ..])).at_row(first + row));
            };
            *score = fused as f32;
        }
        Ok(())
    }

    /// Why the first enabled member cannot score a row that none can.
    fn failure(&self, row: ArrayView2<'_, f32>) -> Error {
        let scored = self.members.iter().find(|member| member.enabled).map(|m| m.detector.score(row));
        let nothing = Error::NotFinite { row: 0, column: "score".into(), value: f64::NAN };
        scored.and_then(Result::err).unwrap_or(nothing)
    }
}

impl Detector for Ensemble {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        let k = self.members.len();
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            let x = x.slice_axis(Axis(0), (start..start + out.len()).into());
            let mut p = [0.0; TILE * MAX_MEMBERS];
            for (tile, scores) in out.chunks_mut(TILE).enumerate() {
                let first = tile * TILE;
                let rows = x.slice(s![first..first + scores.len(), ..]);
                let p = &mut p[..scores.len() * k];
                self.tile(rows, start + first, scores, p)?;
            }
            Ok(())
        })
    }

    /// See [`Ensemble::explain`].
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        Self::explain(self, x)
    }

    fn facts(&self) -> Value {
        let member = |member: &Member| json!({"name": member.name(), "weight": member.weight(), "is_enabled": member.is_enabled()});
        json!({"members": self.members().iter().map(member).collect::<Vec<_>>()})
    }
}
