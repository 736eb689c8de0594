//! The optimiser of every network.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, Var, bail};

use super::super::kernels::sum_of_squares;
use super::super::place::{Place, is_ours, number, numbers};
use super::super::weights::Weights;
use super::adamw_rates::{BETA1, BETA2, EPSILON, Rates};
use super::{composed, values};
use crate::error::{Error, Result};
use crate::simd::wide;

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
    moments: Moments,
}

#[derive(Debug)]
enum Moments {
    /// For the step of our own.
    Ours { mean: Vec<f32>, square: Vec<f32> },
    /// Where the variable is, for a step out of candle's operations.
    Candles { mean: Tensor, square: Tensor },
}

impl Moments {
    fn new(var: &Var, mean: Vec<f32>, square: Vec<f32>) -> Result<Self> {
        if is_ours(var) {
            return Ok(Self::Ours { mean, square });
        }
        let place = Place::of(var);
        Ok(Self::Candles {
            mean: place.tensor(mean, var.shape())?,
            square: place.tensor(square, var.shape())?,
        })
    }

    /// Mean and square.
    fn values(&self) -> Result<[Vec<f32>; 2]> {
        match self {
            Self::Ours { mean, square } => Ok([mean.clone(), square.clone()]),
            Self::Candles { mean, square } => Ok([numbers(mean)?, numbers(square)?]),
        }
    }
}

impl AdamW {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a decay that is negative or not finite.
    pub(crate) fn new(weights: &Weights, weight_decay: f64) -> Result<Self> {
        if !(weight_decay.is_finite() && weight_decay >= 0.0) {
            return Err(Error::invalid("weight_decay", "finite and at least 0", weight_decay));
        }
        let moving = weights.trained().iter().map(|(name, var)| {
            let zeros = vec![0.0; var.elem_count()];
            let moments = Moments::new(var, zeros.clone(), zeros)?;
            Ok((name.clone(), Moving { var: var.clone(), moments }))
        });
        Ok(Self { weight_decay, steps: 0, moving: moving.collect::<Result<_>>()? })
    }

    /// Moves every weight that has a gradient; `scale` multiplies the gradients first, for clipping.
    pub(crate) fn step(&mut self, gradients: &GradStore, learning_rate: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let steps = self.steps as f64;
        let rates = Rates {
            scale: scale as f32,
            kept: (1.0 - learning_rate * self.weight_decay) as f32,
            length: (learning_rate / (1.0 - BETA1.powf(steps))) as f32,
            root: (1.0 / (1.0 - BETA2.powf(steps))).sqrt() as f32,
        };
        for Moving { var, moments } in self.moving.values_mut() {
            let Some(gradient) = gradients.get(var) else { continue };
            match moments {
                Moments::Ours { mean, square } => values::read([&gradient.contiguous()?], |[gradient]| {
                    var.inplace_op1(&Step { rates, gradient, moments: RefCell::new((mean, square)) })
                })?,
                Moments::Candles { mean, square } => composed::adamw(var, gradient, mean, square, rates)?,
            }
        }
        Ok(())
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The running means, by the weight's name and `mean` or `square`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for numbers that [`AdamW::restore`] rejects: the training diverged.
    pub(crate) fn state(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let mut state = BTreeMap::new();
        for (name, moving) in &self.moving {
            let [mean, square] = moving.moments.values()?;
            for (part, least, values) in [("mean", f32::MIN, mean), ("square", 0.0, square)] {
                let name = format!("{name}.{part}");
                check(&name, &values, least)?;
                state.insert(name, values);
            }
        }
        Ok(state)
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
                let n = moving.var.elem_count();
                if values.len() != n {
                    let found = format!("{} entries", values.len());
                    return Err(Error::invalid(name, format!("an array of {n}"), found));
                }
                check(&name, values, least)?;
            }
        }
        let known = |name: &String| {
            let (weight, part) = name.rsplit_once('.').unwrap_or_default();
            self.moving.contains_key(weight) && matches!(part, "mean" | "square")
        };
        if let Some(name) = state.keys().find(|name| !known(name)) {
            return Err(Error::invalid(name.as_str(), "the state of a weight", "an unknown name"));
        }
        for (name, moving) in &mut self.moving {
            let part = |part: &str| state[&format!("{name}.{part}")].clone();
            moving.moments = Moments::new(&moving.var, part("mean"), part("square"))?;
        }
        self.steps = steps;
        Ok(())
    }
}

/// Rejects numbers that are not the result of a training.
fn check(name: &str, values: &[f32], least: f32) -> Result<()> {
    match values.iter().position(|&value| !(value.is_finite() && value >= least)) {
        None => Ok(()),
        Some(i) => {
            Err(Error::invalid(format!("{name}[{i}]"), format!("finite and at least {least}"), values[i]))
        }
    }
}

/// Length of the gradient over all weights.
pub(crate) fn gradient_norm(weights: &Weights, gradients: &GradStore) -> Result<f64> {
    let (mut sum, mut candles) = (0.0, Vec::new());
    for var in weights.trained().values() {
        match gradients.get(var) {
            Some(gradient) if is_ours(gradient) => sum += squares(&gradient.contiguous()?)?,
            Some(gradient) => candles.push(gradient.sqr()?.sum_all()?),
            None => {}
        }
    }
    if !candles.is_empty() {
        sum += number(&Tensor::stack(&candles, 0)?.sum_all()?)?;
    }
    Ok(sum.sqrt())
}

