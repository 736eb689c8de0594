//! `IsolationForest` and what fitting it returns, on bare matrices.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Float32Array, Object};
use napi_derive::napi;
use qosguard::Error;
use qosguard::detect::{self, Detector, Fit, IsolationForestConfig};
use qosguard::ndarray::ArrayView2;

use crate::convert::{Settings, settings, whole, whole_or};
use crate::error::{Result, into_js_err};
use crate::job::{Job, spawn};

/// Settings of an isolation forest.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct IsolationForestOptions {
    /// Number of trees, 1 to 10,000; 100 unless said otherwise.
    pub trees: Option<f64>,
    /// Rows that each tree is grown on, 2 to 2^20; 256 unless said otherwise.
    pub max_samples: Option<f64>,
    /// Cuts between the root and a leaf, 1 to 32; ⌈log2(rows per tree)⌉ unless said otherwise.
    pub max_depth: Option<f64>,
    /// Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise.
    pub seed: Option<f64>,
}

impl Settings for IsolationForestOptions {
    const KEYS: &'static [&'static str] = &["trees", "maxSamples", "maxDepth", "seed"];
}

/// An isolation forest before it is fitted: rows that few random cuts set apart are anomalous.
#[napi]
#[derive(Clone, Debug)]
pub struct IsolationForest {
    pub(crate) config: IsolationForestConfig,
}

#[napi]
impl IsolationForest {
    /// Settings of a forest, each with its default. Throws `invalid_argument`.
    #[napi(constructor, catch_unwind)]
    pub fn new(#[napi(ts_arg_type = "IsolationForestOptions")] options: Option<Object<'_>>) -> Result<Self> {
        let options: IsolationForestOptions = settings(options)?;
        let default = IsolationForestConfig::default();
        let config = IsolationForestConfig {
            trees: whole_or("trees", options.trees, default.trees)?,
            max_samples: whole_or("maxSamples", options.max_samples, default.max_samples)?,
            max_depth: options.max_depth.map(|depth| whole("maxDepth", depth)).transpose()?,
            seed: whole_or("seed", options.seed, default.seed)?,
        };
        Ok(Self { config })
    }

    /// Fits on rows of `nColumns` numbers, row after row in one array. Copies `x`.
    ///
    /// Rejects with `invalid_argument`, `shape_mismatch`, `not_finite` by row and column, or `insufficient_data`.
    #[napi(catch_unwind, ts_return_type = "Promise<FittedIsolationForest>")]
    pub fn fit(&self, x: &[f32], n_columns: f64) -> Result<AsyncTask<Job<FittedIsolationForest>>> {
        let (config, x, n_columns) = (self.config.clone(), x.to_vec(), whole("nColumns", n_columns)?);
        Ok(spawn(move || {
            let forest = config.fit(matrix(&x, n_columns)?, None)?;
            Ok(FittedIsolationForest { inner: Arc::new(forest) })
        }))
    }
}

/// A fitted isolation forest. Immutable; share it freely between calls.
#[napi]
#[derive(Clone, Debug)]
pub struct FittedIsolationForest {
    inner: Arc<detect::IsolationForest>,
}

#[napi]
impl FittedIsolationForest {
    /// Number of columns that it was fitted on.
    #[napi(getter, catch_unwind)]
    pub fn n_features(&self) -> f64 {
        self.inner.n_features() as f64
    }

    /// One score per row; higher is more anomalous. Copies `x`, so the caller may reuse it at once.
    ///
    /// Rejects with `shape_mismatch`, or `not_finite` by row and column.
    #[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
    pub fn score(&self, x: &[f32], n_columns: f64) -> Result<AsyncTask<Job<Float32Array>>> {
        let (forest, x, n_columns) = (Arc::clone(&self.inner), x.to_vec(), whole("nColumns", n_columns)?);
        Ok(spawn(move || Ok(forest.score(matrix(&x, n_columns)?)?.into())))
    }

    /// One score per row, on the calling thread and without copying `x`; for a few rows.
    ///
    /// Throws as `score` rejects.
    #[napi(catch_unwind)]
    pub fn score_sync(&self, x: &[f32], n_columns: f64) -> Result<Float32Array> {
        matrix(x, whole("nColumns", n_columns)?)
            .and_then(|x| self.inner.score(x))
            .map(Into::into)
            .map_err(|e| into_js_err(&e))
    }
}

/// A row-major view of `values`, which must be whole rows.
fn matrix(values: &[f32], n_columns: usize) -> qosguard::Result<ArrayView2<'_, f32>> {
    let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
    let expected = n_rows.saturating_mul(n_columns);
    let mismatch = Error::ShapeMismatch { what: "numbers in whole rows", expected, got: values.len() };
    if expected != values.len() {
        return Err(mismatch);
    }
    ArrayView2::from_shape((n_rows, n_columns), values).map_err(|_| mismatch)
}
