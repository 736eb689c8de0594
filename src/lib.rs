#![doc = include_str!("../README.md")]

pub mod arrow;
mod artifact;
mod bits;
mod error;
mod parallel;
mod quantile;
mod ranking;
mod rng;
mod strict;

pub mod calibrate;
pub mod detect;
pub mod evaluate;
pub mod explain;
pub mod features;
pub mod guard;
pub mod qos;
pub mod simulate;
pub mod telemetry;

pub use detect::{Classifier, Detector, Fit, IsolationForest, IsolationForestConfig};
pub use error::{Error, ErrorKind, Result};
pub use guard::{Assessment, Guard, GuardBuilder};
pub use parallel::{is_parallel, set_parallel};

pub use ndarray;
