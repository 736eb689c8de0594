//! `Detector`: the settings of a detector of any kind.

use napi::bindgen_prelude::{AsyncTask, Object};
use napi::{JsValue, ValueType};
use napi_derive::napi;
use qosguard::detect::{self, AnyDetectorConfig, EnsembleConfig, Fit, FitContext};
use serde_json::{Map, Value};

use crate::convert::{
    Labels, Settings, camel, flags, mirror, refused, rename, settings, snake, whole, whole_or,
};
use crate::error::{Failure, Result, invalid};
use crate::fitted::{FittedDetector, matrix};
use crate::job::{Job, spawn};
use crate::watch::{OnProgress, Watch};

/// A detector before it is fitted: `new IsolationForest(options)` and the like make one.
#[napi]
#[derive(Clone, Debug)]
pub struct Detector {
    pub(crate) config: AnyDetectorConfig,
}

/// What a detector is fitted on in addition to the numbers.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a function has none")]
pub struct FitOptions {
    /// One per row, `true` or 1 for a known attack; for detectors that learn from labels.
    #[napi(ts_type = "ReadonlyArray<boolean> | Uint8Array")]
    pub labels: Option<Labels>,
    /// Called with every step of the fit; `false` ends it. A network keeps its best weights so far, any other fit rejects
    /// with `cancelled`.
    #[napi(ts_type = "(progress: TrainingProgress) => unknown")]
    pub on_progress: Option<OnProgress>,
    /// A file that is written after each epoch of a network, to continue from later.
    pub checkpoint: Option<String>,
    /// A checkpoint to continue from, with the same bits as a training without interruption.
    pub resume: Option<String>,
}

impl Settings for FitOptions {
    const KEYS: &'static [&'static str] = &["labels", "onProgress", "checkpoint", "resume"];
}

#[napi]
impl Detector {
    /// Settings of a detector, each with its default. Throws `invalid_argument` naming the setting.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        #[napi(ts_arg_type = "DetectorKind")] kind: String,
        #[napi(ts_arg_type = "object")] options: Option<Object<'_>>,
    ) -> Result<Self> {
        Ok(Self { config: config(&kind, options)? })
    }

    /// Fits on rows of `nColumns` numbers, row after row in one array. Copies `x`.
    ///
    /// Rejects with `invalid_argument`, `shape_mismatch`, `not_finite` by row and column, or `insufficient_data`, also for
    /// missing labels.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn fit(
        &self,
        x: &[f32],
        n_columns: f64,
        #[napi(ts_arg_type = "FitOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<FittedDetector>>> {
        let FitOptions { labels, on_progress, checkpoint, resume } = settings(options)?;
        let labels = labels.map(flags).transpose()?;
        let watch = Watch { on_progress, checkpoint, resume };
        let (config, x, n_columns) = (self.config.clone(), x.to_vec(), whole("nColumns", n_columns)?);
        Ok(spawn(move || {
            let x = matrix(&x, n_columns)?;
            let labels = labels.as_deref().map_or(detect::Labels::None, detect::Labels::Binary);
            let fit =
                |resume: Option<&_>| config.fit(x, FitContext { labels, resume, ..FitContext::default() });
            watch.run(fit).map(|fitted| fitted.model.into())
        }))
    }

    /// Its kind and its settings, with their defaults where they have one.
    #[napi(catch_unwind, ts_return_type = "{ kind: DetectorKind } & Record<string, unknown>")]
    pub fn to_object(&self) -> Result<Value> {
        mirror(&self.config).map(|config| rename(config, camel))
    }
}

/// How an ensemble that serves without tuning is made.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct RecipeOptions {
    /// Seed of all randomness, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for RecipeOptions {
    const KEYS: &'static [&'static str] = &["seed"];
}

/// An ensemble that serves without tuning; `index.js` offers each as a static of `Ensemble`.
#[napi(skip_typescript, catch_unwind)]
pub fn ensemble_recipe(name: String, rows: f64, options: Option<Object<'_>>) -> Result<Detector> {
    let RecipeOptions { seed } = settings(options)?;
    let (rows, seed) = (whole("rows", rows)?, whole_or("seed", seed, 0)?);
    let config = match name.as_str() {
        "clean" => EnsembleConfig::clean(rows, seed),
        "labelled" => EnsembleConfig::labelled(rows, seed),
        "mixed" => EnsembleConfig::mixed(seed),
        _ => return Err(invalid("name", "clean, labelled or mixed", name)),
    };
    Ok(Detector { config: config.into() })
}

/// The settings of a kind as the core reads them; an error names the setting.
fn config(kind: &str, options: Option<Object<'_>>) -> Result<AnyDetectorConfig> {
    let read = |settings: Map<String, Value>| {
        let kind = ("kind".to_owned(), Value::from(kind));
        serde_json::from_value::<AnyDetectorConfig>([kind].into_iter().chain(settings).collect())
    };
    let default = read(Map::new()).map_err(|error| unread("kind", &error))?;
    let Some(options) = options else { return Ok(default) };
    // The error of the reader for an unknown name lists the known names.
    let refusal = read(Map::from_iter([("?".to_owned(), Value::Null)])).err();
    let words = refusal.map(|error| error.to_string()).unwrap_or_default();
    let known: Vec<String> = words.split('`').skip(1).step_by(2).skip(1).map(camel).collect();
    let mut settings = Map::new();
    for (key, value) in entries(options, &known)? {
        let (name, value) = (snake(&key), rename(value, snake));
        // Alone, since the error of the reader does not name the setting.
        let read =
            read(Map::from_iter([(name.clone(), value.clone())])).map_err(|error| unread(&key, &error))?;
        let read: Value = mirror(&read)?;
        if value.is_array() && read.get(&name).is_some_and(Value::is_object) {
            return Err(invalid(&key, "an object", "a list"));
        }
        settings.insert(name, value);
    }
    read(settings).map_err(|error| unread("options", &error))
}

/// The properties of an object that are not undefined; a name that is not `known` is an error.
fn entries(object: Object<'_>, known: &[String]) -> Result<Vec<(String, Value)>> {
    if object.to_unknown().get_type().map_err(refused)? != ValueType::Object {
        return Err(invalid("options", "an object", "something else"));
    }
    let mut entries = Vec::new();
    for key in Object::keys(&object).map_err(refused)? {
        if !known.contains(&key) {
            return Err(invalid("options", &format!("an object with only {}", known.join(", ")), key));
        }
        let expected = "a finite number, text, true, false, or a list or an object of these";
        let value = object.get::<Value>(&key).map_err(|_| invalid(&key, expected, "something else"))?;
        if value == Some(Value::Null) {
            return Err(invalid(&key, "left out for its default", "null"));
        }
        entries.extend(value.map(|value| (key, value)));
    }
    Ok(entries)
}

/// The error of the core's reader in the words of JavaScript.
fn unread(name: &str, error: &serde_json::Error) -> Failure {
    let reason = error.to_string();
    // A setting that checks itself names itself.
    if let Some(inner) = reason.strip_prefix('`').filter(|inner| inner.contains("` must be ")) {
        return Failure::new("invalid_argument", format!("`{name}.{inner}"));
    }
    let Some((got, expected)) = reason.split_once(", expected ") else {
        return Failure::new("invalid_argument", format!("`{name}`: {reason}"));
    };
    let expected = match expected {
        "usize" | "u64" => "a whole number from 0",
        "i8" => "a whole number",
        "f64" => "a number",
        other => other,
    };
    invalid(name, expected, got.trim_start_matches("invalid type: ").trim_start_matches("invalid value: "))
}
