//! Scores into the probability of an attack, from labelled rows that the detector was not fitted on.

mod isotonic;
mod platt;
mod temperature;

use serde::{Deserialize, Serialize};

use self::isotonic::Isotonic;
use self::platt::Platt;
pub use self::temperature::Temperature;
use super::conformal::check_finite;
use crate::error::{Error, Result};
use crate::stats::logistic;

/// Rows that a fit reads between two checks for cancellation.
const ROWS_PER_CHECK: usize = 1 << 16;

/// How a map from scores to probabilities is fitted.
///
/// None of them ever reverses the order of two scores. [`ProbabilityRule::Isotonic`] may make scores tie;
/// the others do so only for scores that say nothing of the labels, or say the contrary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ProbabilityRule {
    /// `p = 1 / (1 + e^−(slope · score + offset))` with `slope ≥ 0`, by maximum likelihood.
    ///
    /// Two numbers, so a hundred rows will do; fits scores whose log-odds are about linear. The labels are
    /// smoothed: with `n` attacks, an attack counts as `(n + 1) / (n + 2)`, and clean rows likewise, so
    /// that scores which part the labels do not give certainty.
    ///
    /// J. C. Platt, "Probabilistic outputs for support vector machines", 1999; by the Newton steps of H.-T.
    /// Lin, C.-J. Lin and R. C. Weng, "A note on Platt's probabilistic outputs for support vector
    /// machines", Machine Learning 68 (2007).
    Platt,
    /// The non-decreasing curve nearest to the labels, linear between its steps.
    ///
    /// Any shape, so it wants a thousand rows. An attack at the lowest score and a clean row at the highest
    /// are added, which keeps probabilities inside (0, 1) and makes an end as sure as its rows: a clean end
    /// of `m` rows gives `1 / (m + 1)`.
    ///
    /// M. Ayer et al., "An empirical distribution function for sampling with incomplete information",
    /// Annals of Mathematical Statistics 26 (1955); B. Zadrozny and C. Elkan, "Transforming classifier
    /// scores into accurate multiclass probability estimates", KDD 2002.
    Isotonic,
    /// `p = 1 / (1 + e^(−score / temperature))`, for scores that are log-odds already; see [`Temperature`].
    Temperature,
}

impl ProbabilityRule {
    /// Fits the map on the scores and labels of rows that the detector was not fitted on.
    ///
    /// `labels[i]` is `true` for an attack. `prior` is the share of attacks where the map will be used, when
    /// these rows have another one: rows that were re-balanced, or a deployment with fewer attacks. It
    /// adds `ln(prior / (1 − prior)) − ln(share / (1 − share))` to the log-odds, with the share of attacks
    /// among these rows.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ, [`Error::NotFinite`] for a score that is NaN or
    /// infinite, [`Error::InsufficientData`] unless there are clean rows and attacks,
    /// [`Error::InvalidArgument`] for a prior outside (0, 1); [`Error::Cancelled`].
    ///
    /// # Source
    ///
    /// For the prior: C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, theorem 2;
    /// M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to new a priori
    /// probabilities", Neural Computation 14 (2002), equation 2.4.
    pub fn fit(self, scores: &[f32], labels: &[bool], prior: Option<f64>) -> Result<Probability> {
        if scores.len() != labels.len() {
            let (expected, got) = (scores.len(), labels.len());
            return Err(Error::ShapeMismatch { what: "labels", expected, got });
        }
        check_finite(scores)?;
        let attacks = labels.iter().filter(|&&l| l).count();
        for (what, count) in [("attack rows", attacks), ("clean rows", labels.len() - attacks)] {
            if count == 0 {
                let what = format!("{what} for a probability");
                return Err(Error::InsufficientData { what, needed: 1, got: 0 });
            }
        }
        let map = match self {
            Self::Platt => Map::Platt(Platt::fit(scores, labels)?),
            Self::Isotonic => Map::Isotonic(Isotonic::fit(scores, labels)?),
            Self::Temperature => Map::Temperature(Temperature::of_log_odds(scores, labels)?),
        };
        Probability::new(RawProbability { map, attack_share: attacks as f64 / labels.len() as f64, prior })
    }
}

/// The fitted curve of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Map {
    Platt(Platt),
    Isotonic(Isotonic),
    Temperature(Temperature),
}

/// A fitted map from a score to the probability of an attack, in (0, 1).
///
/// # Examples
///
/// ```
/// use qosguard::calibrate::ProbabilityRule;
///
/// // Of the rows that score 0 a quarter are attacks, of those that score 1 three quarters.
/// let scores = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0].repeat(1000);
/// let labels = [true, false, false, false, true, true, true, false].repeat(1000);
/// let probability = ProbabilityRule::Platt.fit(&scores, &labels, None)?;
/// assert!((probability.probability(0.0) - 0.25).abs() < 0.001);
/// assert!((probability.probability(1.0) - 0.75).abs() < 0.001);
///
/// // Where one row in 20 is an attack, the odds of 3 to 1 become 3 to 19.
/// let deployed = ProbabilityRule::Platt.fit(&scores, &labels, Some(0.05))?;
/// assert!((deployed.probability(1.0) - 3.0 / 22.0).abs() < 0.001);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawProbability")]
pub struct Probability {
    map: Map,
    attack_share: f64,
    prior: Option<f64>,
    /// What the prior adds to the log-odds.
    #[serde(skip)]
    shift: f64,
}

