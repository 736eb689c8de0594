//! A guard's stages to and from the bytes of its file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::explain::check_ranges;
use super::{Stages, Training};
use crate::artifact::{self, Packed, Tensors};
use crate::calibrate::{Conformal, Probability, Tail, Threshold};
use crate::detect::{AnyDetector, AnyHeader, Detector};
use crate::error::{Error, Result};
use crate::explain::CleanRange;
use crate::features::{ContextConfig, Featurizer, TableEncoder, extended};
use crate::qos::Policy;
use crate::strict::list_for_fields;
use crate::telemetry::{Role, Schema};

/// Name of the array of clean calibration scores.
const SCORES: &str = "calibration/scores";
/// Prefix of the names of the detector's arrays.
const DETECTOR: &str = "detector";
/// Prefix of the names of the arrays of the attack-class model.
const FAMILIES: &str = "families";

/// The `calibration` value of the header.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calibration {
    conformal: Tail,
    threshold: Threshold,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<Probability>,
}

/// The header without the fields that every kind of file has.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: Schema,
    #[serde(default)]
    contexts: Vec<ContextConfig>,
    featurizer: TableEncoder,
    detector: AnyHeader,
    #[serde(default)]
    families: Option<AnyHeader>,
    #[serde(default)]
    clean_ranges: Vec<CleanRange>,
    calibration: Calibration,
    policy: Policy,
    training: Training,
}

/// The file of a guard, and its [`model_digest`].
pub(super) fn pack(stages: &Stages, policy: &Policy) -> Result<(Packed, String)> {
    let (header, tensors) = without_policy(stages)?;
    let model_digest = artifact::content_digest(&header, &tensors);
    Ok((with_policy(header, &tensors, policy)?, model_digest))
}

/// The file of a guard.
pub(super) fn pack_with(stages: &Stages, policy: &Policy) -> Result<Packed> {
    let (header, tensors) = without_policy(stages)?;
    with_policy(header, &tensors, policy)
}

fn with_policy(mut header: Map<String, Value>, tensors: &Tensors, policy: &Policy) -> Result<Packed> {
    header.insert("policy".into(), json(policy)?);
    artifact::pack(header, tensors)
}

/// SHA-256 of everything that a verdict depends on: the file without the policy.
pub(super) fn model_digest(stages: &Stages) -> Result<String> {
    let (header, tensors) = without_policy(stages)?;
    Ok(artifact::content_digest(&header, &tensors))
}

fn without_policy(stages: &Stages) -> Result<(Map<String, Value>, Tensors)> {
    let mut tensors = Tensors::default();
    tensors.put(SCORES, stages.conformal.scores());
    let detector = stages.detector.store(DETECTOR, &mut tensors);
    let calibration = Calibration {
        conformal: *stages.conformal.tail(),
        threshold: stages.threshold,
        probability: stages.probability.clone(),
    };
    let mut header = Map::new();
    header.insert("kind".into(), "guard".into());
    header.insert("schema".into(), json(&*stages.schema)?);
    // A guard without contexts keeps the bytes of earlier releases.
    if !stages.contexts.is_empty() {
        header.insert("contexts".into(), json(&stages.contexts)?);
    }
    header.insert("featurizer".into(), json(&stages.featurizer)?);
    header.insert("detector".into(), json(&detector)?);
    if let Some(families) = &stages.families {
        let families = AnyDetector::TreeEnsemble(families.clone()).store(FAMILIES, &mut tensors);
        header.insert("families".into(), json(&families)?);
    }
    header.insert("clean_ranges".into(), json(&stages.clean_ranges)?);
    header.insert("calibration".into(), json(&calibration)?);
    header.insert("training".into(), json(&stages.training)?);
    Ok((header, tensors))
}

