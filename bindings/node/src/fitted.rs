//! `FittedDetector`: a detector that scores bare matrices; and trees that other libraries have trained.

use std::sync::Arc;

use napi::Unknown;
use napi::bindgen_prelude::{AsyncTask, Buffer, Float32Array, Float64Array, Object, ToNapiValue, TypeName};
use napi_derive::napi;
use qosguard::detect;
use qosguard::detect::{AnyDetector, AnyRows, Detector, TreeEnsemble as Trees};
use qosguard::ndarray::ArrayView2;
use serde_json::Value;

use crate::convert::{Settings, camel, mirror, rename, settings, whole};
use crate::error::{Result, into_js_err};
use crate::explanation::{Explanation, row_major};
use crate::job::{Job, spawn};
use crate::rows::{Rows, matrix};

/// A member of a fitted ensemble.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct EnsembleMember {
    /// Its name.
    pub name: String,
    /// Weight of its evidence.
    pub weight: f64,
    /// Whether it takes part; `without` switches it off.
    pub is_enabled: bool,
}

/// A fitted detector of any kind. Immutable; share it freely between calls.
#[napi]
#[derive(Clone, Debug)]
pub struct FittedDetector {
    inner: Arc<AnyDetector>,
}

impl From<AnyDetector> for FittedDetector {
    fn from(detector: AnyDetector) -> Self {
        Self { inner: Arc::new(detector) }
    }
}

#[napi]
impl FittedDetector {
    /// Number of columns that it was fitted on.
    #[napi(getter, catch_unwind)]
    pub fn n_features(&self) -> f64 {
        self.inner.n_features() as f64
    }

    /// One score per row; higher is more anomalous. Copies `x`, so the caller may reuse it at once.
    ///
    /// An imported model of LightGBM or of scikit-learn's histograms compares the numbers of a `Float64Array` in 64 bits, as
    /// its library does; any other detector rounds them to 32 bits.
    ///
    /// Rejects with `shape_mismatch`, or `not_finite` by row and column.
    #[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
    pub fn score(
        &self,
        #[napi(ts_arg_type = "Float32Array | Float64Array")] x: Unknown<'_>,
        n_columns: f64,
    ) -> Result<AsyncTask<Job<Float32Array>>> {
        self.on_rows(x, n_columns, |detector, x| Ok(x.score(detector)?.into()))
    }

