//! Settings of a detector, as the Python package passes them.

use pyo3::prelude::*;
use qosguard::detect::{AnyDetectorConfig, EnsembleConfig};
use qosguard::features::{ContextConfig, TableEncoderConfig};
use qosguard::settings::{from_value, within};

use crate::convert::{Config, Record, Whole};
use crate::error::to_py;

/// Reads the settings of a detector; `kind` names it. An error names the setting.
pub(crate) fn read(py: Python<'_>, Config(settings): Config) -> PyResult<AnyDetectorConfig> {
    from_value(settings).map_err(|error| to_py(py, &error))
}

/// Reads the settings of a featurizer. An error names the setting.
pub(crate) fn featurizer(py: Python<'_>, Config(settings): Config) -> PyResult<TableEncoderConfig> {
    from_value(settings).map_err(|error| to_py(py, &error.with_path(|path| within("featurizer", &path))))
}

/// Reads the settings of a context; `kind` names it. An error names the setting.
pub(crate) fn context(py: Python<'_>, Config(settings): Config) -> PyResult<ContextConfig> {
    from_value(settings).map_err(|error| to_py(py, &error.with_path(|path| within("context", &path))))
}

/// The settings of a detector with every default, as the core has them; a test compares the face's own with them.
#[pyfunction]
#[pyo3(name = "_settings")]
pub(crate) fn settings(py: Python<'_>, config: Config) -> PyResult<Record> {
    read(py, config).map(|config| Record::new(&config))
}

/// The settings of the ensemble that suits the rows and their labels.
#[pyfunction]
pub(crate) fn ensemble_recipe(
    py: Python<'_>,
    attacks: Option<Vec<bool>>,
    rows: Whole,
    seed: Whole,
) -> PyResult<Record> {
    let (rows, seed) = (rows.get(py, "rows")?, seed.get(py, "random_state")?);
    let config = EnsembleConfig::auto(attacks.as_deref(), rows, seed);
    Ok(Record::new(&AnyDetectorConfig::from(config)))
}
