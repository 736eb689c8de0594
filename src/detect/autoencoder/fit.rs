//! Fitting an autoencoder.

use ndarray::ArrayView2;

use super::{Autoencoder, AutoencoderConfig};
use crate::detect::{ColumnNames, Fit, FitContext, Fitted};
use crate::error::Result;
use crate::nn::with_train;

impl AutoencoderConfig {
    /// Names the columns if the settings do not.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) {
        self.columns.get_or_insert_with(|| columns.to_columns());
    }
}

impl Fit for AutoencoderConfig {
    type Model = Autoencoder;

    /// # Errors
    ///
    /// As every [`Fit::fit`]. [`Error::Unsupported`](crate::Error::Unsupported) in a build without the feature `train`.
    /// [`Error::Diverged`](crate::Error::Diverged) for a training whose numbers do not stay finite. A training
    /// that is cancelled after its first epoch returns its best weights.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<Autoencoder>> {
        context.refuse_classes()?;
        context.refuse_weights()?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns);
        }
        with_train!(
            "training an autoencoder",
            [config, x],
            context.run(|| config.fit_stage(x, None, "autoencoder", context.resume).map(Into::into))
        )
    }
}
