//! The values of a network by name, as a file or a trained network holds them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};

/// The values of a network by name, and which of them its layers have used.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    all: &'a BTreeMap<String, Vec<f32>>,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Values<'a> {
    /// Values that no layer has used yet.
    pub(crate) fn new(all: &'a BTreeMap<String, Vec<f32>>) -> Self {
        Self { all, used: RefCell::default() }
    }

    /// Rejects values that no layer has used.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the first of them.
    pub(crate) fn finish(&self) -> Result<()> {
        let used = self.used.borrow();
        match self.all.keys().find(|name| !used.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::invalid(name.as_str(), "a weight of the network", "an unknown name")),
        }
    }
}

/// The `n` values of a name.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a missing name, another number of values, and a value that is not finite.
pub(crate) fn named<'a>(values: &Values<'a>, name: &str, n: usize) -> Result<&'a [f32]> {
    let (name, of_name) =
        values.all.get_key_value(name).ok_or_else(|| Error::invalid(name, "there", "nothing"))?;
    if of_name.len() != n {
        let got = format!("{} entries", of_name.len());
        return Err(Error::invalid(name.as_str(), format!("an array of {n}"), got));
    }
    if let Some(i) = of_name.iter().position(|value| !value.is_finite()) {
        return Err(Error::invalid(format!("{name}[{i}]"), "finite", of_name[i]));
    }
    values.used.borrow_mut().insert(name);
    Ok(of_name)
}

/// How many of the values training chooses: all but the running statistics of batch norms.
pub(crate) fn n_trained(values: &BTreeMap<String, Vec<f32>>) -> usize {
    let is_running = |name: &str| name.ends_with(".running_mean") || name.ends_with(".running_var");
    values.iter().filter(|(name, _)| !is_running(name)).map(|(_, values)| values.len()).sum()
}
