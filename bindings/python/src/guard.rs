//! The fitted pipeline and its assessments.

use std::path::PathBuf;

use ndarray::Array2;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::error::PyArrowResult;
use qosguard::calibrate;
use qosguard::detect::Checkpoint;
use qosguard::features::Featurizer;
use qosguard::qos::DecisionColumn;

use crate::array::{Grid, Vector};
use crate::convert::{Config, Record, Whole, from_json, json, refuse};
use crate::error::{forward, forward_rows, interruptible};
use crate::explanation::GuardExplanation;
use crate::frame::{Frame, stream};
use crate::policy::Policy;
use crate::schema::Schema;
use crate::settings;
use crate::table::Table;
use crate::watch::Watch;

/// Rule that chooses the threshold between clean and anomalous from calibration scores.
///
/// Examples
/// --------
/// >>> import qosguard as qg
/// >>> qg.ThresholdRule.percentile(99.5)
/// ThresholdRule({"kind":"percentile","percent":99.5})
#[pyclass(frozen, eq, module = "qosguard")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThresholdRule(calibrate::ThresholdRule);

impl ThresholdRule {
    fn checked(py: Python<'_>, rule: calibrate::ThresholdRule) -> PyResult<Self> {
        forward(py, || rule.check())?;
        Ok(Self(rule))
    }
}

#[pymethods]
impl ThresholdRule {
    /// Flags clean traffic at this rate, in (0, 1).
    #[staticmethod]
    fn false_positive_rate(py: Python<'_>, rate: f64) -> PyResult<Self> {
        Self::checked(py, calibrate::ThresholdRule::FalsePositiveRate { rate })
    }

    /// The percentile of the clean scores, in (0, 100); 95, 99 and 99.5 are usual.
    #[staticmethod]
    fn percentile(py: Python<'_>, percent: f64) -> PyResult<Self> {
        Self::checked(py, calibrate::ThresholdRule::Percentile { percent })
    }

    /// Median + `k` · 1.4826 · MAD of the clean scores; 3 is usual.
    #[staticmethod]
    fn mad(py: Python<'_>, k: f64) -> PyResult<Self> {
        Self::checked(py, calibrate::ThresholdRule::Mad { k })
    }

    /// Flags this share of all calibration rows, clean and attacks together, in (0, 1).
    #[staticmethod]
    fn contamination(py: Python<'_>, share: f64) -> PyResult<Self> {
        Self::checked(py, calibrate::ThresholdRule::Contamination { share })
    }

    /// The best F1 on clean and attack rows; needs labels.
    #[staticmethod]
    fn best_f1(py: Python<'_>) -> PyResult<Self> {
        Self::checked(py, calibrate::ThresholdRule::BestF1)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("_from_json")?, (json(&slf.get().0),)))
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        Self::checked(py, from_json(py, text)?)
    }

    fn __repr__(&self) -> String {
        format!("ThresholdRule({})", json(&self.0))
    }
}

/// The texts of a finding and of its decision.
type Texts = (String, String);

/// A fitted pipeline: schema, featurizer, detector, calibration and policy.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) qosguard::Guard);

#[pymethods]
impl Guard {
    /// Fits every stage, each on rows that the stages before it did not use; without a detector it chooses one.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the face")]
    fn fit(
        py: Python<'_>,
        table: &Table,
        featurizer: Config,
        contexts: Option<Vec<Config>>,
        detector: Option<Config>,
        threshold: &ThresholdRule,
        policy: &Policy,
        attack_share: Option<f64>,
        seed: Whole,
        watch: Option<Watch>,
    ) -> PyResult<Self> {
        let builder = qosguard::Guard::builder()
            .featurizer(settings::featurizer(py, featurizer)?)
            .threshold(threshold.0)
            .policy(policy.0.clone())
            .seed(seed.get(py, "seed")?);
        let mut builder = builder;
        if let Some(contexts) = contexts {
            builder = builder.no_context();
            for context in contexts {
                builder = builder.context(settings::context(py, context)?);
            }
        }
        let builder = match detector {
            Some(config) => builder.detector(settings::read(py, config)?),
            None => builder.auto(),
        };
        let builder = match attack_share {
            Some(share) => builder.attack_share(share),
            None => builder,
        };
        let fit = |resume: Option<&Checkpoint>| match resume {
            Some(checkpoint) => builder.resume(checkpoint.clone()).fit(&table.0),
            None => builder.fit(&table.0),
        };
        Watch::run(watch, py, fit).map(Self)
    }

