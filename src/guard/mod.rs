//! The guard: one fitted artefact from the raw record to the verdict and the action.

mod assessment;
mod bind;
mod builder;
mod endpoints;
mod explain;
mod file;
mod findings;
mod fingerprint;
mod notice;
mod proposals;
mod subjects;

use std::path::Path;
use std::sync::Arc;

use crate::artifact::{self, Packed};
use crate::calibrate::{Conformal, Probability, Threshold};
use crate::detect::{AnyDetector, Classifier, Detector, TreeEnsemble};
use crate::error::{Error, Result};
use crate::explain::CleanRange;
use crate::features::{ContextConfig, Featurizer, TableEncoder, extended};
use crate::qos::{Policy, Recommender};
use crate::telemetry::{Column, Schema, SchemaFit, Table};

pub use assessment::Assessment;
pub use bind::Assessor;
pub use builder::{GuardBuilder, Training};
pub use explain::GuardExplanation;
pub use findings::{Finding, Findings, FindingsCollector, Labelled};
pub use notice::Notice;
pub(crate) use subjects::{SubjectColumns, Subjects};

/// A fitted pipeline: schema, contexts, featurizer, detector, calibration and policy.
///
/// A record that goes through any entry point, in any language, before or after [`Guard::save`], gets the
/// same bits.
///
/// # Examples
///
/// ```
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
/// let guard = Guard::builder().false_positive_rate(0.01).fit(&flows)?;
/// let assessment = guard.assess(&flows)?;
/// assert_eq!(assessment.len(), 2_000);
///
/// let again = Guard::from_bytes(&guard.to_bytes())?;
/// assert_eq!(again.assess(&flows)?.scores(), assessment.scores());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Guard {
    stages: Arc<Stages>,
    /// Holds the policy.
    recommender: Recommender,
    bytes: Arc<[u8]>,
    digest: String,
    model_digest: String,
    /// Start of every decision id: the first 64 bits of the model's digest.
    salt: u64,
    /// Names of the members of an ensemble.
    members: Arc<[String]>,
    /// Names of the experts of a mixture.
    experts: Arc<[String]>,
    /// Names of the attack classes that a verdict may have.
    family_names: Arc<[String]>,
    /// What the contexts append, and the columns that they read.
    context_columns: Arc<[Column]>,
    context_inputs: Arc<[String]>,
}

/// The fitted stages before the policy. The guard's file holds them and the policy.
#[derive(Clone, Debug)]
struct Stages {
    schema: Arc<Schema>,
    /// In the order that records go through them.
    contexts: Vec<ContextConfig>,
    featurizer: TableEncoder,
    detector: AnyDetector,
    conformal: Conformal,
    threshold: Threshold,
    /// Of a detector that was fitted with labels.
    probability: Option<Probability>,
    /// The model of the attack classes, where the labels named them.
    families: Option<TreeEnsemble>,
    /// One for each column that the featurizer reads; empty in a guard of format 1.
    clean_ranges: Vec<CleanRange>,
    training: Training,
}

impl Guard {
    /// Settings with their defaults: isolation forest, false-positive rate 1 %, default policy.
    pub fn builder() -> GuardBuilder {
        GuardBuilder::default()
    }

    fn new(stages: Stages, policy: Policy) -> Result<Self> {
        let (features, expected) = (stages.featurizer.names().len(), stages.detector.n_features());
        if features != expected {
            return Err(Error::ShapeMismatch { what: "feature columns", expected, got: features });
        }
        if let Some(families) = &stages.families {
            let expected = families.n_features();
            if features != expected {
                return Err(Error::ShapeMismatch { what: "feature columns", expected, got: features });
            }
        }
        let (packed, model_digest) = file::pack(&stages, &policy)?;
        Self::assemble(stages, policy, packed, model_digest)
    }

