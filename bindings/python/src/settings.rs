//! Settings of a detector, as the Python face spells them out.

use pyo3::prelude::*;
use qosguard::detect::{AnyDetectorConfig, EnsembleConfig};
use qosguard::features::FlowFeaturizerConfig;
use serde_json::{Value, json};

use crate::convert::{Config, Record, Whole, refuse};

/// Reads the settings of a detector; `kind` names it. An error names the setting.
pub(crate) fn read(py: Python<'_>, Config(settings): Config) -> PyResult<AnyDetectorConfig> {
    let error = match serde_json::from_value(settings.clone()) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let (name, error, got) = blame(&settings).unwrap_or(("kind".into(), error, settings["kind"].to_string()));
    let text = error.to_string();
    let expected = match expected(&text) {
        "usize" | "u64" => "a whole number from 0",
        "f32" | "f64" => "a number",
        tagged if tagged.starts_with("internally tagged enum") => "a mapping that names its `kind`",
        other => other,
    };
    Err(refuse(py, &name, expected, got))
}

/// Reads the settings of a featurizer. An error names the setting.
pub(crate) fn featurizer(py: Python<'_>, Config(settings): Config) -> PyResult<FlowFeaturizerConfig> {
    let Some(fields) = settings.as_object() else {
        return Err(refuse(py, "featurizer", "a dictionary of settings", settings));
    };
    for (name, value) in fields {
        if let Err(error) = serde_json::from_value::<FlowFeaturizerConfig>(json!({ name: value })) {
            let text = error.to_string();
            let expected = expected(&text);
            if text.starts_with("unknown field") {
                return Err(refuse(py, "featurizer", &format!("settings named {expected}"), name));
            }
            return Err(refuse(py, &format!("featurizer.{name}"), expected, value));
        }
    }
    serde_json::from_value(settings).map_err(|error| refuse(py, "featurizer", "as documented", error))
}

/// What an error expects. A message of serde is "invalid type: string "x", expected usize"; a setting that checks itself
/// has "`x` must be a number, got y".
fn expected(text: &str) -> &str {
    if let Some((_, rest)) = text.split_once("` must be ") {
        return rest.rsplit_once(", got ").map_or(rest, |(expected, _)| expected);
    }
    text.split_once("expected ").map_or(text, |(_, expected)| expected)
}

/// The innermost setting that fails alone, its error and its value: serde does not report its place, but nearly every
/// setting has a default, so one can be tried without the others.
fn blame(settings: &Value) -> Option<(String, serde_json::Error, String)> {
    let mut fields = settings.as_object()?.iter().filter(|(name, _)| *name != "kind");
    fields.find_map(|(name, value)| {
        blame_at(name, value, &|value| json!({"kind": settings["kind"], name: value}))
    })
}

/// As [`blame`], for the value at a place; `whole` makes settings of that value alone.
fn blame_at(
    place: &str,
    value: &Value,
    whole: &dyn Fn(Value) -> Value,
) -> Option<(String, serde_json::Error, String)> {
    let error = serde_json::from_value::<AnyDetectorConfig>(whole(value.clone())).err()?;
    let kind = value.get("kind");
    let alone = |name: &str, value: Value| {
        let mut fields = json!({name: value});
        if let Some(kind) = kind {
            fields["kind"] = kind.clone();
        }
        whole(fields)
    };
    let inner = value.as_object().into_iter().flatten().find_map(|(name, value)| {
        let place = format!("{place}.{name}");
        blame_at(&place, value, &|value| alone(name, value))
            // The error of a field that is incomplete alone, or unknown here, is not about its value.
            .filter(|(_, error, _)| {
                let error = error.to_string();
                // A word was expected, and serde takes the key of a mapping for it.
                let key = format!("unknown variant `{name}`");
                !["missing", "unknown field", &key].iter().any(|start| error.starts_with(start))
            })
    });
    Some(inner.unwrap_or_else(|| (place.into(), error, value.to_string())))
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
