//! Network anomaly detection and QoS: telemetry in, calibrated verdicts and safe, expiring actions out.
//!
//! A [`Guard`] is fitted on a [`telemetry::Table`] of flow records and holds every stage from the raw record to the action:
//! schema, features, detector, calibration and policy. It assesses other records, explains its scores, and is one file.
//!
//! ```
//! use qosguard::simulate::{FlowSimulatorConfig, table};
//! use qosguard::Guard;
//!
//! let simulate = |seed| table(&FlowSimulatorConfig { rows: 1_000, seed, ..Default::default() });
//! let (yesterday, today) = (simulate(1)?, simulate(2)?); // or telemetry::read("flows.csv")?
//! let guard = Guard::builder().false_positive_rate(0.01).fit(&yesterday)?;
//! let assessment = guard.assess(&today)?;
//! println!("{}", guard.findings(&today, &assessment, 10)?);
//!
//! let worst = &assessment.top(1)[0];
//! assert!(worst.verdict.is_anomaly && worst.dry_run);
//! # Ok::<(), qosguard::Error>(())
//! ```
//!
//! # Modules, in the order that data takes
//!
//! | module | contains |
//! |---|---|
//! | [`telemetry`] | readers and writers of flow records, captures, exports and logs; schemas and tables |
//! | [`features`] | records to numbers, fitted on training rows |
//! | [`detect`] | detectors: isolation forest, boosted trees, networks, ensembles; [`Fit`] and [`Detector`] |
//! | [`explain`] | exact contributions of the features to a score, and reasons in words |
//! | [`calibrate`] | p-values, thresholds, probabilities |
//! | [`verdict`] | the verdict on one record and its evidence |
//! | [`qos`] | policies, actions and decisions |
//! | [`guard`] | the fitted pipeline, assessments and findings |
//! | [`stream`] | records in event time: verdicts and incidents |
//! | [`evaluate`] | metrics with intervals, splits, leak audit |
//! | [`simulate`] | labelled traffic with ground truth |
//!
//! # Cargo features
//!
//! | feature | needed for |
//! |---|---|
//! | `packets` | pcap and pcapng |
//! | `netflow` | NetFlow, IPFIX, sFlow; turns on `packets` |
//! | `parquet` | Parquet files, compressed Arrow files |
//! | `train` | training networks: autoencoders, neural classifiers, mixtures of experts; every build scores with them |
//! | `cli` | the command `qosguard`; turns on the features above |
//! | `cuda` | networks on an NVIDIA GPU; needs nvcc |

pub mod arrow;
mod artifact;
mod bits;
mod check;
mod error;
mod export;
mod folds;
mod nn;
mod parallel;
pub mod progress;
mod quantile;
mod ranking;
mod replace;
mod rng;
pub mod settings;
mod simd;
mod sorting;
mod stats;
mod strict;

pub mod calibrate;
pub mod detect;
pub mod evaluate;
pub mod explain;
pub mod features;
pub mod guard;
pub mod qos;
pub mod simulate;
pub mod stream;
pub mod telemetry;
pub mod verdict;

pub use detect::{Classifier, Detector, Fit, FitContext, IsolationForest, IsolationForestConfig};
pub use error::{Error, ErrorKind, Problem, Result};
pub use guard::{Assessment, Guard, GuardBuilder};
pub use parallel::{is_parallel, set_parallel};
pub use progress::{Monitor, Progress};
pub use qos::{Decision, Policy};
pub use stream::{Stream, StreamConfig};
pub use telemetry::{Schema, Table};
pub use verdict::Verdict;

pub use ndarray;

/// Runs the Rust code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
