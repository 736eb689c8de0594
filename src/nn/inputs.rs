//! From raw features to the inputs of networks: scaled numbers and codes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Codes are below this number, as in boosted trees.
pub(super) const MAX_CODES: u32 = 65_536;
/// Scaled numbers are clamped to this, so that one extreme value does not dominate all others.
pub(crate) const LIMIT: f32 = 10.0;

/// A column of numbers; the input is `clamp((x − centre) / scale)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberInput {
    pub(crate) feature: usize,
    pub(crate) centre: f32,
    pub(crate) scale: f32,
}

/// A column of categories; the input is the index of its code in `codes` plus 1, or 0 for an unknown code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryInput {
    pub(crate) feature: usize,
    /// Rising.
    pub(crate) codes: Vec<u32>,
}

impl CategoryInput {
    /// The number of inputs, the unknown one included.
    pub(crate) fn cardinality(&self) -> usize {
        self.codes.len() + 1
    }

    /// The input of a cell: 0 for a code that training did not contain.
    pub(crate) fn code(&self, value: f32) -> u32 {
        let place = whole_code(value).and_then(|code| self.codes.binary_search(&code).ok());
        place.map_or(0, |i| i as u32 + 1)
    }
}

/// The code in a cell; `None` for a value that is not a whole number in range.
pub(crate) fn whole_code(value: f32) -> Option<u32> {
    (value >= 0.0 && value < MAX_CODES as f32 && value.fract() == 0.0).then_some(value as u32)
}

/// How the columns of a matrix become inputs of a network; fitted to training rows only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inputs {
    pub(crate) n_features: usize,
    pub(crate) numbers: Vec<NumberInput>,
    pub(crate) categories: Vec<CategoryInput>,
}

impl Inputs {
    /// Checks inputs of a file: rising columns, each once, finite centres, scales above 0, rising codes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the invalid field.
    pub(crate) fn check(&self) -> Result<()> {
        let mut seen = HashSet::new();
        let numbers: Vec<usize> = self.numbers.iter().map(|input| input.feature).collect();
        let categories: Vec<usize> = self.categories.iter().map(|input| input.feature).collect();
        for (name, features) in [("inputs.numbers", numbers), ("inputs.categories", categories)] {
            let fits = |&feature: &usize| feature < self.n_features && seen.insert(feature);
            if !features.is_sorted() || !features.iter().all(fits) {
                let expected = format!("of rising columns below {}, each once", self.n_features);
                return Err(Error::invalid(name, expected, format!("{features:?}")));
            }
        }
        if seen.is_empty() {
            return Err(Error::invalid("inputs", "of at least one column", 0));
        }
        for (i, input) in self.numbers.iter().enumerate() {
            if !(input.centre.is_finite() && input.scale.is_finite() && input.scale > 0.0) {
                let got = format!("{} and {}", input.centre, input.scale);
                let expected = "a finite centre and a finite scale above 0";
                return Err(Error::invalid(format!("inputs.numbers[{i}]"), expected, got));
            }
        }
        for (i, input) in self.categories.iter().enumerate() {
            let rising = input.codes.is_sorted_by(|a, b| a < b);
            if !rising || input.codes.last().is_none_or(|&last| last >= MAX_CODES) {
                let name = format!("inputs.categories[{i}].codes");
                return Err(Error::invalid(
                    name,
                    format!("one or more, rising, below {MAX_CODES}"),
                    "others",
                ));
            }
        }
        Ok(())
    }

    /// Whether a column is an input.
    pub(crate) fn has(&self, feature: usize) -> bool {
        self.numbers.iter().any(|input| input.feature == feature)
            || self.categories.iter().any(|input| input.feature == feature)
    }
}

/// The inputs that a network reads, as indices among the numbers and the categories of [`Inputs`].
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) numbers: Vec<usize>,
    pub(crate) categories: Vec<usize>,
}

impl Seen {
    /// All inputs but the inputs of some columns.
    pub(crate) fn without(inputs: &Inputs, columns: &[usize]) -> Self {
        let number = |&i: &usize| !columns.contains(&inputs.numbers[i].feature);
        let category = |&i: &usize| !columns.contains(&inputs.categories[i].feature);
        Self {
            numbers: (0..inputs.numbers.len()).filter(number).collect(),
            categories: (0..inputs.categories.len()).filter(category).collect(),
        }
    }
}
