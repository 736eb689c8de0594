//! Shared by the tests of all networks.

use super::pass::Pass;
use super::train::Task;

/// Runs one step backwards on rows `0..rows` and asserts that every trained weight has a gradient which is finite
/// and not 0 throughout.
///
/// An operation without a backward pass drops the gradients of all weights before it without an error.
#[track_caller]
pub(crate) fn every_weight_gets_a_gradient(task: &dyn Task, rows: usize) {
    let rows: Vec<usize> = (0..rows).collect();
    let loss = task.loss(&rows, &mut Pass::training(1, 0)).unwrap();
    let gradients = loss.backward().unwrap();
    for (name, var) in task.weights().trained() {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` has no gradient"));
        assert_eq!(gradient.dims(), var.dims(), "`{name}`");
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        assert!(gradient.iter().all(|value| value.is_finite()), "the gradient of `{name}`: {gradient:?}");
        assert!(gradient.iter().any(|&value| value != 0.0), "the gradient of `{name}` is 0 throughout");
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};

    use super::*;
    use crate::error::Result;
    use crate::nn::weights::{Init, Weights};

    /// `a + factor · b`, or `a` alone.
    struct Sum {
        weights: Weights,
        terms: [Var; 2],
        factor: Option<f32>,
    }

    impl Sum {
        fn new(factor: Option<f32>) -> Self {
            let mut weights = Weights::new(1);
            let terms = ["a", "b"].map(|name| weights.weight(name, &[1], Init::Constant(2.0)).unwrap());
            Self { weights, terms, factor }
        }
    }

    impl Task for Sum {
        fn weights(&self) -> &Weights {
            &self.weights
        }

        fn loss(&self, _: &[usize], _: &mut Pass) -> Result<Tensor> {
            let [a, b] = &self.terms;
            let sum = match self.factor {
                Some(factor) => (a.as_tensor() + (b.as_tensor() * Tensor::new(&[factor], &Device::Cpu)?)?)?,
                None => a.as_tensor().clone(),
            };
            Ok(sum.sum_all()?)
        }

        fn validation_loss(&self) -> Result<Option<f64>> {
            Ok(None)
        }
    }

    #[test]
    fn gradients_that_are_there_pass() {
        every_weight_gets_a_gradient(&Sum::new(Some(3.0)), 2);
    }

    #[test]
    #[should_panic(expected = "the gradient of `b` is 0 throughout")]
    fn a_gradient_of_0_is_found() {
        every_weight_gets_a_gradient(&Sum::new(Some(0.0)), 2);
    }

    #[test]
    #[should_panic(expected = "`b` has no gradient")]
    fn a_missing_gradient_is_found() {
        every_weight_gets_a_gradient(&Sum::new(None), 2);
    }

    #[test]
    #[should_panic(expected = "the gradient of `b`: [inf]")]
    fn an_infinite_gradient_is_found() {
        every_weight_gets_a_gradient(&Sum::new(Some(f32::INFINITY)), 2);
    }
}
