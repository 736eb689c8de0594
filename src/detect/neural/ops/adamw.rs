//! The optimiser of every network.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, Var, bail};

use super::super::kernels::sum_of_squares;
use super::super::simd::wide;
use super::super::weights::Weights;
use super::values;
use crate::error::{Error, Result};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// `AdamW`, as in `PyTorch`: step lengths from the running mean and mean square of each gradient, and weights that
/// decay by `learning rate · decay` of themselves.
///
/// Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization".
#[derive(Debug)]
pub(crate) struct AdamW {
    weight_decay: f64,
    steps: u64,
    moving: BTreeMap<String, Moving>,
}

/// A variable and the running means of its gradient and of the gradient's square.
#[derive(Debug)]
struct Moving {
    var: Var,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl AdamW {
    pub(crate) fn new(weights: &Weights, weight_decay: f64) -> Result<Self> {
        let moving = weights.trained().iter().map(|(name, var)| {
            let zeros = vec![0.0; var.elem_count()];
            (name.clone(), Moving { var: var.clone(), mean: zeros.clone(), square: zeros })
        });
        Ok(Self { weight_decay, steps: 0, moving: moving.collect() })
    }

    /// Moves every weight that has a gradient; `scale` multiplies the gradients first, as clipping wants.
    pub(crate) fn step(&mut self, gradients: &GradStore, learning_rate: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let steps = self.steps as f64;
        let rates = Rates {
            scale: scale as f32,
            kept: (1.0 - learning_rate * self.weight_decay) as f32,
            length: (learning_rate / (1.0 - BETA1.powf(steps))) as f32,
            root: (1.0 / (1.0 - BETA2.powf(steps))).sqrt() as f32,
        };
        for Moving { var, mean, square } in self.moving.values_mut() {
            if let Some(gradient) = gradients.get(var) {
                values::read([&gradient.contiguous()?], |[gradient]| {
                    var.inplace_op1(&Step { rates, gradient, moments: RefCell::new((mean, square)) })
                })?;
            }
        }
        Ok(())
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The running means, by the weight's name and `mean` or `square`.
    pub(crate) fn state(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let parts = self.moving.iter().flat_map(|(name, moving)| {
            [(format!("{name}.mean"), moving.mean.clone()), (format!("{name}.square"), moving.square.clone())]
        });
        Ok(parts.collect())
    }

    /// Goes on from an earlier [`AdamW::state`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a missing or unknown name, another length, or numbers that no training gives.
    pub(crate) fn restore(&mut self, steps: u64, state: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        for (name, moving) in &self.moving {
            for (part, least) in [("mean", f32::MIN), ("square", 0.0)] {
                let name = format!("{name}.{part}");
                let values =
                    state.get(&name).ok_or_else(|| Error::invalid(name.as_str(), "there", "nothing"))?;
                let n = moving.mean.len();
                if values.len() != n {
                    let found = format!("{} entries", values.len());
                    return Err(Error::invalid(name, format!("an array of {n}"), found));
                }
                if let Some(i) = values.iter().position(|&value| !(value.is_finite() && value >= least)) {
                    let expected = format!("finite and at least {least}");
                    return Err(Error::invalid(format!("{name}[{i}]"), expected, values[i]));
                }
            }
        }
        let known = |name: &String| {
            let (weight, part) = name.rsplit_once('.').unwrap_or_default();
            self.moving.contains_key(weight) && matches!(part, "mean" | "square")
        };
        if let Some(name) = state.keys().find(|name| !known(name)) {
            return Err(Error::invalid(name.as_str(), "the state of a weight", "a stranger"));
        }
        for (name, moving) in &mut self.moving {
            moving.mean.clone_from(&state[&format!("{name}.mean")]);
            moving.square.clone_from(&state[&format!("{name}.square")]);
        }
        self.steps = steps;
        Ok(())
    }
}

/// Length of the gradient over all weights.
pub(crate) fn gradient_norm(weights: &Weights, gradients: &GradStore) -> Result<f64> {
    let mut sum = 0.0;
    for var in weights.trained().values() {
        if let Some(gradient) = gradients.get(var) {
            sum += squares(&gradient.contiguous()?)?;
        }
    }
    Ok(sum.sqrt())
}

fn squares(x: &Tensor) -> Result<f64> {
    Ok(values::read([x], |[x]| Ok(f64::from(sum_of_squares(x))))?)
}

/// What is the same for all weights of a step.
#[derive(Clone, Copy, Debug)]
struct Rates {
    scale: f32,
    kept: f32,
    length: f32,
    root: f32,
}

struct Step<'a> {
    rates: Rates,
    gradient: &'a [f32],
    /// The operation is lent to candle, so they are lent through a cell.
    moments: RefCell<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
}

impl InplaceOp1 for Step<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, weight: &mut CpuStorage, at: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(weight) = weight else { bail!("expected weights of f32") };
        let Some(weight) = at.contiguous_offsets().and_then(|(start, end)| weight.get_mut(start..end)) else {
            bail!("expected a contiguous weight, found {at:?}");
        };
        let (mean, square) = &mut *self.moments.borrow_mut();
        step(weight, self.gradient, mean, square, self.rates);
        Ok(())
    }
}

wide! {
    fn step(weight: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32], rates: Rates) {
        let (beta1, beta2, epsilon) = (BETA1 as f32, BETA2 as f32, EPSILON as f32);
        let (rest1, rest2) = ((1.0 - BETA1) as f32, (1.0 - BETA2) as f32);
        for (((weight, gradient), mean), square) in weight.iter_mut().zip(gradient).zip(mean).zip(square) {
            let gradient = gradient * rates.scale;
            *mean = *mean * beta1 + gradient * rest1;
            *square = *square * beta2 + gradient * gradient * rest2;
            let root = square.sqrt() * rates.root + epsilon;
            *weight = *weight * rates.kept - rates.length * *mean / root;
        }
    }
}
