//! How the statistics of time are laid out for a convolution.

use super::columns::Columns;
use super::config::TimingLayout;
use super::inputs::Inputs;
use crate::error::{Error, Result};

/// The layout of the statistics.
pub(crate) struct Grid {
    /// Indices of the statistics among the numbers of a batch.
    pub(crate) numbers: Vec<u32>,
    /// The index of the statistic at each position and channel; the number of statistics for an empty cell.
    pub(crate) slots: Vec<u32>,
    /// (positions, channels)
    pub(crate) shape: (usize, usize),
}

impl Grid {
    pub(crate) fn new(inputs: &Inputs, columns: Option<&Columns>, layout: TimingLayout) -> Result<Self> {
        let timing = columns.map(|columns| columns.timing.as_slice()).unwrap_or_default();
        let mut numbers = Vec::new();
        // The statistic at each position of each channel.
        let mut grid: Vec<Vec<Option<u32>>> = Vec::new();
        for (i, channel) in timing.iter().enumerate() {
            let mut places = Vec::new();
            for (j, column) in channel.columns.iter().enumerate() {
                places.push(match column {
                    None => None,
                    Some(column) => {
                        let Some(number) = inputs.numbers.iter().position(|of| of.feature == *column) else {
                            let name = format!("columns.timing[{i}].columns[{j}]");
                            let expected = format!("a column of numbers below {}", inputs.n_features);
                            return Err(Error::invalid(name, expected, column));
                        };
                        numbers.push(number as u32);
                        Some(numbers.len() as u32 - 1)
                    }
                });
            }
            grid.push(places);
        }
        if numbers.is_empty() {
            let expected =
                "the statistics of time that a temporal CNN reads, such as a column `Flow IAT Mean`";
            return Err(Error::invalid("columns.timing", expected, "none"));
        }
        let positions = grid[0].len();
        if let Some(i) = grid.iter().position(|places| places.len() != positions) {
            let (name, got) = (format!("columns.timing[{i}].columns"), grid[i].len());
            return Err(Error::invalid(name, format!("{positions} long, as in the first channel"), got));
        }
        let empty = numbers.len() as u32;
        let (slots, shape) = match layout {
            TimingLayout::OneChannel => ((0..empty).collect(), (numbers.len(), 1)),
            TimingLayout::Directions => {
                let cell = |position: usize| grid.iter().map(move |places| places[position].unwrap_or(empty));
                ((0..positions).flat_map(cell).collect(), (positions, grid.len()))
            }
        };
        Ok(Self { numbers, slots, shape })
    }
}
