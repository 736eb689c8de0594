//! The text of an Arrow column, however it is stored.

use crate::arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, StringArray, StringViewArray};
use crate::arrow::buffer::NullBuffer;

use super::values;
use crate::telemetry::cell::spelling::Spelling;

/// A column of any of Arrow's types for text.
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// Position in the values for each row.
    Dictionary {
        keys: Vec<usize>,
        nulls: Option<&'a NullBuffer>,
        values: Box<Texts<'a>>,
    },
}

impl<'a> Texts<'a> {
    /// `None` for a column of another type.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let values = Box::new(Self::of(dictionary.values())?);
            let keys = if values.len() == 0 { vec![0; array.len()] } else { dictionary.normalized_keys() };
            return Some(Self::Dictionary { keys, nulls: dictionary.keys().nulls(), values });
        }
        if let Some((values, keys)) = values::runs(array) {
            return Some(Self::Dictionary { keys, nulls: None, values: Box::new(Self::of(values)?) });
        }
        array
            .as_string_opt::<i32>()
            .map(Self::Plain)
            .or_else(|| array.as_string_opt::<i64>().map(Self::Large))
            .or_else(|| array.as_string_view_opt().map(Self::View))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(texts) => texts.len(),
            Self::Large(texts) => texts.len(),
            Self::View(texts) => texts.len(),
            Self::Dictionary { keys, .. } => keys.len(),
        }
    }

    /// The text of a row, `None` when null.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Large(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::View(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Dictionary { keys, nulls, values } => {
                if nulls.is_some_and(|nulls| nulls.is_null(row)) || values.len() == 0 {
                    return None;
                }
                values.get(*keys.get(row)?)
            }
        }
    }

    /// Bytes that a copy of the first rows takes at most, longer texts counted as `longest`.
    ///
    /// A dictionary and views may hold one long text for many rows. A plain column takes no more than it does
    /// in memory already, and counts as 0.
    pub(crate) fn copied_bytes(&self, rows: usize, longest: usize) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Large(texts) => {
                let offsets = texts.value_offsets();
                let (first, last) = (offsets.first().copied(), offsets.get(rows).copied());
                last.unwrap_or(0).saturating_sub(first.unwrap_or(0)) as usize
            }
            // The length is the lowest 32 bits of a view.
            Self::View(texts) => {
                texts.views().iter().take(rows).map(|&view| (view as u32 as usize).min(longest)).sum()
            }
            Self::Dictionary { values, .. } => {
                let lengths = (0..values.len()).map(|i| values.get(i).map_or(0, str::len));
                rows.saturating_mul(lengths.max().unwrap_or(0).min(longest))
            }
        }
    }

    /// Whether the column is stored as `Utf8` and every text is one that the readers would leave as it is.
    pub(crate) fn as_they_are(&self, spelling: Spelling, longest: usize) -> bool {
        let Self::Plain(texts) = self else { return false };
        let offsets = texts.value_offsets();
        let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
        let bytes = texts.value_data().get(start as usize..end as usize).unwrap_or_default();
        memchr::memchr(0, bytes).is_none()
            && texts
                .iter()
                .flatten()
                .map(str::as_bytes)
                .all(|text| !text.is_empty() && text.len() <= longest && *spelling.read(text) == *text)
    }
}