    /// Scores every record and recommends an action for it.
    fn assess(&self, py: Python<'_>, table: &Table) -> PyResult<Assessment> {
        forward_rows(py, table.0.n_rows(), || self.0.assess(&table.0)).map(Assessment)
    }

    /// Splits the score of every record into what each of its columns adds.
    fn explain(&self, py: Python<'_>, table: &Table) -> PyResult<GuardExplanation> {
        interruptible(py, || self.0.explain(&table.0)).map(GuardExplanation)
    }

    /// A summary of an assessment and its `n` worst findings, each with the texts of the finding and of its decision, and
    /// all of it as text.
    fn findings(
        &self,
        py: Python<'_>,
        table: &Table,
        assessment: &Assessment,
        n: Whole,
    ) -> PyResult<(Record, Vec<Texts>, String)> {
        let n = n.get(py, "n")?;
        let findings = forward(py, || self.0.findings(&table.0, &assessment.0, n))?;
        let texts = findings.worst.iter().map(|finding| (finding.to_string(), finding.decision.to_string()));
        Ok((Record::new(&findings), texts.collect(), findings.to_string()))
    }

    /// The decisions of an assessment with the addresses and times of their records.
    fn proposals(&self, py: Python<'_>, table: &Table, assessment: &Assessment) -> PyResult<Vec<Record>> {
        let proposals = interruptible(py, || self.0.proposals(&table.0, &assessment.0))?;
        Ok(proposals.iter().map(Record::new).collect())
    }

    /// How the columns that the guard reads can be filled from tables of another schema, as a record and as text.
    fn fits(&self, schema: &Schema) -> (Record, String) {
        let fit = self.0.fits(&schema.0);
        (Record::new(&fit), fit.to_string())
    }

    /// The guard's schema, without features that hold no information.
    #[getter]
    fn inputs(&self) -> Schema {
        Schema(self.0.inputs())
    }

    /// Writes the guard to a file, atomically.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        forward(py, || self.0.save(path))
    }

    /// Reads a guard's file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        interruptible(py, || qosguard::Guard::load(path)).map(Self)
    }

    /// The guard as the bytes of its file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// Reads a guard from the bytes of a file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        forward(py, || qosguard::Guard::from_bytes(data)).map(Self)
    }

    /// The same guard with another policy.
    fn with_policy(&self, py: Python<'_>, policy: &Policy) -> PyResult<Self> {
        forward(py, || self.0.with_policy(policy.0.clone())).map(Self)
    }

    /// The schema of the records that it was fitted on.
    #[getter]
    fn schema(&self) -> Schema {
        Schema((**self.0.schema()).clone())
    }

    /// Names of the columns that its contexts append.
    #[getter]
    fn context_columns(&self) -> Vec<&str> {
        self.0.context_columns().iter().map(|column| column.name.as_str()).collect()
    }

    /// The table with the columns of the guard's contexts.
    fn append_contexts(&self, py: Python<'_>, table: &Table) -> PyResult<Table> {
        interruptible(py, || self.0.append_contexts(&table.0)).map(Table)
    }

    /// Names of the features of the detector.
    #[getter]
    fn feature_names(&self) -> Vec<String> {
        self.0.featurizer().names().to_vec()
    }

    /// The attack classes that a verdict may name.
    #[getter]
    fn families(&self) -> Vec<String> {
        self.0.families().to_vec()
    }

    /// The policy.
    #[getter]
    fn policy(&self) -> Policy {
        Policy(self.0.policy().clone())
    }

    /// The threshold, what was asked of it and what it realised on held-out rows.
    #[getter]
    fn threshold(&self) -> Record {
        Record::new(self.0.threshold())
    }

    /// The data and the seed that the guard was fitted with.
    #[getter]
    fn training(&self) -> Record {
        Record::new(self.0.training())
    }

    /// What to know before relying on the guard: whether it is a warning, and its text.
    fn notices(&self) -> Vec<(bool, String)> {
        self.0.notices().iter().map(|notice| (notice.is_warning(), notice.to_string())).collect()
    }

    /// SHA-256 of the guard's file, 64 hexadecimal digits.
    #[getter]
    fn digest(&self) -> &str {
        self.0.digest()
    }

    /// SHA-256 of everything that makes a verdict, so without the policy.
    #[getter]
    fn model_digest(&self) -> &str {
        self.0.model_digest()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.getattr("from_bytes")?, (slf.get().to_bytes(slf.py()),)))
    }
}

