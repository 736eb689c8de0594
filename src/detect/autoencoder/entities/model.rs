//! The fitted models, and the way from a row to its own.

use ndarray::{Array2, ArrayView2, Axis, s};
use serde_json::{Value, json};

use super::EntityAutoencodersConfig;
use crate::detect::autoencoder::Autoencoder;
use crate::detect::{Detector, check};
use crate::error::Result;
use crate::explain::Explanation;
use crate::nn::inputs::whole_code;

/// One autoencoder for each entity with enough rows, and one for all others.
///
/// The score of a row is the score by the model of its entity, divided by the
/// [usual score](Autoencoder::usual_score) of this model. About 5 % of the clean rows of every entity score above 1, so
/// one threshold works for all entities.
#[derive(Clone, Debug)]
pub struct EntityAutoencoders {
    config: EntityAutoencodersConfig,
    /// The column with the entity of each row.
    column: usize,
    shared: Autoencoder,
    /// By rising code.
    models: Vec<(u32, Autoencoder)>,
}

impl EntityAutoencoders {
    /// Assembles the models; everything is checked before.
    pub(super) fn assemble(
        config: EntityAutoencodersConfig,
        column: usize,
        shared: Autoencoder,
        models: Vec<(u32, Autoencoder)>,
    ) -> Self {
        Self { config, column, shared, models }
    }

    /// The settings that the models were fitted with.
    pub fn config(&self) -> &EntityAutoencodersConfig {
        &self.config
    }

    /// The entities that have a model of their own, rising.
    pub fn entities(&self) -> impl Iterator<Item = u32> + '_ {
        self.models.iter().map(|(code, _)| *code)
    }

    /// The model of an entity: its own, or the model of all entities if it does not have its own.
    pub fn model(&self, entity: u32) -> &Autoencoder {
        self.index(entity).map_or(&self.shared, |i| &self.models[i].1)
    }

    /// The model that was trained on the rows of all entities.
    pub fn shared(&self) -> &Autoencoder {
        &self.shared
    }

    fn index(&self, entity: u32) -> Option<usize> {
        self.models.binary_search_by_key(&entity, |(code, _)| *code).ok()
    }

    /// The index of a row's model among the models of single entities; `None` for the model of all.
    fn index_of_row(&self, x: &ArrayView2<'_, f32>, row: usize) -> Option<usize> {
        whole_code(x[[row, self.column]]).and_then(|code| self.index(code))
    }

    fn at(&self, index: Option<usize>) -> &Autoencoder {
        index.map_or(&self.shared, |i| &self.models[i].1)
    }
}

impl Detector for EntityAutoencoders {
    fn n_features(&self) -> usize {
        self.shared.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features(), out.len())?;
        check::finite(&x, 0)?;
        let mut start = 0;
        while start < x.nrows() {
            let index = self.index_of_row(&x, start);
            let same = (start..x.nrows()).take_while(|&row| self.index_of_row(&x, row) == index).count();
            let end = start + same;
            let model = self.at(index);
            let out = &mut out[start..end];
            model.score_into(x.slice(s![start..end, ..]), out)?;
            for score in out {
                *score = (f64::from(*score) / model.usual_score()) as f32;
            }
            start = end;
        }
        Ok(())
    }

    /// The base is 0, and the contribution of a feature is the part of the score from its own error in the model of the
    /// entity. The entity column contributes nothing.
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features(), x.nrows())?;
        check::finite(&x, 0)?;
        let mut contributions = Array2::zeros(x.dim());
        let mut scores = vec![0.0; x.nrows()];
        for index in std::iter::once(None).chain((0..self.models.len()).map(Some)) {
            let rows: Vec<usize> =
                (0..x.nrows()).filter(|&row| self.index_of_row(&x, row) == index).collect();
            let model = self.at(index);
            let part = model.explain(x.select(Axis(0), &rows).view())?;
            for (i, &row) in rows.iter().enumerate() {
                let shares = part.contributions.row(i).mapv(|share| share / model.usual_score());
                contributions.row_mut(row).assign(&shares);
                scores[row] = part.scores[i] / model.usual_score();
            }
        }
        Explanation::new(0.0, contributions, scores)
    }

    fn facts(&self) -> Value {
        json!({"history": self.shared().history(), "entities": self.entities().collect::<Vec<_>>()})
    }
}
