use std::ops::ControlFlow;
use std::sync::mpsc;

use ndarray::{Array2, array, s};

use super::*;
use crate::artifact::Tensors;
use crate::detect::stored::Stored;
use crate::detect::{AutoencoderConfig, Detector, Fit, FitContext, ScoreTransform, TrainingConfig};
use crate::progress::Monitor;
use crate::rng::Stream;

/// Column 1 is the entity: 0 (quiet, half of the rows), 5 (a hundred times as loud and elsewhere), and a few of 9.
fn rows(n: usize, seed: u64) -> Array2<f32> {
    let mut random = Stream::new(seed, 0);
    let mut x = Array2::zeros((n, 3));
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        let (entity, size, place) = match i % 20 {
            19 => (9.0, 1.0, 0.0),
            i if i % 2 == 0 => (0.0, 1.0, 0.0),
            _ => (5.0, 100.0, 1000.0),
        };
        let a = size * random.normal() as f32;
        row.assign(&array![place + a, entity, place - 2.0 * a + size * 0.1 * random.normal() as f32]);
    }
    x
}

fn config() -> EntityAutoencodersConfig {
    let training = TrainingConfig { epochs: 15, batch_rows: 64, learning_rate: 5e-3, ..Default::default() };
    let autoencoder = AutoencoderConfig {
        widths: vec![8],
        latent: 1,
        batch_norm: false,
        score_transform: ScoreTransform::Logarithmic,
        training,
        ..Default::default()
    };
    EntityAutoencodersConfig { entity: 1.into(), min_rows: 400, autoencoder }
}

#[test]
fn each_row_goes_to_the_model_of_its_entity() {
    let model = config().fit(rows(2000, 1).view(), FitContext::default()).unwrap().model;
    assert_eq!(model.entities().collect::<Vec<_>>(), [0, 5]);
    let x = rows(40, 2);
    let scores = model.score(x.view()).unwrap();
    for (row, &score) in scores.iter().enumerate() {
        let entity = x[[row, 1]] as u32;
        let own = model.model(entity);
        assert_eq!(entity == 9, std::ptr::eq(own, model.shared()));
        let expected = f64::from(own.score(x.slice(s![row..=row, ..])).unwrap()[0]) / own.usual_score();
        assert!((f64::from(score) - expected).abs() < 1e-5 * expected.max(1.0));
    }
    // An entity that training did not see, and codes that are none, go to the model of all.
    for entity in [77.0, 0.5, -3.0, 1e9] {
        let one = array![[1.0, entity, -2.0_f32]];
        let shared = f64::from(model.shared().score(one.view()).unwrap()[0]) / model.shared().usual_score();
        assert!((f64::from(model.score(one.view()).unwrap()[0]) - shared).abs() < 1e-6);
    }
    // Rows that are usual for 5 are anomalous for 0.
    let scores = model.score(array![[1050.0, 5.0, 900.0], [1050.0, 0.0, 900.0]].view()).unwrap();
    assert!(scores[1] > 2.0 * scores[0], "{scores:?}");
}

#[test]
fn one_threshold_serves_all_entities() {
    let model = config().fit(rows(4000, 1).view(), FitContext::default()).unwrap().model;
    let x = rows(4000, 2);
    let scores = model.score(x.view()).unwrap();
    for entity in [0.0, 5.0] {
        let of: Vec<f32> = (0..4000).filter(|&row| x[[row, 1]] == entity).map(|row| scores[row]).collect();
        let above = of.iter().filter(|&&score| score > 1.0).count() as f64 / of.len() as f64;
        assert!((0.01..0.12).contains(&above), "entity {entity}: {above} score above 1");
    }
}

#[test]
fn contributions_keep_the_width_and_give_the_entity_nothing() {
    let model = config().fit(rows(1000, 1).view(), FitContext::default()).unwrap().model;
    let x = rows(60, 2);
    let explanation = model.explain(x.view()).unwrap();
    explanation.check().unwrap();
    assert_eq!(explanation.contributions.dim(), x.dim());
    assert!(explanation.contributions.column(1).iter().all(|&share| share == 0.0));
    for (exact, score) in explanation.scores.iter().zip(model.score(x.view()).unwrap()) {
        assert!((exact - f64::from(score)).abs() <= 1e-5 * exact.max(1.0));
    }
}

