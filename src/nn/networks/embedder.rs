//! The inputs of a network from a batch: the scaled numbers, and a trained vector for each category.

use candle_core::{Tensor, Var};

use crate::error::Result;
use crate::nn::batch::Batch;
use crate::nn::inputs::{Inputs, Seen};
use crate::nn::weights::{Init, Weights};

/// Makes one flat row of a batch's row: numbers first, then the vector of each category.
///
/// The score has a gradient with respect to it, which it does not have with respect to codes.
#[derive(Clone, Debug)]
pub(crate) struct Embedder {
    /// Positions of the numbers.
    numbers: Tensor,
    /// Position and table of each category; row 0 of a table is for unknown codes.
    tables: Vec<(usize, Var)>,
    /// The column of the matrix that each entry comes from.
    owners: Vec<usize>,
}

impl Embedder {
    /// The tables have the names `{at}.{j}.weight`; `width` returns the width of a table by its number of codes.
    pub(crate) fn new(
        weights: &mut Weights,
        at: &str,
        inputs: &Inputs,
        seen: &Seen,
        width: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let mut owners: Vec<usize> = seen.numbers.iter().map(|&i| inputs.numbers[i].feature).collect();
        let mut tables = Vec::new();
        for (j, &i) in seen.categories.iter().enumerate() {
            let category = &inputs.categories[i];
            let width = width(category.cardinality());
            let init = Init::Uniform { inputs: width };
            let name = format!("{at}.{j}.weight");
            tables.push((i, weights.weight(&name, &[category.cardinality(), width], init)?));
            owners.extend(std::iter::repeat_n(category.feature, width));
        }
        let numbers: Vec<u32> = seen.numbers.iter().map(|&i| i as u32).collect();
        let n = numbers.len();
        Ok(Self { numbers: weights.place().tensor(numbers, n)?, tables, owners })
    }

    /// The number of its scaled numbers.
    pub(crate) fn numbers(&self) -> usize {
        self.numbers.elem_count()
    }

    /// Width of a flat row.
    pub(crate) fn width(&self) -> usize {
        self.owners.len()
    }

    /// The column of the matrix that each entry of a flat row comes from.
    pub(crate) fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// Its scaled numbers, (rows, numbers).
    pub(crate) fn numbers_of(&self, batch: &Batch) -> Result<Tensor> {
        if self.numbers() == batch.numbers.dim(1)? {
            return Ok(batch.numbers.clone());
        }
        if self.numbers() == 0 {
            return Ok(batch.numbers.narrow(1, 0, 0)?);
        }
        Ok(batch.numbers.index_select(&self.numbers, 1)?)
    }

    /// Its codes, (rows) for each category.
    pub(crate) fn codes_of(&self, batch: &Batch) -> Result<Vec<Tensor>> {
        let code = |(i, _): &(usize, Var)| Ok(batch.codes.narrow(1, *i, 1)?.flatten_all()?);
        self.tables.iter().map(code).collect()
    }

    /// The flat rows, (rows, width).
    pub(crate) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let mut parts = Vec::with_capacity(self.tables.len() + 1);
        if self.numbers() > 0 {
            parts.push(self.numbers_of(batch)?);
        }
        for (codes, (_, table)) in self.codes_of(batch)?.iter().zip(&self.tables) {
            parts.push(table.index_select(codes, 0)?);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }
}