/// Scores, p-values and decisions of a table's rows.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct Assessment(pub(crate) qosguard::Assessment);

#[pymethods]
impl Assessment {
    /// Scores; higher is more anomalous.
    #[getter]
    fn scores(&self) -> Vector<f32> {
        Vector(self.0.scores().to_vec())
    }

    /// Share of clean traffic that scores at least this high, in (0, 1].
    #[getter]
    fn p_values(&self) -> Vector<f64> {
        Vector(self.0.p_values().to_vec())
    }

    /// Probability that each row is an attack; `None` unless the detector learns from labels.
    #[getter]
    fn probabilities(&self) -> Option<Vector<f64>> {
        let probabilities = self.0.probabilities();
        (probabilities.len() == self.0.len()).then(|| Vector(probabilities.to_vec()))
    }

    /// Names of the members of an ensemble.
    #[getter]
    fn members(&self) -> Vec<String> {
        self.0.members().to_vec()
    }

    /// Each member's p-value of each row, shape (rows, members); NaN where a member had no part.
    #[getter]
    fn member_p_values(&self, py: Python<'_>) -> PyResult<Grid<f64>> {
        let shape = (self.0.len(), self.0.members().len());
        let p_values = self.0.member_p_values().to_vec();
        let matrix = Array2::from_shape_vec(shape, p_values);
        matrix.map(Grid).map_err(|error| refuse(py, "assessment", "a p-value of each row and member", error))
    }

    /// Names of the experts of a mixture.
    #[getter]
    fn experts(&self) -> Vec<String> {
        self.0.experts().to_vec()
    }

    /// How much each expert counted in each row, shape (rows, experts).
    #[getter]
    fn gate_weights(&self, py: Python<'_>) -> PyResult<Grid<f32>> {
        let shape = (self.0.len(), self.0.experts().len());
        let matrix = Array2::from_shape_vec(shape, self.0.gate_weights().to_vec());
        matrix.map(Grid).map_err(|error| refuse(py, "assessment", "a weight of each row and expert", error))
    }

    /// Cells that were missing or infinite and were imputed.
    #[getter]
    fn imputed(&self) -> u64 {
        self.0.imputed()
    }

    /// Rows with an address that cannot be read.
    #[getter]
    fn unread_addresses(&self) -> u64 {
        self.0.unread_addresses()
    }

    /// What the policy could not do with these rows: whether it is a warning, and its words.
    fn notices(&self) -> Vec<(bool, String)> {
        self.0.notices().iter().map(|notice| (notice.is_warning(), notice.to_string())).collect()
    }

    /// Rows that are allowed because they have no address.
    #[getter]
    fn missing_addresses(&self) -> u64 {
        self.0.missing_addresses()
    }

    /// The decision for one row.
    fn decision(&self, row: usize) -> PyResult<(Record, String)> {
        let decision = self.0.decision(row).ok_or_else(|| PyIndexError::new_err(row))?;
        Ok((Record::new(&decision), decision.to_string()))
    }

    /// The decisions for the `n` most anomalous rows.
    fn top(&self, py: Python<'_>, n: Whole) -> PyResult<Vec<(Record, String)>> {
        let n = n.get(py, "n")?;
        let top = interruptible(py, || Ok(self.0.top(n)))?;
        Ok(top.iter().map(|decision| (Record::new(decision), decision.to_string())).collect())
    }

    /// One row per record as a `pandas.DataFrame`; needs pandas and pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Frame<'py>> {
        Frame::from_arrow(slf)
    }

    /// Names of the columns of the Arrow form.
    #[getter]
    #[expect(clippy::unused_self, reason = "a property of every assessment")]
    fn columns(&self) -> Vec<&'static str> {
        DecisionColumn::ALL.iter().map(DecisionColumn::name).collect()
    }

    /// The Arrow C stream of the assessment.
    #[pyo3(signature = (requested_schema: "object" = None) -> "object")]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let batch = interruptible(py, || self.0.to_arrow())?;
        let schema = batch.schema();
        stream(py, vec![batch], &schema, requested_schema)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let assessment = &slf.get().0;
        let bytes = forward(slf.py(), || Ok(assessment.to_bytes()))?;
        Ok((slf.getattr("_from_bytes")?, (PyBytes::new(slf.py(), &bytes),)))
    }

    #[staticmethod]
    fn _from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        forward(py, || qosguard::Assessment::from_bytes(data)).map(Self)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