#[test]
fn the_same_bits_in_parallel_and_one_after_the_other() {
    let (x, config) = (rows(1000, 1), config());
    let parallel = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let first = parallel.install(|| config.fit(x.view(), FitContext::default()).unwrap().model).to_parts();
    let (send, stages) = mpsc::channel();
    let monitor = Monitor::new(move |progress| {
        send.send(progress.stage.to_owned()).unwrap();
        ControlFlow::Continue(())
    });
    let watched = FitContext { monitor: Some(&monitor), ..FitContext::default() };
    let second = config.fit(x.view(), watched).unwrap().model.to_parts();
    assert_eq!(first, second);
    let mut stages: Vec<String> = stages.try_iter().collect();
    stages.dedup();
    assert_eq!(stages, ["autoencoder of all entities", "autoencoder of entity 0", "autoencoder of entity 5"]);
}

#[test]
fn after_a_cancelled_training_the_model_of_all_serves_the_others() {
    let monitor = Monitor::new(|progress| match progress.stage {
        "autoencoder of entity 0" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let x = rows(1000, 1);
    let context = FitContext { monitor: Some(&monitor), ..FitContext::default() };
    let model = config().fit(x.view(), context).unwrap().model;
    assert_eq!(model.entities().collect::<Vec<_>>(), [0]);
    assert!(model.score(x.view()).unwrap().iter().all(|score| score.is_finite()));
}

#[test]
fn one_file_holds_all_models_and_each_is_small() {
    let autoencoder = AutoencoderConfig {
        training: TrainingConfig { epochs: 1, ..Default::default() },
        ..Default::default()
    };
    let config = EntityAutoencodersConfig { entity: 0.into(), min_rows: 50, autoencoder };
    let x = Array2::from_shape_fn(
        (300, 43),
        |(i, j)| if j == 0 { (i % 4) as f32 } else { ((i * j) % 17) as f32 },
    );
    let model = config.fit(x.view(), FitContext::default()).unwrap().model;
    let parts = model.to_parts();
    let mut tensors = Tensors::default();
    let header = serde_json::to_string(&parts.clone().store("detector", &mut tensors)).unwrap();
    let weights: usize = parts.models[0].weights.values().map(|values| 4 * values.len()).sum();
    assert!(weights + header.len() / 5 < 1_000_000, "{weights} {}", header.len());
    let header = serde_json::from_str(&header).unwrap();
    let again = EntityAutoencodersParts::restore(header, "detector", &mut tensors).unwrap();
    assert_eq!(tensors.left_over(), None);
    assert_eq!(again, parts);
    let again = EntityAutoencoders::from_parts(&again).unwrap();
    assert_eq!(again.score(x.view()).unwrap(), model.score(x.view()).unwrap());
}

#[test]
fn what_does_not_fit_is_named() {
    let refused = |config: EntityAutoencodersConfig, x: &Array2<f32>, words: &str| {
        let message = config.fit(x.view(), FitContext::default()).unwrap_err().to_string();
        assert!(message.contains(words), "{message}: {words}");
    };
    let mut x = rows(600, 1);
    refused(EntityAutoencodersConfig { entity: 3.into(), ..config() }, &x, "a column below 3");
    refused(EntityAutoencodersConfig { entity: "link".into(), ..config() }, &x, "the index of a column");
    refused(EntityAutoencodersConfig { min_rows: 1, ..config() }, &x, "min_rows");
    x[[4, 1]] = 2.5;
    refused(config(), &x, "x[4, 1]");
    let alone = EntityAutoencodersConfig { entity: 0.into(), ..config() };
    refused(alone, &Array2::zeros((900, 1)), "feature columns");
}

#[test]
fn parts_that_do_not_hold_are_named() {
    let mut config = config();
    config.autoencoder.training.epochs = 1;
    let good = config.fit(rows(1000, 1).view(), FitContext::default()).unwrap().model.to_parts();
    let refused = |change: &dyn Fn(&mut EntityAutoencodersParts), words: &str| {
        let mut parts = good.clone();
        change(&mut parts);
        let message = EntityAutoencoders::from_parts(&parts).unwrap_err().to_string();
        assert!(message.contains(words), "{message}: {words}");
    };
    refused(&|p| p.entities = vec![5, 0], "entities");
    refused(&|p| p.entities = vec![0, 70_000], "entities");
    refused(&|p| p.entities.truncate(1), "models");
    refused(&|p| p.config.entity = 2.into(), "shared");
    refused(&|p| p.config.entity = 3.into(), "entity");
    refused(&|p| p.config.entity = "link".into(), "entity");
    refused(&|p| p.models[1].inputs.n_features = 4, "models[1]");
    refused(&|p| drop(p.models[0].weights.remove("latent.bias")), "latent.bias");
}
