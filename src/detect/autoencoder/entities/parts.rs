//! The models as plain data, for files.

use serde::{Deserialize, Serialize};

use super::{EntityAutoencoders, EntityAutoencodersConfig};
use crate::artifact::Tensors;
use crate::detect::Detector;
use crate::detect::autoencoder::parts::AutoencoderHeader;
use crate::detect::autoencoder::{Autoencoder, AutoencoderParts};
use crate::detect::stored::Stored;
use crate::error::{Error, Result};

/// [`EntityAutoencoders`] as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityAutoencodersParts {
    /// The settings that the models were fitted with.
    pub config: EntityAutoencodersConfig,
    /// The model of all entities.
    pub shared: AutoencoderParts,
    /// The entities with a model of their own, rising, each below 65,536.
    pub entities: Vec<u32>,
    /// One model for each of them.
    pub models: Vec<AutoencoderParts>,
}

impl EntityAutoencoders {
    /// Checks the parts of the models and assembles them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the invalid field or weight.
    pub fn from_parts(parts: &EntityAutoencodersParts) -> Result<Self> {
        let EntityAutoencodersParts { config, shared, entities, models } = parts;
        let shared = Autoencoder::from_parts(shared)?;
        let column = config.validate(shared.n_features())?;
        if entities.len() != models.len() {
            let expected = format!("an array of {}", entities.len());
            return Err(Error::invalid("models", expected, format!("{} entries", models.len())));
        }
        if !entities.is_sorted_by(|a, b| a < b) || entities.last().is_some_and(|&last| last >= 65_536) {
            return Err(Error::invalid("entities", "rising codes below 65536", format!("{entities:?}")));
        }
        let models = models.iter().map(Autoencoder::from_parts).collect::<Result<Vec<_>>>()?;
        for (i, model) in std::iter::once(&shared).chain(&models).enumerate() {
            let name = if i == 0 { "shared".to_owned() } else { format!("models[{}]", i - 1) };
            if model.n_features() != shared.n_features() {
                let expected = format!("a model of {} columns", shared.n_features());
                return Err(Error::invalid(name, expected, model.n_features()));
            }
            if model.inputs().has(column) {
                return Err(Error::invalid(name, "a model without the entity column", column));
            }
        }
        let models = entities.iter().copied().zip(models).collect();
        Ok(Self::assemble(config.clone(), column, shared, models))
    }

    /// The models as plain data; [`EntityAutoencoders::from_parts`] makes them again, bit for bit.
    pub fn to_parts(&self) -> EntityAutoencodersParts {
        EntityAutoencodersParts {
            config: self.config().clone(),
            shared: self.shared().to_parts(),
            entities: self.entities().collect(),
            models: self.entities().map(|entity| self.model(entity).to_parts()).collect(),
        }
    }
}

/// The part of the models in the header of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntityAutoencodersHeader {
    config: EntityAutoencodersConfig,
    shared: AutoencoderHeader,
    entities: Vec<u32>,
    models: Vec<AutoencoderHeader>,
}

impl Stored for EntityAutoencodersParts {
    type Header = EntityAutoencodersHeader;

    fn store(self, at: &str, tensors: &mut Tensors) -> EntityAutoencodersHeader {
        let Self { config, shared, entities, models } = self;
        let shared = shared.store(&format!("{at}/shared"), tensors);
        let models = models.into_iter().zip(&entities);
        let models = models.map(|(model, entity)| model.store(&format!("{at}/{entity}"), tensors)).collect();
        EntityAutoencodersHeader { config, shared, entities, models }
    }

    fn restore(header: EntityAutoencodersHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        let EntityAutoencodersHeader { config, shared, entities, models } = header;
        if entities.len() != models.len() {
            return Err(format!("{} models for {} entities", models.len(), entities.len()));
        }
        let shared = AutoencoderParts::restore(shared, &format!("{at}/shared"), tensors)?;
        let models = models.into_iter().zip(&entities);
        let models = models
            .map(|(model, entity)| AutoencoderParts::restore(model, &format!("{at}/{entity}"), tensors))
            .collect::<Result<_, _>>()?;
        Ok(Self { config, shared, entities, models })
    }
}
