//! One small autoencoder, and its training step.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::rng::Stream;

/// No training comes near to weights of this size; with larger ones a sum could pass the end of numbers.
const LARGEST_WEIGHT: f32 = 1e6;

/// Numbers in [0, 1] to fewer hidden ones and back: `y = σ(W x + b)`, `z = σ(Wᵀ y + c)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    /// Shape (hidden, inputs).
    weight: Vec<f32>,
    hidden_bias: Vec<f32>,
    visible_bias: Vec<f32>,
}

impl Unit {
    /// Weights drawn evenly from `±1 / inputs`, biases of 0.
    pub(super) fn new(inputs: usize, hidden: usize, random: &mut Stream) -> Self {
        let mut draw = || ((2.0 * random.uniform() - 1.0) / inputs as f64) as f32;
        Self {
            weight: (0..hidden * inputs).map(|_| draw()).collect(),
            hidden_bias: vec![0.0; hidden],
            visible_bias: vec![0.0; inputs],
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.visible_bias.len()
    }

    /// Fills `y` and `z` from `x` for `N` rows side by side.
    pub(super) fn forward<const N: usize>(&self, x: &[[f32; N]], y: &mut [[f32; N]], z: &mut [[f32; N]]) {
        for (z, bias) in z.iter_mut().zip(&self.visible_bias) {
            *z = [*bias; N];
        }
        let rows = self.weight.chunks_exact(self.inputs()).zip(&self.hidden_bias);
        for (y, (weights, bias)) in y.iter_mut().zip(rows) {
            let mut sum = [*bias; N];
            for (weight, x) in weights.iter().zip(x) {
                add(&mut sum, *weight, x);
            }
            *y = sigmoid(sum);
            for (weight, z) in weights.iter().zip(z.iter_mut()) {
                add(z, *weight, y);
            }
        }
        for z in z.iter_mut().take(self.inputs()) {
            *z = sigmoid(*z);
        }
    }

    /// One step down the gradient of the cross-entropy `−Σ x ln z + (1 − x) ln(1 − z)` of a row, with `y` and
    /// `z` as [`Unit::forward`] left them.
    pub(super) fn step(&mut self, x: &[[f32; 1]], y: &[[f32; 1]], z: &[[f32; 1]], rate: f32) {
        let inputs = self.inputs();
        let rows = self.weight.chunks_exact_mut(inputs).zip(&mut self.hidden_bias);
        for ((weights, bias), &[y]) in rows.zip(y) {
            let off = || x.iter().zip(z).map(|(&[x], &[z])| x - z);
            let back: f32 = weights.iter().zip(off()).map(|(weight, off)| weight * off).sum();
            let back = back * y * (1.0 - y);
            *bias += rate * back;
            for ((weight, off), &[x]) in weights.iter_mut().zip(off()).zip(x) {
                *weight += rate * (back * x + y * off);
            }
        }
        for ((bias, &[x]), &[z]) in self.visible_bias.iter_mut().zip(x).zip(z) {
            *bias += rate * (x - z);
        }
    }

    /// Puts all weights under their names.
    pub(super) fn store(&self, at: &str, weights: &mut BTreeMap<String, Vec<f32>>) {
        weights.insert(format!("{at}.weight"), self.weight.clone());
        weights.insert(format!("{at}.hidden_bias"), self.hidden_bias.clone());
        weights.insert(format!("{at}.visible_bias"), self.visible_bias.clone());
    }

    /// Takes all weights from under their names.
    pub(super) fn restore(
        at: &str,
        inputs: usize,
        hidden: usize,
        weights: &mut BTreeMap<String, Vec<f32>>,
    ) -> Result<Self> {
        let mut take = |name: &str, n: usize| {
            let name = format!("{at}.{name}");
            let values = weights.remove(&name).ok_or_else(|| Error::invalid(&name, "there", "nothing"))?;
            if values.len() != n {
                let got = format!("{} entries", values.len());
                return Err(Error::invalid(name, format!("an array of {n}"), got));
            }
            match values.iter().position(|value| value.is_nan() || value.abs() > LARGEST_WEIGHT) {
                None => Ok(values),
                Some(i) => {
                    let expected = format!("in ±{LARGEST_WEIGHT}");
                    Err(Error::invalid(format!("{name}[{i}]"), expected, values[i]))
                }
            }
        };
        Ok(Self {
            weight: take("weight", hidden * inputs)?,
            hidden_bias: take("hidden_bias", hidden)?,
            visible_bias: take("visible_bias", inputs)?,
        })
    }
}

fn add<const N: usize>(sum: &mut [f32; N], weight: f32, x: &[f32; N]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += weight * x;
    }
}

