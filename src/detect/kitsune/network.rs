//! The autoencoders of all groups, and the one over their errors.

use super::ranges::Ranges;
use super::unit::Unit;
use super::{KitsuneConfig, MAX_FEATURES};
use crate::rng::Stream;

/// A group of features and its autoencoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) features: Vec<usize>,
    pub(super) unit: Unit,
}

/// All autoencoders.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) groups: Vec<Group>,
    /// Range of each group's error.
    pub(super) errors: Ranges,
    pub(super) output: Unit,
}

/// Intermediate results of `N` scores.
pub(super) struct Scratch<const N: usize> {
    input: [[f32; N]; MAX_FEATURES],
    hidden: [[f32; N]; MAX_FEATURES],
    restored: [[f32; N]; MAX_FEATURES],
    errors: [[f32; N]; MAX_FEATURES],
}

impl<const N: usize> Scratch<N> {
    pub(super) const fn new() -> Self {
        let zeros = [[0.0; N]; MAX_FEATURES];
        Self { input: zeros, hidden: zeros, restored: zeros, errors: zeros }
    }
}

/// Hidden units for so many inputs.
pub(super) fn hidden(inputs: usize, config: &KitsuneConfig) -> usize {
    ((inputs as f64 * config.hidden_ratio).ceil() as usize).clamp(1, inputs.max(1))
}

/// The features of each group, from the group of each feature.
pub(super) fn features_of(group: &[u32]) -> Vec<Vec<usize>> {
    let n = group.iter().max().map_or(0, |&last| last as usize + 1);
    let mut features = vec![Vec::new(); n];
    for (feature, &group) in group.iter().enumerate() {
        features[group as usize].push(feature);
    }
    features
}

impl Network {
    /// New weights for these groups.
    pub(super) fn new(group: &[u32], config: &KitsuneConfig) -> Self {
        let features = features_of(group);
        let n = features.len();
        let draw = |inputs, index: usize| {
            Unit::new(inputs, hidden(inputs, config), &mut Stream::new(config.seed, index as u64))
        };
        let groups = features.into_iter().enumerate();
        Self {
            output: draw(n, n),
            groups: groups.map(|(i, features)| Group { unit: draw(features.len(), i), features }).collect(),
            errors: Ranges::new(n),
        }
    }

    /// One training step on a row whose features are within `ranges`; `first` where there was none before.
    pub(super) fn learn(
        &mut self,
        ranges: &Ranges,
        value: impl Fn(usize) -> f32,
        (rate, first): (f32, bool),
        scratch: &mut Scratch<1>,
    ) {
        for (i, group) in self.groups.iter_mut().enumerate() {
            let n = group.features.len();
            for (x, &feature) in scratch.input.iter_mut().zip(&group.features) {
                *x = [ranges.scaled(feature, value(feature)).clamp(0.0, 1.0)];
            }
            let (x, y, z) = (&scratch.input[..n], &mut scratch.hidden, &mut scratch.restored[..n]);
            group.unit.forward(x, y, z);
            let [error] = root_mean_square(x, z).map(|error| error as f32);
            group.unit.step(x, y, z, rate);
            if first {
                self.errors.begin(i, error);
            }
            self.errors.stretch(i, error);
            scratch.errors[i] = [self.errors.scaled(i, error).clamp(0.0, 1.0)];
        }
        let n = self.groups.len();
        let (x, y, z) = (&scratch.errors[..n], &mut scratch.hidden, &mut scratch.restored[..n]);
        self.output.forward(x, y, z);
        self.output.step(x, y, z, rate);
    }

    /// The scores of `N` rows; `value(lane, feature)` is the value of a row. Calls `seen(group, x, z)` with
    /// the input and the output of each autoencoder, the one over the errors last.
    pub(super) fn score<const N: usize>(
        &self,
        ranges: &Ranges,
        value: impl Fn(usize, usize) -> f32,
        scratch: &mut Scratch<N>,
        mut seen: impl FnMut(Option<&Group>, &[[f32; N]], &[[f32; N]]),
    ) -> [f64; N] {
        for (i, group) in self.groups.iter().enumerate() {
            let n = group.features.len();
            for (x, &feature) in scratch.input.iter_mut().zip(&group.features) {
                *x = std::array::from_fn(|lane| ranges.scaled(feature, value(lane, feature)));
            }
            let (x, z) = (&scratch.input[..n], &mut scratch.restored[..n]);
            group.unit.forward(x, &mut scratch.hidden, z);
            seen(Some(group), x, z);
            scratch.errors[i] = root_mean_square(x, z).map(|error| self.errors.scaled(i, error as f32));
        }
        let n = self.groups.len();
        let (x, z) = (&scratch.errors[..n], &mut scratch.restored[..n]);
        self.output.forward(x, &mut scratch.hidden, z);
        seen(None, x, z);
        root_mean_square(x, z)
    }
}

/// `√ mean (x − z)²` of each lane.
fn root_mean_square<const N: usize>(x: &[[f32; N]], z: &[[f32; N]]) -> [f64; N] {
    let mut sum = [0.0; N];
    for (x, z) in x.iter().zip(z) {
        for (sum, (x, z)) in sum.iter_mut().zip(x.iter().zip(z)) {
            *sum += f64::from(x - z).powi(2);
        }
    }
    sum.map(|sum| (sum / x.len() as f64).sqrt())
}
