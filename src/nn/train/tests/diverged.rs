//! Numbers that stop being finite.

use super::*;
use crate::error::Error;
use crate::nn::weights::Init;

/// A loss of one weight, given by a function.
struct Single<F> {
    weights: Weights,
    w: candle_core::Var,
    loss: F,
    held: Option<f64>,
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Single<F> {
    fn new(start: f32, loss: F) -> Self {
        let mut weights = Weights::new(1);
        let w = weights.weight("w", &[1], Init::Constant(start)).unwrap();
        Self { weights, w, loss, held: None }
    }

    fn diverges(&self, config: &TrainingConfig) -> (u64, String, String) {
        match train(config, self, 4, 0, "single", None).unwrap_err() {
            Error::Diverged { step, what, layer, .. } => (step, what, layer),
            other => panic!("{other}"),
        }
    }
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Task for Single<F> {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn loss(&self, _: &[usize], _: &mut Pass) -> Result<Tensor> {
        (self.loss)(&self.w)
    }

    fn validation_loss(&self) -> Result<Option<f64>> {
        Ok(self.held)
    }
}

#[test]
fn a_loss_that_is_not_a_number_ends_the_training_with_step_and_layer() {
    let spoiled = |factor: f32| {
        let mut net = Net::new(16, 4);
        net.spoiled = Some((5, factor));
        let (history, checkpoints) = run_with_checkpoints(&quick(), &net, 16);
        (history.unwrap_err(), checkpoints.len())
    };
    let (error, checkpoints) = spoiled(f32::NAN);
    let Error::Diverged { stage, step, what, layer } = &error else { panic!("{error}") };
    assert_eq!((stage.as_str(), *step, what.as_str(), layer.as_str()), ("net", 5, "loss", "first.bias"));
    assert_eq!(error.kind().as_str(), "training");
    assert_eq!(checkpoints, 2, "what was reached before is not lost");
    assert!(matches!(spoiled(f32::INFINITY).0, Error::Diverged { step: 5, .. }));
}

#[test]
fn gradients_weights_and_held_out_losses_are_watched_too() {
    // The root of 0 is 0, its slope is not finite.
    let root = Single::new(0.0, |w| Ok(w.sqrt()?.sum_all()?));
    assert_eq!(root.diverges(&quick()), (0, "gradient".into(), "w".into()));
    // A step that is too long for f32.
    let slope = Single::new(0.0, |w| Ok(w.sum_all()?));
    let wild = TrainingConfig { learning_rate: 1e39, ..quick() };
    assert_eq!(slope.diverges(&wild), (1, "weight".into(), "w".into()));
    // The loss of no weight.
    let constant = Single::new(0.0, |_| Ok(Tensor::new(f32::NAN, &Device::Cpu)?));
    assert_eq!(constant.diverges(&quick()), (0, "loss".into(), "loss".into()));
    let mut held = Single::new(1.0, |w| Ok(w.sqr()?.sum_all()?));
    held.held = Some(f64::NAN);
    assert_eq!(held.diverges(&quick()), (1, "validation loss".into(), "loss".into()));
}
