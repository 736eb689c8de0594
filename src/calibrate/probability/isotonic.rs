//! Isotonic regression: the non-decreasing curve nearest to the labels.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A curve through knots, linear between them and constant beyond.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Isotonic {
    /// Scores of the knots, ascending.
    scores: Vec<f32>,
    /// Probabilities of the knots, in (0, 1), never falling.
    values: Vec<f64>,
}

/// Neighbouring scores of one value.
#[derive(Clone, Copy)]
struct Block {
    first: f32,
    last: f32,
    attacks: u64,
    rows: u64,
}

impl Block {
    /// Whether the share of attacks is at least as high as in the next block, in exact arithmetic.
    fn reaches(&self, next: &Self) -> bool {
        u128::from(self.attacks) * u128::from(next.rows) >= u128::from(next.attacks) * u128::from(self.rows)
    }
}

impl Isotonic {
    /// Pools adjacent violators; rows that tie are one to begin with. There is at least one row.
    pub(super) fn fit(scores: &[f32], labels: &[bool]) -> Self {
        // −0 and 0 tie.
        let mut rows: Vec<(f32, bool)> = scores.iter().map(|s| s + 0.0).zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut groups: Vec<Block> = rows
            .chunk_by(|a, b| a.0 == b.0)
            .map(|ties| Block {
                first: ties[0].0,
                last: ties[0].0,
                attacks: ties.iter().filter(|row| row.1).count() as u64,
                rows: ties.len() as u64,
            })
            .collect();
        if let Some(lowest) = groups.first_mut() {
            lowest.attacks += 1;
            lowest.rows += 1;
        }
        if let Some(highest) = groups.last_mut() {
            highest.rows += 1;
        }
        let mut blocks: Vec<Block> = Vec::new();
        for mut block in groups {
            while let Some(before) = blocks.pop_if(|before| before.reaches(&block)) {
                block.first = before.first;
                block.attacks += before.attacks;
                block.rows += before.rows;
            }
            blocks.push(block);
        }
        let (mut scores, mut values) = (Vec::new(), Vec::new());
        for Block { first, last, attacks, rows } in blocks {
            let value = attacks as f64 / rows as f64;
            scores.push(first);
            values.push(value);
            if last > first {
                scores.push(last);
                values.push(value);
            }
        }
        Self { scores, values }
    }

    /// The curve at a finite score; NaN for NaN.
    pub(super) fn value(&self, score: f32) -> f64 {
        if score.is_nan() {
            return f64::NAN;
        }
        let above = self.scores.partition_point(|&s| s <= score);
        if above == 0 {
            return self.values[0];
        }
        let (x, y) = (self.scores[above - 1], self.values[above - 1]);
        if above == self.scores.len() {
            return y;
        }
        let (next_x, next_y) = (self.scores[above], self.values[above]);
        let share = (f64::from(score) - f64::from(x)) / (f64::from(next_x) - f64::from(x));
        (y + share * (next_y - y)).min(next_y)
    }

    /// Rejects knots that no fit gives.
    pub(super) fn check(&self) -> Result<()> {
        let Self { scores, values } = self;
        if scores.is_empty() || scores.len() != values.len() {
            let got = format!("{} scores and {} values", scores.len(), values.len());
            return Err(Error::invalid("scores", "as many as values, and at least one", got));
        }
        if let Some(i) = scores.iter().position(|s| !s.is_finite()) {
            return Err(Error::invalid(format!("scores[{i}]"), "finite", scores[i]));
        }
        if let Some(i) = scores.windows(2).position(|w| w[0] >= w[1]) {
            return Err(Error::invalid(format!("scores[{}]", i + 1), "above the one before", scores[i + 1]));
        }
        if let Some(i) = values.iter().position(|v| !(*v > 0.0 && *v < 1.0)) {
            return Err(Error::invalid(format!("values[{i}]"), "above 0 and below 1", values[i]));
        }
        if let Some(i) = values.windows(2).position(|w| w[0] > w[1]) {
            let expected = "at least the one before";
            return Err(Error::invalid(format!("values[{}]", i + 1), expected, values[i + 1]));
        }
        Ok(())
    }
}
