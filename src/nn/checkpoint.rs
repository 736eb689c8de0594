//! A training that can be continued.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::config::TrainingConfig;
use super::history;
use crate::artifact::{self, Tensors};
use crate::error::{Error, Result};
use crate::progress::EpochRecord;

/// The first part of the names of arrays in a file.
const WEIGHTS: &str = "weights/";
const BEST: &str = "best/";
const OPTIMIZER: &str = "optimizer/";

/// The training of a checkpoint, and its epochs so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::nn) struct Origin {
    pub(in crate::nn) stage: String,
    pub(in crate::nn) seed: u64,
    pub(in crate::nn) rows: usize,
    pub(in crate::nn) config: TrainingConfig,
    pub(in crate::nn) epochs: Vec<EpochRecord>,
}

/// A training after one of its epochs: weights, best weights, the state of the optimiser and the history.
///
/// [`Progress::checkpoint`](crate::Progress::checkpoint) returns its bytes, and
/// [`FitContext::resume`](crate::detect::FitContext::resume) continues from it. The next learning rates and batches follow
/// from the history and the seed.
///
/// It does not contain training rows: the caller must pass the same rows again. Only their number is checked.
///
/// # Examples
///
/// ```
/// use qosguard::detect::Checkpoint;
///
/// let error = Checkpoint::from_bytes(b"not a checkpoint").unwrap_err();
/// assert_eq!(error.kind().as_str(), "corrupt_artifact");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(in crate::nn) origin: Origin,
    pub(in crate::nn) weights: BTreeMap<String, Vec<f32>>,
    pub(in crate::nn) best: BTreeMap<String, Vec<f32>>,
    pub(in crate::nn) optimizer: BTreeMap<String, Vec<f32>>,
}

impl Checkpoint {
    /// The name of the training, such as `autoencoder`.
    pub fn stage(&self) -> &str {
        &self.origin.stage
    }

    /// The epoch after which it was taken, from 1.
    pub fn epoch(&self) -> usize {
        self.origin.epochs.len()
    }

    /// One record for each epoch so far.
    pub fn epochs(&self) -> &[EpochRecord] {
        &self.origin.epochs
    }

    /// The epoch whose weights are the best so far.
    pub fn best_epoch(&self) -> usize {
        history::best_epoch(&self.origin.epochs)
    }

    /// The checkpoint as the bytes of a file; [`Checkpoint::from_bytes`] makes it again, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a checkpoint above the maximum size of a file (1 GiB).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors = Tensors::default();
        for (prefix, values) in [(WEIGHTS, &self.weights), (BEST, &self.best), (OPTIMIZER, &self.optimizer)] {
            for (name, values) in values {
                tensors.put(&format!("{prefix}{name}"), values);
            }
        }
        artifact::pack_one("checkpoint", &self.origin, &tensors)
    }

    /// Reads a checkpoint from the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptArtifact`] for bytes that are not an intact checkpoint; [`Error::FormatTooNew`] for a checkpoint
    /// of a newer release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes, Path::new("bytes"))
    }

    /// Writes the checkpoint to a file, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; as [`Checkpoint::to_bytes`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        artifact::write_file(path.as_ref(), &self.to_bytes()?)
    }

    /// Reads a checkpoint that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; as [`Checkpoint::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&artifact::read_file(path)?, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        artifact::unpack_one("checkpoint", bytes, path, |origin: Origin, tensors| {
            let checkpoint = Self {
                origin,
                weights: tensors.take_all(WEIGHTS)?,
                best: tensors.take_all(BEST)?,
                optimizer: tensors.take_all(OPTIMIZER)?,
            };
            checkpoint.check().map_err(|e| e.to_string())?;
            Ok(checkpoint)
        })
    }

    /// Checks that all parts match; names and lengths are checked against the network later.
    fn check(&self) -> Result<()> {
        let Origin { config, epochs, .. } = &self.origin;
        config.validate()?;
        history::check_epochs(epochs, "epochs")?;
        if epochs.len() > config.epochs {
            return Err(Error::invalid("epochs", format!("at most {}", config.epochs), epochs.len()));
        }
        same_shape(&self.weights, &self.best, "best")?;
        for (at, values) in [("weights", &self.weights), ("best", &self.best), ("optimizer", &self.optimizer)]
        {
            if let Some(name) = not_finite(values) {
                return Err(Error::invalid(format!("{at}/{name}"), "finite", "NaN or an infinity"));
            }
        }
        Ok(())
    }
}

/// Rejects other names or lengths.
pub(in crate::nn) fn same_shape(
    expected: &BTreeMap<String, Vec<f32>>,
    got: &BTreeMap<String, Vec<f32>>,
    at: &str,
) -> Result<()> {
    if let Some(name) = got.keys().find(|name| !expected.contains_key(*name)) {
        return Err(Error::invalid(format!("{at}/{name}"), "a weight of the network", "an unknown name"));
    }
    for (name, values) in expected {
        let n = got.get(name).map_or(0, Vec::len);
        if n != values.len() {
            let expected = format!("an array of {}", values.len());
            return Err(Error::invalid(format!("{at}/{name}"), expected, format!("{n} entries")));
        }
    }
    Ok(())
}

/// The first name, in name order, with a value that is not finite.
pub(in crate::nn) fn not_finite(values: &BTreeMap<String, Vec<f32>>) -> Option<&str> {
    let mut all = values.iter();
    all.find(|(_, values)| values.iter().any(|value| !value.is_finite())).map(|(name, _)| name.as_str())
}
