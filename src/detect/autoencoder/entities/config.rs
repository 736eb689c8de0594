//! Settings of autoencoders by entity.

use serde::{Deserialize, Serialize};

use super::EntityColumn;
use crate::detect::autoencoder::AutoencoderConfig;
use crate::error::{Error, Result};

/// Settings of [`EntityAutoencoders`](super::EntityAutoencoders).
///
/// One column of the matrix contains the entity of each row, such as a country, a link or a device class, as a whole
/// number. Each entity with enough rows gets its own autoencoder, trained on its rows alone. One more autoencoder is
/// trained on all rows; it scores the rows of all other entities, unknown ones included. The entity column is not an
/// input of any network.
///
/// The models are trained in parallel, each on one thread. The labels given to
/// [`Fit::fit`](crate::detect::Fit::fit) are not used: train on clean rows.
///
/// # Examples
///
#[cfg_attr(feature = "train", doc = "```")]
#[cfg_attr(not(feature = "train"), doc = "```ignore")]
/// use qosguard::detect::{AutoencoderConfig, Detector, EntityAutoencodersConfig, Fit, FitContext, TrainingConfig};
/// use qosguard::ndarray::{Array2, array};
///
/// // Link 0 carries about 10, link 1 about 1000.
/// let x = Array2::from_shape_fn((400, 2), |(i, j)| match j {
///     0 => (i % 2) as f32,
///     _ => [10.0, 1000.0][i % 2] + (i % 7) as f32,
/// });
/// let training = TrainingConfig { epochs: 20, ..Default::default() };
/// let autoencoder =
///     AutoencoderConfig { widths: vec![4], latent: 1, batch_norm: false, training, ..Default::default() };
/// let config = EntityAutoencodersConfig { entity: 0.into(), min_rows: 100, autoencoder };
/// let model = config.fit(x.view(), FitContext::default())?.model;
/// assert_eq!(model.entities().collect::<Vec<_>>(), [0, 1]);
/// // 1000 is usual on link 1 alone.
/// let scores = model.score(array![[0.0, 1003.0], [1.0, 1003.0]].view())?;
/// assert!(scores[0] > 3.0 * scores[1]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntityAutoencodersConfig {
    /// The column with the entity of each row, whole numbers in `0..65536`.
    pub entity: EntityColumn,
    /// Minimum number of training rows for an entity to get its own model, at least 2.
    #[serde(alias = "least_rows")]
    pub min_rows: usize,
    /// The settings of every model; column indices include the entity column.
    pub autoencoder: AutoencoderConfig,
}

impl Default for EntityAutoencodersConfig {
    fn default() -> Self {
        Self { entity: EntityColumn::Index(0), min_rows: 500, autoencoder: AutoencoderConfig::default() }
    }
}

impl EntityAutoencodersConfig {
    /// Checks the settings for a matrix of so many columns; returns the index of the entity column.
    pub(super) fn validate(&self, n_features: usize) -> Result<usize> {
        let entity = self.entity.index(n_features)?;
        if self.min_rows < 2 {
            return Err(Error::invalid("min_rows", "at least 2", self.min_rows));
        }
        self.autoencoder.validate()?;
        Ok(entity)
    }
}
