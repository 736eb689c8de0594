//! How much the classes count, for every classifier.

use serde::{Deserialize, Serialize};

/// How much the rows of a class count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassWeight {
    /// Every row counts once.
    #[default]
    None,
    /// A row of class `c` counts `W / (k · W_c)`: `W` is the weight of all rows, `W_c` that of the rows of
    /// the class, `k` the number of classes. All classes then weigh the same.
    Balanced,
}
