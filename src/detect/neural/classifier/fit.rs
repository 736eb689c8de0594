//! Training a neural classifier.

use ndarray::{ArrayView2, Axis};

use super::rows::Rows;
use super::tasks::{Guess, Tell};
use super::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig};
use crate::detect::neural::device::Precision;
use crate::detect::neural::inputs::{Encoded, Inputs};
use crate::detect::neural::networks::{Build, Network};
use crate::detect::neural::training::{Checkpoint, History, of_stage, split, train};
use crate::detect::neural::weights::Weights;
use crate::detect::{ColumnNames, Fit, FitContext, Fitted, check};
use crate::error::Result;

impl NeuralClassifierConfig {
    /// Names the columns, where the settings do not.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) {
        self.columns.get_or_insert_with(|| columns.to_columns());
    }

    fn fit_rows(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[Option<u32>],
        classes: &[String],
        weights: Option<&[f32]>,
        resume: Option<&Checkpoint>,
    ) -> Result<NeuralClassifier> {
        self.validate()?;
        let place = self.training.device.open("training.device", Precision::Single)?;
        // Where the pretraining is, if elsewhere.
        let first = match self.pretraining.as_ref().map(|pretraining| pretraining.training.device) {
            Some(device) if device != self.training.device => {
                Some(device.open("pretraining.training.device", Precision::Single)?)
            }
            _ => None,
        };
        check::finite(&x, 0)?;
        let dealing = (self.training.validation_share, self.class_weight, self.seed);
        let rows = Rows::new(x.nrows(), labels, classes, weights, dealing)?;
        let learnt = without(x.nrows(), &rows.validation);
        let inputs = Inputs::fit(&x.select(Axis(0), &learnt).view(), self.columns.as_ref())?;
        let encoded = inputs.encode(&x);
        let build = self.build(&inputs, classes.len());
        let mut weights = Weights::new(self.seed).on(first.as_ref().unwrap_or(&place).clone());
        let mut network = Network::new(&mut weights, &build, &self.architecture)?;
        let pretraining_history = match &self.pretraining {
            None => None,
            Some(config) => Some(self.pretrain(config, &weights, &network, &encoded, &learnt, resume)?),
        };
        if first.is_some() {
            weights = Weights::stored(weights.values()?).on(place);
            network = Network::new(&mut weights, &build, &self.architecture)?;
        }
        let task = Tell {
            weights: &weights,
            network: &network,
            encoded: &encoded,
            rows: &rows,
            hidden_codes: self.hidden_codes,
        };
        let resume = of_stage(resume, "classifier");
        let history = train(&self.training, &task, rows.training.len(), self.seed, "classifier", resume)?;
        NeuralClassifier::from_parts(&NeuralClassifierParts {
            config: self.clone(),
            classes: classes.to_vec(),
            inputs,
            pretraining_history,
            history,
            weights: weights.values()?,
        })
    }

    /// What the network of so many classes is built for.
    pub(in crate::detect::neural) fn build<'a>(&'a self, inputs: &'a Inputs, classes: usize) -> Build<'a> {
        Build { inputs, columns: self.columns.as_ref(), classes, masked: self.pretraining.is_some() }
    }

    fn pretrain(
        &self,
        config: &PretrainingConfig,
        weights: &Weights,
        network: &Network,
        encoded: &Encoded,
        rows: &[usize],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        let share = config.training.validation_share;
        let (training, validation) = split(None, rows.len(), share, self.seed);
        let [training, validation] = [training, validation]
            .map(|of: Vec<usize>| -> Vec<usize> { of.iter().map(|&i| rows[i]).collect() });
        let task = Guess { weights, network, encoded, training, validation, mask_share: config.mask_share };
        let resume = of_stage(resume, "pretraining");
        train(&config.training, &task, task.training.len(), self.seed, "pretraining", resume)
    }
}

impl Fit for NeuralClassifierConfig {
    type Model = NeuralClassifier;

    /// Fits the classes of the labels, with weights where there are any.
    ///
    /// Rows without a label serve the scaling of the numbers, the codes of the categories and, where
    /// [`NeuralClassifierConfig::pretraining`] is set, the pretraining; the rest of the training uses those with a
    /// label. The stages are `pretraining` and `classifier`; a `Break` of the monitor ends the stage that runs, which
    /// keeps its best weights.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`], [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a class name or a category out of its domain, or columns
    /// of time that the network needs and that are missing; [`Error::InsufficientData`](crate::Error::InsufficientData) for fewer than two classes or
    /// a class without rows that count; [`Error::Diverged`](crate::Error::Diverged) for a training whose numbers are no longer finite.
    ///
    /// # Examples
    ///
    /// ```
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
        let fit = || config.fit_rows(x, &labels, &classes, context.weights, context.resume);
        context.run(fit).map(Into::into)
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

/// `0..n` without some rows, which rise.
fn without(n: usize, rows: &[usize]) -> Vec<usize> {
    (0..n).filter(|row| rows.binary_search(row).is_err()).collect()
}
