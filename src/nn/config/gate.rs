//! Settings of a gate.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The previous names of settings, which old files and settings still have.
pub(crate) const GATE_ALIASES: &[(&str, &str)] =
    &[("balance", "load_balance_weight"), ("floor", "min_load"), ("evenness", "entropy_weight")]; // old names

/// Settings of the gate of a mixture of experts.
///
/// The gate is a small network, Linear–BatchNorm–ReLU–Dropout for each hidden width and a Linear to one number
/// `a_i` for each expert. The weights of the experts are `softmax(a / temperature)`, at least 0, and sum to 1.
///
/// With `top_k`, all numbers but the `k` largest become −∞ before the softmax. Weights of 0 are then exactly 0, and the
/// one weight of `top_k = 1` is exactly 1. The gradient is the gradient of the dense weights: an expert that is not
/// chosen would otherwise never be chosen, and a gate with one choice would not learn.
///
/// Load balancing adds `load_balance_weight · Σ_i max(0, 1 − m_i / min_load)²` to the loss, where `m_i` is the mean
/// weight of expert `i` over the rows of a batch. It is 0 while every expert has its minimum load, so a gate may give
/// nearly all weight to one expert in most rows, and it grows fast below the minimum.
///
/// `entropy_weight · mean over rows of Σ_i w_i ln(experts · w_i)` is added too, the divergence of the weights from even
/// weights: uneven weights must reduce the loss by more than this. Without it, a gate that is trained on few kinds of
/// rows weighs the experts in rows unlike them by chance, and another seed gives other weights.
///
/// # Source
///
/// R. A. Jacobs et al., *Adaptive mixtures of local experts*, Neural Computation, 1991. N. Shazeer et al.,
/// *Outrageously large neural networks*, ICLR 2017 (top-k by −∞). Y. Bengio et al., *Estimating or propagating
/// gradients through stochastic neurons*, 2013 (the gradient of the choice). G. Pereyra et al., *Regularizing neural
/// networks by penalizing confident output distributions*, ICLR workshop 2017 (the entropy term).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Widths of the hidden layers, each in 1..=4096; none gives a linear gate.
    pub hidden: Vec<usize>,
    /// Temperature of the softmax, above 0; a lower one makes the weights more uneven.
    pub temperature: f64,
    /// Maximum number of experts with a weight above 0 in a row, 1 to the number of experts; `None`: all.
    pub top_k: Option<usize>,
    /// Weight of the load balancing in the loss, at least 0; 0 turns it off.
    #[serde(alias = "balance")]
    pub load_balance_weight: f64,
    /// Mean weight of an expert below which load balancing has an effect, above 0 and at most `1 / experts`. An expert
    /// that reduces the loss little ends slightly below it.
    #[serde(alias = "floor")]
    pub min_load: f64,
    /// Weight of the divergence from even weights in the loss, at least 0; 0 turns it off.
    #[serde(alias = "evenness")]
    pub entropy_weight: f64,
    /// Dropout rate of the hidden layers in training, in [0, 1).
    pub dropout: f32,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            hidden: vec![128, 64],
            temperature: 1.0,
            top_k: None,
            load_balance_weight: 1.0,
            min_load: 0.1,
            entropy_weight: 0.0,
            dropout: 0.1,
        }
    }
}

impl GateConfig {
    /// Checks that every setting is in its domain for so many experts; `at` is the path of the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the setting.
    pub(crate) fn validate(&self, at: &str, experts: usize) -> Result<()> {
        if let Some(i) = self.hidden.iter().position(|width| !(1..=4096).contains(width)) {
            return Err(Error::invalid(format!("{at}.hidden[{i}]"), "in 1..=4096", self.hidden[i]));
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(Error::invalid(format!("{at}.temperature"), "above 0 and finite", self.temperature));
        }
        if let Some(k) = self.top_k.filter(|k| !(1..=experts).contains(k)) {
            return Err(Error::invalid(format!("{at}.top_k"), format!("in 1..={experts}"), k));
        }
        for (name, weight) in
            [("load_balance_weight", self.load_balance_weight), ("entropy_weight", self.entropy_weight)]
        {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::invalid(format!("{at}.{name}"), "at least 0 and finite", weight));
            }
        }
        if !(self.min_load > 0.0 && self.min_load <= 1.0 / experts as f64) {
            let expected = format!("above 0 and at most 1/{experts}");
            return Err(Error::invalid(format!("{at}.min_load"), expected, self.min_load));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::invalid(format!("{at}.dropout"), "in [0, 1)", self.dropout));
        }
        Ok(())
    }
}
