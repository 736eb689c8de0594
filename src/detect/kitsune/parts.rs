//! The whole state as plain arrays, for files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mapping::Mapping;
use super::model::Phase;
use super::network::{Group, Network, features_of, hidden};
use super::ranges::Ranges;
use super::unit::Unit;
use super::{Kitsune, KitsuneConfig, MAX_FEATURES};
use crate::artifact::Tensors;
use crate::detect::stored::{Stored, put_weights, take_weights};
use crate::error::{Error, Result};

/// [`Kitsune`] as plain arrays, complete: a stream goes on from them with the same bits.
///
/// While features are mapped, `group`, `error_low`, `error_high` and `weights` are empty; afterwards `means` and
/// `products` are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitsuneParts {
    /// The settings.
    pub config: KitsuneConfig,
    /// Number of feature columns, 1 to 512.
    pub n_features: usize,
    /// Rows learned so far.
    pub rows_learned: u64,
    /// Least value of each feature, as far as its range goes.
    pub low: Vec<f32>,
    /// Greatest value of each feature, likewise.
    pub high: Vec<f32>,
    /// Learned values of each feature beyond its range.
    #[serde(alias = "beyond_range")]
    pub out_of_range: Vec<u64>,
    /// Mean of each feature.
    pub means: Vec<f64>,
    /// `Σ (x_i − mean_i) (x_j − mean_j)` for `j ≤ i`, the lower triangle row by row.
    pub products: Vec<f64>,
    /// The group of each feature; groups are numbered from 0 by their first features.
    pub group: Vec<u32>,
    /// Least error of each group, as far as its range goes.
    pub error_low: Vec<f32>,
    /// Greatest error of each group, likewise.
    pub error_high: Vec<f32>,
    /// `weight` (hidden, inputs), `hidden_bias` and `visible_bias` of each autoencoder, as `groups.0.weight` and
    /// so on, and `output.weight` of the one over the errors; in ±1,000,000.
    pub weights: BTreeMap<String, Vec<f32>>,
}

/// The part of a [`Kitsune`] in the header of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, missing_debug_implementations, reason = "only files see it")]
pub(crate) struct KitsuneHeader {
    config: KitsuneConfig,
    n_features: usize,
    rows_learned: u64,
}

impl Stored for KitsuneParts {
    type Header = KitsuneHeader;

    fn store(self, at: &str, tensors: &mut Tensors) -> KitsuneHeader {
        for (name, values) in [
            ("low", &self.low),
            ("high", &self.high),
            ("error_low", &self.error_low),
            ("error_high", &self.error_high),
        ] {
            tensors.put(&format!("{at}/{name}"), values);
        }
        tensors.put(&format!("{at}/out_of_range"), &self.out_of_range);
        tensors.put(&format!("{at}/means"), &self.means);
        tensors.put(&format!("{at}/products"), &self.products);
        tensors.put(&format!("{at}/group"), &self.group);
        put_weights(&self.weights, at, tensors);
        KitsuneHeader { config: self.config, n_features: self.n_features, rows_learned: self.rows_learned }
    }

    fn restore(header: KitsuneHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        let old = format!("{at}/beyond_range"); // old name
        let out_of_range = tensors.name_or_old(format!("{at}/out_of_range"), &old);
        Ok(Self {
            config: header.config,
            n_features: header.n_features,
            rows_learned: header.rows_learned,
            low: tensors.take(&format!("{at}/low"))?,
            high: tensors.take(&format!("{at}/high"))?,
            out_of_range: tensors.take(&out_of_range)?,
            means: tensors.take(&format!("{at}/means"))?,
            products: tensors.take(&format!("{at}/products"))?,
            group: tensors.take(&format!("{at}/group"))?,
            error_low: tensors.take(&format!("{at}/error_low"))?,
            error_high: tensors.take(&format!("{at}/error_high"))?,
            weights: take_weights(at, tensors)?,
        })
    }
}

impl KitsuneParts {
    pub(super) fn new(model: &Kitsune) -> Self {
        let mut parts = Self {
            config: model.config.clone(),
            n_features: model.n_features,
            rows_learned: model.learned,
            low: model.ranges.low.clone(),
            high: model.ranges.high.clone(),
            out_of_range: model.beyond.clone(),
            means: Vec::new(),
            products: Vec::new(),
            group: Vec::new(),
            error_low: Vec::new(),
            error_high: Vec::new(),
            weights: BTreeMap::new(),
        };
        match &model.phase {
            Phase::Mapping(mapping) => {
                parts.means.clone_from(&mapping.means);
                parts.products.clone_from(&mapping.products);
            }
            Phase::Training(network) => {
                parts.group = vec![0; model.n_features];
                for (i, group) in network.groups.iter().enumerate() {
                    group.features.iter().for_each(|&feature| parts.group[feature] = i as u32);
                    group.unit.store(&format!("groups.{i}"), &mut parts.weights);
                }
                network.output.store("output", &mut parts.weights);
                parts.error_low.clone_from(&network.errors.low);
                parts.error_high.clone_from(&network.errors.high);
            }
        }
        parts
    }

