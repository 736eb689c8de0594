//! The gate of a mixture: how much each expert counts in a row.

use candle_core::{D, DType, Tensor};

use super::config::GateConfig;
use super::layers::{self, BatchNorm, Linear};
use super::ops;
use super::pass::Pass;
use super::place::Place;
use super::weights::Weights;
use crate::error::Result;

/// A gate over some experts.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    config: GateConfig,
    hidden: Vec<(Linear, BatchNorm)>,
    out: Linear,
}

impl Gate {
    /// The names of the weights begin with `{at}.hidden.{i}.linear`, `{at}.hidden.{i}.norm` and `{at}.out`.
    pub(crate) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: usize,
        experts: usize,
        config: &GateConfig,
    ) -> Result<Self> {
        config.validate(at, experts)?;
        let mut hidden = Vec::new();
        let mut width = inputs;
        for (i, &next) in config.hidden.iter().enumerate() {
            let linear = Linear::new(weights, &format!("{at}.hidden.{i}.linear"), width, next)?;
            hidden.push((linear, BatchNorm::new(weights, &format!("{at}.hidden.{i}.norm"), next)?));
            width = next;
        }
        let out = Linear::new(weights, &format!("{at}.out"), width, experts)?;
        Ok(Self { config: config.clone(), hidden, out })
    }

    /// Shape (rows, inputs) → the weights of the experts, (rows, experts); each row sums to 1.
    pub(crate) fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor> {
        let mut x = x.clone();
        for (linear, norm) in &self.hidden {
            x = ops::relu(&norm.forward(&linear.forward(&x)?, pass)?)?;
            x = layers::dropout(&x, self.config.dropout, pass)?;
        }
        let logits = (self.out.forward(&x)? / self.config.temperature)?;
        // The softmax must be exact at −∞, which fast ones are not.
        let dense = candle_nn::ops::softmax(&logits, D::Minus1)?;
        match self.config.top_k {
            Some(k) if k < logits.dim(1)? => {
                let chosen = candle_nn::ops::softmax(&(logits.detach() + outside(&logits, k)?)?, D::Minus1)?;
                // The second term is exactly 0 and carries the gradient.
                Ok((chosen + (&dense - dense.detach())?)?)
            }
            _ => Ok(dense),
        }
    }

    /// The load balancing and the entropy term of a batch, a scalar: see [`GateConfig`].
    pub(crate) fn loss(&self, weights: &Tensor) -> Result<Tensor> {
        let mean = weights.mean(0)?;
        let lacking = ((mean * (-1.0 / self.config.min_load))? + 1.0)?.relu()?;
        let loss = (lacking.sqr()?.sum_all()? * self.config.load_balance_weight)?;
        if self.config.entropy_weight == 0.0 {
            return Ok(loss);
        }
        // A weight of 0 has no logarithm, and its term is 0; the bound is a number in half precision too.
        let experts = weights.dim(D::Minus1)? as f64;
        let nats = (weights.maximum(1e-6)? * experts)?.log()?;
        let divergence = (weights * nats)?.sum(D::Minus1)?.mean_all()?;
        Ok((loss + (divergence * self.config.entropy_weight)?)?)
    }
}

