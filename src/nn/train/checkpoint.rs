//! A training that stopped, to go on later.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::TrainingConfig;
use super::diverged::not_finite;
use super::history;
use crate::artifact::{self, Tensors};
use crate::error::{Error, Result};
use crate::progress::EpochRecord;

/// What the names of the arrays in a file begin with.
const WEIGHTS: &str = "weights/";
const BEST: &str = "best/";
const OPTIMIZER: &str = "optimizer/";

/// The training that a checkpoint is of, and how far it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub(super) stage: String,
    pub(super) seed: u64,
    pub(super) rows: usize,
    pub(super) config: TrainingConfig,
    pub(super) epochs: Vec<EpochRecord>,
}

/// A training after one of its epochs: weights, best weights, the state of the optimiser and the history.
///
/// [`Progress::checkpoint`](crate::Progress::checkpoint) returns its bytes, and [`FitContext::resume`](crate::detect::FitContext::resume) goes
/// on from it. The learning rate and the batches that follow come from the history and the seed.
///
/// It holds no training rows: the caller must give the same ones again. Only their number is checked.
///
/// # Examples
///
/// ```
/// use qosguard::detect::Checkpoint;
///
/// let error = Checkpoint::from_bytes(b"no checkpoint").unwrap_err();
/// assert_eq!(error.kind().as_str(), "corrupt_artifact");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(super) origin: Origin,
    pub(super) weights: BTreeMap<String, Vec<f32>>,
    pub(super) best: BTreeMap<String, Vec<f32>>,
    pub(super) optimizer: BTreeMap<String, Vec<f32>>,
}

impl Checkpoint {
    /// What is trained, such as `autoencoder`.
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

    /// Refuses another training than that of the checkpoint; `weights` are those of its network.
    pub(super) fn check_origin(&self, of: &Origin, weights: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        let Origin { stage, seed, rows, config, .. } = &self.origin;
        if *stage != of.stage {
            return Err(Error::invalid("resume.stage", format!("`{}`", of.stage), format!("`{stage}`")));
        }
        for (name, expected, got) in [("seed", of.seed, *seed), ("rows", of.rows as u64, *rows as u64)] {
            if got != expected {
                return Err(Error::invalid(format!("resume.{name}"), format!("{expected} as now"), got));
            }
        }
        let (Value::Object(expected), Value::Object(got)) = (json(&of.config)?, json(config)?) else {
            return Ok(());
        };
        // It may go on elsewhere.
        for (name, expected) in expected.into_iter().filter(|(name, _)| name != "device") {
            let got = got.get(&name).unwrap_or(&Value::Null);
            if *got != expected {
                return Err(Error::invalid(
                    format!("resume.config.{name}"),
                    format!("{expected} as now"),
                    got,
                ));
            }
        }
        same_shape(weights, &self.weights, "resume.weights")
    }

    /// The checkpoint as the bytes of a file; [`Checkpoint::from_bytes`] makes it again, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for one that takes more than a file may (1 GiB).
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
    /// [`Error::CorruptArtifact`] for bytes that are no intact checkpoint; [`Error::FormatTooNew`] for those of a
    /// newer release.
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

    /// Checks that everything fits together; names and lengths are checked against the network later.
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

fn json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::invalid("checkpoint", "representable as JSON", e))
}

/// Refuses other names or lengths.
fn same_shape(
    expected: &BTreeMap<String, Vec<f32>>,
    got: &BTreeMap<String, Vec<f32>>,
    at: &str,
) -> Result<()> {
    if let Some(name) = got.keys().find(|name| !expected.contains_key(*name)) {
        return Err(Error::invalid(format!("{at}/{name}"), "a weight of the network", "a stranger"));
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
