//! `Split`, `distinct` and `leakAudit`: training and test rows, and leaks between them.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::evaluate;
use serde::Deserialize;

use crate::convert::{Labels, Settings, flags, settings, whole, whole_or};
use crate::error::{Result, into_js_err};
use crate::job::{Job, spawn, spawn_mirror};
use crate::table::Table;

/// How rows are drawn.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct SplitOptions {
    /// Seed of the draw, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for SplitOptions {
    const KEYS: &'static [&'static str] = &["seed"];
}

fn seed(options: Option<Object<'_>>) -> Result<u64> {
    let SplitOptions { seed } = settings(options)?;
    whole_or("seed", seed, 0)
}

/// Row numbers of two disjoint parts, each ascending: what is fitted on, and what only the result is read from.
#[napi]
#[derive(Clone, Debug)]
pub struct Split {
    inner: evaluate::Split,
    family: Option<String>,
}

impl From<evaluate::Split> for Split {
    fn from(inner: evaluate::Split) -> Self {
        Self { inner, family: None }
    }
}

#[napi]
impl Split {
    /// A random split with the same share of each label in both parts.
    ///
    /// Throws `invalid_argument` for a share outside (0, 1), `insufficient_data` when a part would be empty.
    #[napi(catch_unwind)]
    pub fn stratified(
        #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
        test_share: f64,
        #[napi(ts_arg_type = "SplitOptions")] options: Option<Object<'_>>,
    ) -> Result<Self> {
        let split = evaluate::Split::stratified(&flags(labels)?, test_share, seed(options)?);
        split.map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// `k` splits whose test parts are disjoint and together are all rows, each with its share of each label.
    ///
    /// Throws `invalid_argument` for fewer than 2 folds, `insufficient_data` for fewer rows than folds.
    #[napi(catch_unwind, ts_return_type = "Array<Split>")]
    pub fn k_fold(
        #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
        k: f64,
        #[napi(ts_arg_type = "SplitOptions")] options: Option<Object<'_>>,
    ) -> Result<Vec<Self>> {
        let splits = evaluate::Split::k_fold(&flags(labels)?, whole("k", k)?, seed(options)?);
        Ok(splits.map_err(|e| into_js_err(&e))?.into_iter().map(Into::into).collect())
    }

    /// For each attack family, in order of the names, a split whose training part has no row of it; `family` names it.
    ///
    /// The test part is the whole family and the same random `cleanTestShare` of the clean rows. Throws `shape_mismatch` when
    /// the lengths differ, `invalid_argument` for a share outside (0, 1), `insufficient_data` without attacks and when a part
    /// would have no clean row.
    #[napi(catch_unwind, ts_return_type = "Array<Split>")]
    pub fn leave_one_family_out(
        #[napi(ts_arg_type = "ReadonlyArray<boolean> | Uint8Array")] labels: Labels,
        families: Vec<String>,
        clean_test_share: f64,
        #[napi(ts_arg_type = "SplitOptions")] options: Option<Object<'_>>,
    ) -> Result<Vec<Self>> {
        let labels = flags(labels)?;
        let splits =
            evaluate::Split::leave_one_family_out(&labels, &families, clean_test_share, seed(options)?);
        let splits = splits.map_err(|e| into_js_err(&e))?.into_iter();
        Ok(splits.map(|(family, inner)| Self { inner, family: Some(family) }).collect())
    }

    /// Rows before `cut` to train on, rows from `cut` on to test on, by the table's time column: seconds since the Unix epoch
    /// or, for a column of text, an ISO 8601 date and time.
    ///
    /// Rejects with `invalid_argument` for a table without a time column or a cut that cannot be read, `bad_record` for a time
    /// that is missing, `insufficient_data` when a part would be empty.
    #[napi(catch_unwind, ts_return_type = "Promise<Split>")]
    pub fn by_time(table: &Table, cut: String) -> AsyncTask<Job<Split>> {
        let table = Arc::clone(&table.inner);
        spawn(move || evaluate::Split::by_time(&table, &cut).map(Self::from))
    }

    /// Rows that everything is fitted on.
    #[napi(getter, catch_unwind)]
    pub fn train(&self) -> Vec<f64> {
        self.inner.train.iter().map(|&row| row as f64).collect()
    }

    /// Rows that only the result is read from.
    #[napi(getter, catch_unwind)]
    pub fn test(&self) -> Vec<f64> {
        self.inner.test.iter().map(|&row| row as f64).collect()
    }

    /// The attack family that the training part lacks; `null` for a split of another kind.
    #[napi(getter, catch_unwind)]
    pub fn family(&self) -> Option<String> {
        self.family.clone()
    }
}

/// The distinct rows of a table, by its feature columns.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distinct {
    /// The first occurrence of each distinct feature row, ascending.
    pub rows: Vec<f64>,
    /// Rows that repeat an earlier one.
    pub removed: f64,
    /// Removed rows with another label than the first occurrence; 0 without labels.
    pub conflicting: f64,
}

/// Finds the first occurrence of each distinct feature row; take these rows before splitting.
///
/// Rejects with `insufficient_data` without feature columns.
#[napi(catch_unwind, ts_return_type = "Promise<Distinct>")]
pub fn distinct(table: &Table) -> AsyncTask<Job<Distinct>> {
    let table = Arc::clone(&table.inner);
    spawn_mirror(move || evaluate::Distinct::of(&table))
}

/// How well one column alone separates attacks from clean rows, in the test table.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureAuc {
    /// The column.
    pub name: String,
    /// AUC of the attack share that the training rows have at the row's value.
    pub by_value: f64,
    /// The larger of AUC and 1 − AUC of the values as scores; `null` for text.
    pub by_order: Option<f64>,
    /// Whether the larger of the two reaches the level of the audit.
    pub flagged: bool,
}

/// Leaks between a train and a test table.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakAudit {
    /// Rows of the training table.
    pub train_rows: f64,
    /// Rows of the test table.
    pub test_rows: f64,
    /// Training rows that repeat the features of an earlier one.
    pub duplicates_in_train: f64,
    /// Test rows that repeat the features of an earlier one.
    pub duplicates_in_test: f64,
    /// Test rows whose features are in the training table too.
    pub shared: f64,
    /// Repeated training rows with another label than the first.
    pub conflicting_in_train: f64,
    /// A column with at least this AUC is flagged.
    pub level: f64,
    /// Every feature column, the highest AUC by value first.
    pub features: Vec<FeatureAuc>,
}

/// How a train and a test table are audited.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct AuditOptions {
    /// AUC that flags a column, in (0.5, 1]; default: 0.85.
    pub level: Option<f64>,
}

impl Settings for AuditOptions {
    const KEYS: &'static [&'static str] = &["level"];
}

/// Audits a train and a test table of one schema: columns that reveal the label, and rows that both have.
///
/// Rejects with `invalid_argument` for a level outside its range, tables of two schemas and a table without labels;
/// `insufficient_data` without feature columns and for test rows of one label only.
#[napi(catch_unwind, ts_return_type = "Promise<LeakAudit>")]
pub fn leak_audit(
    train: &Table,
    test: &Table,
    #[napi(ts_arg_type = "AuditOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<LeakAudit>>> {
    let AuditOptions { level } = settings(options)?;
    let (train, test, level) = (Arc::clone(&train.inner), Arc::clone(&test.inner), level.unwrap_or(0.85));
    Ok(spawn_mirror(move || evaluate::LeakAudit::of(&train, &test, level)))
}
