//! The values of a network by name, as a file or a trained network holds them.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The values of a network by name.
pub(crate) type Values = BTreeMap<String, Vec<f32>>;

/// The `n` values of a name.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a name that is not there and for another number of values.
pub(crate) fn named<'a>(values: &'a Values, name: &str, n: usize) -> Result<&'a [f32]> {
    let values = values.get(name).ok_or_else(|| Error::invalid(name, "there", "nothing"))?;
    if values.len() != n {
        return Err(Error::invalid(name, format!("an array of {n}"), format!("{} entries", values.len())));
    }
    Ok(values)
}
