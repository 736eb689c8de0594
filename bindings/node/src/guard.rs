//! `Guard`: the fitted pipeline.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, BigInt, Buffer, ClassInstance, Either, Object};
use napi_derive::napi;
use qosguard::calibrate::ThresholdRule;
use qosguard::detect::Checkpoint;
use qosguard::features::{ContextConfig, Featurizer};
use qosguard::telemetry;
use serde_json::{Value, json};

use crate::assessment::Assessment;
use crate::convert::{Settings, camel, mirror, number_or_bigint, parse, rename, settings, snake, whole_or};
use crate::detector::Detector;
use crate::error::{Result, into_js_err, invalid};
use crate::explanation::GuardExplanation;
use crate::finding::Findings;
use crate::job::{Job, spawn};
use crate::policy::Policy;
use crate::schema::Schema;
use crate::table::Table;
use crate::threshold::Threshold;
use crate::watch::{OnProgress, Watch};

/// How a guard is fitted.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct GuardOptions<'a> {
    /// Detector that scores the features; default: an isolation forest. `auto` chooses an ensemble by the labels of the
    /// table: with 50 attacks or more, with fewer, or without labels.
    #[napi(ts_type = "Detector | 'auto'")]
    pub detector: Option<Either<ClassInstance<'a, Detector>, String>>,
    /// Share of clean records that may become anomalies, in (0, 1); default: 0.01.
    pub false_positive_rate: Option<f64>,
    /// Another rule that chooses the threshold, instead of `falsePositiveRate`.
    #[napi(ts_type = "ThresholdRule")]
    pub threshold: Option<Value>,
    /// What records are given of the records before them; default: with the detector `'auto'` the context that suits the
    /// columns, and none with others. `[]` is none.
    #[napi(ts_type = "ContextOptions | ReadonlyArray<ContextOptions>")]
    pub context: Option<Value>,
    /// How raw columns become features.
    #[napi(ts_type = "FeaturizerOptions")]
    pub featurizer: Option<Value>,
    /// The action for each verdict; default: `new Policy()`.
    pub policy: Option<ClassInstance<'a, Policy>>,
    /// Share of attacks in the traffic that the guard will assess, in (0, 1), for the probabilities of a detector that learns
    /// from labels; default: the share of the training rows.
    pub attack_share: Option<f64>,
    /// Seed of the draw of the rows of each stage, a whole number up to 2^53 − 1; default: 0.
    /// The detector has its own seed.
    pub seed: Option<f64>,
    /// Called with every step of the fit; `false` ends it. A network keeps its best weights so far, any other fit rejects
    /// with `cancelled`.
    #[napi(ts_type = "(progress: TrainingProgress) => unknown")]
    pub on_progress: Option<OnProgress>,
    /// A file that is written after each epoch of a network, to continue from later.
    pub checkpoint: Option<String>,
    /// A checkpoint to continue from, with the same bits as a training without interruption.
    pub resume: Option<String>,
}

impl Settings for GuardOptions<'_> {
    const KEYS: &'static [&'static str] = &[
        "detector",
        "falsePositiveRate",
        "threshold",
        "context",
        "featurizer",
        "policy",
        "attackShare",
        "seed",
        "onProgress",
        "checkpoint",
        "resume",
    ];
}

/// The data and the seed that a guard was fitted with.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Training {
    /// Seed of the parts; a `bigint` only beyond 2^53 − 1.
    pub seed: Either<f64, BigInt>,
    /// Rows given.
    pub rows: f64,
    /// Clean rows that the features and the detector were fitted on.
    pub fitted: f64,
    /// Clean rows that the p-values and the threshold were calibrated on.
    pub calibrated: f64,
    /// Clean rows that neither used; `threshold.realised` is measured on them.
    pub held_out: f64,
    /// Attack rows, by their labels.
    pub attacks: f64,
    /// Attack rows that the features and the detector were fitted on, in addition to the clean rows.
    pub fitted_attacks: f64,
    /// SHA-256 over the rows given, in order.
    pub data_hash: String,
}

