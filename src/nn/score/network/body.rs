//! A body laid out for scoring.

use super::Rows;
use crate::error::{Error, Result};
use crate::nn::config::{Activation, Architecture, Build};
use crate::nn::inputs::Seen;
use crate::nn::score::{
    Chain, CnnSizes, Dense, TemporalCnn, Transformer, TransformerSizes, Values, named, padded, with_scratch,
};
use crate::nn::timing_grid::Grid;

/// The inputs of a body, and its network.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// Indices among the numbers; `None` is a 0.
    numbers: Vec<Option<usize>>,
    tables: Vec<Table>,
    network: Kind,
}

/// A vector for each code of a category.
#[derive(Clone, Debug)]
struct Table {
    /// The position among the categories.
    category: usize,
    width: usize,
    vectors: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Kind {
    Mlp(Chain),
    FtTransformer(Box<Transformer>),
    TemporalCnn(TemporalCnn),
}

impl Body {
    pub(super) fn new(
        values: &Values<'_>,
        at: &str,
        build: &Build<'_>,
        architecture: &Architecture,
        exclude_timing: bool,
    ) -> Result<Self> {
        let seen = build.seen(at, architecture, exclude_timing)?;
        let numbers: Vec<_> = seen.numbers.iter().copied().map(Some).collect();
        match architecture {
            Architecture::Mlp(config) => {
                let width = |codes: usize| (codes / 2).clamp(4, 16);
                let tables = tables(values, &format!("{at}.categories"), build, &seen, width)?;
                let mut width = numbers.len() + tables.iter().map(|table| table.width).sum::<usize>();
                let mut layers = Vec::new();
                for (i, &next) in config.hidden.iter().enumerate() {
                    let at = format!("{at}.layers.{i}");
                    layers.push(Dense::new(values, &at, [width, next], Some(Activation::Relu))?);
                    width = next;
                }
                Ok(Self { numbers, tables, network: Kind::Mlp(Chain::new(layers)) })
            }
            Architecture::FtTransformer(config) => {
                let at_tables = format!("{at}.tokens.categories");
                let tables = tables(values, &at_tables, build, &seen, |_| config.width)?;
                let sizes = TransformerSizes {
                    numbers: numbers.len(),
                    categories: tables.len(),
                    width: config.width,
                    layers: config.layers,
                    heads: config.heads,
                    feed_forward: config.feed_forward,
                };
                let network = Kind::FtTransformer(Box::new(Transformer::new(values, at, sizes)?));
                Ok(Self { numbers, tables, network })
            }
            Architecture::TemporalCnn(config) => {
                let grid = Grid::new(build.inputs, build.columns, config.layout)?;
                let number = |&slot: &u32| grid.numbers.get(slot as usize).map(|&number| number as usize);
                let (positions, channels) = grid.shape;
                let sizes = CnnSizes {
                    positions,
                    channels: std::iter::once(channels).chain(config.channels.iter().copied()).collect(),
                    kernel: config.kernel,
                    pool: config.pool,
                    width: config.width,
                };
                Ok(Self {
                    numbers: grid.slots.iter().map(number).collect(),
                    tables: Vec::new(),
                    network: Kind::TemporalCnn(TemporalCnn::new(values, at, &sizes)?),
                })
            }
            Architecture::Mixture(_) => {
                Err(Error::invalid(at, "a network that is not a mixture", "a mixture"))
            }
        }
    }

    /// Shape of `out`: (rows, width).
    pub(super) fn forward(&self, rows: &Rows<'_>, out: &mut [f32]) {
        let width = self.numbers.len() + self.tables.iter().map(|table| table.width).sum::<usize>();
        with_scratch(padded(rows.n * width), |flat| {
            let flat = &mut flat[..rows.n * width];
            for (i, flat) in flat.chunks_exact_mut(width).enumerate() {
                self.embed(rows.numbers(i), rows.codes(i), flat);
            }
            match &self.network {
                Kind::Mlp(network) => network.forward(flat, out),
                Kind::FtTransformer(network) => network.forward(flat, out),
                Kind::TemporalCnn(network) => network.forward(flat, out),
            }
        });
    }

    /// Numbers, then the vector of each category.
    fn embed(&self, numbers: &[f32], codes: &[f32], flat: &mut [f32]) {
        let (of_numbers, mut vectors) = flat.split_at_mut(self.numbers.len());
        for (flat, number) in of_numbers.iter_mut().zip(&self.numbers) {
            *flat = number.map_or(0.0, |number| numbers[number]);
        }
        for table in &self.tables {
            let (vector, rest) = vectors.split_at_mut(table.width);
            vector.copy_from_slice(
                &table.vectors[codes[table.category] as usize * table.width..][..table.width],
            );
            vectors = rest;
        }
    }
}

fn tables(
    values: &Values<'_>,
    at: &str,
    build: &Build<'_>,
    seen: &Seen,
    width: impl Fn(usize) -> usize,
) -> Result<Vec<Table>> {
    let table = |(j, &category): (usize, &usize)| {
        let codes = build.inputs.categories[category].cardinality();
        let vectors = named(values, &format!("{at}.{j}.weight"), codes * width(codes))?.to_vec();
        Ok(Table { category, width: width(codes), vectors })
    };
    seen.categories.iter().enumerate().map(table).collect()
}
