//! How good a detector is, said honestly: metrics with intervals, splits, leak audit, reports.
//!
//! Two files that come as train and test need no split; one table is cut by a [`Split`], after
//! [`Distinct`] has removed repeated rows. [`LeakAudit`] measures how far a split can be trusted, and
//! [`evaluate`] measures scores against labels.
//!
//! ```
//! use qosguard::evaluate::{EvaluateOptions, Split, evaluate};
//!
//! let scores: Vec<f32> = (0..200).map(|i| i as f32).collect();
//! let labels: Vec<bool> = (0..200).map(|i| i >= 150).collect();
//! let split = Split::stratified(&labels, 0.3, 7)?;
//! let scores: Vec<f32> = split.test.iter().map(|&row| scores[row]).collect();
//! let labels: Vec<bool> = split.test.iter().map(|&row| labels[row]).collect();
//! let report = evaluate(&scores, &labels, None, 149.0, Some(0.01), &EvaluateOptions::default())?;
//! assert_eq!((report.rows, report.attacks), (60, 15));
//! assert_eq!((report.auc.value, report.f1.value, report.realised_fpr.value), (1.0, 1.0, 0.0));
//! # Ok::<(), qosguard::Error>(())
//! ```

mod audit;
mod bootstrap;
mod calibration;
mod duplicates;
mod events;
mod metrics;
mod report;
mod split;
mod spread;
mod volume;

pub use audit::{FeatureAuc, LeakAudit};
pub use bootstrap::bootstrap_intervals;
pub use calibration::{CalibrationError, ReliabilityBin, calibration_error};
pub use duplicates::Distinct;
pub use events::{Delay, DetectedEvent, EventMetrics, EventOptions, KindMetrics, TrueEvent, event_metrics};
pub use metrics::{
    Caught, Confusion, average_precision, expected_calibration_error, recall_per_family, roc_auc, tpr_at_fpr,
};
pub use report::{Estimate, EvaluateOptions, FamilyRecall, Report, evaluate};
pub use split::Split;
pub use spread::{MeanSd, Spread};
pub use volume::vus_pr;
