//! Settings of a detector, as the Python face spells them out.

use pyo3::prelude::*;
use qosguard::detect::{AnyDetectorConfig, EnsembleConfig};
use serde_json::{Value, json};

use crate::convert::{Config, Record, Whole, refuse};

/// Reads the settings of a detector; `kind` names it. An error names the setting.
pub(crate) fn read(py: Python<'_>, Config(settings): Config) -> PyResult<AnyDetectorConfig> {
    let error = match serde_json::from_value(settings.clone()) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // serde does not say where it stood. Every setting has a default, so one that fails alone is to blame.
    let fields = settings.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let alone = |(name, value): (&String, &Value)| {
        let one = json!({"kind": settings["kind"], name: value});
        let error = serde_json::from_value::<AnyDetectorConfig>(one).err()?;
        Some((name.clone(), error, value.to_string()))
    };
    let (name, error, got) = fields.map(alone).find_map(|blamed| blamed).unwrap_or((
        "kind".into(),
        error,
        settings["kind"].to_string(),
    ));
    // It says "invalid type: string "x", expected usize".
    let text = error.to_string();
    let expected = match text.split_once("expected ").map_or(&*text, |(_, expected)| expected) {
        "usize" | "u64" => "a whole number from 0",
        "f64" => "a number",
        other => other,
    };
    Err(refuse(py, &name, expected, got))
}

/// The settings of a detector with every default, as the core has them; a test compares the face's own with them.
#[pyfunction]
#[pyo3(name = "_settings")]
pub(crate) fn settings(py: Python<'_>, config: Config) -> PyResult<Record> {
    read(py, config).map(|config| Record::new(&config))
}

/// The settings of the ensemble that suits the rows by what their labels tell.
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
