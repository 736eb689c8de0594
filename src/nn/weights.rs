//! The named weights of a network: drawn from a seed or taken from a file.

use std::collections::BTreeMap;

use candle_core::Var;

use super::place::{Place, numbers};
use crate::error::{Error, Result};
use crate::rng::Stream;

/// How a new weight begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Init {
    /// One number throughout.
    Constant(f32),
    /// Uniform in `±1 / √inputs`, as in PyTorch's linear and convolution layers.
    Uniform { inputs: usize },
    /// Normal around 0.
    Normal { deviation: f32 },
}

/// The weights of one network by name, in name order.
///
/// A layer gets its weights by name when it is built, drawn or stored. Each is drawn from its own stream, keyed by seed
/// and name, so the order in which layers are built does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    seed: u64,
    place: Place,
    /// Stored values that no layer has used yet; `None` draws new ones.
    stored: Option<BTreeMap<String, Vec<f32>>>,
    trained: BTreeMap<String, Var>,
    /// Running statistics: kept, but not trained.
    running: BTreeMap<String, Var>,
}

impl Weights {
    /// New weights from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Weights of a file, by name.
    pub(crate) fn stored(values: BTreeMap<String, Vec<f32>>) -> Self {
        Self { stored: Some(values), ..Self::default() }
    }

    /// The same weights elsewhere; before any layer asks for one.
    pub(crate) fn on(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// The place of the weights; all tensors that are combined with them must be in it.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// A weight that is trained.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for stored values of another length, or that are not finite.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Var> {
        let var = self.take(name, shape, init)?;
        self.trained.insert(name.to_owned(), var.clone());
        Ok(var)
    }

    /// A running statistic, which begins with one number.
    pub(crate) fn statistic(&mut self, name: &str, shape: &[usize], start: f32) -> Result<Var> {
        let var = self.take(name, shape, Init::Constant(start))?;
        self.running.insert(name.to_owned(), var.clone());
        Ok(var)
    }

    fn take(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Var> {
        let n = shape.iter().product();
        let values = match &mut self.stored {
            Some(stored) => {
                let values = stored.remove(name).ok_or_else(|| Error::invalid(name, "there", "nothing"))?;
                if values.len() != n {
                    return Err(Error::invalid(
                        name,
                        format!("an array of {n}"),
                        format!("{} entries", values.len()),
                    ));
                }
                if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                    return Err(Error::invalid(format!("{name}[{i}]"), "finite", values[i]));
                }
                values
            }
            None => draw(&mut Stream::new(self.seed, key(name)), n, init),
        };
        Ok(Var::from_tensor(&self.place.tensor(values, shape)?)?)
    }

    /// Takes in the weights of another network, each under `{at}.{name}`; both hold the same variables from then on.
    pub(crate) fn include(&mut self, at: &str, other: &Self) {
        let under = |(name, var): (&String, &Var)| (format!("{at}.{name}"), var.clone());
        self.trained.extend(other.trained.iter().map(under));
        self.running.extend(other.running.iter().map(under));
    }

    /// The trained weights, in name order.
    pub(crate) fn trained(&self) -> &BTreeMap<String, Var> {
        &self.trained
    }

    /// How many numbers are trained.
    pub(crate) fn count(&self) -> usize {
        self.trained.values().map(|var| var.elem_count()).sum()
    }

    /// All values by name, trained and running alike.
    pub(crate) fn values(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let all = self.trained.iter().chain(&self.running);
        all.map(|(name, var)| Ok((name.clone(), numbers(var)?))).collect()
    }

    /// Sets all values, with the names and lengths of [`Weights::values`].
    pub(crate) fn set(&self, values: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        for (name, var) in self.trained.iter().chain(&self.running) {
            let values = values.get(name).ok_or_else(|| Error::invalid(name.as_str(), "there", "nothing"))?;
            var.set(&self.place.tensor(values.clone(), var.shape())?)?;
        }
        Ok(())
    }

    /// Rejects stored values that no layer has used.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.stored.as_ref().and_then(|stored| stored.keys().next()) {
            None => Ok(()),
            Some(name) => Err(Error::invalid(name.as_str(), "a weight of the network", "an unknown name")),
        }
    }
}

/// The stream of a name: FNV-1a of its bytes.
fn key(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn draw(random: &mut Stream, n: usize, init: Init) -> Vec<f32> {
    let mut values = || match init {
        Init::Constant(value) => value,
        Init::Uniform { inputs } => ((2.0 * random.uniform() - 1.0) / (inputs.max(1) as f64).sqrt()) as f32,
        Init::Normal { deviation } => deviation * random.normal() as f32,
    };
    (0..n).map(|_| values()).collect()
}