/// What a map looks like in a file, before it is validated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbability {
    map: Map,
    attack_share: f64,
    prior: Option<f64>,
}

impl TryFrom<RawProbability> for Probability {
    type Error = Error;

    fn try_from(raw: RawProbability) -> Result<Self> {
        match &raw.map {
            Map::Platt(platt) => platt.check()?,
            Map::Isotonic(isotonic) => isotonic.check()?,
            Map::Temperature(_) => {} // checks itself
        }
        Self::new(raw)
    }
}

impl Probability {
    /// From a sound map.
    fn new(RawProbability { map, attack_share, prior }: RawProbability) -> Result<Self> {
        let log_odds = |name: &str, share: f64| {
            if share > 0.0 && share < 1.0 {
                return Ok(share.ln() - (-share).ln_1p());
            }
            Err(Error::invalid(name, "above 0 and below 1", share))
        };
        let fitted = log_odds("attack_share", attack_share)?;
        let shift = prior.map_or(Ok::<f64, Error>(0.0), |prior| Ok(log_odds("prior", prior)? - fitted))?;
        Ok(Self { map, attack_share, prior, shift })
    }

    /// The rule that fitted the map.
    pub fn rule(&self) -> ProbabilityRule {
        match self.map {
            Map::Platt(_) => ProbabilityRule::Platt,
            Map::Isotonic(_) => ProbabilityRule::Isotonic,
            Map::Temperature(_) => ProbabilityRule::Temperature,
        }
    }

    /// Share of attacks among the rows that the map was fitted on.
    pub fn attack_share(&self) -> f64 {
        self.attack_share
    }

    /// Share of attacks that the map is corrected for, where it is.
    pub fn prior(&self) -> Option<f64> {
        self.prior
    }

    /// Probability of an attack, in (0, 1); it never falls when the score rises.
    ///
    /// Infinities count as the largest and the smallest `f32`; NaN gives NaN.
    pub fn probability(&self, score: f32) -> f64 {
        let score = score.clamp(f32::MIN, f32::MAX);
        match &self.map {
            Map::Platt(platt) => inside(logistic(platt.log_odds(score) + self.shift)),
            Map::Temperature(temperature) => {
                inside(logistic(temperature.inverse() * f64::from(score) + self.shift))
            }
            Map::Isotonic(isotonic) => {
                let p = isotonic.value(score);
                if self.prior.is_none() {
                    return p;
                }
                // By halves, because e^shift alone may be too large for an f64.
                let half = (-self.shift / 2.0).exp();
                inside(1.0 / (1.0 + (1.0 - p) / p * half * half))
            }
        }
    }

    /// `ln(p / (1 − p))` of the probability; for Platt's rule and a temperature without the rounding of `p` near 0
    /// and 1.
    pub(crate) fn log_odds(&self, score: f32) -> f64 {
        let score = score.clamp(f32::MIN, f32::MAX);
        match &self.map {
            Map::Platt(platt) => platt.log_odds(score) + self.shift,
            Map::Temperature(temperature) => temperature.inverse() * f64::from(score) + self.shift,
            Map::Isotonic(_) => {
                let p = self.probability(score);
                p.ln() - (-p).ln_1p()
            }
        }
    }

    /// Writes the probability of every score into `out`, without allocating.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ, [`Error::NotFinite`] for NaN or an infinity.
    pub fn probabilities_into(&self, scores: &[f32], out: &mut [f64]) -> Result<()> {
        if scores.len() != out.len() {
            let (expected, got) = (scores.len(), out.len());
            return Err(Error::ShapeMismatch { what: "probabilities", expected, got });
        }
        check_finite(scores)?;
        for (p, &score) in out.iter_mut().zip(scores) {
            *p = self.probability(score);
        }
        Ok(())
    }
}

/// Keeps a probability off the ends, where an `f64` may have rounded it to.
fn inside(p: f64) -> f64 {
    p.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
}

/// Labels as Platt smooths them, `[clean, attack]`: `[1 / (clean + 2), (attacks + 1) / (attacks + 2)]`.
fn smoothed_targets(labels: &[bool]) -> [f64; 2] {
    let attacks = labels.iter().filter(|&&l| l).count() as f64;
    let clean = labels.len() as f64 - attacks;
    [1.0 / (clean + 2.0), (attacks + 1.0) / (attacks + 2.0)]
}

#[cfg(test)]
mod tests;