/// 0 for the `k` largest numbers of each row, the earlier of equals first, and −∞ for the others.
fn outside(logits: &Tensor, k: usize) -> Result<Tensor> {
    let rows: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
    let mut masked = Vec::with_capacity(logits.elem_count());
    for row in &rows {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        let at = masked.len();
        masked.resize(at + row.len(), f32::NEG_INFINITY);
        for &i in &order[..k] {
            masked[at + i] = 0.0;
        }
    }
    Ok(Place::of(logits).tensor(masked, logits.shape())?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn rows(n: usize, width: usize) -> Tensor {
        let values: Vec<f32> = (0..n * width).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
        Tensor::from_vec(values, (n, width), &Device::Cpu).unwrap()
    }

    fn gate(config: &GateConfig, experts: usize) -> (Weights, Gate) {
        let mut weights = Weights::new(5);
        let gate = Gate::new(&mut weights, "gate", 6, experts, config).unwrap();
        (weights, gate)
    }

    #[test]
    fn dense_weights_sum_to_1_and_a_low_temperature_sharpens_them() {
        let largest = |temperature| {
            let (_, gate) = gate(&GateConfig { temperature, ..GateConfig::default() }, 3);
            let weights: Vec<Vec<f32>> =
                gate.forward(&rows(20, 6), &mut Pass::scoring()).unwrap().to_vec2().unwrap();
            for row in &weights {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && row.iter().all(|w| *w > 0.0));
            }
            weights.iter().map(|row| row.iter().copied().fold(0.0, f32::max)).sum::<f32>()
        };
        assert!(largest(0.1) > largest(1.0) && largest(1.0) > largest(10.0));
    }

    #[test]
    fn top_1_is_exactly_0_or_1_and_top_2_of_3_has_one_exact_0() {
        for (k, zeros) in [(1, 2), (2, 1)] {
            let (_, gate) = gate(&GateConfig { top_k: Some(k), ..GateConfig::default() }, 3);
            for pass in [&mut Pass::scoring(), &mut Pass::training(1, 0)] {
                let weights: Vec<Vec<f32>> = gate.forward(&rows(50, 6), pass).unwrap().to_vec2().unwrap();
                for row in weights {
                    assert_eq!(row.iter().filter(|w| **w == 0.0).count(), zeros);
                    assert!(if k == 1 {
                        row.contains(&1.0)
                    } else {
                        (row.iter().sum::<f32>() - 1.0).abs() < 1e-6
                    });
                }
            }
        }
        // Equal numbers: the earlier ones.
        let equal = outside(&Tensor::zeros((1, 3), DType::F32, &Device::Cpu).unwrap(), 2).unwrap();
        assert_eq!(equal.to_vec2::<f32>().unwrap(), [[0.0, 0.0, f32::NEG_INFINITY]]);
    }

    /// The loss depends on all experts' outputs, so each weight of the gate has a gradient, also with one choice.
    #[test]
    fn every_weight_gets_a_gradient_with_one_choice_too() {
        for top_k in [None, Some(1), Some(2)] {
            let (weights, gate) = gate(&GateConfig { top_k, dropout: 0.0, ..GateConfig::default() }, 3);
            let shares = gate.forward(&rows(40, 6), &mut Pass::training(1, 0)).unwrap();
            let outputs = rows(40, 3);
            let grads = (shares * outputs).unwrap().sum_all().unwrap().backward().unwrap();
            for (name, var) in weights.trained() {
                let of: f32 = grads.get(var).unwrap().abs().unwrap().sum_all().unwrap().to_scalar().unwrap();
                // A bias before a batch norm is taken away with the mean.
                assert!(of > 0.0 || name.ends_with("linear.bias"), "{name} with {top_k:?}");
            }
        }
    }

    #[test]
    fn balancing_is_0_above_the_floor_and_grows_below() {
        let (_, gate) =
            gate(&GateConfig { load_balance_weight: 2.0, min_load: 0.1, ..GateConfig::default() }, 2);
        let loss = |a: f32| {
            let weights = Tensor::new(&[[a, 1.0 - a], [a, 1.0 - a]], &Device::Cpu).unwrap();
            gate.loss(&weights).unwrap().to_scalar::<f32>().unwrap()
        };
        assert_eq!((loss(0.5), loss(0.9)), (0.0, 0.0));
        assert!((loss(0.05) - 2.0 * 0.25).abs() < 1e-6);
        assert!((loss(0.0) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn entropy_weight_penalises_the_divergence_from_even_weights() {
        let config = GateConfig { load_balance_weight: 0.0, entropy_weight: 0.5, ..GateConfig::default() };
        let (_, gate) = gate(&config, 2);
        let loss = |rows: &[[f32; 2]]| {
            let weights = Tensor::from_vec(rows.concat(), (rows.len(), 2), &Device::Cpu).unwrap();
            gate.loss(&weights).unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(loss(&[[0.5, 0.5]]).abs() < 1e-7);
        // A sure choice costs ln 2, and its 0 adds nothing.
        assert!((loss(&[[1.0, 0.0]]) - 0.5 * 2.0_f32.ln()).abs() < 1e-6);
        let uneven = 0.75 * 1.5_f32.ln() + 0.25 * 0.5_f32.ln();
        assert!((loss(&[[0.75, 0.25], [0.5, 0.5]]) - 0.25 * uneven).abs() < 1e-6);
        let weights = candle_core::Var::new(&[[0.75_f32, 0.25]], &Device::Cpu).unwrap();
        let grads = gate.loss(&weights).unwrap().backward().unwrap();
        let of: Vec<Vec<f32>> = grads.get(&weights).unwrap().to_vec2().unwrap();
        for (of, w) in of[0].iter().zip([0.75_f32, 0.25]) {
            assert!((of - 0.5 * ((2.0 * w).ln() + 1.0)).abs() < 1e-6, "{of}");
        }
    }

    #[test]
    fn settings_out_of_their_domain_are_named() {
        let bad = |change: fn(&mut GateConfig)| {
            let mut config = GateConfig::default();
            change(&mut config);
            config.validate("gate", 3).unwrap_err().to_string()
        };
        assert!(bad(|c| c.hidden = vec![8, 0]).contains("gate.hidden[1]"));
        assert!(bad(|c| c.temperature = 0.0).contains("gate.temperature"));
        assert!(bad(|c| c.top_k = Some(4)).contains("gate.top_k"));
        assert!(bad(|c| c.load_balance_weight = f64::NAN).contains("gate.load_balance_weight"));
        assert!(bad(|c| c.entropy_weight = -1.0).contains("gate.entropy_weight"));
        assert!(bad(|c| c.min_load = 0.4).contains("gate.min_load"));
        assert!(bad(|c| c.dropout = 1.0).contains("gate.dropout"));
    }
}
