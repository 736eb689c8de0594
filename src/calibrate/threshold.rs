//! Rules that turn scores into a threshold, and what a threshold realises.

use serde::{Deserialize, Serialize};

use super::conformal::{Conformal, check_finite};
use super::interval::{Interval, wilson};
use crate::error::{Error, Result};
use crate::quantile::quantile;
use crate::sorting::sort_by;

/// Level of the intervals in [`Realised`].
const LEVEL: f64 = 0.95;

/// Scales the median absolute deviation of a normal law to its standard deviation.
const MAD_TO_SD: f64 = 1.4826;

/// How a threshold is chosen from calibration scores.
///
/// A row is an anomaly when its score is strictly above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ThresholdRule {
    /// Flags clean traffic at this rate: an anomaly has a p-value of at most `rate`.
    FalsePositiveRate {
        /// Detected false-positive rate, in (0, 1).
        rate: f64,
    },
    /// The percentile of the clean scores, linear between neighbours; 95, 99 and 99.5 are usual.
    Percentile {
        /// In (0, 100). The asked false-positive rate is `1 − percent / 100`.
        percent: f64,
    },
    /// Median + `k` · 1.4826 · MAD of the clean scores.
    Mad {
        /// Robust standard deviations above the median, finite and at least 0; 3 is usual.
        k: f64,
    },
    /// Flags this share of all calibration rows, clean and attacks together.
    Contamination {
        /// Expected share of anomalies, in (0, 1).
        share: f64,
    },
    /// The best F1 on clean and attack rows; of equal ones the highest threshold.
    BestF1,
}

/// Scores of rows that the detector was not fitted on.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationScores<'a> {
    /// Scores of clean rows.
    pub clean: &'a [f32],
    /// Scores of attack rows, where labels are known.
    pub attacks: Option<&'a [f32]>,
}

impl CalibrationScores<'_> {
    fn check(&self) -> Result<()> {
        if self.clean.is_empty() {
            return Err(Error::InsufficientData { what: "clean scores".into(), needed: 1, got: 0 });
        }
        check_finite(self.clean)?;
        self.attacks.map_or(Ok(()), check_finite)
    }
}

/// What a threshold did on rows that were neither fitted nor calibrated on.
///
/// Intervals are Wilson's at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Realised {
    /// Clean rows.
    pub clean_rows: usize,
    /// Share of the clean rows above the threshold.
    pub false_positive_rate: f64,
    /// Where the true false-positive rate lies.
    pub false_positive_interval: Interval,
    /// Attack rows; 0 where no labels were given.
    pub attack_rows: usize,
    /// Share of the attack rows above the threshold, where there are any.
    pub true_positive_rate: Option<f64>,
    /// Where the true recall lies.
    pub true_positive_interval: Option<Interval>,
    /// F1 at these rows' shares of clean and attack, where there are attacks.
    pub f1: Option<f64>,
}

/// A fitted threshold: what was asked, the score that answers it, and what it realised.
///
/// # Examples
///
/// ```
/// use qosguard::calibrate::{CalibrationScores, Conformal, ThresholdRule};
///
/// let clean: Vec<f32> = (0..=100).map(|i| i as f32).collect();
/// let scores = CalibrationScores { clean: &clean, attacks: None };
/// let rule = ThresholdRule::Percentile { percent: 95.0 };
/// let mut threshold = rule.fit(&scores, &Conformal::fit(&clean)?)?;
/// assert_eq!(threshold.score, 95.0);
///
/// let held_out = CalibrationScores { clean: &[1.0, 2.0, 3.0, 96.0], attacks: Some(&[99.0, 5.0]) };
/// let realised = threshold.verify(&held_out)?;
/// assert_eq!(realised.false_positive_rate, 0.25);
/// assert_eq!(realised.true_positive_rate, Some(0.5));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawThreshold")]
#[non_exhaustive]
pub struct Threshold {
    /// The rule that chose it.
    pub rule: ThresholdRule,
    /// Rows that score strictly more are anomalies.
    pub score: f32,
    /// The false-positive rate that the rule asks for, where it asks for one.
    pub asked: Option<f64>,
    /// What came out on held-out rows; `None` until [`Threshold::verify`].
    pub realised: Option<Realised>,
}

/// What a threshold looks like in a file, before it is validated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThreshold {
    rule: ThresholdRule,
    score: f32,
    asked: Option<f64>,
    realised: Option<Realised>,
}

