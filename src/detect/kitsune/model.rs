//! The detector: its phases, and its scores split by feature.

use ndarray::{Array2, ArrayView1, ArrayView2, s};
use serde_json::{Value, json};

use super::mapping::Mapping;
use super::network::{Network, Scratch};
use super::ranges::Ranges;
use super::{KitsuneConfig, KitsuneParts};
use crate::detect::{Detector, OnlineDetector, check};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::parallel;
use crate::progress::{self, Progress, Unit};

/// Rows that one thread scores at a time, and below which no other thread is asked.
const CHUNK: usize = 4096;

/// Rows that are checked and scored while they stay in the first-level cache.
const TILE: usize = 128;

/// Rows that go through the autoencoders side by side.
const LANES: usize = 8;

/// An ensemble of small autoencoders, which scores and learns a stream of rows.
///
/// Each group of features that move together has an autoencoder of one hidden layer, `y = σ(W x + b)`,
/// `z = σ(Wᵀ y + c)`, where `x` are the features by their running range: 0 at its lower end, 1 at its upper end,
/// and at most 10 widths beyond. Its error is `√ mean (x − z)²`. One more autoencoder takes in the errors of all
/// groups, by their running range likewise, and its own error is the score, in `[0, 11]`: high where a group
/// fits worse, or where groups fit together worse, than in the rows that were learned.
///
/// A learned row trains every autoencoder by one step down the gradient of the cross-entropy, with values beyond
/// their range taken as its ends. Rows that are learned should be clean for the most part.
///
/// Memory does not grow with the stream: correlations while features are mapped, then weights and ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Kitsune {
    pub(super) config: KitsuneConfig,
    pub(super) n_features: usize,
    /// Rows learned so far.
    pub(super) learned: u64,
    /// Range of every feature.
    pub(super) ranges: Ranges,
    /// Learned values of each feature that lay beyond its range once features were mapped.
    pub(super) beyond: Vec<u64>,
    pub(super) phase: Phase,
}

/// The phase of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// To see which features go together.
    Mapping(Mapping),
    /// To train the autoencoders.
    Training(Network),
}

impl Kitsune {
    pub(super) fn new(config: KitsuneConfig, n_features: usize) -> Self {
        Self {
            config,
            n_features,
            learned: 0,
            ranges: Ranges::new(n_features),
            beyond: vec![0; n_features],
            phase: Phase::Mapping(Mapping::new(n_features)),
        }
    }

    /// Checks the parts of a detector, from a file, and assembles it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the field that does not hold; see [`KitsuneParts`].
    pub fn from_parts(parts: &KitsuneParts) -> Result<Self> {
        parts.assemble()
    }

    /// The whole state as plain arrays; [`Kitsune::from_parts`] goes on from it with the same bits.
    pub fn to_parts(&self) -> KitsuneParts {
        KitsuneParts::new(self)
    }

    /// The settings, with the numbers of rows that are in use.
    pub fn config(&self) -> &KitsuneConfig {
        &self.config
    }

    /// Whether enough rows were learned, so that rows can be scored.
    pub fn is_ready(&self) -> bool {
        self.learned >= self.rows_needed() as u64
    }

    fn rows_needed(&self) -> usize {
        self.config.mapping_rows + self.config.training_rows
    }

    /// For each feature, how many values lay beyond its range when they were learned, once features were mapped.
    ///
    /// Each of them extends the range by at most its own width. With many of them, the stream has changed since the groups
    /// were found: begin a new stream then.
    pub fn out_of_range(&self) -> &[u64] {
        &self.beyond
    }

    /// Range of each feature; `None` until features are mapped.
    pub fn ranges(&self) -> Option<Vec<(f32, f32)>> {
        let Ranges { low, high } = &self.ranges;
        self.network().map(|_| low.iter().copied().zip(high.iter().copied()).collect())
    }

    /// The features of each group; `None` until features are mapped.
    pub fn groups(&self) -> Option<Vec<Vec<usize>>> {
        self.network().map(|network| network.groups.iter().map(|group| group.features.clone()).collect())
    }

    fn network(&self) -> Option<&Network> {
        match &self.phase {
            Phase::Mapping(_) => None,
            Phase::Training(network) => Some(network),
        }
    }

    /// The network, where rows can be scored.
    fn ready(&self) -> Result<&Network> {
        self.network().filter(|_| self.is_ready()).ok_or_else(|| Error::InsufficientData {
            what: "learned rows".into(),
            needed: self.rows_needed(),
            got: self.learned as usize,
        })
    }

    fn learn_row(&mut self, value: impl Fn(usize) -> f32, scratch: &mut Scratch<1>) {
        let mapping_rows = self.config.mapping_rows as u64;
        match &mut self.phase {
            Phase::Mapping(mapping) => {
                for j in 0..self.n_features {
                    if self.learned == 0 {
                        self.ranges.begin(j, value(j));
                    }
                    self.ranges.include(j, value(j));
                }
                mapping.learn(value, self.learned);
                if self.learned + 1 == mapping_rows {
                    let group = mapping.groups(self.config.largest_group);
                    self.phase = Phase::Training(Network::new(&group, &self.config));
                }
            }
            Phase::Training(network) => {
                for (j, beyond) in self.beyond.iter_mut().enumerate() {
                    *beyond = beyond.saturating_add(self.ranges.is_beyond(j, value(j)).into());
                    self.ranges.stretch(j, value(j));
                }
                let is_first = self.learned == mapping_rows;
                network.learn(&self.ranges, value, (self.config.learning_rate as f32, is_first), scratch);
            }
        }
        self.learned = self.learned.saturating_add(1);
    }