    /// Scores every record and recommends an action for it.
    ///
    /// The table needs the columns that the features are made of, by name; it may hold any others of the
    /// guard's schema, in any order, and needs no truth. A table of another source is brought to them with
    /// [`Table::map_to`] and [`Guard::inputs`].
    ///
    /// A guard with contexts replays the table in event time from an empty state ([`Guard::append_contexts`]).
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] naming the columns that are missing.
    pub fn assess(&self, table: &Table) -> Result<Assessment> {
        Assessment::of(self, &self.append_contexts(table)?)
    }

    /// How the columns that the guard reads can be filled from tables of another schema, and which are missing.
    ///
    /// [`Table::map_to`] fills them; [`Guard::assess`] itself goes by names alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 500, ..Default::default() })?;
    /// let guard = Guard::builder().fit(&flows)?;
    /// let fit = guard.fits(&Schema::preset("unsw_nb15_raw")?);
    /// assert!(!fit.is_complete());
    /// assert_eq!(fit.missing, ["syn_count", "fin_count", "rst_count", "iat_mean_ms", "iat_std_ms"]);
    ///
    /// let flows = flows.map_to(&guard.inputs())?;
    /// assert_eq!(guard.assess(&flows)?.len(), 500);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn fits(&self, schema: &Schema) -> SchemaFit {
        self.inputs().fits(schema)
    }

    /// Writes the guard to a file, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        artifact::write_file(path.as_ref(), &self.bytes)
    }

    /// Reads a guard that [`Guard::save`] wrote, in this or any earlier release.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::CorruptArtifact`] for a file that is not an intact guard;
    /// [`Error::FormatTooNew`] for one of a newer release.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&artifact::read_file(path)?, path)
    }

    /// The guard as the bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// Reads a guard from the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`Guard::load`], without [`Error::Io`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes, Path::new("bytes"))
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let (stages, policy, digest) = file::from_bytes(bytes, path)?;
        let model_digest = file::model_digest(&stages)?;
        Self::assemble(stages, policy, Packed { bytes: bytes.to_vec(), digest }, model_digest)
    }

    fn assemble(stages: Stages, policy: Policy, packed: Packed, model_digest: String) -> Result<Self> {
        let (contexts, context_columns) = extended(&stages.schema, &stages.contexts)?;
        let salt = model_digest.get(..16).and_then(|d| u64::from_str_radix(d, 16).ok()).unwrap_or_default();
        let members = match &stages.detector {
            AnyDetector::Ensemble(ensemble) => {
                ensemble.members().iter().map(|m| m.name().to_owned()).collect()
            }
            _ => Arc::default(),
        };
        let experts = match &stages.detector {
            AnyDetector::MixtureOfExperts(mixture) => mixture.experts().into(),
            _ => Arc::default(),
        };
        let family_names = stages.families.as_ref().map_or(&[][..], |model| model.classes()).into();
        let inputs: Vec<String> = contexts.iter().flat_map(|c| c.inputs()).map(Into::into).collect();
        Ok(Self {
            stages: Arc::new(stages),
            recommender: Recommender::new(policy),
            bytes: packed.bytes.into(),
            digest: packed.digest,
            model_digest,
            salt,
            members,
            experts,
            family_names,
            context_columns: context_columns.into(),
            context_inputs: inputs.into(),
        })
    }

    /// The same guard with another policy. Its decisions keep their ids.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] where the guard's file would be larger than 1 GiB.
    pub fn with_policy(&self, policy: Policy) -> Result<Self> {
        // The fitted stages are shared, and so is their digest. Only the file is packed again.
        let Packed { bytes, digest } = file::pack_with(&self.stages, &policy)?;
        Ok(Self { recommender: Recommender::new(policy), bytes: bytes.into(), digest, ..self.clone() })
    }

    /// The schema of the records that it was fitted on.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.stages.schema
    }

    /// The contexts that its records go through, in order.
    pub fn contexts(&self) -> &[ContextConfig] {
        &self.stages.contexts
    }

    /// The fitted featurizer.
    pub fn featurizer(&self) -> &TableEncoder {
        &self.stages.featurizer
    }

    /// The fitted detector.
    pub fn detector(&self) -> &AnyDetector {
        &self.stages.detector
    }

    /// The fitted p-values.
    pub fn conformal(&self) -> &Conformal {
        &self.stages.conformal
    }

    /// The threshold, what was asked of it and what it realised on held-out rows.
    pub fn threshold(&self) -> &Threshold {
        &self.stages.threshold
    }

    /// What turns a score into the probability of an attack; `None` for a detector that was fitted without labels.
    pub fn probability(&self) -> Option<&Probability> {
        self.stages.probability.as_ref()
    }

    /// The attack classes that a verdict may name; empty where the training rows named fewer than two.
    pub fn families(&self) -> &[String] {
        self.stages.families.as_ref().map_or(&[], |model| model.classes())
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        self.recommender.policy()
    }

    /// Where the guard came from.
    pub fn training(&self) -> &Training {
        &self.stages.training
    }

    /// What a user should know before relying on the guard: a false-positive rate that was missed, rules that never apply,
    /// columns without a value in the training rows, and attacks that its method cannot find. Computed from the contents of its
    /// file, so a guard of an earlier release has them too.
    pub fn notices(&self) -> Vec<Notice> {
        notice::of(&self.stages, self.policy())
    }

    /// SHA-256 of the guard's file, 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// SHA-256 of everything that a verdict depends on, so without the policy; 64 hexadecimal digits. Decision ids depend on it.
    pub fn model_digest(&self) -> &str {
        &self.model_digest
    }
}
