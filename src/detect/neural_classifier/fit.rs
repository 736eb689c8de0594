//! Fitting a neural classifier.

use ndarray::ArrayView2;

use super::{NeuralClassifier, NeuralClassifierConfig};
use crate::detect::{ColumnNames, Fit, FitContext, Fitted};
use crate::error::Result;
use crate::nn::config::Build;
use crate::nn::inputs::Inputs;
use crate::nn::with_train;

impl NeuralClassifierConfig {
    /// Names the columns if the settings do not.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) {
        self.columns.get_or_insert_with(|| columns.to_columns());
    }

    /// The inputs and outputs of the network.
    pub(in crate::detect) fn build<'a>(&'a self, inputs: &'a Inputs, classes: usize) -> Build<'a> {
        Build { inputs, columns: self.columns.as_ref(), classes, masked: self.pretraining.is_some() }
    }
}

impl Fit for NeuralClassifierConfig {
    type Model = NeuralClassifier;

    /// Fits the classes of the labels, with weights where there are any.
    ///
    /// Rows without a label are used for the scaling of the numbers, the codes of the categories and, with
    /// [`NeuralClassifierConfig::pretraining`], the pretraining; the training itself uses rows with a label. The stages are
    /// `pretraining` and `classifier`. A `Break` of the monitor ends the current stage, which keeps its best weights.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`]. [`Error::Unsupported`](crate::Error::Unsupported) in a build without the feature `train`.
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an invalid class name or category, or missing columns of
    /// time that the network needs; [`Error::InsufficientData`](crate::Error::InsufficientData) for fewer than two classes or
    /// a class without rows that count; [`Error::Diverged`](crate::Error::Diverged) for a training whose numbers do not stay finite.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "train", doc = "```")]
    #[cfg_attr(not(feature = "train"), doc = "```ignore")]
    /// use qosguard::detect::{
    ///     Architecture, Detector, Fit, FitContext, FtTransformerConfig, NeuralClassifierConfig, PretrainingConfig,
    ///     TrainingConfig,
    /// };
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((120, 3), |(i, j)| (i * (j + 1) % 40) as f32);
    /// let label = |i| if i % 4 == 0 { Some(u32::from(x[[i, 0]] >= 20.0)) } else { None };
    /// let labels: Vec<Option<u32>> = (0..120).map(label).collect();
    /// let training = TrainingConfig { epochs: 2, ..Default::default() };
    /// let config = NeuralClassifierConfig {
    ///     architecture: Architecture::FtTransformer(FtTransformerConfig { width: 8, ..Default::default() }),
    ///     pretraining: Some(PretrainingConfig { training: training.clone(), ..Default::default() }),
    ///     training,
    ///     ..Default::default()
    /// };
    /// let classes = ["clean", "attack"].map(String::from);
    /// let model = config.fit(x.view(), FitContext::classes(&labels, &classes))?.model;
    /// assert_eq!(model.pretraining_history().map(|history| history.epochs.len()), Some(2));
    /// assert!(model.score(x.view())?.iter().all(|score| score.is_finite()));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<NeuralClassifier>> {
        let (labels, classes) = context.some_classes(x.nrows())?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns);
        }
        with_train!("training a neural classifier", [config, labels, classes], {
            let fit = || config.fit_rows(x, &labels, &classes, context.weights, context.resume);
            context.run(fit).map(Into::into)
        })
    }

    fn needs_labels(&self) -> bool {
        true
    }
}
