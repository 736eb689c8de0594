//! What a user should know before relying on a guard.

use std::fmt;

use serde::Serialize;

use super::Stages;
use crate::calibrate::Interval;
use crate::detect::Classifier;

/// Clean calibration rows above the threshold that a rate needs: with fewer, the rate that a guard realises is off by more
/// than a third in every third guard.
const MIN_ALARMS: f64 = 10.0;

/// What a user should know before relying on a fitted guard; see [`Guard::notices`](super::Guard::notices).
///
/// # Examples
///
/// ```
/// use qosguard::guard::Notice;
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 400, ..Default::default() })?;
/// let guard = Guard::builder().false_positive_rate(0.01).fit(&flows)?;
/// let few = guard.notices().into_iter().find(|notice| matches!(notice, Notice::FewCalibrationRows { .. })).unwrap();
/// assert!(few.is_warning());
/// assert!(few.to_string().ends_with("calibration rows for a false-positive rate of 0.01; 1000 or more are needed"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// A warning: the interval of the false-positive rate on held-out clean rows excludes the rate that was asked for.
    RateMissed {
        /// False-positive rate that was asked for, in (0, 1).
        asked: f64,
        /// False-positive rate on the held-out clean rows.
        realised: f64,
        /// Its interval at 95 %.
        interval: Interval,
        /// Held-out clean rows.
        rows: usize,
    },
    /// A warning: too few clean rows calibrate the threshold for the rate that was asked for.
    FewCalibrationRows {
        /// Clean rows that calibrated it.
        rows: usize,
        /// Rows that the rate needs.
        needed: usize,
        /// False-positive rate that was asked for, in (0, 1).
        asked: f64,
    },
    /// A warning: a rule of the policy needs attack classes that the guard never gives.
    UnusedRule {
        /// Name of the rule.
        rule: String,
        /// The attack classes that the guard gives.
        families: Vec<String>,
    },
    /// A note: the detector learns no attacks and scores each record by itself.
    SingleRecords {
        /// Share of the held-out attack rows that it finds, where the labels tell.
        recall: Option<f64>,
    },
}

impl Notice {
    /// Whether something does not work as asked; otherwise it is a limit of the method.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::SingleRecords { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateMissed { asked, realised, interval: Interval { low, high }, rows } => write!(
                f,
                "asked for a false-positive rate of {asked}, realised {realised:.4} [{low:.4}, {high:.4}] on {rows} held-out clean rows"
            ),
            Self::FewCalibrationRows { rows, needed, asked } => write!(
                f,
                "only {rows} calibration rows for a false-positive rate of {asked}; {needed} or more are needed"
            ),
            Self::UnusedRule { rule, families } if families.is_empty() => {
                write!(f, "rule `{rule}` never applies: it needs an attack class, and this guard gives none")
            }
            Self::UnusedRule { rule, families } => {
                write!(
                    f,
                    "rule `{rule}` never applies: the attack classes of this guard are {}",
                    families.join(", ")
                )
            }
            Self::SingleRecords { recall } => {
                f.write_str("the detector learns no attacks and scores each record by itself: floods and scans, whose single flows look like clean ones, are mostly missed")?;
                match recall {
                    Some(recall) => {
                        write!(f, "; it finds {:.1} % of the held-out attack rows", 100.0 * recall)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// The notices of a guard, warnings first.
pub(super) fn of(stages: &Stages) -> Vec<Notice> {
    let mut notices = Vec::new();
    let (threshold, rows) = (&stages.threshold, stages.training.calibrated);
    if let (Some(asked), Some(realised)) = (threshold.asked, threshold.realised) {
        let interval = realised.false_positive_interval;
        if !(interval.low..=interval.high).contains(&asked) {
            let (rows, realised) = (realised.clean_rows, realised.false_positive_rate);
            notices.push(Notice::RateMissed { asked, realised, interval, rows });
        }
    }
    if let Some(asked) = threshold.asked {
        // Rounded first, so that 10 / 0.01 does not become 1001.
        let needed = (MIN_ALARMS / asked * 1e6).round() / 1e6;
        let needed = needed.ceil() as usize;
        if rows < needed {
            notices.push(Notice::FewCalibrationRows { rows, needed, asked });
        }
    }
    let families = stages.families.as_ref().map_or(&[][..], |model| model.classes());
    for rule in &stages.policy.config().rules {
        let wanted = &rule.when.family;
        let given = |word: &String| families.iter().any(|family| family.trim().eq_ignore_ascii_case(word));
        if !wanted.is_empty() && !wanted.iter().any(given) {
            notices.push(Notice::UnusedRule { rule: rule.name.clone(), families: families.to_vec() });
        }
    }
    if stages.probability.is_none() && stages.contexts.is_empty() {
        let recall = threshold.realised.and_then(|realised| realised.true_positive_rate);
        notices.push(Notice::SingleRecords { recall });
    }
    notices
}
