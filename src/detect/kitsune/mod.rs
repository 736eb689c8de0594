//! Kitsune: many small autoencoders over groups of features that move together, learning a stream row by row.

mod mapping;
mod model;
mod network;
mod parts;
mod ranges;
mod unit;

pub use model::Kitsune;
pub(crate) use parts::KitsuneHeader;
pub use parts::KitsuneParts;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::detect::{Fit, FitContext, Fitted, OnlineDetector};
use crate::error::{Error, Result};

/// Maximum number of feature columns: their correlations are in memory while features are mapped.
const MAX_FEATURES: usize = 512;

/// Settings of [`Kitsune`].
///
/// A stream has three phases. The first `mapping_rows` rows determine the correlations and ranges of the features, and so
/// the groups. The next `training_rows` rows train an autoencoder on each group and one more on their errors, one step a
/// row. After that rows can be scored, and rows that are learned still train. The labels given to [`Fit::fit`] are not used.
///
/// # Source
///
/// Y. Mirsky, T. Doitshman, Y. Elovici, A. Shabtai, *Kitsune: An Ensemble of Autoencoders for Online Network
/// Intrusion Detection*, NDSS 2018. Here the groups are joined by average distance, and one learned row at
/// most doubles the range of a feature, so that a single extreme value does not compress all others.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, KitsuneConfig, OnlineDetector};
/// use qosguard::ndarray::ArrayView2;
///
/// let config = KitsuneConfig { mapping_rows: 100, training_rows: 2000, ..Default::default() };
/// let mut kitsune = config.stream(3)?;
/// for i in 0..3000 {
///     let load = (i % 50) as f32; // the first two features go together
///     let row = [load, 2.0 * load, (i % 7) as f32];
///     if kitsune.is_ready() {
///         kitsune.score(ArrayView2::from(&[row]))?;
///     }
///     kitsune.learn(&row)?;
/// }
/// let scores = kitsune.score(ArrayView2::from(&[[25.0, 50.0, 3.0], [25.0, 500.0, 3.0]]))?;
/// assert!(scores[1] > scores[0]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KitsuneConfig {
    /// Rows from which the groups are found, 2 to 2^20; [`Fit::fit`] takes at most half of its rows.
    pub mapping_rows: usize,
    /// Training rows before the first score, 1 to 2^30; [`Fit::fit`] takes the rest where there are fewer.
    pub training_rows: usize,
    /// Maximum number of features in a group, 1 to 64.
    pub largest_group: usize,
    /// Hidden units of an autoencoder for each of its inputs, above 0 and at most 1.
    pub hidden_ratio: f64,
    /// Learning rate, above 0 and at most 1.
    pub learning_rate: f64,
    /// Seed of the first weights; each autoencoder draws from its own stream.
    pub seed: u64,
}

impl Default for KitsuneConfig {
    fn default() -> Self {
        Self {
            mapping_rows: 1000,
            training_rows: 10_000,
            largest_group: 10,
            hidden_ratio: 0.75,
            learning_rate: 0.1,
            seed: 0,
        }
    }
}

impl KitsuneConfig {
    /// A detector that has seen no row yet and learns rows of `n_features` as they come.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its domain and for more than 512 features,
    /// [`Error::InsufficientData`] for none.
    pub fn stream(&self, n_features: usize) -> Result<Kitsune> {
        self.validate()?;
        match n_features {
            0 => Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 }),
            1..=MAX_FEATURES => Ok(Kitsune::new(self.clone(), n_features)),
            _ => Err(Error::invalid("n_features", format!("in 1..={MAX_FEATURES}"), n_features)),
        }
    }

    /// Checks that every setting is in its domain.
    fn validate(&self) -> Result<()> {
        for (name, most, value) in [
            ("mapping_rows", 2..=1 << 20, self.mapping_rows),
            ("training_rows", 1..=1 << 30, self.training_rows),
            ("largest_group", 1..=64, self.largest_group),
        ] {
            if !most.contains(&value) {
                return Err(Error::invalid(name, format!("in {most:?}"), value));
            }
        }
        for (name, value) in [("hidden_ratio", self.hidden_ratio), ("learning_rate", self.learning_rate)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(Error::invalid(name, "above 0 and at most 1", value));
            }
        }
        Ok(())
    }
}

impl Fit for KitsuneConfig {
    type Model = Kitsune;

    /// Learns the rows as a stream, in their order.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<Kitsune>> {
        context.unsupervised(|| self.fit_rows(x))
    }
}

impl KitsuneConfig {
    fn fit_rows(&self, x: ArrayView2<'_, f32>) -> Result<Kitsune> {
        self.validate()?;
        if x.nrows() < 4 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 4, got: x.nrows() });
        }
        let mapping_rows = self.mapping_rows.min(x.nrows() / 2);
        let training_rows = self.training_rows.min(x.nrows() - mapping_rows);
        let mut kitsune = Self { mapping_rows, training_rows, ..self.clone() }.stream(x.ncols())?;
        kitsune.learn_many(x)?;
        Ok(kitsune)
    }
}
