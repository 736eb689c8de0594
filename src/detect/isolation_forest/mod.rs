//! Isolation forest: rows that few random cuts set apart are anomalous.

mod grow;
mod model;
mod parts;

pub use model::IsolationForest;
pub(super) use parts::IsolationForestHeader;
pub use parts::IsolationForestParts;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{Fit, check};
use crate::error::{Error, Result};
use crate::parallel;
use crate::rng::Stream;

/// Settings of an [`IsolationForest`].
///
/// Each tree sees `max_samples` rows, drawn without replacement. A node cuts a random feature, among those
/// that differ between its rows, at a random point between the least and the greatest value, until rows
/// are alone, equal, or `max_depth` cuts deep. The labels given to [`Fit::fit`] are not used.
///
/// # Source
///
/// F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008, algorithms 1 and 2.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{Detector, Fit, IsolationForestConfig};
/// use qosguard::ndarray::Array2;
///
/// let mut x = Array2::from_shape_fn((500, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
/// x.row_mut(499).fill(60.0);
/// let forest = IsolationForestConfig { trees: 50, ..Default::default() }.fit(x.view(), None)?;
/// let scores = forest.score(x.view())?;
/// assert!(scores[..499].iter().all(|&score| score < scores[499]));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IsolationForestConfig {
    /// Number of trees, 1 to 10,000.
    pub trees: usize,
    /// Rows that each tree is grown on, 2 to 2^20; all rows where there are fewer.
    pub max_samples: usize,
    /// Cuts between the root and a leaf, 1 to 32; `None` is ⌈log2(rows per tree)⌉.
    pub max_depth: Option<usize>,
    /// Seed of all randomness; tree `i` draws from its own stream.
    pub seed: u64,
}

/// Most cuts between the root and a leaf.
const MAX_DEPTH: usize = 32;

impl Default for IsolationForestConfig {
    fn default() -> Self {
        Self { trees: 100, max_samples: 256, max_depth: None, seed: 0 }
    }
}

impl IsolationForestConfig {
    /// Checks that every setting is in its domain.
    fn validate(&self) -> Result<()> {
        if !(1..=10_000).contains(&self.trees) {
            return Err(Error::invalid("trees", "in 1..=10000", self.trees));
        }
        if !(2..=1 << 20).contains(&self.max_samples) {
            return Err(Error::invalid("max_samples", "in 2..=1048576", self.max_samples));
        }
        match self.max_depth {
            Some(depth) if !(1..=MAX_DEPTH).contains(&depth) => {
                Err(Error::invalid("max_depth", format!("in 1..={MAX_DEPTH}"), depth))
            }
            _ => Ok(()),
        }
    }
}

impl Fit for IsolationForestConfig {
    type Model = IsolationForest;

    fn fit(&self, x: ArrayView2<'_, f32>, _labels: Option<&[bool]>) -> Result<IsolationForest> {
        self.validate()?;
        if x.ncols() == 0 {
            return Err(Error::InsufficientData { what: "feature columns".into(), needed: 1, got: 0 });
        }
        if x.nrows() < 2 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 2, got: x.nrows() });
        }
        check::finite(&x, 0)?;
        let sample = self.max_samples.min(x.nrows());
        let depth = self.max_depth.unwrap_or(sample.next_power_of_two().ilog2() as usize);
        let trees = parallel::map(self.trees, |tree| {
            grow::grow(&x, sample, depth, &mut Stream::new(self.seed, tree as u64))
        });
        IsolationForest::from_trees(self.clone(), x.ncols(), sample, &trees)
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
            let error = config.fit(x.view(), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().starts_with(&format!("`{name}` must be in ")), "{error}");
        }
    }

    #[test]
    fn a_setting_that_is_left_out_has_its_default_and_an_unknown_one_is_refused() {
        let config: IsolationForestConfig = serde_json::from_str(r#"{"trees": 7}"#).unwrap();
        assert_eq!(config, IsolationForestConfig { trees: 7, ..Default::default() });
        assert!(serde_json::from_str::<IsolationForestConfig>(r#"{"tree": 7}"#).is_err());
    }

    #[test]
    fn too_little_data_is_said() {
        let config = IsolationForestConfig::default();
        let one_row = config.fit(Array2::zeros((1, 3)).view(), None).unwrap_err();
        assert_eq!(one_row.to_string(), "training rows: needs at least 2, got 1");
        let no_features = config.fit(Array2::zeros((10, 0)).view(), None).unwrap_err();
        assert_eq!(no_features.to_string(), "feature columns: needs at least 1, got 0");
        let mut x = Array2::zeros((10, 3));
        x[[4, 2]] = f32::NAN;
        let nan = config.fit(x.view(), None).unwrap_err();
        assert_eq!(nan.to_string(), "row 4, column `2`: NaN is not finite");
    }
}
