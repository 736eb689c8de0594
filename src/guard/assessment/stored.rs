//! An assessment as bytes, to move it between processes.

use serde::{Deserialize, Serialize};

use super::Assessment;
use crate::bits::{f32s, f64s};
use crate::error::{Error, Result};
use crate::qos::{Policy, Recommendation, Recommender};
use crate::telemetry::{Field, FlowTuple};

/// The fields of an [`Assessment`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(with = "f32s")]
    scores: Vec<f32>,
    #[serde(with = "f64s")]
    p_values: Vec<f64>,
    members: Vec<String>,
    #[serde(with = "f64s")]
    member_p_values: Vec<f64>,
    experts: Vec<String>,
    #[serde(with = "f32s")]
    gate_weights: Vec<f32>,
    #[serde(with = "f64s")]
    probabilities: Vec<f64>,
    families: Vec<Option<(u32, u64)>>,
    family_names: Vec<String>,
    recommendations: Vec<Recommendation>,
    ids: Vec<u64>,
    flows: Vec<Option<FlowTuple>>,
    imputed: u64,
    unread_addresses: u64,
    missing_addresses: u64,
    absent: Vec<Field>,
    threshold: u32,
    policy: Policy,
}

impl Assessment {
    /// The assessment as bytes that [`Assessment::from_bytes`] of the same release reads, with the same bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Assessment, Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 500, ..Default::default() })?;
    /// let assessment = Guard::builder().fit(&flows)?.assess(&flows)?;
    /// let copy = Assessment::from_bytes(&assessment.to_bytes())?;
    /// assert_eq!(copy.scores(), assessment.scores());
    /// assert_eq!(copy.decision(7), assessment.decision(7));
    /// assert!(Assessment::from_bytes(b"{}").is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            scores: self.scores.clone(),
            p_values: self.p_values.clone(),
            members: self.members.to_vec(),
            member_p_values: self.member_p_values.clone(),
            experts: self.experts.to_vec(),
            gate_weights: self.gate_weights.clone(),
            probabilities: self.probabilities.clone(),
            families: self.families.iter().map(|f| f.map(|(class, p)| (class, p.to_bits()))).collect(),
            family_names: self.family_names.to_vec(),
            recommendations: self.recommendations.clone(),
            ids: self.ids.clone(),
            flows: self.flows.clone(),
            imputed: self.imputed,
            unread_addresses: self.unread_addresses,
            missing_addresses: self.missing_addresses,
            absent: self.absent.clone(),
            threshold: self.threshold.to_bits(),
            policy: self.recommender.policy().clone(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Reads what [`Assessment::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |got: String| Error::invalid("bytes", "an assessment that `to_bytes` wrote", got);
        let stored: Stored = serde_json::from_slice(bytes).map_err(|e| refuse(e.to_string()))?;
        if !stored.is_consistent() {
            return Err(refuse("columns of other lengths".into()));
        }
        Ok(Self {
            scores: stored.scores,
            p_values: stored.p_values,
            members: stored.members.into(),
            member_p_values: stored.member_p_values,
            experts: stored.experts.into(),
            gate_weights: stored.gate_weights,
            probabilities: stored.probabilities,
            families: stored
                .families
                .into_iter()
                .map(|f| f.map(|(class, p)| (class, f64::from_bits(p))))
                .collect(),
            family_names: stored.family_names.into(),
            recommendations: stored.recommendations,
            ids: stored.ids,
            flows: stored.flows,
            imputed: stored.imputed,
            unread_addresses: stored.unread_addresses,
            missing_addresses: stored.missing_addresses,
            absent: stored.absent,
            threshold: f32::from_bits(stored.threshold),
            recommender: Recommender::new(stored.policy),
        })
    }
}

impl Stored {
    /// Whether every column has a value for each row, and every class a name.
    fn is_consistent(&self) -> bool {
        let rows = self.scores.len();
        let optional = |len: usize| len == 0 || len == rows;
        let known =
            |family: &Option<(u32, u64)>| family.is_none_or(|(c, _)| (c as usize) < self.family_names.len());
        self.p_values.len() == rows
            && self.recommendations.len() == rows
            && self.ids.len() == rows
            && optional(self.probabilities.len())
            && optional(self.families.len())
            && optional(self.flows.len())
            && self.families.iter().all(known)
            && self.member_p_values.len() == rows * self.members.len()
            && self.gate_weights.len() == rows * self.experts.len()
    }
}