/// A column, and where its cells come from.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Filled {
    /// The column that is filled.
    pub column: String,
    /// The source's column, or a formula of its columns.
    pub from: String,
}

/// How the columns of a schema are filled from the columns of another one.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct SchemaFit {
    /// Name of the schema that is filled.
    pub schema: String,
    /// Name of the schema that it is filled from.
    pub source: String,
    /// Whether every feature can be filled.
    pub is_complete: bool,
    /// Features that the source has nothing for.
    pub missing: Vec<String>,
    /// Columns that are filled from one of the source's.
    pub mapped: Vec<Filled>,
    /// Columns that are derived, and how.
    pub derived: Vec<Filled>,
    /// The fit as text.
    pub text: String,
}

/// A fitted pipeline: schema, features, detector, calibration and policy. Immutable; share it freely between calls.
///
/// A record that goes through any entry point, in any language, before or after `save`, gets the same bits.
#[napi]
#[derive(Clone, Debug)]
pub struct Guard {
    pub(crate) inner: Arc<qosguard::Guard>,
}

impl From<qosguard::Guard> for Guard {
    fn from(guard: qosguard::Guard) -> Self {
        Self { inner: Arc::new(guard) }
    }
}

#[napi]
impl Guard {
    /// Fits every stage, each on rows that the stages before it did not use.
    ///
    /// Rejects with `invalid_argument` for a setting outside its domain, and `insufficient_data` for fewer than 100 clean
    /// rows, no usable column, or a rule that needs attacks where there are none.
    #[napi(catch_unwind, ts_return_type = "Promise<Guard>")]
    pub fn fit(
        flows: &Table,
        #[napi(ts_arg_type = "GuardOptions")] options: Option<Object<'_>>,
    ) -> Result<AsyncTask<Job<Guard>>> {
        let options: GuardOptions<'_> = settings(options)?;
        if options.false_positive_rate.is_some() && options.threshold.is_some() {
            return Err(invalid("options", "one of falsePositiveRate and threshold", "both"));
        }
        let mut builder = qosguard::Guard::builder().seed(whole_or("seed", options.seed, 0)?);
        builder = match &options.detector {
            None => builder,
            Some(Either::A(detector)) => builder.detector(detector.config.clone()),
            Some(Either::B(word)) if word == "auto" => builder.auto(),
            Some(Either::B(word)) => return Err(invalid("detector", "a detector or `auto`", word)),
        };
        if let Some(rate) = options.false_positive_rate {
            let rule = ThresholdRule::FalsePositiveRate { rate };
            rule.check().map_err(|_| invalid("falsePositiveRate", "above 0 and below 1", rate))?;
            builder = builder.threshold(rule);
        }
        if let Some(rule) = options.threshold {
            builder = builder.threshold(parse("threshold", rule)?);
        }
        match options.context {
            None => {}
            Some(Value::Array(contexts)) => {
                builder = builder.no_context();
                for one in contexts {
                    builder = builder.context(context(one)?);
                }
            }
            Some(one) => builder = builder.context(context(one)?),
        }
        if let Some(featurizer) = options.featurizer {
            builder = builder.featurizer(parse("featurizer", rename(featurizer, snake))?);
        }
        if let Some(policy) = &options.policy {
            builder = builder.policy(policy.inner.clone());
        }
        if let Some(share) = options.attack_share {
            builder = builder.attack_share(share);
        }
        let table = Arc::clone(&flows.inner);
        let GuardOptions { on_progress, checkpoint, resume, .. } = options;
        let watch = Watch { on_progress, checkpoint, resume };
        Ok(spawn(move || {
            let fit = |resume: Option<&Checkpoint>| match resume {
                Some(checkpoint) => builder.resume(checkpoint.clone()).fit(&table),
                None => builder.fit(&table),
            };
            watch.run(fit).map(Self::from)
        }))
    }