impl TryFrom<RawThreshold> for Threshold {
    type Error = Error;

    fn try_from(raw: RawThreshold) -> Result<Self> {
        let RawThreshold { rule, score, asked, realised } = raw;
        rule.check()?;
        if !score.is_finite() {
            return Err(Error::invalid("score", "finite", score));
        }
        if asked != rule.asked() {
            return Err(Error::invalid(
                "asked",
                format!("{:?}, as in the rule", rule.asked()),
                format!("{asked:?}"),
            ));
        }
        Ok(Self { rule, score, asked, realised })
    }
}

impl ThresholdRule {
    /// Chooses the threshold.
    ///
    /// [`ThresholdRule::FalsePositiveRate`] reads `conformal` alone, the others `scores`; `conformal` must
    /// come from the same detector.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its range; [`Error::InsufficientData`] without clean
    /// scores, and for [`ThresholdRule::BestF1`] without attack scores; [`Error::NotFinite`] for NaN or an
    /// infinity among the scores; [`Error::Cancelled`].
    pub fn fit(&self, scores: &CalibrationScores<'_>, conformal: &Conformal) -> Result<Threshold> {
        self.check()?;
        scores.check()?;
        let attacks = scores.attacks.unwrap_or_default();
        let score = match *self {
            Self::FalsePositiveRate { rate } => conformal.score_at(rate),
            Self::Percentile { percent } => {
                quantile(&sorted(scores.clean.iter().copied())?, percent / 100.0) as f32
            }
            Self::Mad { k } => {
                let scores = sorted(scores.clean.iter().copied())?;
                let median = quantile(&scores, 0.5) as f32;
                let deviation = quantile(&sorted(scores.iter().map(|s| (s - median).abs()))?, 0.5) as f32;
                let score = f64::from(median) + k * MAD_TO_SD * f64::from(deviation);
                score.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
            }
            Self::Contamination { share } => {
                quantile(&sorted(scores.clean.iter().chain(attacks).copied())?, 1.0 - share) as f32
            }
            Self::BestF1 => best_f1(scores.clean, attacks)?,
        };
        Ok(Threshold { rule: *self, score, asked: self.asked(), realised: None })
    }

    /// The false-positive rate that the rule asks for, where it asks for one.
    pub fn asked(&self) -> Option<f64> {
        match *self {
            Self::FalsePositiveRate { rate } => Some(rate),
            Self::Percentile { percent } => Some(1.0 - percent / 100.0),
            Self::Mad { .. } | Self::Contamination { .. } | Self::BestF1 => None,
        }
    }

    /// Rejects a setting outside its range.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let within = |name: &str, value: f64, end: f64| {
            if value > 0.0 && value < end {
                return Ok(());
            }
            Err(Error::invalid(name, format!("above 0 and below {end}"), value))
        };
        match *self {
            Self::FalsePositiveRate { rate } => within("rate", rate, 1.0),
            Self::Percentile { percent } => within("percent", percent, 100.0),
            Self::Contamination { share } => within("share", share, 1.0),
            Self::Mad { k } if k >= 0.0 && k.is_finite() => Ok(()),
            Self::Mad { k } => Err(Error::invalid("k", "finite and at least 0", k)),
            Self::BestF1 => Ok(()),
        }
    }
}

impl Threshold {
    /// Whether a score is an anomaly: strictly above the threshold.
    ///
    /// Under [`ThresholdRule::FalsePositiveRate`] this is the same as a p-value of at most the rate.
    pub fn is_anomaly(&self, score: f32) -> bool {
        score > self.score
    }

    /// Measures the threshold on rows that were neither fitted nor calibrated on, and keeps the result.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] without clean scores, [`Error::NotFinite`] for NaN or an infinity.
    pub fn verify(&mut self, held_out: &CalibrationScores<'_>) -> Result<&Realised> {
        held_out.check()?;
        let above = |scores: &[f32]| scores.iter().filter(|&&s| self.is_anomaly(s)).count();
        let clean_rows = held_out.clean.len();
        let attacks = held_out.attacks.filter(|a| !a.is_empty());
        let alarms = above(held_out.clean);
        let caught = attacks.map(|a| (above(a), a.len()));
        Ok(self.realised.insert(Realised {
            clean_rows,
            false_positive_rate: alarms as f64 / clean_rows as f64,
            false_positive_interval: wilson(alarms, clean_rows, LEVEL),
            attack_rows: caught.map_or(0, |(_, n)| n),
            true_positive_rate: caught.map(|(hits, n)| hits as f64 / n as f64),
            true_positive_interval: caught.map(|(hits, n)| wilson(hits, n, LEVEL)),
            f1: caught.map(|(hits, n)| f1(hits, alarms, n)),
        }))
    }
}