    /// One score per row, on the calling thread and without copying `x`; for a few rows.
    ///
    /// Throws as `score` rejects.
    #[napi(catch_unwind)]
    pub fn score_sync(
        &self,
        #[napi(ts_arg_type = "Float32Array | Float64Array")] x: Unknown<'_>,
        n_columns: f64,
    ) -> Result<Float32Array> {
        let (x, n_columns) = (Rows::new(x)?, whole("nColumns", n_columns)?);
        let scores = x.view(n_columns).and_then(|x| x.score(&*self.inner));
        scores.map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// Splits every score exactly into a base and one contribution per feature. Copies `x`.
    ///
    /// Rejects as `score`, and with `invalid_argument` for a detector whose score belongs to no single features.
    #[napi(catch_unwind, ts_return_type = "Promise<Explanation>")]
    pub fn explain(
        &self,
        #[napi(ts_arg_type = "Float32Array | Float64Array")] x: Unknown<'_>,
        n_columns: f64,
    ) -> Result<AsyncTask<Job<Explanation>>> {
        self.on_rows(x, n_columns, |detector, x| x.explain(detector).map(Into::into))
    }

    /// Names of the classes, clean traffic first; `null` for a detector that does not learn classes.
    #[napi(getter, catch_unwind)]
    pub fn classes(&self) -> Option<Vec<String>> {
        self.inner.as_classifier().map(|classifier| classifier.classes().to_vec())
    }

    /// Probability of each class, row after row: as many numbers per row as there are `classes`. Copies `x`.
    ///
    /// Rejects as `score`, and with `invalid_argument` for a detector that does not learn classes.
    #[napi(catch_unwind, ts_return_type = "Promise<Float64Array>")]
    pub fn probabilities(
        &self,
        #[napi(ts_arg_type = "Float32Array | Float64Array")] x: Unknown<'_>,
        n_columns: f64,
    ) -> Result<AsyncTask<Job<Float64Array>>> {
        self.on_rows(x, n_columns, |detector, x| {
            x.probabilities(detector.classifier()?).map(|p| row_major(&p))
        })
    }

    /// The members of an ensemble, in order; empty for any other detector.
    #[napi(getter, catch_unwind)]
    pub fn members(&self) -> Vec<EnsembleMember> {
        let members = self.inner.as_ensemble().map_or(&[][..], |ensemble| ensemble.members());
        let member = |member: &detect::Member| EnsembleMember {
            name: member.name().to_owned(),
            weight: member.weight(),
            is_enabled: member.is_enabled(),
        };
        members.iter().map(member).collect()
    }

    /// Each member's p-value, row after row; NaN where it is switched off or cannot score the row. Copies `x`.
    ///
    /// Rejects as `score`, and with `invalid_argument` for a detector that is not an ensemble.
    #[napi(catch_unwind, ts_return_type = "Promise<Float64Array>")]
    pub fn p_values(&self, x: &[f32], n_columns: f64) -> Result<AsyncTask<Job<Float64Array>>> {
        self.on_matrix(x, n_columns, |detector, x| detector.as_ensemble()?.p_values(x).map(|p| row_major(&p)))
    }

    /// How much each expert of a mixture counts, row after row; the weights of a row sum to 1. Copies `x`.
    ///
    /// Rejects as `score`, and with `invalid_argument` for a detector that is not a mixture.
    #[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
    pub fn gate_weights(&self, x: &[f32], n_columns: f64) -> Result<AsyncTask<Job<Float32Array>>> {
        self.on_matrix(x, n_columns, |detector, x| {
            let weights = detector.as_mixture_of_experts()?.gate_weights(x)?;
            Ok(weights.into_raw_vec_and_offset().0.into())
        })
    }

    /// Names of the experts of a mixture, in order; empty for any other detector.
    #[napi(getter, catch_unwind)]
    pub fn experts(&self) -> Vec<String> {
        self.inner.as_mixture_of_experts().map_or_else(|_| Vec::new(), |mixture| mixture.experts().to_vec())
    }

    /// Validation of a mixture and of each expert, and which of them gives the score; `null` for any other detector.
    #[napi(getter, catch_unwind, ts_return_type = "Record<string, unknown> | null")]
    pub fn report(&self) -> Result<Option<Value>> {
        let Ok(mixture) = self.inner.as_mixture_of_experts() else { return Ok(None) };
        mirror(mixture.report()).map(|report| Some(rename(report, camel)))
    }

    /// The course of the training of a network, or of the gate of a mixture; `null` for any other detector.
    #[napi(getter, catch_unwind, ts_return_type = "TrainingHistory | null")]
    pub fn history(&self) -> Result<Option<Value>> {
        let Some(history) = self.inner.history() else { return Ok(None) };
        mirror(history).map(|history| Some(rename(history, camel)))
    }

    /// The same ensemble with a member switched off.
    ///
    /// Throws `invalid_argument` for a name that no member has, for the last member that is on, and for a detector that is
    /// not an ensemble.
    #[napi(catch_unwind)]
    pub fn without(&self, name: String) -> Result<Self> {
        let rest = self.inner.as_ensemble().and_then(|ensemble| ensemble.without(&name));
        rest.map(|rest| AnyDetector::from(rest).into()).map_err(|e| into_js_err(&e))
    }

    /// Boosted trees, contrast trees or an imported model as an ONNX file, which gives the same margins.
    ///
    /// Throws `invalid_argument` for any other detector, and for a file of more than 2 GiB.
    #[napi(catch_unwind)]
    pub fn to_onnx(&self) -> Result<Buffer> {
        self.inner.as_trees().and_then(Trees::to_onnx).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// Writes the detector to a file, atomically. Rejects with `io`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn save(&self, path: String) -> AsyncTask<Job<()>> {
        let detector = Arc::clone(&self.inner);
        spawn(move || detector.save(path))
    }

    /// The detector as the bytes of its file.
    #[napi(catch_unwind)]
    pub fn to_buffer(&self) -> Result<Buffer> {
        self.inner.to_bytes().map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// Reads a detector that `save` wrote, in any language, in this or any earlier release.
    ///
    /// Rejects with `io`, `corrupt_artifact`, or `incompatible_format` for a file of a newer release.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn load(path: String) -> AsyncTask<Job<FittedDetector>> {
        spawn(move || AnyDetector::load(path).map(Into::into))
    }

    /// Reads a detector from the bytes of its file. Copies `bytes`. Rejects as `load`.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn from_buffer(bytes: &[u8]) -> AsyncTask<Job<FittedDetector>> {
        let bytes = bytes.to_vec();
        spawn(move || AnyDetector::from_bytes(&bytes).map(Into::into))
    }
}