fn squares(x: &Tensor) -> Result<f64> {
    Ok(values::read([x], |[x]| Ok(f64::from(sum_of_squares(x))))?)
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::nn::weights::Init;

    /// Two weights and the slopes (2, -4) and (6) of a loss.
    fn two() -> (Weights, [Var; 2]) {
        let mut weights = Weights::new(1);
        let a = weights.weight("a", &[2], Init::Constant(1.0)).unwrap();
        let b = weights.weight("b", &[1], Init::Constant(-0.5)).unwrap();
        (weights, [a, b])
    }

    fn gradients([a, b]: &[Var; 2]) -> GradStore {
        let slopes = Tensor::new(&[2_f32, -4.0], &Device::Cpu).unwrap();
        let of_a = (a.as_tensor() * slopes).unwrap().sum_all().unwrap();
        let of_b = (b.as_tensor() * 6.0).unwrap().sum_all().unwrap();
        (of_a + of_b).unwrap().backward().unwrap()
    }

    fn values(var: &Var) -> Vec<f32> {
        var.to_vec1().unwrap()
    }

    #[test]
    fn the_first_step_goes_one_learning_rate_against_the_slope_after_decay() {
        let (weights, vars) = two();
        let mut optimizer = AdamW::new(&weights, 0.1).unwrap();
        optimizer.step(&gradients(&vars), 0.01, 1.0).unwrap();
        for (found, expected) in values(&vars[0]).iter().zip([0.999 - 0.01, 0.999 + 0.01]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert!((values(&vars[1])[0] + 0.5 * 0.999 + 0.01).abs() < 1e-6);
    }

    #[test]
    fn steps_match_the_formula_in_double_precision() {
        let (weights, vars) = two();
        let mut optimizer = AdamW::new(&weights, 0.05).unwrap();
        let (mut w, mut mean, mut square) = (1.0_f64, 0.0_f64, 0.0_f64);
        for step in 1..=50 {
            let scale = if step % 2 == 0 { 0.25 } else { 1.0 };
            optimizer.step(&gradients(&vars), 0.01, scale).unwrap();
            let gradient = -4.0 * scale;
            mean = 0.9 * mean + 0.1 * gradient;
            square = 0.999 * square + 0.001 * gradient * gradient;
            let (mean, square) = (mean / (1.0 - 0.9_f64.powi(step)), square / (1.0 - 0.999_f64.powi(step)));
            w = w * (1.0 - 0.01 * 0.05) - 0.01 * mean / (square.sqrt() + 1e-8);
        }
        assert_eq!(optimizer.steps(), 50);
        assert!((f64::from(values(&vars[0])[1]) - w).abs() < 1e-5);
    }

    #[test]
    fn the_norm_is_taken_over_all_weights() {
        let (weights, vars) = two();
        let norm = gradient_norm(&weights, &gradients(&vars)).unwrap();
        assert!((norm - 56_f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn a_restored_state_goes_on_with_the_same_bits() {
        let (weights, vars) = two();
        let mut optimizer = AdamW::new(&weights, 0.05).unwrap();
        optimizer.step(&gradients(&vars), 0.01, 1.0).unwrap();
        let (kept, state) = (weights.values().unwrap(), optimizer.state().unwrap());
        optimizer.step(&gradients(&vars), 0.01, 0.5).unwrap();
        let expected = weights.values().unwrap();

        weights.set(&kept).unwrap();
        let mut other = AdamW::new(&weights, 0.05).unwrap();
        other.restore(1, &state).unwrap();
        other.step(&gradients(&vars), 0.01, 0.5).unwrap();
        assert_eq!(weights.values().unwrap(), expected);
        assert_eq!(other.state().unwrap(), optimizer.state().unwrap());
    }

    #[test]
    fn states_of_other_networks_are_rejected() {
        let (weights, _) = two();
        let mut optimizer = AdamW::new(&weights, 0.0).unwrap();
        let state = optimizer.state().unwrap();
        let refused = |change: fn(&mut BTreeMap<String, Vec<f32>>)| {
            let mut state = state.clone();
            change(&mut state);
            AdamW::new(&weights, 0.0).unwrap().restore(1, &state).unwrap_err().to_string()
        };
        assert!(refused(|state| drop(state.remove("a.mean"))).contains("a.mean"));
        assert!(refused(|state| drop(state.insert("c.mean".into(), vec![]))).contains("c.mean"));
        assert!(refused(|state| drop(state.insert("a.square".into(), vec![1.0]))).contains("a.square"));
        assert!(
            refused(|state| drop(state.insert("a.square".into(), vec![0.0, -1.0]))).contains("a.square[1]")
        );
        assert!(refused(|state| drop(state.insert("b.mean".into(), vec![f32::NAN]))).contains("b.mean[0]"));
        assert!(AdamW::new(&weights, f64::NAN).is_err() && AdamW::new(&weights, -1.0).is_err());
        optimizer.restore(3, &state).unwrap();
        assert_eq!(optimizer.steps(), 3);
    }

    #[test]
    fn a_state_that_ran_away_is_not_handed_out() {
        let (weights, vars) = two();
        let mut optimizer = AdamW::new(&weights, 0.0).unwrap();
        optimizer.step(&gradients(&vars), 0.01, f64::NAN).unwrap();
        assert!(optimizer.state().unwrap_err().to_string().contains("a.mean[0]"));
    }

    #[test]
    fn a_weight_without_a_gradient_stays() {
        let (weights, vars) = two();
        let mut optimizer = AdamW::new(&weights, 0.1).unwrap();
        let gradients = vars[0].sum_all().unwrap().backward().unwrap();
        optimizer.step(&gradients, 0.01, 1.0).unwrap();
        assert_eq!(values(&vars[1]), [-0.5]);
        assert_ne!(values(&vars[0]), [1.0, 1.0]);
    }
}