    /// Checks everything and puts the detector together.
    pub(super) fn assemble(&self) -> Result<Kitsune> {
        self.config.validate()?;
        let n = self.n_features;
        if !(1..=MAX_FEATURES).contains(&n) {
            return Err(Error::invalid("n_features", format!("in 1..={MAX_FEATURES}"), n));
        }
        let is_mapped = self.rows_learned >= self.config.mapping_rows as u64;
        let (mapping, mapped) = if is_mapped { (0, n) } else { (n, 0) };
        length("out_of_range", &self.out_of_range, n)?;
        if let Some(j) = self.out_of_range.iter().position(|&count| count > self.rows_learned) {
            let expected = format!("at most {} rows", self.rows_learned);
            return Err(Error::invalid(format!("out_of_range[{j}]"), expected, self.out_of_range[j]));
        }
        length("group", &self.group, mapped)?;
        let ranges = ranges(["low", "high"], [&self.low, &self.high], n)?;
        for (name, values, n) in
            [("means", &self.means, mapping), ("products", &self.products, mapping * (mapping + 1) / 2)]
        {
            length(name, values, n)?;
            finite(name, values)?;
        }
        let features = self.check_groups()?;
        let error = [&self.error_low, &self.error_high];
        let errors = self::ranges(["error_low", "error_high"], error, features.len())?;
        let phase = if is_mapped {
            Phase::Training(self.network(features, errors)?)
        } else {
            Phase::Mapping(Mapping { means: self.means.clone(), products: self.products.clone() })
        };
        if let (Phase::Mapping(_), Some(name)) = (&phase, self.weights.keys().next()) {
            return Err(Error::invalid(name.as_str(), "absent while features are mapped", "there"));
        }
        Ok(Kitsune {
            config: self.config.clone(),
            n_features: n,
            learned: self.rows_learned,
            ranges,
            beyond: self.out_of_range.clone(),
            phase,
        })
    }

    /// The features of each group, which are numbered in order and not too large.
    fn check_groups(&self) -> Result<Vec<Vec<usize>>> {
        let mut next = 0;
        for (j, &group) in self.group.iter().enumerate() {
            if group > next {
                return Err(Error::invalid(format!("group[{j}]"), format!("at most {next}"), group));
            }
            next = next.max(group + 1);
        }
        let features = features_of(&self.group);
        match features.iter().position(|features| features.len() > self.config.largest_group) {
            None => Ok(features),
            Some(i) => {
                let expected = format!("at most {} features", self.config.largest_group);
                Err(Error::invalid(format!("group {i}"), expected, features[i].len()))
            }
        }
    }

    fn network(&self, features: Vec<Vec<usize>>, errors: Ranges) -> Result<Network> {
        let mut weights = self.weights.clone();
        let mut unit =
            |at: &str, inputs| Unit::restore(at, inputs, hidden(inputs, &self.config), &mut weights);
        let output = unit("output", features.len())?;
        let groups = features.into_iter().enumerate();
        let groups = groups
            .map(|(i, features)| Ok(Group { unit: unit(&format!("groups.{i}"), features.len())?, features }))
            .collect::<Result<_>>()?;
        match weights.keys().next() {
            None => Ok(Network { groups, errors, output }),
            Some(name) => Err(Error::invalid(name.as_str(), "a weight of the network", "an unknown name")),
        }
    }
}

fn length<T>(name: &str, values: &[T], n: usize) -> Result<()> {
    if values.len() == n {
        return Ok(());
    }
    Err(Error::invalid(name, format!("an array of {n}"), format!("{} entries", values.len())))
}

fn finite<T: Copy + Into<f64>>(name: &str, values: &[T]) -> Result<()> {
    match values.iter().position(|&value| !value.into().is_finite()) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(format!("{name}[{i}]"), "finite", values[i].into())),
    }
}

/// Ranges whose ends are finite and in order.
fn ranges(names: [&str; 2], [low, high]: [&Vec<f32>; 2], n: usize) -> Result<Ranges> {
    for (name, values) in [(names[0], low), (names[1], high)] {
        length(name, values, n)?;
        finite(name, values)?;
    }
    match low.iter().zip(high).position(|(low, high)| low > high) {
        None => Ok(Ranges { low: low.clone(), high: high.clone() }),
        Some(j) => Err(Error::invalid(format!("{}[{j}]", names[0]), format!("at most {}", high[j]), low[j])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::OnlineDetector as _;

    #[test]
    fn a_file_keeps_every_phase() {
        let config =
            KitsuneConfig { mapping_rows: 20, training_rows: 20, largest_group: 2, ..Default::default() };
        for rows in [0_u16, 7, 20, 50] {
            let mut model = config.stream(5).unwrap();
            for i in 0..rows {
                model.learn(&[3, 5, 7, 11, 13].map(|m| f32::from(i % m))).unwrap();
            }
            let mut tensors = Tensors::default();
            let header = model.to_parts().store("detector", &mut tensors);
            let header = serde_json::from_str(&serde_json::to_string(&header).unwrap()).unwrap();
            let parts = KitsuneParts::restore(header, "detector", &mut tensors).unwrap();
            assert_eq!(parts, model.to_parts());
            assert_eq!(tensors.left_over(), None);
            assert_eq!(Kitsune::from_parts(&parts).unwrap(), model);
        }
    }
}
