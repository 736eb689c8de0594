//! Numbers, words and settings between the two languages, without a silent change.

use serde::Serialize;

use crate::error::{Result, invalid};

/// Greatest whole number up to which every whole number is a JavaScript number.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A whole number of the wanted size.
///
/// JavaScript numbers are doubles; napi's own conversion would read −1 as 4294967295, 1.7 as 1 and NaN as 0.
pub(crate) fn whole<T: TryFrom<u64>>(name: &str, value: f64) -> Result<T> {
    let safe = value.fract() == 0.0 && (0.0..=MAX_SAFE).contains(&value);
    let number = if safe { T::try_from(value as u64).ok() } else { None };
    number.ok_or_else(|| invalid(name, "a whole number in range, from 0", value))
}

/// The word that the core's files use for a unit variant, such as `rate_limit`.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
