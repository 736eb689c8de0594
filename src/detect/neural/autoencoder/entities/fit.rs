//! The settings, and training one autoencoder after the other.

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{EntityAutoencoders, EntityColumn};
use crate::detect::neural::autoencoder::{Autoencoder, AutoencoderConfig};
use crate::detect::neural::inputs::whole_code;
use crate::detect::neural::training::{Checkpoint, Stopped, of_stage};
use crate::detect::{ColumnNames, Fit, FitContext, Fitted, check};
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress;

/// Settings of [`EntityAutoencoders`].
///
/// One column of the matrix says whose row it is: a country, a link, a device class, as a whole number. Each
/// entity with enough rows gets an autoencoder of its own, trained on its rows alone; one more is trained on all
/// rows and stands in for every other entity, those that training did not see among them. No network gets the
/// entity column as an input.
///
/// The models are trained in parallel, each on one thread. The labels given to
/// [`Fit::fit`](crate::detect::Fit::fit) are not used: train on clean rows.
///
/// # Examples
///
/// ```
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
    /// The column that says whose row it is; it holds whole numbers in `0..65536`, as the codes of a category are.
    pub entity: EntityColumn,
    /// Training rows from which an entity gets a model of its own, at least 2.
    #[serde(alias = "least_rows")]
    pub min_rows: usize,
    /// The settings of every model; columns are counted with the entity's.
    pub autoencoder: AutoencoderConfig,
}

impl Default for EntityAutoencodersConfig {
    fn default() -> Self {
        Self { entity: EntityColumn::Index(0), min_rows: 500, autoencoder: AutoencoderConfig::default() }
    }
}

/// An entity, and which rows are its own.
type EntityRows = (u32, Vec<usize>);

impl EntityAutoencodersConfig {
    /// Checks the settings for a matrix of so many columns; returns which of them says whose row it is.
    pub(super) fn validate(&self, n_features: usize) -> Result<usize> {
        let entity = self.entity.index(n_features)?;
        if self.min_rows < 2 {
            return Err(Error::invalid("min_rows", "at least 2", self.min_rows));
        }
        self.autoencoder.validate()?;
        Ok(entity)
    }

    /// The rows of each entity that has enough of them.
    fn rows_of_entities(&self, x: &ArrayView2<'_, f32>, column: usize) -> Result<Vec<EntityRows>> {
        let mut rows: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, &value) in x.column(column).iter().enumerate() {
            let Some(code) = whole_code(value) else {
                let name = format!("x[{row}, {column}]");
                return Err(Error::invalid(name, "a whole number in 0..65536", value));
            };
            rows.entry(code).or_default().push(row);
        }
        rows.retain(|_, rows| rows.len() >= self.min_rows);
        Ok(rows.into_iter().collect())
    }

    fn fit_entity(
        &self,
        x: ArrayView2<'_, f32>,
        column: usize,
        entity: Option<&EntityRows>,
        resume: Option<&Checkpoint>,
    ) -> Result<Autoencoder> {
        let config = &self.autoencoder;
        let stage = match entity {
            None => "autoencoder of all entities".to_owned(),
            Some((code, _)) => format!("autoencoder of entity {code}"),
        };
        let resume = of_stage(resume, &stage);
        match entity {
            None => config.fit_stage(x, Some(column), &stage, resume),
            Some((_, rows)) => config.fit_stage(x.select(Axis(0), rows).view(), Some(column), &stage, resume),
        }
    }

    /// The entity column, and the rows of each entity that has enough of them.
    fn check(&self, x: &ArrayView2<'_, f32>) -> Result<(usize, Vec<EntityRows>)> {
        let column = self.validate(x.ncols())?;
        check::finite(x, 0)?;
        Ok((column, self.rows_of_entities(x, column)?))
    }

    /// Names the columns, where the settings do not, and finds that of the entities.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        self.entity = self.entity.among(columns.names)?;
        self.autoencoder.name_columns(columns);
        Ok(())
    }

    fn fit_rows(&self, x: ArrayView2<'_, f32>, resume: Option<&Checkpoint>) -> Result<EntityAutoencoders> {
        let (column, entities) = self.check(&x)?;
        let fit = |entity| self.fit_entity(x, column, entity, resume);
        if progress::is_watched() {
            // The same bits, one model after the other, so that reports come in order.
            let shared = fit(None)?;
            let mut models = Vec::new();
            let mut cancelled = shared.history().stopped == Stopped::Cancelled;
            for entity in &entities {
                if cancelled || progress::is_cancelled() {
                    break;
                }
                let model = fit(Some(entity))?;
                cancelled = model.history().stopped == Stopped::Cancelled;
                models.push((entity.0, model));
            }
            return Ok(EntityAutoencoders::assemble(self.clone(), column, shared, models));
        }
        let mut models =
            parallel::map(entities.len() + 1, |i| fit(i.checked_sub(1).and_then(|i| entities.get(i))))
                .into_iter();
        let shared = models.next().unwrap_or_else(|| fit(None))?;
        let mut own = Vec::new();
        for ((code, _), model) in entities.iter().zip(models) {
            match model {
                // Its training had not completed an epoch when it was cancelled.
                Err(Error::Cancelled) => {}
                model => own.push((*code, model?)),
            }
        }
        Ok(EntityAutoencoders::assemble(self.clone(), column, shared, own))
    }
}

impl Fit for EntityAutoencodersConfig {
    type Model = EntityAutoencoders;

    /// # Errors
    ///
    /// As every [`Fit::fit`], [`Error::InvalidArgument`] for an entity column that does not exist or does not hold
    /// whole numbers in `0..65536`, and [`Error::Diverged`] for a training whose numbers are no longer finite.
    /// Entities whose training had not begun when the fit was cancelled share the model of all.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<EntityAutoencoders>> {
        context.refuse_classes()?;
        context.refuse_weights()?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns)?;
        }
        context.run(|| config.fit_rows(x, context.resume).map(Into::into))
    }
}
