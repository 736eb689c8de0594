//! What XGBoost calls categories, in its files from version 3.1 on.

use serde::Deserialize;

use crate::detect::tree_ensemble::CategoryName;

/// The names of all features.
#[derive(Default, Deserialize)]
pub(super) struct Containers {
    #[serde(default)]
    enc: Vec<Container>,
}

/// The names of one feature.
#[derive(Deserialize)]
struct Container {
    /// Where each text begins in `values`, and the end; not there for numbers.
    offsets: Option<Vec<usize>>,
    /// Numbers, or the bytes of all texts.
    values: Vec<Number>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Float(f64),
}

/// A field, the expected value, and the value in the file.
type Fault = (String, String, String);

impl Containers {
    /// The names of the categories of each feature, or `None` where no feature has any.
    pub(super) fn names(&self) -> Result<Option<Vec<Vec<CategoryName>>>, Fault> {
        if self.enc.iter().all(|container| container.values.is_empty() && container.texts() == 0) {
            return Ok(None);
        }
        let names = self.enc.iter().enumerate().map(|(feature, container)| {
            container.names().ok_or_else(|| {
                let field = format!("gradient_booster.model.cats.enc[{feature}].offsets");
                (field, "ascending and within the bytes of `values`".into(), "others".into())
            })
        });
        names.collect::<Result<_, _>>().map(Some)
    }
}

impl Container {
    /// Number of texts.
    fn texts(&self) -> usize {
        self.offsets.as_ref().map_or(0, |offsets| offsets.len().saturating_sub(1))
    }

    fn names(&self) -> Option<Vec<CategoryName>> {
        let Some(offsets) = &self.offsets else {
            let name = |value: &Number| match *value {
                Number::Integer(value) => CategoryName::Integer(value),
                Number::Float(value) => CategoryName::Number(value),
            };
            return Some(self.values.iter().map(name).collect());
        };
        let byte = |number: &Number| match *number {
            Number::Integer(byte @ -128..=255) => Some(byte as u8),
            _ => None,
        };
        let bytes: Vec<u8> = self.values.iter().map(byte).collect::<Option<_>>()?;
        // XGBoost 3.2 cuts texts of pandas at their numbers of characters, which may be within one.
        let text = |pair: &[usize]| {
            let text = String::from_utf8_lossy(bytes.get(pair[0]..pair[1])?).into_owned();
            Some(CategoryName::Text(text))
        };
        offsets.windows(2).map(text).collect()
    }
}