/// `1 / (1 + e^−v)` to 2e-7, without a call or a branch, so that it becomes vector code.
fn sigmoid<const N: usize>(v: [f32; N]) -> [f32; N] {
    /// Adding it leaves a whole number in the lowest bits: 1.5 · 2^23.
    const SHIFT: f32 = 12_582_912.0;
    v.map(|v| {
        let v = (-v).clamp(-80.0, 80.0);
        // e^v = 2^n e^r with r in ±ln(2) / 2, where a polynomial is as good as f32.
        let shifted = v * std::f32::consts::LOG2_E + SHIFT;
        let n = shifted - SHIFT;
        let r = v - n * 0.693_359_4 + n * 2.121_944_4e-4;
        let p = 1.987_569_2e-4 * r + 1.398_2e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 0.5;
        let power = shifted.to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23;
        1.0 / (1.0 + (p * r * r + r + 1.0) * f32::from_bits(power))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sigmoid_is_right_everywhere() {
        for i in -40_000..=40_000 {
            let v = i as f32 / 400.0;
            let exact = 1.0 / (1.0 + (-f64::from(v)).exp());
            let [got] = sigmoid([v]);
            assert!((f64::from(got) - exact).abs() < 2e-7, "{v}: {got} {exact}");
        }
        let ends = sigmoid([0.0, 1e30, -1e30, f32::MAX]);
        assert_eq!((ends[0], ends[1], ends[3]), (0.5, 1.0, 1.0));
        assert!((0.0..1e-30).contains(&ends[2]));
    }

    #[test]
    fn a_pass_by_hand() {
        let unit = Unit {
            weight: vec![1.0, -2.0], // one hidden unit of two inputs
            hidden_bias: vec![0.5],
            visible_bias: vec![0.25, -1.0],
        };
        let s = |v: f32| 1.0 / (1.0 + (-v).exp());
        let (mut y, mut z) = ([[0.0; 2]; 1], [[0.0; 2]; 2]);
        unit.forward(&[[0.0, 1.0], [0.0, 0.5]], &mut y, &mut z);
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} {b}");
        for (lane, hidden) in [s(0.5), s(0.5)].into_iter().enumerate() {
            near(y[0][lane], hidden);
            near(z[0][lane], s(hidden + 0.25));
            near(z[1][lane], s(-2.0 * hidden - 1.0));
        }
    }

    /// The loss of a row by the definition, in `f64`, of the weights in one array.
    fn loss(all: &[f64], inputs: usize, hidden: usize, x: &[[f32; 1]]) -> f64 {
        let (weight, biases) = all.split_at(hidden * inputs);
        let (hidden_bias, visible_bias) = biases.split_at(hidden);
        let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
        let x: Vec<f64> = x.iter().map(|&[v]| v.into()).collect();
        let units: Vec<f64> = (0..hidden)
            .map(|k| {
                sigmoid(hidden_bias[k] + (0..inputs).map(|j| weight[k * inputs + j] * x[j]).sum::<f64>())
            })
            .collect();
        (0..inputs)
            .map(|j| {
                let sum = (0..hidden).map(|k| weight[k * inputs + j] * units[k]).sum::<f64>();
                let guess = sigmoid(visible_bias[j] + sum);
                -(x[j] * guess.ln() + (1.0 - x[j]) * (1.0 - guess).ln())
            })
            .sum()
    }

    fn flat(unit: &Unit) -> Vec<f64> {
        let all = unit.weight.iter().chain(&unit.hidden_bias).chain(&unit.visible_bias);
        all.copied().map(f64::from).collect()
    }

    #[test]
    fn a_step_goes_down_the_gradient() {
        for (inputs, hidden) in [(1, 1), (5, 4), (9, 7)] {
            let mut random = Stream::new(5, inputs as u64);
            let mut unit = Unit::new(inputs, hidden, &mut random);
            unit.hidden_bias.iter_mut().for_each(|bias| *bias = random.normal() as f32);
            unit.visible_bias.iter_mut().for_each(|bias| *bias = random.normal() as f32);
            let x: Vec<[f32; 1]> = (0..inputs).map(|_| [random.uniform() as f32]).collect();
            let before = flat(&unit);
            let (mut y, mut z) = (vec![[0.0; 1]; hidden], vec![[0.0; 1]; inputs]);
            unit.forward(&x, &mut y, &mut z);
            unit.step(&x, &y, &z, 1.0);
            for (i, (before_i, after)) in before.iter().zip(flat(&unit)).enumerate() {
                let at = |h: f64| {
                    let mut moved = before.clone();
                    moved[i] += h;
                    loss(&moved, inputs, hidden, &x)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((before_i - after - slope).abs() < 2e-6, "weight {i}: {} {slope}", before_i - after);
            }
        }
    }

    #[test]
    fn training_brings_the_loss_down() {
        let mut random = Stream::new(1, 0);
        let mut unit = Unit::new(4, 3, &mut random);
        let mut errors = Vec::new();
        for _ in 0..20_000 {
            let t = random.uniform() as f32;
            let x = [[t], [1.0 - t], [t * t], [0.5 * t]];
            let (mut y, mut z) = ([[0.0; 1]; 3], [[0.0; 1]; 4]);
            unit.forward(&x, &mut y, &mut z);
            errors.push(x.iter().zip(&z).map(|(x, z)| (x[0] - z[0]).powi(2)).sum::<f32>());
            unit.step(&x, &y, &z, 0.1);
        }
        let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
        assert!(mean(&errors[19_000..]) < 0.1 * mean(&errors[..1000]), "{}", mean(&errors[19_000..]));
    }
}
