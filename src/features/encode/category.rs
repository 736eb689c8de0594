//! One categorical column: one-hot or ordinal codes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::telemetry::category;

/// How categorical columns become numbers.
///
/// Ordinal codes are the default: trees cut rare values off in one step, while a dozen 0/1 features per column
/// take cuts away from the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Categories {
    /// One 0/1 feature for each of the `cap` most frequent values, and one for all others.
    OneHot {
        /// Values with a feature of their own, per column; 1 to 1,000.
        cap: usize,
    },
    /// One feature: 0 for the most frequent value, 1 for the next, …; every other value shares the last code.
    Ordinal {
        /// Values with a code of their own, per column; 1 to 65,535.
        cap: usize,
    },
}

impl Default for Categories {
    fn default() -> Self {
        Self::Ordinal { cap: 255 }
    }
}

impl Categories {
    /// The cap, whichever the encoding.
    pub(in crate::features::encode) fn cap(self) -> usize {
        match self {
            Self::OneHot { cap } | Self::Ordinal { cap } => cap,
        }
    }
}

/// Fitted encoding of one categorical column.
///
/// Values are ranked by falling frequency in the training rows (ties in text order). A value
/// that was not seen, or not often enough, falls in the last bucket, `<other>`. A missing cell is
/// the empty value, ranked like any other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "RawCategory", from = "RawCategory")]
pub struct CategoryEncoder {
    column: String,
    one_hot: bool,
    values: Vec<String>,
    codes: HashMap<String, u32>,
}

/// A [`CategoryEncoder`] in a file: the codes follow from the values.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCategory {
    column: String,
    one_hot: bool,
    values: Vec<String>,
}

impl From<CategoryEncoder> for RawCategory {
    fn from(e: CategoryEncoder) -> Self {
        Self { column: e.column, one_hot: e.one_hot, values: e.values }
    }
}

impl From<RawCategory> for CategoryEncoder {
    fn from(raw: RawCategory) -> Self {
        let mut codes: HashMap<String, u32> = raw.values.iter().cloned().zip(0..).collect();
        // Files of earlier releases hold the spellings of their source, such as `443.0` and `True`.
        for (value, code) in raw.values.iter().zip(0..) {
            codes.entry(category(value).into_owned()).or_insert(code);
        }
        Self { column: raw.column, one_hot: raw.one_hot, values: raw.values, codes }
    }
}

impl CategoryEncoder {
    /// Fits on the training rows' cells; `None` when they all hold one value.
    pub(in crate::features::encode) fn fit<'a>(
        column: &str,
        cells: impl Iterator<Item = &'a str>,
        categories: Categories,
    ) -> Option<Self> {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for cell in cells {
            *counts.entry(cell).or_default() += 1;
        }
        if counts.len() < 2 {
            return None;
        }
        let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
        ranked.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        ranked.truncate(categories.cap());
        let one_hot = matches!(categories, Categories::OneHot { .. });
        let values = ranked.into_iter().map(|(v, _)| v.to_owned()).collect();
        Some(RawCategory { column: column.to_owned(), one_hot, values }.into())
    }

    /// The raw column that this encodes.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The values with a code of their own, most frequent first.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Names of its features.
    pub(in crate::features::encode) fn names(&self) -> Vec<String> {
        if !self.one_hot {
            return vec![self.column.clone()];
        }
        let values = self.values.iter().map(String::as_str).chain(["<other>"]);
        values.map(|v| format!("{}={v}", self.column)).collect()
    }

    /// How many features it makes.
    pub(in crate::features::encode) fn width(&self) -> usize {
        if self.one_hot { self.values.len() + 1 } else { 1 }
    }

    /// Writes the features of one cell into `out`, of length [`CategoryEncoder::width`].
    pub(in crate::features::encode) fn encode(&self, cell: &str, out: &mut [f32]) {
        let code = self.codes.get(cell).map_or(self.values.len(), |&c| c as usize);
        if self.one_hot {
            out.fill(0.0);
            out[code] = 1.0;
        } else {
            out[0] = code as f32;
        }
    }

    /// What the builder guarantees and a file must, too.
    pub(in crate::features::encode) fn is_valid(&self) -> bool {
        !self.values.is_empty() && self.codes.len() == self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_frequency_and_caps() {
        let cells = ["udp", "tcp", "tcp", "icmp", "tcp", "udp", "sctp"];
        let e = CategoryEncoder::fit("proto", cells.into_iter(), Categories::OneHot { cap: 3 }).unwrap();
        assert_eq!(e.names(), ["proto=tcp", "proto=udp", "proto=icmp", "proto=<other>"]);
        let mut out = [9.0; 4];
        e.encode("sctp", &mut out);
        assert_eq!(out, [0.0, 0.0, 0.0, 1.0]);
        e.encode("udp", &mut out);
        assert_eq!(out, [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn ordinal_codes_share_the_last_for_the_unseen() {
        let e =
            CategoryEncoder::fit("s", ["a", "b", "b"].into_iter(), Categories::Ordinal { cap: 9 }).unwrap();
        let mut out = [0.0];
        for (cell, code) in [("b", 0.0), ("a", 1.0), ("never seen", 2.0), ("", 2.0)] {
            e.encode(cell, &mut out);
            assert_eq!(out[0], code, "{cell}");
        }
    }
}
