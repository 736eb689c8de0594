//! Fitting one autoencoder for each entity.

use ndarray::ArrayView2;

use super::{EntityAutoencoders, EntityAutoencodersConfig};
use crate::detect::{ColumnNames, Fit, FitContext, Fitted};
use crate::error::Result;
use crate::nn::with_train;

impl EntityAutoencodersConfig {
    /// Names the columns if the settings do not, and finds the column of the entities.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        self.entity = self.entity.among(columns.names)?;
        self.autoencoder.name_columns(columns);
        Ok(())
    }
}

impl Fit for EntityAutoencodersConfig {
    type Model = EntityAutoencoders;

    /// # Errors
    ///
    /// As every [`Fit::fit`], [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an entity column that does not exist or does not contain
    /// whole numbers in `0..65536`, and [`Error::Diverged`](crate::Error::Diverged) for a training whose numbers do not stay finite.
    /// Entities whose training had not begun when the fit was cancelled use the model of all entities.
    /// [`Error::Unsupported`](crate::Error::Unsupported) in a build without the feature `train`.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<EntityAutoencoders>> {
        context.refuse_classes()?;
        context.refuse_weights()?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns)?;
        }
        with_train!(
            "training autoencoders",
            [config, x],
            context.run(|| config.fit_rows(x, context.resume).map(Into::into))
        )
    }
}
