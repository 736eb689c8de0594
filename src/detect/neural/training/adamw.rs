//! AdamW: steps along running means of the gradients, and weights that shrink.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};

use crate::detect::neural::weights::Weights;
use crate::error::{Error, Result};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A weight and the running means of its gradients.
#[derive(Clone, Debug)]
struct Moments {
    var: Var,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// The optimiser of all trained weights of a network, in name order.
///
/// With `g` the gradient and `t` the number of steps with this one:
/// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `w ← (1 − rate · decay) w − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)`.
///
/// # Source
///
/// I. Loshchilov and F. Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019, algorithm 2.
#[derive(Clone, Debug)]
pub(crate) struct AdamW {
    weight_decay: f64,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

impl AdamW {
    /// Before the first step.
    pub(crate) fn new(weights: &Weights, weight_decay: f64) -> Result<Self> {
        let moments = |var: &Var| {
            let zeros = vec![0.0; var.elem_count()];
            Moments { var: var.clone(), first: zeros.clone(), second: zeros }
        };
        let moments = weights.trained().iter().map(|(name, var)| (name.clone(), moments(var))).collect();
        Ok(Self { weight_decay, steps: 0, moments })
    }

    /// One step along `scale` times the gradients. A weight without a gradient stays as it is.
    pub(crate) fn step(&mut self, gradients: &GradStore, learning_rate: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let t = self.steps as f64;
        let (rest_1, rest_2) = (1.0 - BETA_1.powf(t), 1.0 - BETA_2.powf(t));
        let keep = 1.0 - learning_rate * self.weight_decay;
        for Moments { var, first, second } in self.moments.values_mut() {
            let Some(gradient) = gradients.get(var) else { continue };
            let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            let mut values: Vec<f32> = var.flatten_all()?.to_vec1()?;
            for (((value, g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = f64::from(g) * scale;
                *m = (BETA_1 * f64::from(*m) + (1.0 - BETA_1) * g) as f32;
                *v = (BETA_2 * f64::from(*v) + (1.0 - BETA_2) * g * g) as f32;
                let step = f64::from(*m) / rest_1 / ((f64::from(*v) / rest_2).sqrt() + EPSILON);
                *value = (keep * f64::from(*value) - learning_rate * step) as f32;
            }
            var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The running means by name.
    pub(crate) fn state(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let both = |(name, moments): (&String, &Moments)| {
            [(first(name), moments.first.clone()), (second(name), moments.second.clone())]
        };
        Ok(self.moments.iter().flat_map(both).collect())
    }

    /// Goes on after `steps` steps with these running means.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for names or lengths that are not those of [`AdamW::state`], numbers that are not
    /// finite, and means of squares below 0.
    pub(crate) fn restore(&mut self, steps: u64, state: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        if let Some(name) = state.keys().find(|name| !self.knows(name)) {
            return Err(Error::invalid(name.as_str(), "the state of a weight of the network", "a stranger"));
        }
        for (name, moments) in &mut self.moments {
            let n = moments.first.len();
            moments.first = take(state, first(name), n, f32::NEG_INFINITY)?;
            moments.second = take(state, second(name), n, 0.0)?;
        }
        self.steps = steps;
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        let weight = name.strip_suffix(FIRST).or_else(|| name.strip_suffix(SECOND));
        weight.is_some_and(|weight| self.moments.contains_key(weight))
    }

    /// Euclidean norm of the gradients of all trained weights; not finite where one of them is not.
    pub(crate) fn gradient_norm(weights: &Weights, gradients: &GradStore) -> Result<f64> {
        let mut sum = 0.0;
        for gradient in weights.trained().values().filter_map(|var| gradients.get(var)) {
            let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            sum += gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
        }
        Ok(sum.sqrt())
    }
}

const FIRST: &str = ".first_moment";
const SECOND: &str = ".second_moment";

fn first(name: &str) -> String {
    format!("{name}{FIRST}")
}

fn second(name: &str) -> String {
    format!("{name}{SECOND}")
}

fn take(state: &BTreeMap<String, Vec<f32>>, name: String, n: usize, least: f32) -> Result<Vec<f32>> {
    match state.get(&name) {
        None => Err(Error::invalid(name, "there", "nothing")),
        Some(values) if values.len() != n => {
            Err(Error::invalid(name, format!("an array of {n}"), format!("{} entries", values.len())))
        }
        Some(values) => match values.iter().position(|value| !(value.is_finite() && *value >= least)) {
            Some(i) => {
                let expected = if least == 0.0 { "finite and at least 0" } else { "finite" };
                Err(Error::invalid(format!("{name}[{i}]"), expected, values[i]))
            }
            None => Ok(values.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use candle_nn::{Optimizer, ParamsAdamW};

    use super::*;
    use crate::detect::neural::weights::Init;
    use crate::rng::Stream;

    /// `½ Σ (w − target)²`, whose gradient is `w − target`.
    fn gradients(var: &Var, target: f32) -> GradStore {
        let half = ((var.as_tensor() - f64::from(target)).unwrap().sqr().unwrap() * 0.5).unwrap();
        half.sum_all().unwrap().backward().unwrap()
    }

    fn values(var: &Var) -> Vec<f32> {
        var.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn two_steps_by_hand() {
        let mut weights = Weights::new(1);
        let var = weights.weight("w", &[1], Init::Constant(2.0)).unwrap();
        let mut optimizer = AdamW::new(&weights, 0.1).unwrap();
        // g = 2 − 1 = 1: the corrected means are 1 and 1, so w = 2 · (1 − 0.01 · 0.1) − 0.01 · 1.
        optimizer.step(&gradients(&var, 1.0), 0.01, 1.0).unwrap();
        assert!((values(&var)[0] - 1.988).abs() < 1e-6);
        // g = ½ · 0.988: m = 0.09 + 0.1 · 0.494, over 1 − 0.81; v = 0.000999 + 0.001 · 0.494², over 1 − 0.999².
        let m: f64 = (0.09 + 0.1 * 0.494) / 0.19;
        let v: f64 = (0.000_999 + 0.001 * 0.494 * 0.494) / 0.001_999;
        optimizer.step(&gradients(&var, 1.0), 0.01, 0.5).unwrap();
        let expected = 1.988 * 0.999 - 0.01 * m / v.sqrt();
        assert!((f64::from(values(&var)[0]) - expected).abs() < 1e-6);
        assert_eq!(optimizer.steps(), 2);
    }

    #[test]
    fn steps_are_those_of_candle() {
        let mut weights = Weights::new(5);
        let ours = weights.weight("w", &[3, 4], Init::Normal { deviation: 1.0 }).unwrap();
        let theirs = Var::from_tensor(&ours.as_tensor().copy().unwrap()).unwrap();
        let params = ParamsAdamW { lr: 0.02, weight_decay: 0.3, ..Default::default() };
        let mut candle = candle_nn::AdamW::new(vec![theirs.clone()], params).unwrap();
        let mut optimizer = AdamW::new(&weights, 0.3).unwrap();
        let mut random = Stream::new(2, 0);
        for _ in 0..50 {
            let target = random.normal() as f32;
            candle.step(&gradients(&theirs, target)).unwrap();
            optimizer.step(&gradients(&ours, target), 0.02, 1.0).unwrap();
        }
        for (a, b) in values(&ours).iter().zip(values(&theirs)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn a_restored_optimiser_goes_on_with_the_same_bits() {
        let start = || {
            let mut weights = Weights::new(5);
            let var = weights.weight("w", &[6], Init::Normal { deviation: 1.0 }).unwrap();
            (AdamW::new(&weights, 0.1).unwrap(), weights, var)
        };
        let (mut through, weights, var) = start();
        for _ in 0..3 {
            through.step(&gradients(&var, 1.0), 0.1, 1.0).unwrap();
        }
        let (mut resumed, other_weights, other) = start();
        other_weights.set(&weights.values().unwrap()).unwrap();
        resumed.restore(through.steps(), &through.state().unwrap()).unwrap();
        through.step(&gradients(&var, 1.0), 0.1, 1.0).unwrap();
        resumed.step(&gradients(&other, 1.0), 0.1, 1.0).unwrap();
        assert_eq!(values(&var), values(&other));
    }

    #[test]
    fn a_wrong_state_is_refused() {
        let mut weights = Weights::new(5);
        weights.weight("w", &[2], Init::Constant(1.0)).unwrap();
        let mut optimizer = AdamW::new(&weights, 0.0).unwrap();
        let state = optimizer.state().unwrap();
        let [first, second] = ["w.first_moment", "w.second_moment"].map(String::from);
        assert_eq!(state.keys().collect::<Vec<_>>(), [&first, &second]);
        let mut refused = |change: &dyn Fn(&mut BTreeMap<String, Vec<f32>>)| {
            let mut state = state.clone();
            change(&mut state);
            optimizer.restore(1, &state).unwrap_err().to_string()
        };
        assert_eq!(refused(&|s| drop(s.remove(&first))), "`w.first_moment` must be there, got nothing");
        assert_eq!(
            refused(&|s| drop(s.insert(first.clone(), vec![0.0]))),
            "`w.first_moment` must be an array of 2, got 1 entries"
        );
        assert_eq!(
            refused(&|s| drop(s.insert(second.clone(), vec![0.0, -1.0]))),
            "`w.second_moment[1]` must be finite and at least 0, got -1"
        );
        assert_eq!(
            refused(&|s| drop(s.insert(first.clone(), vec![f32::NAN, 0.0]))),
            "`w.first_moment[0]` must be finite, got NaN"
        );
        assert_eq!(
            refused(&|s| drop(s.insert("x".into(), vec![]))),
            "`x` must be the state of a weight of the network, got a stranger"
        );
    }

    #[test]
    fn the_norm_is_over_all_weights() {
        let mut weights = Weights::new(1);
        let a = weights.weight("a", &[2], Init::Constant(3.0)).unwrap();
        let b = weights.weight("b", &[1], Init::Constant(-2.0)).unwrap();
        weights.weight("without_gradient", &[1], Init::Constant(9.0)).unwrap();
        let loss = (a.sum_all().unwrap() * 2.0).unwrap() + b.sqr().unwrap().sum_all().unwrap();
        let gradients = loss.unwrap().backward().unwrap();
        // Gradients (2, 2) and −4.
        assert_eq!(AdamW::gradient_norm(&weights, &gradients).unwrap(), 24_f64.sqrt());
    }
}
