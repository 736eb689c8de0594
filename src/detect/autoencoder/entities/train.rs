//! Training one autoencoder after the other.

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis};

use super::{EntityAutoencoders, EntityAutoencodersConfig};
use crate::detect::autoencoder::Autoencoder;
use crate::detect::check;
use crate::error::{Error, Result};
use crate::nn::inputs::whole_code;
use crate::nn::train::of_stage;
use crate::nn::{Checkpoint, Stopped};
use crate::parallel;
use crate::progress;

/// An entity, and which rows are its own.
type EntityRows = (u32, Vec<usize>);

impl EntityAutoencodersConfig {
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

    pub(super) fn fit_rows(
        &self,
        x: ArrayView2<'_, f32>,
        resume: Option<&Checkpoint>,
    ) -> Result<EntityAutoencoders> {
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
