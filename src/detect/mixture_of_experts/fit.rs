//! Fitting a mixture.

use ndarray::ArrayView2;

use super::config::MixtureOfExpertsConfig;
use super::model::MixtureOfExperts;
use crate::detect::{ColumnNames, Fit, FitContext, Fitted};
use crate::error::Result;
use crate::nn::with_train;

impl MixtureOfExpertsConfig {
    /// Names the columns to experts whose settings do not name them.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        self.experts.iter_mut().try_for_each(|expert| expert.detector.name_columns(columns))
    }
}

impl Fit for MixtureOfExpertsConfig {
    type Model = MixtureOfExperts;

    /// Fits on labels of attacks or on classes.
    ///
    /// With three or more classes, each class but the first, which is clean traffic, is a kind of attack. Two classes
    /// give the same bits as labels. The score is the log-odds of any attack, as with two classes. With
    /// [`MixtureOfExpertsConfig::learn_classes`], boosted trees, logistic regressions and networks learn all classes,
    /// and [`Classifier::probabilities`](crate::Classifier::probabilities) of the mixture returns the probability of
    /// each class. A fit that is cancelled while the final gate is trained returns its best weights.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`]. [`Error::InsufficientData`](crate::Error::InsufficientData) without labels, for labels of
    /// one class, and for fewer than 20 clean rows in the training part of a fold.
    /// [`Error::Unsupported`](crate::Error::Unsupported) in a build without the feature `train`. The error of the first
    /// expert that cannot be fitted.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<MixtureOfExperts>> {
        context.refuse_weights()?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns)?;
        }
        with_train!(
            "training a mixture of experts",
            [config, x],
            context.run(|| config.fit_in(x, &context)).map(Into::into)
        )
    }

    fn needs_labels(&self) -> bool {
        true
    }
}
