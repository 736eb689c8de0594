//! Activation functions.

use serde::{Deserialize, Serialize};

/// The function that is applied to the output of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// `max(0, x)`.
    #[default]
    Relu,
    /// `x Φ(x)`, by the error function.
    Gelu,
    /// `tanh x`.
    Tanh,
}