impl FittedDetector {
    /// Does some work on a copy of the rows of either width, off the event loop.
    fn on_rows<T>(
        &self,
        x: Unknown<'_>,
        n_columns: f64,
        work: impl FnOnce(&AnyDetector, AnyRows<'_>) -> qosguard::Result<T> + Send + 'static,
    ) -> Result<AsyncTask<Job<T>>>
    where
        T: Send + ToNapiValue + TypeName + 'static,
    {
        let (detector, n_columns) = (Arc::clone(&self.inner), whole("nColumns", n_columns)?);
        let x = Rows::new(x)?.into_owned();
        Ok(spawn(move || work(&detector, x.view(n_columns)?)))
    }

    /// Does some work on a copy of the rows, off the event loop.
    fn on_matrix<T>(
        &self,
        x: &[f32],
        n_columns: f64,
        work: impl FnOnce(&AnyDetector, ArrayView2<'_, f32>) -> qosguard::Result<T> + Send + 'static,
    ) -> Result<AsyncTask<Job<T>>>
    where
        T: Send + ToNapiValue + TypeName + 'static,
    {
        let (detector, x, n_columns) = (Arc::clone(&self.inner), x.to_vec(), whole("nColumns", n_columns)?);
        Ok(spawn(move || work(&detector, matrix(&x, n_columns)?)))
    }
}

/// What is added to an imported model.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct ImportOptions {
    /// Names of the classes, in the model's order; default: the model's own, or `0`, `1`, ….
    pub classes: Option<Vec<String>>,
    /// Name of the class of clean traffic; default: the first one.
    pub clean_class: Option<String>,
    /// A value that is missing, like NaN: the parameter `missing` of an XGBoost classifier. Default: NaN alone.
    pub missing: Option<f64>,
}

impl Settings for ImportOptions {
    const KEYS: &'static [&'static str] = &["classes", "cleanClass", "missing"];
}

/// Models of other libraries as detectors; they score as the library does, to the last bit in 64 bits. Pass a `Float64Array` to a
/// model of LightGBM or of scikit-learn's histograms, which compare 64-bit numbers.
///
/// Each rejects with `bad_record` by line for text that is not such a model, and `invalid_argument` by tree, node and field.
#[napi]
#[derive(Debug)]
pub struct TreeEnsemble;

#[napi]
impl TreeEnsemble {
    /// A LightGBM model from the text of its file.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn from_lightgbm(
        text: String,
        #[napi(ts_arg_type = "ImportOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<FittedDetector>>> {
        import(options, move || Trees::from_lightgbm(&text))
    }

    /// An XGBoost model from the text of its JSON file.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn from_xgboost_json(
        text: String,
        #[napi(ts_arg_type = "ImportOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<FittedDetector>>> {
        import(options, move || Trees::from_xgboost_json(&text))
    }

    /// An XGBoost model from the bytes of its file, JSON or UBJSON (`model.ubj`). Copies `bytes`.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn from_xgboost_buffer(
        bytes: &[u8],
        #[napi(ts_arg_type = "ImportOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<FittedDetector>>> {
        let bytes = bytes.to_vec();
        import(options, move || Trees::from_xgboost_slice(&bytes))
    }

    /// A scikit-learn forest or gradient boosting, exported as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedDetector>")]
    pub fn from_sklearn_json(
        text: String,
        #[napi(ts_arg_type = "ImportOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<FittedDetector>>> {
        import(options, move || Trees::from_sklearn_json(&text))
    }
}

fn import(
    options: Option<Object<'_>>,
    read: impl FnOnce() -> qosguard::Result<Trees> + Send + 'static,
) -> Result<AsyncTask<Job<FittedDetector>>> {
    let options: ImportOptions = settings(options)?;
    Ok(spawn(move || {
        let mut trees = read()?;
        if let Some(missing) = options.missing {
            trees = trees.with_missing_value(missing as f32)?;
        }
        if let Some(classes) = options.classes {
            trees = trees.with_classes(classes)?;
        }
        if let Some(clean) = options.clean_class {
            trees = trees.with_clean_class(&clean)?;
        }
        Ok(AnyDetector::from(trees).into())
    }))
}
