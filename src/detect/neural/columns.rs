//! Which columns of a matrix a network treats apart.

use serde::{Deserialize, Serialize};

/// Which columns of the matrix a network treats apart, by index from 0.
///
/// A guard fills it in from what its featurizer knows; without it every column is a plain number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Columns that hold categories as whole numbers in `0..65536`.
    pub categorical: Vec<usize>,
    /// The statistics of time, one list for each direction; empty where there are none.
    pub timing: Vec<TimingChannel>,
}

/// The statistics of time in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingChannel {
    /// What the channel tells: `both`, `forward`, `backward` and so on.
    pub name: String,
    /// The column of each statistic, in an order that all channels share; `None` where there is no such column.
    pub columns: Vec<Option<usize>>,
}