    /// Reads a guard that `save` wrote, in any language, in this or any earlier release.
    ///
    /// Rejects with `io`, `corrupt_artifact`, or `incompatible_format` for a file of a newer release.
    #[napi(catch_unwind, ts_return_type = "Promise<Guard>")]
    pub fn load(path: String) -> AsyncTask<Job<Guard>> {
        spawn(move || qosguard::Guard::load(path).map(Self::from))
    }

    /// Reads a guard from the bytes of its file. Copies `bytes`. Rejects as `load`.
    #[napi(catch_unwind, ts_return_type = "Promise<Guard>")]
    pub fn from_buffer(bytes: &[u8]) -> AsyncTask<Job<Guard>> {
        let bytes = bytes.to_vec();
        spawn(move || qosguard::Guard::from_bytes(&bytes).map(Self::from))
    }

    /// How the columns that the guard reads can be filled from another source, and which are missing.
    ///
    /// `table.mapTo(guard.inputs)` fills them; `assess` itself finds columns by name alone.
    #[napi(catch_unwind)]
    pub fn fits(
        &self,
        #[napi(ts_arg_type = "Schema | Table")] source: Either<
            ClassInstance<'_, Schema>,
            ClassInstance<'_, Table>,
        >,
    ) -> SchemaFit {
        let fit = match &source {
            Either::A(schema) => self.inner.fits(&schema.inner),
            Either::B(table) => self.inner.fits(table.inner.schema()),
        };
        let filled = |pairs: &[(String, String)]| {
            pairs.iter().map(|(column, from)| Filled { column: column.clone(), from: from.clone() }).collect()
        };
        SchemaFit {
            is_complete: fit.is_complete(),
            text: fit.to_string(),
            mapped: filled(&fit.mapped),
            derived: filled(&fit.derived),
            schema: fit.schema,
            source: fit.source,
            missing: fit.missing,
        }
    }

    /// The columns that the guard reads: its schema without features that hold no information, such as constants.
    #[napi(getter, catch_unwind)]
    pub fn inputs(&self) -> Schema {
        self.inner.inputs().into()
    }

