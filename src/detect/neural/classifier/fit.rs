//! Training a neural classifier.

use ndarray::{ArrayView2, Axis};

use super::rows::Rows;
use super::tasks::{Guess, Tell};
use super::{NeuralClassifier, NeuralClassifierConfig, NeuralClassifierParts, PretrainingConfig};
use crate::detect::neural::device::Precision;
use crate::detect::neural::inputs::{Encoded, Inputs};
use crate::detect::neural::networks::{Build, Network};
use crate::detect::neural::training::{History, Monitor, split, train};
use crate::detect::neural::weights::Weights;
use crate::detect::{Fit, check};
use crate::error::{Error, Result};

impl NeuralClassifierConfig {
    /// As [`Fit::fit`], and tells `monitor` how the training goes. The stages are `pretraining` and `classifier`;
    /// `Break` ends the stage that runs, and the best weights so far come back.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`] and [`NeuralClassifierConfig::fit_semi_supervised`].
    pub fn fit_with(
        &self,
        x: ArrayView2<'_, f32>,
        labels: Option<&[bool]>,
        monitor: &mut Monitor<'_>,
    ) -> Result<NeuralClassifier> {
        let Some(labels) = labels else {
            return Err(Error::InsufficientData { what: "labels".into(), needed: x.nrows().max(1), got: 0 });
        };
        let labels: Vec<Option<u32>> = labels.iter().map(|&attack| Some(u32::from(attack))).collect();
        self.fit_semi_supervised(x, &labels, &["clean".into(), "attack".into()], None, monitor)
    }

    /// Fits on `x` of shape `(rows, features)` with the class of each row as an index into `classes`, the first
    /// of which is clean traffic, and a weight for each row, 1 where there are none.
    ///
    /// # Errors
    ///
    /// As [`NeuralClassifierConfig::fit_semi_supervised`].
    pub fn fit_classes(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        classes: &[String],
        weights: Option<&[f32]>,
    ) -> Result<NeuralClassifier> {
        let labels: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
        self.fit_semi_supervised(x, &labels, classes, weights, &mut Monitor::default())
    }

    /// Fits on rows of which some have no label, `None`.
    ///
    /// Rows without a label serve the scaling of the numbers, the codes of the categories and, where
    /// [`NeuralClassifierConfig::pretraining`] is set, the pretraining; the rest of the training takes those with a
    /// label. The same config, data and seed give the same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting, a label, a weight, a class name or a category out of its domain,
    /// or columns of time that the network needs and that are not there; [`Error::ShapeMismatch`] for labels or
    /// weights of another number than the rows; [`Error::NotFinite`] for NaN or infinite input;
    /// [`Error::InsufficientData`] for no rows, no features, fewer than two classes or a class without rows that
    /// count; [`Error::Diverged`] for a training whose numbers are no longer finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{
    ///     Architecture, Detector, FtTransformerConfig, Monitor, NeuralClassifierConfig, PretrainingConfig, TrainingConfig,
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
    /// let model = config.fit_semi_supervised(x.view(), &labels, &classes, None, &mut Monitor::default())?;
    /// assert_eq!(model.pretraining_history().map(|history| history.epochs.len()), Some(2));
    /// assert!(model.score(x.view())?.iter().all(|score| score.is_finite()));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn fit_semi_supervised(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[Option<u32>],
        classes: &[String],
        weights: Option<&[f32]>,
        monitor: &mut Monitor<'_>,
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
            Some(config) => Some(self.pretrain(config, &weights, &network, &encoded, &learnt, monitor)?),
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
        let monitor = &mut monitor.for_stage("classifier");
        let history = train(&self.training, &task, rows.training.len(), self.seed, "classifier", monitor)?;
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
        monitor: &mut Monitor<'_>,
    ) -> Result<History> {
        let share = config.training.validation_share;
        let (training, validation) = split(None, rows.len(), share, self.seed);
        let [training, validation] = [training, validation]
            .map(|of: Vec<usize>| -> Vec<usize> { of.iter().map(|&i| rows[i]).collect() });
        let task = Guess { weights, network, encoded, training, validation, mask_share: config.mask_share };
        let monitor = &mut monitor.for_stage("pretraining");
        train(&config.training, &task, task.training.len(), self.seed, "pretraining", monitor)
    }
}

impl Fit for NeuralClassifierConfig {
    type Model = NeuralClassifier;

    /// Fits the classes `clean` and `attack`; see [`NeuralClassifierConfig::fit_classes`] for more.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] without labels or for labels of one class; else as
    /// [`NeuralClassifierConfig::fit_semi_supervised`].
    fn fit(&self, x: ArrayView2<'_, f32>, labels: Option<&[bool]>) -> Result<NeuralClassifier> {
        self.fit_with(x, labels, &mut Monitor::default())
    }
}

/// `0..n` without some rows, which rise.
fn without(n: usize, rows: &[usize]) -> Vec<usize> {
    (0..n).filter(|row| rows.binary_search(row).is_err()).collect()
}
