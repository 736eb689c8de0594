//! The ensemble in a file.

use serde::{Deserialize, Serialize};

use super::{Ensemble, Fusion, MAX_MEMBERS, Member};
use crate::artifact::Tensors;
use crate::calibrate::{Conformal, Probability, Tail};
use crate::detect::{AnyDetector, AnyHeader};
use crate::error::Error;

/// The part of an ensemble that a file's header holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnsembleHeader {
    fusion: Fusion,
    members: Vec<MemberHeader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberHeader {
    name: String,
    weight: f64,
    enabled: bool,
    conformal: Tail,
    probability: Option<Probability>,
    detector: AnyHeader,
}

impl Ensemble {
    /// Puts the arrays under `at` and returns the rest.
    pub(crate) fn store(&self, at: &str, tensors: &mut Tensors) -> EnsembleHeader {
        let members = self.members().iter().enumerate().map(|(i, member)| {
            let at = format!("{at}/{i}");
            tensors.put(&format!("{at}/scores"), member.conformal().scores());
            MemberHeader {
                name: member.name().to_owned(),
                weight: member.weight(),
                enabled: member.is_enabled(),
                conformal: *member.conformal().tail(),
                probability: member.probability().cloned(),
                detector: member.detector().store(&at, tensors),
            }
        });
        EnsembleHeader { members: members.collect(), fusion: self.fusion() }
    }

    /// Rebuilds an ensemble; the error is a sentence about the first fault.
    pub(crate) fn restore(header: EnsembleHeader, at: &str, tensors: &mut Tensors) -> Result<Self, String> {
        if header.members.len() > MAX_MEMBERS {
            return Err(format!("{} members, and {MAX_MEMBERS} are the most", header.members.len()));
        }
        let words = |e: Error| e.to_string();
        let mut members = Vec::new();
        for (i, member) in header.members.into_iter().enumerate() {
            let at = format!("{at}/{i}");
            let scores = tensors.take(&format!("{at}/scores"))?;
            let conformal = Conformal::from_parts(scores, member.conformal).map_err(words)?;
            let detector = AnyDetector::restore(member.detector, &at, tensors)?;
            let fitted = Member::new(member.name, member.weight, detector, conformal)
                .with_probability(member.probability);
            members.push(if member.enabled { fitted } else { fitted.disabled() });
        }
        Self::new(members, header.fusion).map_err(words)
    }
}
