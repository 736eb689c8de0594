//! The cases of `tests/golden/guard.v1.json`, which Rust, Python and JavaScript all run: equal bits, equal kinds of error.
//!
//! A case simulates flows (`train`), fits a guard on them (`forest`, `context`, `threshold`, `seed`), and assesses either
//! more simulated flows (`flows`) or posted records (`records`). It expects bits (`expected`) or an error
//! (`error`). `QOSGUARD_BLESS=1 cargo test --test golden` writes what comes out into the file.
//!
//! `tests/golden/models.v1.json` contains the scores of the released guards in `tests/models`.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::{env, fs};

use qosguard::calibrate::ThresholdRule;
use qosguard::detect::IsolationForestConfig;
use qosguard::features::ContextConfig;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::Table;
use qosguard::{Guard, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A case that is lost must not pass.
const CASES: usize = 12;
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/guard.v1.json");

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    train: Simulated,
    forest: Forest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<ContextConfig>,
    threshold: ThresholdRule,
    seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flows: Option<Simulated>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<Expected>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Simulated {
    rows: u64,
    attack_share: f64,
    seed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forest {
    trees: usize,
    max_samples: usize,
    seed: u64,
}

/// Numbers as the hexadecimal digits of their bits: text cannot round them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    digest: String,
    threshold: String,
    scores: Vec<String>,
    p_values: Vec<String>,
    ids: Vec<String>,
    rules: Vec<String>,
}

impl Simulated {
    fn table(&self) -> Result<Table> {
        let Self { rows, attack_share, seed } = *self;
        simulate::table(&FlowSimulatorConfig { rows, attack_share, seed, ..Default::default() })
    }
}

fn run(case: &Case) -> Result<Expected> {
    let Forest { trees, max_samples, seed } = case.forest;
    let builder = match &case.context {
        Some(context) => Guard::builder().context(context.clone()),
        None => Guard::builder(),
    };
    let guard = builder
        .detector(IsolationForestConfig { trees, max_samples, seed, ..Default::default() })
        .threshold(case.threshold)
        .seed(case.seed)
        .fit(&case.train.table()?)?;
    let table = match (&case.flows, &case.records) {
        (Some(flows), _) => flows.table()?,
        (None, records) => Table::from_json(guard.schema(), &serde_json::to_string(records).unwrap())?,
    };
    let assessment = guard.assess(&table)?;
    let decisions: Vec<_> = assessment.decisions().collect();
    Ok(Expected {
        digest: guard.digest().to_owned(),
        threshold: format!("{:08x}", guard.threshold().score.to_bits()),
        scores: assessment.scores().iter().map(|s| format!("{:08x}", s.to_bits())).collect(),
        p_values: assessment.p_values().iter().map(|p| format!("{:016x}", p.to_bits())).collect(),
        ids: decisions.iter().map(|d| format!("{:016x}", d.id)).collect(),
        rules: decisions.iter().map(|d| d.rule.clone()).collect(),
    })
}

#[test]
fn every_case_gives_the_bits_in_its_file() {
    let bless = env::var_os("QOSGUARD_BLESS").is_some();
    let mut cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(PATH).unwrap()).unwrap();
    assert_eq!(cases.len(), CASES);
    for case in &mut cases {
        let (got, error) = match run(case) {
            Ok(expected) => (Some(expected), None),
            Err(error) => (None, Some(error.kind().as_str().to_owned())),
        };
        if bless {
            (case.expected, case.error) = (got, error);
        } else {
            assert_eq!(got, case.expected, "{}", case.name);
            assert_eq!(error, case.error, "{}", case.name);
        }
    }
    if bless {
        fs::write(PATH, serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
    }
}

/// The bits are the bits of Linux on x86-64. Elsewhere `exp` and `ln` are functions of another library, and scores are
/// compared as numbers.
const IS_EXACT: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

/// Flows, and the scores that the released guards gave them, as the digits of 32 bits for each row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Models {
    flows: Simulated,
    scores: BTreeMap<String, String>,
}

/// Guards with networks score in every build, also without the feature `train`.
#[test]
fn released_guards_give_the_scores_in_the_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let text = fs::read_to_string(format!("{folder}/golden/models.v1.json")).unwrap();
    let models: Models = serde_json::from_str(&text).unwrap();
    let files = fs::read_dir(format!("{folder}/models")).unwrap();
    let files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|f| f.ends_with(".qosguard"))
        .collect();
    assert_eq!(files.len(), models.scores.len(), "{files:?}");
    let flows = models.flows.table().unwrap();
    for (file, expected) in &models.scores {
        let guard = Guard::load(format!("{folder}/models/{file}")).unwrap();
        let scores = guard.assess(&flows).unwrap().scores().to_vec();
        let expected: Vec<f32> = expected
            .as_bytes()
            .chunks(8)
            .map(|digits| f32::from_bits(u32::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap()))
            .collect();
        if IS_EXACT {
            assert_eq!(scores, expected, "{file}");
        } else {
            let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
            assert!(scores.len() == expected.len() && scores.iter().zip(&expected).all(is_close), "{file}");
        }
    }
}