    fn score_tile(&self, network: &Network, value: impl Fn(usize, usize) -> f32, out: &mut [f32]) {
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        if !blocks.is_empty() {
            let mut scratch = Scratch::new();
            for (block, out) in blocks.iter_mut().enumerate() {
                let value = |lane, feature| value(block * LANES + lane, feature);
                let scores = network.score::<LANES>(&self.ranges, value, &mut scratch, |_, _, _| ());
                *out = scores.map(|score| score as f32);
            }
        }
        let first = blocks.len() * LANES;
        let mut scratch = Scratch::new();
        for (i, out) in rest.iter_mut().enumerate() {
            let value = |_, feature| value(first + i, feature);
            let [score] = network.score::<1>(&self.ranges, value, &mut scratch, |_, _, _| ());
            *out = score as f32;
        }
    }

    /// Splits the score of a row among its features; returns the score.
    fn explain_row(
        &self,
        network: &Network,
        row: ArrayView1<'_, f32>,
        mut parts: ndarray::ArrayViewMut1<'_, f64>,
    ) -> f64 {
        let mut of_group = vec![0.0; network.groups.len()];
        let shares = |x: &[[f32; 1]], z: &[[f32; 1]]| {
            let squares: Vec<f64> = x.iter().zip(z).map(|(x, z)| f64::from(x[0] - z[0]).powi(2)).collect();
            let sum: f64 = squares.iter().sum();
            let even = 1.0 / squares.len() as f64;
            squares.into_iter().map(move |square| if sum > 0.0 { square / sum } else { even })
        };
        let [score] = network.score::<1>(
            &self.ranges,
            |_, feature| row[feature],
            &mut Scratch::new(),
            |group, x, z| match group {
                Some(group) => {
                    group.features.iter().zip(shares(x, z)).for_each(|(&j, share)| parts[j] = share);
                }
                None => of_group.iter_mut().zip(shares(x, z)).for_each(|(to, share)| *to = share),
            },
        );
        for (group, share) in network.groups.iter().zip(of_group) {
            group.features.iter().for_each(|&j| parts[j] *= share * score);
        }
        score
    }
}

impl OnlineDetector for Kitsune {
    fn learn_many(&mut self, x: ArrayView2<'_, f32>) -> Result<()> {
        check::shape(&x, self.n_features, x.nrows())?;
        check::finite(&x, 0)?;
        let mut scratch = Scratch::new();
        for (i, row) in x.rows().into_iter().enumerate() {
            if i.is_multiple_of(64) {
                progress::report(&Progress::new("kitsune", Unit::Rows, i, x.nrows()))?;
            }
            self.learn_row(|feature| row[feature], &mut scratch);
        }
        Ok(())
    }

    fn n_rows(&self) -> u64 {
        self.learned
    }
}

impl Detector for Kitsune {
    fn n_features(&self) -> usize {
        self.n_features
    }

    /// Writes one score per row, without learning them.
    ///
    /// # Errors
    ///
    /// As every detector, and [`Error::InsufficientData`] until `mapping_rows + training_rows` were learned.
    fn score_into(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        check::shape(&x, self.n_features, out.len())?;
        let network = self.ready()?;
        parallel::for_each_chunk(out, CHUNK, |start, out| {
            for (i, out) in out.chunks_mut(TILE).enumerate() {
                let first = start + i * TILE;
                let x = x.slice(s![first..first + out.len(), ..]);
                check::finite(&x, first)?;
                match x.as_slice() {
                    Some(x) => {
                        self.score_tile(network, |row, feature| x[row * self.n_features + feature], out);
                    }
                    None => self.score_tile(network, |row, feature| x[[row, feature]], out),
                }
            }
            Ok(())
        })
    }

    /// Splits the score, which is the error over all groups, by squared errors.
    ///
    /// Each group gets its share of the squared error of the last autoencoder, and each feature its share of the
    /// squared error of its group: with `e_g` and `d_j` the errors of the autoencoders,
    ///
    /// `score · e_g² / Σ e² · d_j² / Σ_{k in g} d_k²`.
    ///
    /// The base is 0. A group without any error distributes evenly. The split attributes the score to features; it does
    /// not predict the score for another value of a feature.
    ///
    /// # Errors
    ///
    /// As [`Kitsune::score_into`](Detector::score_into).
    fn explain(&self, x: ArrayView2<'_, f32>) -> Result<Explanation> {
        check::shape(&x, self.n_features, x.nrows())?;
        let network = self.ready()?;
        check::finite(&x, 0)?;
        let mut parts = Array2::zeros(x.dim());
        let rows = x.rows().into_iter().zip(parts.rows_mut());
        let scores = rows.map(|(row, parts)| self.explain_row(network, row, parts)).collect();
        Explanation::new(0.0, parts, scores)
    }

    fn facts(&self) -> Value {
        json!({
            "rows_learned": self.n_rows(),
            "ranges": self.ranges(),
            "out_of_range": self.out_of_range(),
            "groups": self.groups(),
        })
    }

    fn as_online(&mut self) -> Option<&mut dyn OnlineDetector> {
        Some(self)
    }
}