    /// Writes the guard to a file, atomically. Rejects with `io`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn save(&self, path: String) -> AsyncTask<Job<()>> {
        let guard = Arc::clone(&self.inner);
        spawn(move || guard.save(path))
    }

    /// The guard as the bytes of its file.
    #[napi(catch_unwind)]
    pub fn to_buffer(&self) -> Buffer {
        self.inner.to_bytes().into()
    }

    /// Scores every record and recommends an action for it, off the event loop.
    ///
    /// Records need the columns that the features are made of, by name, and need no labels. Rejects with `schema_mismatch`
    /// naming what is missing, and `bad_record` for a record that cannot be read.
    #[napi(catch_unwind, ts_return_type = "Promise<Assessment>")]
    pub fn assess(
        &self,
        #[napi(ts_arg_type = "Table | FlowRecord | ReadonlyArray<FlowRecord>")] flows: Either<
            ClassInstance<'_, Table>,
            String,
        >,
    ) -> AsyncTask<Job<Assessment>> {
        let (guard, flows) = (Arc::clone(&self.inner), Flows::from(flows));
        spawn(move || flows.assess(&guard))
    }

    /// As `assess`, on the calling thread; for a few records. Throws as `assess` rejects.
    #[napi(catch_unwind)]
    pub fn assess_sync(
        &self,
        #[napi(ts_arg_type = "Table | FlowRecord | ReadonlyArray<FlowRecord>")] flows: Either<
            ClassInstance<'_, Table>,
            String,
        >,
    ) -> Result<Assessment> {
        Flows::from(flows).assess(&self.inner).map_err(|e| into_js_err(&e))
    }

    /// A summary of an assessment of a table or of records and its `n` worst findings, off the event loop: equal ones grouped,
    /// each with time, addresses, ports, protocol, severity, action and what is rare about it. Default: 10 findings.
    ///
    /// Rejects as `assess`, and with `shape_mismatch` for an assessment of another number of rows.
    #[napi(catch_unwind, ts_return_type = "Promise<Findings>")]
    pub fn findings(
        &self,
        #[napi(ts_arg_type = "Table | FlowRecord | ReadonlyArray<FlowRecord>")] flows: Either<
            ClassInstance<'_, Table>,
            String,
        >,
        assessment: ClassInstance<'_, Assessment>,
        n: Option<f64>,
    ) -> Result<AsyncTask<Job<Findings>>> {
        let (guard, flows) = (Arc::clone(&self.inner), Flows::from(flows));
        let (assessment, n) = (assessment.inner.clone(), whole_or("n", n, 10_usize)?);
        Ok(spawn(move || Ok(guard.findings(&*flows.table(&guard)?, &assessment, n)?.into())))
    }

    /// Every decision with the addresses and the time of its record, as `plan` takes them, off the event loop.
    ///
    /// Rejects as `assess`, and with `shape_mismatch` for an assessment of another number of rows.
    #[napi(catch_unwind, ts_return_type = "Promise<Array<Proposal>>")]
    pub fn proposals(
        &self,
        #[napi(ts_arg_type = "Table | FlowRecord | ReadonlyArray<FlowRecord>")] flows: Either<
            ClassInstance<'_, Table>,
            String,
        >,
        assessment: ClassInstance<'_, Assessment>,
    ) -> AsyncTask<Job<String>> {
        let (guard, flows) = (Arc::clone(&self.inner), Flows::from(flows));
        let assessment = assessment.inner.clone();
        spawn(move || {
            let proposals = guard.proposals(&*flows.table(&guard)?, &assessment)?;
            // Text, which `index.js` parses: a job returns no plain objects.
            Ok(rename(json!(proposals), camel).to_string())
        })
    }

    /// Splits the score of every record into what each of its columns adds, off the event loop. The result holds a number per
    /// record and column: of a large table explain parts, or `take(assessment.anomalies)`.
    ///
    /// Rejects as `assess`, and with `invalid_argument` for a detector whose score belongs to no single features.
    #[napi(catch_unwind, ts_return_type = "Promise<GuardExplanation>")]
    pub fn explain(
        &self,
        #[napi(ts_arg_type = "Table | FlowRecord | ReadonlyArray<FlowRecord>")] flows: Either<
            ClassInstance<'_, Table>,
            String,
        >,
    ) -> AsyncTask<Job<GuardExplanation>> {
        let (guard, flows) = (Arc::clone(&self.inner), Flows::from(flows));
        spawn(move || Ok(GuardExplanation { inner: guard.explain(&*flows.table(&guard)?)? }))
    }

    /// The same guard with another policy.
    #[napi(catch_unwind)]
    pub fn with_policy(&self, policy: &Policy) -> Result<Self> {
        self.inner.with_policy(policy.inner.clone()).map(Self::from).map_err(|e| into_js_err(&e))
    }

    /// The schema of the records that it was fitted on.
    #[napi(getter, catch_unwind)]
    pub fn schema(&self) -> Schema {
        Schema { inner: Arc::clone(self.inner.schema()) }
    }

    /// Names of the columns that its contexts append to the records; empty without contexts.
    #[napi(getter, catch_unwind)]
    pub fn context_columns(&self) -> Vec<String> {
        self.inner.context_columns().iter().map(|column| column.name.clone()).collect()
    }

    /// The table with the columns of the guard's contexts, computed in event time from an empty state, off the event loop.
    /// `assess` and `explain` do this by themselves; a few rows of the result can be explained.
    ///
    /// Rejects with `schema_mismatch` naming the columns that are missing.
    #[napi(catch_unwind, ts_return_type = "Promise<Table>")]
    pub fn append_contexts(&self, flows: ClassInstance<'_, Table>) -> AsyncTask<Job<Table>> {
        let (guard, flows) = (Arc::clone(&self.inner), Arc::clone(&flows.inner));
        spawn(move || guard.append_contexts(&flows).map(Table::from))
    }

    /// Names of the features of the detector.
    #[napi(getter, catch_unwind)]
    pub fn feature_names(&self) -> Vec<String> {
        self.inner.featurizer().names().to_vec()
    }

    /// The threshold, what was asked of it and what it realised on held-out rows.
    #[napi(getter, catch_unwind)]
    pub fn threshold(&self) -> Result<Threshold> {
        mirror(self.inner.threshold())
    }

    /// The data and the seed that the guard was fitted with.
    #[napi(getter, catch_unwind)]
    pub fn training(&self) -> Training {
        let training = self.inner.training();
        Training {
            seed: number_or_bigint(training.seed),
            rows: training.rows as f64,
            fitted: training.fitted as f64,
            calibrated: training.calibrated as f64,
            held_out: training.held_out as f64,
            attacks: training.attacks as f64,
            fitted_attacks: training.fitted_attacks as f64,
            data_hash: training.data_hash.clone(),
        }
    }

    /// The attack classes that a verdict may name; empty where the training rows named fewer than two.
    #[napi(getter, catch_unwind)]
    pub fn families(&self) -> Vec<String> {
        self.inner.families().to_vec()
    }

    /// The policy.
    #[napi(getter, catch_unwind)]
    pub fn policy(&self) -> Policy {
        self.inner.policy().clone().into()
    }

    /// What to know before relying on the guard: a false-positive rate that was missed, rules that never apply, and
    /// columns without a value in the training rows.
    #[napi(getter, catch_unwind)]
    pub fn warnings(&self) -> Vec<String> {
        self.notices(true)
    }

    /// Limits of the guard's method, such as attacks that single records cannot show.
    #[napi(getter, catch_unwind)]
    pub fn notes(&self) -> Vec<String> {
        self.notices(false)
    }

    fn notices(&self, warnings: bool) -> Vec<String> {
        let notices = self.inner.notices().into_iter().filter(|notice| notice.is_warning() == warnings);
        notices.map(|notice| notice.to_string()).collect()
    }

    /// SHA-256 of everything but the policy; decision ids depend on it.
    #[napi(getter, catch_unwind)]
    pub fn model_digest(&self) -> String {
        self.inner.model_digest().to_owned()
    }

    /// SHA-256 of the guard's file, 64 hexadecimal digits.
    #[napi(getter, catch_unwind)]
    pub fn digest(&self) -> String {
        self.inner.digest().to_owned()
    }
}

/// The settings of one context; a string is a kind with its defaults. An error names the setting.
fn context(value: Value) -> Result<ContextConfig> {
    let settings = match value {
        Value::String(kind) => json!({ "kind": kind }),
        value => rename(value, snake),
    };
    parse("context", settings)
}

/// What may be assessed: a table, or records as JSON text.
enum Flows {
    Table(Arc<telemetry::Table>),
    Json(String),
}

impl From<Either<ClassInstance<'_, Table>, String>> for Flows {
    fn from(flows: Either<ClassInstance<'_, Table>, String>) -> Self {
        match flows {
            Either::A(table) => Self::Table(Arc::clone(&table.inner)),
            Either::B(json) => Self::Json(json),
        }
    }
}

impl Flows {
    fn table(&self, guard: &qosguard::Guard) -> qosguard::Result<Arc<telemetry::Table>> {
        match self {
            Self::Table(table) => Ok(Arc::clone(table)),
            Self::Json(json) => telemetry::Table::from_json(guard.schema(), json).map(Arc::new),
        }
    }

    fn assess(&self, guard: &qosguard::Guard) -> qosguard::Result<Assessment> {
        guard.assess(&*self.table(guard)?).map(|inner| Assessment { inner })
    }
}