/// The stages, the policy and the file's digest.
pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Stages, Policy, String)> {
    let corrupt = |reason: String| Error::CorruptArtifact { path: path.to_path_buf(), reason };
    let (mut header, mut tensors) = artifact::unpack(bytes, path)?;
    let digest = artifact::digest_of(&header);
    let kind = header.remove("kind");
    if kind != Some(Value::from("guard")) {
        return Err(corrupt(format!("kind is {kind:?}, not \"guard\"")));
    }
    for shared in ["format_version", "written_by", "digest"] {
        header.remove(shared);
    }
    let header = parse(&Value::Object(header)).map_err(&corrupt)?;
    let scores = tensors.take(SCORES).map_err(&corrupt)?;
    let conformal =
        Conformal::from_parts(scores, header.calibration.conformal).map_err(|e| corrupt(e.to_string()))?;
    let detector = AnyDetector::restore(header.detector, DETECTOR, &mut tensors).map_err(&corrupt)?;
    check_ranges(&header.clean_ranges, &header.featurizer).map_err(|e| corrupt(e.to_string()))?;
    let families = match header.families {
        None => None,
        Some(families) => match AnyDetector::restore(families, FAMILIES, &mut tensors).map_err(&corrupt)? {
            AnyDetector::TreeEnsemble(model) => Some(model),
            _ => return Err(corrupt("`families` is not a tree ensemble".into())),
        },
    };
    if let Some(name) = tensors.left_over() {
        return Err(corrupt(format!("unknown tensor `{name}`")));
    }
    let given = header.featurizer.names().len();
    let takers = [
        ("detector", Some(detector.n_features())),
        ("families", families.as_ref().map(Detector::n_features)),
    ];
    for (taker, wanted) in takers {
        if let Some(wanted) = wanted.filter(|&wanted| wanted != given) {
            return Err(corrupt(format!(
                "the featurizer makes {given} features, the {taker} takes {wanted}"
            )));
        }
    }
    let (_, appended) = extended(&header.schema, &header.contexts).map_err(|e| corrupt(e.to_string()))?;
    let is_feature = |name: &str| {
        appended.iter().any(|column| column.name == name)
            || header.schema.index_of(name).is_some_and(|i| header.schema.columns()[i].role == Role::Feature)
    };
    if let Some(name) = header.featurizer.columns().into_iter().find(|name| !is_feature(name)) {
        return Err(corrupt(format!("the featurizer reads `{name}`, which is not a feature of the schema")));
    }
    let stages = Stages {
        schema: header.schema.into(),
        contexts: header.contexts,
        featurizer: header.featurizer,
        detector,
        conformal,
        threshold: header.calibration.threshold,
        probability: header.calibration.probability,
        families,
        clean_ranges: header.clean_ranges,
        training: header.training,
    };
    Ok((stages, header.policy, digest))
}

fn json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::invalid("guard", "representable as JSON", e))
}

fn parse(value: &Value) -> Result<Header, String> {
    let header = Header::deserialize(value).map_err(|e| e.to_string())?;
    match list_for_fields(value, &header) {
        Some(place) => Err(format!("`{place}` is a list and must be an object with field names")),
        None => Ok(header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Guard;
    use crate::simulate::{FlowSimulatorConfig, table};

    #[test]
    fn a_list_in_place_of_fields_is_an_error() {
        let flows = table(&FlowSimulatorConfig { rows: 500, ..Default::default() }).unwrap();
        let bytes = Guard::builder().fit(&flows).unwrap().to_bytes();
        let (mut header, tensors) = artifact::unpack(&bytes, Path::new("x")).unwrap();
        let read = |header: &Map<String, Value>| {
            from_bytes(&artifact::pack(header.clone(), &tensors).unwrap().bytes, Path::new("x")).map(|_| ())
        };
        assert!(read(&header).is_ok());
        let in_order = |of: &Value, keys: &[&str]| keys.iter().map(|key| of[*key].clone()).collect::<Value>();
        let training =
            ["seed", "rows", "fitted", "calibrated", "held_out", "attacks", "fitted_attacks", "data_hash"];
        header["training"] = in_order(&header["training"], &training);
        let error = read(&header).unwrap_err().to_string();
        assert_eq!(error, "x: not intact: `training` is a list and must be an object with field names");
    }

    #[test]
    fn a_file_whose_featurizer_reads_more_than_features_is_rejected() {
        let flows = table(&FlowSimulatorConfig { rows: 500, ..Default::default() }).unwrap();
        let mut stages = (*Guard::builder().fit(&flows).unwrap().stages).clone();
        let read = |stages: &Stages| {
            let (packed, _) = pack(stages, &Policy::default()).unwrap();
            from_bytes(&packed.bytes, Path::new("x")).map(|_| ())
        };
        assert!(read(&stages).is_ok());
        stages.schema = stages.schema.with_role("duration", Role::Ignore).unwrap().into();
        let error = read(&stages).unwrap_err();
        let expected = "x: not intact: the featurizer reads `duration`, which is not a feature of the schema";
        assert_eq!(error.to_string(), expected);
    }
}
