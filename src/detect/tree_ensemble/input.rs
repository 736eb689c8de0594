//! What values of a row mean: those that are taken for missing, and the names of categories.

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use serde::{Deserialize, Serialize};

use super::TreeEnsemble;
use super::thresholds::Thresholds;
use crate::error::{Error, Result};

/// What a category is called in the data that a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum CategoryName {
    /// A truth value.
    Truth(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; finite.
    Number(f64),
    /// A text.
    Text(String),
}

/// Values that are taken for missing, besides NaN.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Missing {
    /// The lowest and the highest of them.
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// Features that keep such values; ascending.
    pub(crate) kept: Vec<u32>,
}

impl Missing {
    /// The values of one feature that are taken for missing; an empty range where it keeps them.
    pub(super) fn range(&self, feature: usize) -> (f32, f32) {
        let kept = u32::try_from(feature).is_ok_and(|feature| self.kept.binary_search(&feature).is_ok());
        if kept { (0.0, -1.0) } else { (self.low, self.high) }
    }
}

impl TreeEnsemble {
    /// Takes a value for a missing one in every feature, as NaN is; NaN itself changes nothing.
    ///
    /// An `XGBClassifier` with the parameter `missing` does so, and its file does not hold the parameter. The value
    /// may be an infinity. Scoring copies the rows of such a model, tile by tile.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a model that does not accept missing values, or that has such a value already.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, TreeEnsemble};
    /// use qosguard::ndarray::array;
    ///
    /// let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\
    ///     objective=binary sigmoid:1\nfeature_names=bytes\n\n\
    ///     Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=1.5\ndecision_type=8\nleft_child=-1\n\
    ///     right_child=-2\nleaf_value=-0.5 2\nend of trees\n";
    /// let model = TreeEnsemble::from_lightgbm(text)?.with_missing_value(-1.0)?;
    /// assert_eq!(model.score(array![[1.0], [f32::NAN], [-1.0]].view())?, [-0.5, 2.0, 2.0]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn with_missing_value(self, value: f32) -> Result<Self> {
        if value.is_nan() {
            return Ok(self);
        }
        if self.missing.is_some() {
            return Err(Error::invalid("missing", "NaN in a model that has a missing value", value));
        }
        self.with_missing(Missing { low: value, high: value, kept: Vec::new() })
    }

    /// Takes these values for missing ones.
    pub(super) fn with_missing(mut self, missing: Missing) -> Result<Self> {
        if !self.accepts_missing {
            let got = format!("{} to {}", missing.low, missing.high);
            return Err(Error::invalid("missing", "NaN in a model without missing values", got));
        }
        self.missing = Some(missing);
        Ok(self)
    }

    /// What the categories of each feature are called, in the order of their codes; empty for a feature of numbers.
    ///
    /// A row holds codes: the position of a category in its list. Files of XGBoost from version 3.1 on and of
    /// scikit-learn's `HistGradientBoostingClassifier` hold the names.
    pub fn category_names(&self) -> Option<&[Vec<CategoryName>]> {
        self.category_names.as_deref()
    }

    /// Gives each feature the names of its categories.
    pub(super) fn with_category_names(mut self, names: Vec<Vec<CategoryName>>) -> Result<Self> {
        if names.len() != self.n_features {
            let got = names.len();
            return Err(Error::ShapeMismatch { what: "category names", expected: self.n_features, got });
        }
        let finite =
            |name: &CategoryName| !matches!(name, CategoryName::Number(number) if !number.is_finite());
        if let Some(feature) = names.iter().position(|names| !names.iter().all(finite)) {
            let expected = "finite numbers";
            return Err(Error::invalid(format!("category_names[{feature}]"), expected, "another one"));
        }
        self.category_names = Some(names);
        Ok(self)
    }

    /// Whether the model compares 64-bit numbers, as LightGBM and scikit-learn's `HistGradientBoostingClassifier` do.
    ///
    /// [`Detector::score_f64`](crate::Detector::score_f64) and its siblings then compare the numbers as they are.
    pub fn compares_f64(&self) -> bool {
        self.thresholds.is_some()
    }

    /// Makes the model compare 64-bit numbers; its trees hold the replacements of these thresholds.
    pub(super) fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = Some(thresholds);
        self
    }
}

/// A number of a row.
pub(super) trait Number: Copy + Send + Sync {
    /// Some rows as the trees compare them, of which the first is row `first` to the caller: NaN is missing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for the first infinity, and for the first NaN where the model does not accept it.
    fn prepare<'a>(
        model: &TreeEnsemble,
        x: &ArrayView2<'a, Self>,
        first: usize,
    ) -> Result<CowArray<'a, f32, Ix2>>;
}

impl Number for f32 {
    fn prepare<'a>(
        model: &TreeEnsemble,
        x: &ArrayView2<'a, f32>,
        first: usize,
    ) -> Result<CowArray<'a, f32, Ix2>> {
        let spread = model.thresholds.as_ref().filter(|thresholds| thresholds.any_spread());
        if model.missing.is_none() && spread.is_none() {
            model.check_values(x, first)?;
            return Ok(CowArray::from(*x));
        }
        let mut x = x.to_owned();
        if let Some(missing) = &model.missing {
            for (feature, mut column) in x.columns_mut().into_iter().enumerate() {
                let (low, high) = missing.range(feature);
                column.mapv_inplace(|value| if low <= value && value <= high { f32::NAN } else { value });
            }
        }
        model.check_values(&x.view(), first)?;
        for (feature, mut column) in x.columns_mut().into_iter().enumerate() {
            if let Some(spread) = spread.filter(|spread| spread.is_spread(feature)) {
                let map = spread.map(feature);
                column.mapv_inplace(|value| map(f64::from(value)));
            }
        }
        Ok(CowArray::from(x))
    }
}

impl Number for f64 {
    fn prepare<'a>(
        model: &TreeEnsemble,
        x: &ArrayView2<'a, f64>,
        first: usize,
    ) -> Result<CowArray<'a, f32, Ix2>> {
        let Some(thresholds) = &model.thresholds else {
            let x = x.mapv(|value| value as f32);
            return f32::prepare(model, &x.view(), first).map(|x| CowArray::from(x.into_owned()));
        };
        let range = |feature| {
            let (low, high) = model.missing.as_ref().map_or((0.0, -1.0), |missing| missing.range(feature));
            (f64::from(low), f64::from(high))
        };
        let ranges: Vec<(f64, f64)> = (0..x.ncols()).map(range).collect();
        let present = |feature: usize, value: f64| {
            let (low, high) = ranges[feature];
            if low <= value && value <= high { f64::NAN } else { value }
        };
        let is_bad = |value: f64| value.is_infinite() || value.is_nan() && !model.accepts_missing;
        if let Some(((row, column), &value)) =
            x.indexed_iter().find(|&((_, feature), &value)| is_bad(present(feature, value)))
        {
            return Err(Error::NotFinite { row: first + row, column: column.to_string(), value });
        }
        let mut out = Array2::zeros(x.dim());
        for (feature, mut to) in out.columns_mut().into_iter().enumerate() {
            let map = thresholds.map(feature);
            to.zip_mut_with(&x.column(feature), |to, &value| *to = map(present(feature, value)));
        }
        Ok(CowArray::from(out))
    }
}
