//! The cases of `tests/golden/detectors.v1.json`, which Rust, Python and JavaScript all run: equal bits, equal kinds of error.
//!
//! A case fits a detector (`settings`) on the rows `train`, or reads another library's model (`import`), and scores the rows
//! `fresh`. Rows are whole numbers, row after row; the rows `attacks` are attacks where a case is `labelled`, and the cells
//! `missing` are NaN where a case asks for missing values. A case expects bits (`scores`, `probabilities`) or an `error`.
//! `QOSGUARD_BLESS=1 cargo test --features train --test golden_detectors` writes what comes out into the file.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::{env, fs};

use qosguard::Result;
use qosguard::detect::{AnyDetector, AnyDetectorConfig, Detector as _, Fit as _, FitContext, TreeEnsemble};
use qosguard::ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const CASES: usize = 57;
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/detectors.v1.json");
/// The bits were computed on Linux on x86-64. Elsewhere `exp` and `ln` come from another library, and networks multiply by other
/// kernels: scores are compared as numbers there.
const IS_EXACT: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));
/// Every kind of detector that there is, and imported trees.
const KINDS: [&str; 13] = [
    "autoencoder",
    "boosted_trees",
    "contrast_trees",
    "ensemble",
    "entity_autoencoders",
    "gaussian_mixture",
    "half_space_trees",
    "isolation_forest",
    "kitsune",
    "logistic_regression",
    "mixture_of_experts",
    "neural_classifier",
    "tree_ensemble",
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    columns: usize,
    train: Vec<i32>,
    fresh: Vec<i32>,
    attacks: Vec<usize>,
    missing: Missing,
    cases: Vec<Case>,
}

/// Cells, counted row after row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    train: Vec<usize>,
    fresh: Vec<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    import: Option<Import>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    labelled: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    missing: bool,
    /// The digits of 32 bits for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scores: Option<String>,
    /// The digits of 64 bits for each row and class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probabilities: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    library: String,
    text: String,
}

impl Suite {
    fn read() -> Self {
        serde_json::from_str(&fs::read_to_string(PATH).unwrap()).unwrap()
    }

    /// One line for each case, so that a change is seen as one.
    fn write(&self) {
        fn json(value: &impl Serialize) -> String {
            serde_json::to_string(value).unwrap()
        }
        let mut text = format!("{{\"columns\": {}, \"train\": {},\n", self.columns, json(&self.train));
        writeln!(text, "\"fresh\": {}, \"attacks\": {},", json(&self.fresh), json(&self.attacks)).unwrap();
        write!(text, "\"missing\": {},\n\"cases\": [\n", json(&self.missing)).unwrap();
        for (i, case) in self.cases.iter().enumerate() {
            let end = if i + 1 < self.cases.len() { "," } else { "" };
            writeln!(text, "{}{end}", json(case)).unwrap();
        }
        fs::write(PATH, text + "]}\n").unwrap();
    }

    fn matrix(&self, numbers: &[i32], missing: &[usize]) -> Array2<f32> {
        let mut cells: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
        for &cell in missing {
            cells[cell] = f32::NAN;
        }
        Array2::from_shape_vec((cells.len() / self.columns, self.columns), cells).unwrap()
    }

    /// The digits of the scores and of the probabilities.
    fn run(&self, case: &Case) -> Result<(String, Option<String>)> {
        let missing = |cells: &[usize]| if case.missing { cells.to_vec() } else { Vec::new() };
        let detector: AnyDetector = match (&case.settings, &case.import) {
            (Some(settings), None) => {
                let config: AnyDetectorConfig = serde_json::from_value(settings.clone()).unwrap();
                let train = self.matrix(&self.train, &missing(&self.missing.train));
                let labels: Vec<bool> = (0..train.nrows()).map(|row| self.attacks.contains(&row)).collect();
                let context =
                    if case.labelled { FitContext::labelled(&labels) } else { FitContext::default() };
                config.fit(train.view(), context)?.model
            }
            (None, Some(Import { library, text })) => match library.as_str() {
                "lightgbm" => TreeEnsemble::from_lightgbm(text)?.into(),
                "xgboost" => TreeEnsemble::from_xgboost_json(text)?.into(),
                "sklearn" => TreeEnsemble::from_sklearn_json(text)?.into(),
                _ => panic!("no library {library}"),
            },
            _ => panic!("{}: settings or an import", case.name),
        };
        let fresh = self.matrix(&self.fresh, &missing(&self.missing.fresh));
        let mut scores = String::new();
        for score in detector.score(fresh.view())? {
            write!(scores, "{:08x}", score.to_bits()).unwrap();
        }
        let Some(classifier) = detector.as_classifier() else { return Ok((scores, None)) };
        let mut probabilities = String::new();
        for p in classifier.probabilities(fresh.view())? {
            write!(probabilities, "{:016x}", p.to_bits()).unwrap();
        }
        Ok((scores, Some(probabilities)))
    }
}

/// The 32-bit numbers of a text of hexadecimal digits.
fn numbers(digits: Option<&str>) -> Vec<f32> {
    let digits = digits.unwrap_or_default().as_bytes().chunks(8);
    digits.map(|d| f32::from_bits(u32::from_str_radix(str::from_utf8(d).unwrap(), 16).unwrap())).collect()
}

#[test]
fn every_detector_gives_the_bits_in_the_file() {
    let bless = env::var_os("QOSGUARD_BLESS").is_some();
    let mut suite = Suite::read();
    assert_eq!(suite.cases.len(), CASES);
    let mut kinds = BTreeSet::new();
    let mut results = Vec::new();
    for case in &suite.cases {
        results.push(match suite.run(case) {
            Ok((scores, probabilities)) => {
                let kind = case.settings.as_ref().map_or("tree_ensemble", |s| s["kind"].as_str().unwrap());
                kinds.insert(kind.to_owned());
                (Some(scores), probabilities, None)
            }
            Err(error) => (None, None, Some(error.kind().as_str().to_owned())),
        });
    }
    assert_eq!(Vec::from_iter(kinds), KINDS);
    for (case, (scores, probabilities, error)) in suite.cases.iter_mut().zip(results) {
        if bless {
            (case.scores, case.probabilities, case.error) = (scores, probabilities, error);
        } else {
            assert_eq!(error, case.error, "{}", case.name);
            if IS_EXACT {
                assert_eq!(scores, case.scores, "{}", case.name);
                assert_eq!(probabilities, case.probabilities, "{}", case.name);
            } else {
                let (got, expected) = (numbers(scores.as_deref()), numbers(case.scores.as_deref()));
                let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
                assert!(
                    got.len() == expected.len() && got.iter().zip(&expected).all(is_close),
                    "{}",
                    case.name
                );
            }
        }
    }
    if bless {
        suite.write();
    }
}
