//! Scores into p-values and thresholds, from clean rows that the detector was not fitted on.
//!
//! ```
//! use qosguard::calibrate::{CalibrationScores, Conformal, ThresholdRule};
//!
//! let clean: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
//! let conformal = Conformal::fit(&clean)?;
//! let scores = CalibrationScores { clean: &clean, attacks: None };
//! let threshold = ThresholdRule::FalsePositiveRate { rate: 0.01 }.fit(&scores, &conformal)?;
//! for score in [0.5, 0.98, 0.995, 7.0] {
//!     assert_eq!(threshold.is_anomaly(score), conformal.p_value(score) <= 0.01);
//! }
//! # Ok::<(), qosguard::Error>(())
//! ```

mod conformal;
mod interval;
mod tail;
mod threshold;

mod combine;
mod probability;

pub use conformal::Conformal;
pub use interval::Interval;
pub(crate) use interval::wilson;
pub use tail::Tail;
pub use threshold::{CalibrationScores, Realised, Threshold, ThresholdRule};

pub use combine::{Combination, bonferroni, cauchy, fisher, harmonic_mean};
pub use probability::{Probability, ProbabilityRule, Temperature};
