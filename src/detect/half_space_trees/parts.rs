//! The whole state as plain arrays, for files.

use serde::{Deserialize, Serialize};

use super::walk::Cut;
use super::{HalfSpaceTrees, HalfSpaceTreesConfig, model};
use crate::detect::stored::stored;
use crate::error::{Error, Result};

/// [`HalfSpaceTrees`] as plain arrays, complete: a stream goes on from them with the same bits.
///
/// Until the first window is full only `pending` and `out_of_range` have entries; afterwards `pending` is
/// empty. The arrays hold one tree after the other. The cuts of a tree are ordered by level, and in a level from
/// left to right; so are the leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfSpaceTreesParts {
    /// The settings.
    pub config: HalfSpaceTreesConfig,
    /// Number of feature columns, at least 1.
    pub n_features: usize,
    /// Rows learned so far.
    pub rows_learned: u64,
    /// The rows of the first window while it is not full, row-major, finite.
    pub pending: Vec<f32>,
    /// Least value of each feature in the first window.
    pub low: Vec<f32>,
    /// Greatest value of each feature in the first window.
    pub high: Vec<f32>,
    /// Learned values of each feature beyond its range.
    #[serde(alias = "beyond_range")]
    pub out_of_range: Vec<u64>,
    /// The feature that a cut compares; `2^depth − 1` per tree.
    pub feature: Vec<u32>,
    /// A row goes right when its feature is at least this finite number; one per cut.
    pub threshold: Vec<f32>,
    /// Rows of the last full window in each leaf; `2^depth` per tree, `window` rows in each tree.
    pub reference: Vec<u32>,
    /// Rows of the window that is being filled, likewise; `rows_learned mod window` rows in each tree.
    pub latest: Vec<u32>,
}

stored! {
    HalfSpaceTreesParts as HalfSpaceTreesHeader {
        config: HalfSpaceTreesConfig,
        n_features: usize,
        rows_learned: u64,
    } tensors { pending, low, high, out_of_range was beyond_range, feature, threshold, reference, latest } // old name
}

impl HalfSpaceTreesParts {
    pub(super) fn new(model: &HalfSpaceTrees) -> Self {
        // The first of a tree's cuts is not used.
        let cuts = || model.cuts.chunks_exact(1 << model.config.depth).flat_map(|cuts| &cuts[1..]);
        Self {
            config: model.config.clone(),
            n_features: model.n_features,
            rows_learned: model.learned,
            pending: model.pending.clone(),
            low: model.low.clone(),
            high: model.high.clone(),
            out_of_range: model.beyond.clone(),
            feature: cuts().map(|cut| cut.feature).collect(),
            threshold: cuts().map(|cut| cut.threshold).collect(),
            reference: model.reference.clone(),
            latest: model.latest.clone(),
        }
    }

    /// Checks everything and puts the detector together.
    pub(super) fn assemble(&self) -> Result<HalfSpaceTrees> {
        self.config.validate()?;
        if self.n_features == 0 || u32::try_from(self.n_features).is_err() {
            return Err(Error::invalid("n_features", "in 1..=4294967295", self.n_features));
        }
        let ready = self.rows_learned >= self.config.window as u64;
        self.check_lengths(ready)?;
        for (name, values) in [
            ("pending", &self.pending),
            ("low", &self.low),
            ("high", &self.high),
            ("threshold", &self.threshold),
        ] {
            if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::invalid(format!("{name}[{i}]"), "finite", values[i]));
            }
        }
        if let Some(j) = (0..self.low.len()).find(|&j| self.low[j] > self.high[j]) {
            return Err(Error::invalid(
                format!("low[{j}]"),
                format!("at most {}", self.high[j]),
                self.low[j],
            ));
        }
        if let Some(j) = self.out_of_range.iter().position(|&count| count > self.rows_learned) {
            let expected = format!("at most {} rows", self.rows_learned);
            return Err(Error::invalid(format!("out_of_range[{j}]"), expected, self.out_of_range[j]));
        }
        if let Some(i) = self.feature.iter().position(|&feature| feature as usize >= self.n_features) {
            let expected = format!("below {}", self.n_features);
            return Err(Error::invalid(format!("feature[{i}]"), expected, self.feature[i]));
        }
        let window = self.config.window as u64;
        self.check_rows("reference", &self.reference, window)?;
        self.check_rows("latest", &self.latest, self.rows_learned % window)?;
        Ok(self.build())
    }

    fn check_lengths(&self, ready: bool) -> Result<()> {
        let (trees, width) = (self.config.trees, 1_usize << self.config.depth);
        let filled = |length: usize| Some(if ready { length } else { 0 });
        let pending = (self.rows_learned as usize).checked_mul(self.n_features);
        for (name, expected, got) in [
            ("pending", if ready { Some(0) } else { pending }, self.pending.len()),
            ("low", filled(self.n_features), self.low.len()),
            ("high", filled(self.n_features), self.high.len()),
            ("out_of_range", Some(self.n_features), self.out_of_range.len()),
            ("feature", filled(trees * (width - 1)), self.feature.len()),
            ("threshold", filled(trees * (width - 1)), self.threshold.len()),
            ("reference", filled(trees * width), self.reference.len()),
            ("latest", filled(trees * width), self.latest.len()),
        ] {
            if Some(got) != expected {
                let expected = expected.map_or("fewer entries".into(), |n| format!("an array of {n}"));
                return Err(Error::invalid(name, expected, format!("{got} entries")));
            }
        }
        Ok(())
    }

    /// Every tree has counted the same `rows`.
    fn check_rows(&self, name: &str, leaves: &[u32], rows: u64) -> Result<()> {
        let sums =
            leaves.chunks_exact(1 << self.config.depth).map(|tree| tree.iter().copied().map(u64::from).sum());
        match sums.enumerate().find(|&(_, sum): &(usize, u64)| sum != rows) {
            None => Ok(()),
            Some((tree, sum)) => {
                Err(Error::invalid(format!("{name} of tree {tree}"), format!("{rows} rows in all"), sum))
            }
        }
    }

    fn build(&self) -> HalfSpaceTrees {
        let inner = (1 << self.config.depth) - 1;
        let mut cuts = Vec::with_capacity(self.reference.len());
        for (feature, threshold) in self.feature.chunks_exact(inner).zip(self.threshold.chunks_exact(inner)) {
            cuts.push(Cut::default());
            cuts.extend(
                feature.iter().zip(threshold).map(|(&feature, &threshold)| Cut { threshold, feature }),
            );
        }
        HalfSpaceTrees {
            config: self.config.clone(),
            n_features: self.n_features,
            learned: self.rows_learned,
            pending: self.pending.clone(),
            low: self.low.clone(),
            high: self.high.clone(),
            beyond: self.out_of_range.clone(),
            cuts,
            reference: self.reference.clone(),
            latest: self.latest.clone(),
            masses: model::masses(&self.reference, self.config.depth, self.config.window),
        }
    }
}
