//! `Detector`: the settings of a detector of any kind.

use napi::bindgen_prelude::{AsyncTask, Object};
use napi::{JsValue, ValueType};
use napi_derive::napi;
use qosguard::detect::{self, AnyDetectorConfig, EnsembleConfig, Fit, FitContext};
use qosguard::settings::from_value;
use qosguard::{Error, Problem};
use serde_json::{Map, Value, json};

use crate::convert::{
    Labels, Settings, camel, flags, in_camel_case, mirror, refused, rename, settings, snake, whole, whole_or,
};
use crate::error::{Result, into_js_err, invalid};
use crate::fitted::FittedDetector;
use crate::job::{Job, spawn};
use crate::rows::matrix;
use crate::watch::{OnProgress, Watch};

/// A detector before it is fitted, such as `new IsolationForest(options)`.
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

/// The settings of a kind. An error names the setting.
fn config(kind: &str, options: Option<Object<'_>>) -> Result<AnyDetectorConfig> {
    let known = known(kind)?;
    let mut settings = options.map_or(Ok(Map::new()), |options| entries(options, &known))?;
    settings.insert("kind".into(), kind.into());
    from_value(settings.into()).map_err(|error| into_js_err(&in_camel_case(error)))
}

/// The names of the settings of a kind, as JavaScript spells them.
fn known(kind: &str) -> Result<Vec<String>> {
    // The error for a name that no kind has lists the names of this one.
    let probe = from_value::<AnyDetectorConfig>(json!({ "kind": kind, "?": null }));
    match probe.map_err(in_camel_case) {
        Err(Error::InvalidArgument { problem: Problem::Unknown { known }, .. }) => Ok(known),
        Err(error) => Err(into_js_err(&error)),
        Ok(_) => Ok(Vec::new()),
    }
}

/// The properties of an object that are not undefined, as the core names them; a name that is not `known` is an error.
fn entries(object: Object<'_>, known: &[String]) -> Result<Map<String, Value>> {
    if object.to_unknown().get_type().map_err(refused)? != ValueType::Object {
        return Err(invalid("options", "an object", "something else"));
    }
    let mut entries = Map::new();
    for key in Object::keys(&object).map_err(refused)? {
        if !known.contains(&key) {
            let problem = Problem::Unknown { known: known.to_vec() };
            return Err(into_js_err(&Error::InvalidArgument { path: key, problem }));
        }
        let expected = "a finite number, text, true, false, or a list or an object of these";
        let value = object.get::<Value>(&key).map_err(|_| invalid(&key, expected, "something else"))?;
        if value == Some(Value::Null) {
            return Err(invalid(&key, "left out for its default", "null"));
        }
        entries.extend(value.map(|value| (snake(&key), rename(value, snake))));
    }
    Ok(entries)
}
