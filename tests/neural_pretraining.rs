//! What masked pretraining is worth where labels are few, 1 % of them: on NSL-KDD's official split, whose test rows
//! have drifted, and on a random split of UNSW-NB15, whose test rows have not.
//!
//! `cargo test --release --features cli --test neural_pretraining -- --ignored --nocapture` takes half an hour.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod public_data;

use qosguard::detect::{
    Architecture, Columns, Detector, Fit, FitContext, FtTransformerConfig, NeuralClassifierConfig,
    PretrainingConfig, TrainingConfig,
};
use qosguard::evaluate::{Split, roc_auc};
use qosguard::features::{Featurizer, TableEncoderConfig};
use qosguard::telemetry::{Table, read_csv};

const SEEDS: u64 = 5;

fn flows(name: &str) -> Option<Table> {
    Some(read_csv(public_data::find(&format!("flows/{name}"))?).unwrap())
}

#[test]
#[ignore = "a quarter of an hour, and data that are not in the repository"]
fn pretraining_beats_a_start_from_scratch_on_nsl_kdd() {
    let [Some(train), Some(test)] =
        ["KDDTrain+.txt", "KDDTest+.txt"].map(|name| flows(&format!("nsl-kdd/{name}")))
    else {
        return;
    };
    compare(&train, &test);
}

#[test]
#[ignore = "a quarter of an hour, and data that are not in the repository"]
fn pretraining_beats_a_start_from_scratch_on_unsw_nb15() {
    let Some(table) = flows("unsw-nb15/UNSW_NB15_82332.csv") else { return };
    let (train, test) =
        Split::stratified(&table.labels().unwrap().unwrap(), 0.3, 0).unwrap().tables(&table).unwrap();
    compare(&train, &test);
}

/// Trains on `train` with and without pretraining, and asserts that it raises the mean ROC AUC on `test`.
fn compare(train: &Table, test: &Table) {
    let featurizer = TableEncoderConfig::default().fit(train).unwrap();
    let (x, fresh) = (featurizer.transform(train).unwrap(), featurizer.transform(test).unwrap());
    let (labels, truth) = (train.labels().unwrap().unwrap(), test.labels().unwrap().unwrap());
    let columns = Columns::by_name(&x.names, featurizer.categorical());
    assert_eq!(columns.categorical.len(), 3, "{:?}", x.names);
    let classes = ["clean", "attack"].map(String::from);
    let mut gains = Vec::new();
    for seed in 0..SEEDS {
        // Every hundredth row, another part for each seed.
        let some: Vec<Option<u32>> = labels
            .iter()
            .enumerate()
            .map(|(i, &attack)| ((i * 7919) as u64 % 100 == seed * 17 % 100).then_some(u32::from(attack)))
            .collect();
        let auc = |pretraining: Option<PretrainingConfig>| {
            let config = NeuralClassifierConfig {
                architecture: Architecture::FtTransformer(FtTransformerConfig::default()),
                columns: Some(columns.clone()),
                pretraining,
                training: TrainingConfig { epochs: 40, batch_rows: 64, ..Default::default() },
                seed,
                ..Default::default()
            };
            let context = FitContext::classes(&some, &classes);
            let model = config.fit(x.matrix.view(), context).unwrap().model;
            if let Some(history) = model.pretraining_history() {
                let losses: Vec<String> = history
                    .epochs
                    .iter()
                    .map(|e| format!("{:.3}", e.validation_loss.unwrap_or(f64::NAN)))
                    .collect();
                eprintln!("  guesses: {}", losses.join(" "));
            }
            let epochs = model.history().epochs.len();
            let auc = roc_auc(&model.score(fresh.matrix.view()).unwrap(), &truth).unwrap();
            (auc, epochs)
        };
        let pretraining = PretrainingConfig {
            training: TrainingConfig {
                epochs: 12,
                rows_per_epoch: Some(20_000),
                validation_share: 0.02,
                ..PretrainingConfig::default().training
            },
            ..PretrainingConfig::default()
        };
        let start = std::time::Instant::now();
        let (scratch, scratch_epochs) = auc(None);
        let middle = start.elapsed().as_secs_f64();
        let (pretrained, epochs) = auc(Some(pretraining));
        let seconds = start.elapsed().as_secs_f64() - middle;
        eprintln!(
            "seed {seed}: AUC from scratch {scratch:.4} ({scratch_epochs} epochs, {middle:.0} s), pretrained \
             {pretrained:.4} ({epochs} epochs, {seconds:.0} s)"
        );
        gains.push(pretrained - scratch);
    }
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    let deviation = (gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (gains.len() - 1) as f64).sqrt();
    eprintln!("mean gain {mean:.4}, standard error {:.4}", deviation / (gains.len() as f64).sqrt());
    assert!(mean > 0.0, "{gains:?}");
}
