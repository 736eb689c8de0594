//! Isolation forest: rows that few random cuts set apart are anomalous.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod config;
mod cut;
mod explain;
mod gain;
mod grow;
mod layout;
mod merge;
mod model;
mod parts;
mod plane;
mod row_prep;
mod training_data;
mod walk;

pub use config::{IsolationForestConfig, IsolationMissing, IsolationScoring, IsolationSplits};
pub use model::IsolationForest;
pub(super) use parts::IsolationForestHeader;
pub use parts::IsolationForestParts;

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::ArrayView2;

use super::tree::{Node, Test, Trees};
use super::{Fit, FitContext, Fitted, check};
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;

use config::MAX_CATEGORIES;
use grow::Tree;
use plane::Planes;
use training_data::TrainingData;

impl Fit for IsolationForestConfig {
    type Model = IsolationForest;

    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<IsolationForest>> {
        context.unsupervised(|| {
            let (trees, planes) = grow_trees(self, x, 0)?;
            Ok(IsolationForest::from_trees(self.clone(), x.ncols(), trees, planes))
        })
    }
}

/// Grows the trees from number `first` to `config.trees`.
fn grow_trees(
    config: &IsolationForestConfig,
    x: ArrayView2<'_, f32>,
    first: usize,
) -> Result<(Trees, Option<Planes>)> {
    config.validate(x.ncols())?;
    if x.ncols() == 0 {
        return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
    }
    if x.nrows() < 2 {
        return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: x.nrows() });
    }
    match config.missing {
        IsolationMissing::Refuse => check::finite(&x, 0)?,
        IsolationMissing::Learn => check::no_infinity(&x, 0)?,
    }
    let n_categories = n_categories(config, &x)?;
    let data = TrainingData { config, x, n_categories, sample: config.max_samples.min(x.nrows()) };
    let (done, trees) = (AtomicUsize::new(0), config.trees - first);
    let grown = parallel::map(trees, |tree| {
        let grown = grow::grow(&data, &mut Stream::new(config.seed, (first + tree) as u64))?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress::report(&Progress::new("isolation_forest", Unit::Trees, done, trees))?;
        Ok(grown)
    });
    assemble(config, x.ncols(), grown.into_iter().collect::<Result<_>>()?)
}

/// For each categorical column, the number that all its categories are below; 0 for the other columns.
fn n_categories(config: &IsolationForestConfig, x: &ArrayView2<'_, f32>) -> Result<Vec<u32>> {
    let mut n_categories = vec![0; x.ncols()];
    for &column in &config.categorical {
        for (row, &value) in x.column(column).iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            if value.fract() != 0.0 || !(0.0..MAX_CATEGORIES as f32).contains(&value) {
                let name = format!("row {row}, column {column}");
                let expected = format!("a category, a whole number in 0..{MAX_CATEGORIES}");
                return Err(Error::invalid(name, expected, value));
            }
            n_categories[column] = n_categories[column].max(value as u32 + 1);
        }
    }
    Ok(n_categories)
}

/// Puts trees together, with the planes that they are cut along.
fn assemble(
    config: &IsolationForestConfig,
    n_features: usize,
    grown: Vec<Tree>,
) -> Result<(Trees, Option<Planes>)> {
    let mut planes = Planes::new(config.splits.features());
    let (mut sets, mut trees) = (Vec::new(), Vec::with_capacity(grown.len()));
    for mut tree in grown {
        renumber(&mut tree.nodes, planes.len() as u32, sets.len() as u32);
        planes.append(&tree.planes);
        sets.append(&mut tree.sets);
        trees.push(tree.nodes);
    }
    let oblique = planes.k > 1;
    let trees = Trees::new(if oblique { planes.len() } else { n_features }, &trees, sets)?;
    Ok((trees, oblique.then_some(planes)))
}

/// Moves the numbers of planes and of sets of categories up; `planes` is 0 where trees test features.
fn renumber(nodes: &mut [Node], planes: u32, sets: u32) {
    for node in nodes {
        if let Node::Split { feature, test, .. } = node {
            *feature += planes;
            if let Test::OneOf(set) = test {
                *set += sets;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn settings_out_of_their_domain_are_named() {
        let x = Array2::<f32>::eye(3);
        let base = IsolationForestConfig::default;
        for (config, name) in [
            (IsolationForestConfig { trees: 0, ..base() }, "trees"),
            (IsolationForestConfig { trees: 10_001, ..base() }, "trees"),
            (IsolationForestConfig { max_samples: 1, ..base() }, "max_samples"),
            (IsolationForestConfig { max_samples: (1 << 20) + 1, ..base() }, "max_samples"),
            (IsolationForestConfig { max_depth: Some(0), ..base() }, "max_depth"),
            (IsolationForestConfig { max_depth: Some(33), ..base() }, "max_depth"),
        ] {
            let error = config.fit(x.view(), FitContext::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().starts_with(&format!("`{name}` must be in ")), "{error}");
        }
    }

    #[test]
    fn a_setting_that_is_left_out_has_its_default_and_an_unknown_one_is_rejected() {
        let config: IsolationForestConfig = serde_json::from_str(r#"{"trees": 7}"#).unwrap();
        assert_eq!(config, IsolationForestConfig { trees: 7, ..Default::default() });
        assert!(serde_json::from_str::<IsolationForestConfig>(r#"{"tree": 7}"#).is_err());
    }

    #[test]
    fn too_few_rows_or_columns_return_errors() {
        let config = IsolationForestConfig::default();
        let one_row = config.fit(Array2::zeros((1, 3)).view(), FitContext::default()).unwrap_err();
        assert_eq!(one_row.to_string(), "training rows: needs at least 2, got 1");
        let no_features = config.fit(Array2::zeros((10, 0)).view(), FitContext::default()).unwrap_err();
        assert_eq!(no_features.to_string(), "feature columns: needs at least 1, got 0");
        let mut x = Array2::zeros((10, 3));
        x[[4, 2]] = f32::NAN;
        let nan = config.fit(x.view(), FitContext::default()).unwrap_err();
        assert_eq!(nan.to_string(), "row 4, column `2`: NaN is not finite");
    }
}