/// `2 TP / (2 TP + FP + FN)`; `attacks` is TP + FN and at least 1.
fn f1(caught: usize, alarms: usize, attacks: usize) -> f64 {
    2.0 * caught as f64 / (caught + alarms + attacks) as f64
}

fn sorted(scores: impl Iterator<Item = f32>) -> Result<Vec<f32>> {
    let mut scores: Vec<f32> = scores.collect();
    sort_by(&mut scores, f32::total_cmp)?;
    Ok(scores)
}

/// The threshold with the best F1: halfway between the two scores that it parts.
fn best_f1(clean: &[f32], attacks: &[f32]) -> Result<f32> {
    if attacks.is_empty() {
        let what = "attack scores for the best F1".into();
        return Err(Error::InsufficientData { what, needed: 1, got: 0 });
    }
    let mut rows: Vec<(f32, bool)> =
        clean.iter().map(|&s| (s, false)).chain(attacks.iter().map(|&s| (s, true))).collect();
    sort_by(&mut rows, |a, b| b.0.total_cmp(&a.0))?;
    let (mut caught, mut alarms) = (0, 0);
    let (mut best, mut threshold) = (0.0, rows[0].0);
    for (i, &(score, attack)) in rows.iter().enumerate() {
        if attack {
            caught += 1;
        } else {
            alarms += 1;
        }
        let next = rows.get(i + 1).map_or(score.next_down().max(f32::MIN), |r| r.0);
        let f1 = f1(caught, alarms, attacks.len());
        if next < score && f1 > best {
            best = f1;
            let middle = f64::midpoint(f64::from(score), f64::from(next)) as f32;
            // Rounding may reach the upper score, which must stay above.
            threshold = if middle < score { middle } else { next };
        }
    }
    Ok(threshold)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn fit(rule: ThresholdRule, clean: &[f32], attacks: Option<&[f32]>) -> Result<Threshold> {
        let conformal = Conformal::fit(&[clean, &[0.0; 20]].concat())?;
        rule.fit(&CalibrationScores { clean, attacks }, &conformal)
    }

    #[test]
    fn rules_give_hand_computed_scores() {
        let clean = [1.0, 2.0, 3.0, 4.0, 100.0];
        let score = |rule, attacks| fit(rule, &clean, attacks).unwrap().score;
        // Median 3, deviations 2 1 0 1 97: MAD 1.
        assert_eq!(score(ThresholdRule::Mad { k: 3.0 }, None), 7.4478);
        assert_eq!(score(ThresholdRule::Percentile { percent: 62.5 }, None), 3.5);
        // The upper half of 1 2 3 4 50 60 100.
        assert_eq!(score(ThresholdRule::Contamination { share: 0.5 }, Some(&[50.0, 60.0])), 4.0);
        // Above 27: 2 caught, 1 alarm, F1 = 4/5; above 55, say: 1 caught, 1 alarm, F1 = 1/2.
        assert_eq!(score(ThresholdRule::BestF1, Some(&[50.0, 60.0])), 27.0);
        // Nothing parts equal scores: all are flagged.
        let all = fit(ThresholdRule::BestF1, &[1.0; 3], Some(&[1.0])).unwrap();
        assert!(all.is_anomaly(1.0));
    }

    #[test]
    fn best_f1_is_the_best_of_all_cuts() {
        let mut rng = Stream::new(5, 0);
        for _ in 0..50 {
            let clean: Vec<f32> = (0..30).map(|_| (rng.normal() * 4.0).round() as f32).collect();
            let attacks: Vec<f32> = (0..12).map(|_| (rng.normal() * 4.0 + 3.0).round() as f32).collect();
            let best = fit(ThresholdRule::BestF1, &clean, Some(&attacks)).unwrap().score;
            let f1_at = |t: f32| {
                let above = |s: &[f32]| s.iter().filter(|&&s| s > t).count();
                f1(above(&attacks), above(&clean), attacks.len())
            };
            for cut in -20..20 {
                assert!(f1_at(best) >= f1_at(cut as f32), "{best} is worse than {cut}");
            }
        }
    }

    #[test]
    fn each_rule_realises_what_it_asks_on_fresh_rows() {
        let mut rng = Stream::new(3, 0);
        let mut draw =
            |n: usize, shift: f64| -> Vec<f32> { (0..n).map(|_| (rng.normal() + shift) as f32).collect() };
        let (clean, attacks) = (draw(20_000, 0.0), draw(5000, 3.0));
        let (fresh, fresh_attacks) = (draw(20_000, 0.0), draw(5000, 3.0));
        let conformal = Conformal::fit(&clean).unwrap();
        let calibration = CalibrationScores { clean: &clean, attacks: Some(&attacks) };
        let held_out = CalibrationScores { clean: &fresh, attacks: Some(&fresh_attacks) };
        for (rule, asked) in [
            (ThresholdRule::FalsePositiveRate { rate: 0.01 }, 0.01),
            (ThresholdRule::Percentile { percent: 99.5 }, 0.005),
            (ThresholdRule::Mad { k: 2.0 }, 0.022_75), // a normal law beyond two standard deviations
        ] {
            let mut threshold = rule.fit(&calibration, &conformal).unwrap();
            let asked_by_rule = threshold.asked.unwrap_or(asked);
            assert!((asked_by_rule - asked).abs() < 1e-12);
            let realised = threshold.verify(&held_out).unwrap();
            let rate = realised.false_positive_rate;
            assert!((rate / asked - 1.0).abs() < 0.2, "{rule:?}: {rate}");
            assert!(
                realised.false_positive_interval.low < rate && rate < realised.false_positive_interval.high
            );
        }
        let mut share = ThresholdRule::Contamination { share: 0.2 }.fit(&calibration, &conformal).unwrap();
        let realised = share.verify(&held_out).unwrap();
        let flagged = realised.false_positive_rate * 20_000.0 + realised.true_positive_rate.unwrap() * 5000.0;
        assert!((flagged / 25_000.0 - 0.2).abs() < 0.01, "{flagged}");
    }

    #[test]
    fn settings_outside_their_range_are_rejected() {
        use ThresholdRule::{BestF1, Contamination, FalsePositiveRate, Mad, Percentile};
        for rule in [
            FalsePositiveRate { rate: 0.0 },
            FalsePositiveRate { rate: 1.0 },
            FalsePositiveRate { rate: f64::NAN },
            Percentile { percent: 100.0 },
            Contamination { share: -0.1 },
            Mad { k: -1.0 },
            Mad { k: f64::INFINITY },
        ] {
            let error = fit(rule, &[1.0; 20], None).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument { .. }), "{rule:?}: {error}");
        }
        for (clean, attacks) in
            [(&[1.0_f32; 3][..], None), (&[1.0; 3], Some(&[][..])), (&[], Some(&[1.0][..]))]
        {
            let error = fit(BestF1, clean, attacks).unwrap_err();
            assert!(matches!(error, Error::InsufficientData { .. }), "{error}");
        }
        let error = fit(Mad { k: 1.0 }, &[1.0], Some(&[1.0, f32::NAN])).unwrap_err();
        assert!(matches!(error, Error::NotFinite { row: 1, .. }), "{error}");
    }

    #[test]
    fn json_keeps_every_bit_and_is_validated() {
        let mut threshold = fit(ThresholdRule::Percentile { percent: 99.5 }, &[0.1, 0.7, 0.3], None).unwrap();
        threshold.verify(&CalibrationScores { clean: &[0.2, 0.9, 0.4], attacks: None }).unwrap();
        let json = serde_json::to_string(&threshold).unwrap();
        assert_eq!(serde_json::from_str::<Threshold>(&json).unwrap(), threshold);
        assert!(json.contains(r#""rule":{"kind":"percentile","percent":99.5}"#), "{json}");
        for (from, to) in [("\"percent\":99.5", "\"percent\":100.5"), ("\"asked\":0.005", "\"asked\":0.5")] {
            assert!(json.contains(from), "{json}");
            assert!(serde_json::from_str::<Threshold>(&json.replace(from, to)).is_err());
        }
    }
}
