//! What an ensemble promises: members on their own p-values, explicit gaps, exact shares, the same bits by every way.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::detect::{
    AnyDetector, AnyDetectorConfig, BoostedTreesConfig, ContrastTreesConfig, Detector, Ensemble,
    EnsembleConfig, Fit, FitContext, Fusion, GaussianMixtureConfig, HalfSpaceTreesConfig,
    IsolationForestConfig, LogisticRegressionConfig, Member, MemberConfig,
};
use qosguard::evaluate::{EvaluateOptions, Report, evaluate};
use qosguard::ndarray::{Array2, s};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Role, Table};
use qosguard::{ErrorKind, Guard, GuardBuilder};

/// Uniform in [0, 1), the same for the same place.
fn noise(i: usize, j: usize) -> f32 {
    let mut bits = ((i * 31 + j + 1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits >> 40) as f32 / (1_u32 << 24) as f32
}

/// Two clouds: clean rows along a diagonal, attacks far from it in every tenth row.
fn rows(n: usize) -> (Array2<f32>, Vec<bool>) {
    let labels: Vec<bool> = (0..n).map(|i| i % 10 == 9).collect();
    let x = Array2::from_shape_fn((n, 4), |(i, j)| {
        let along = noise(i, 9) * 4.0;
        if labels[i] { noise(i, j) * 4.0 + 3.0 * ((i + j) % 2) as f32 } else { along + noise(i, j) * 0.3 }
    });
    (x, labels)
}

fn forest(seed: u64) -> IsolationForestConfig {
    IsolationForestConfig { trees: 20, max_samples: 64, seed, ..Default::default() }
}

fn quick() -> EnsembleConfig {
    let mixture = GaussianMixtureConfig { components: 3, max_iterations: 20, ..Default::default() };
    let contrast = ContrastTreesConfig { boosters: 1, trees: 10, leaves: 7, ..Default::default() };
    let members = vec![
        MemberConfig::new("forest", 0.5, forest(0)),
        MemberConfig::new("mixture", 2.0, mixture),
        MemberConfig::new("contrast", 1.0, contrast),
    ];
    EnsembleConfig { members, folds: 3, ..Default::default() }
}

fn labelled() -> EnsembleConfig {
    let mut config = quick();
    let boosted = BoostedTreesConfig { trees: 10, leaves: 7, ..Default::default() };
    config.members.push(MemberConfig { name: "boosted".into(), weight: None, detector: boosted.into() });
    config.members.push(MemberConfig::new("linear", 0.5, LogisticRegressionConfig::default()));
    config
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

#[test]
fn the_score_is_the_weighted_mean_surprise_of_the_members() {
    let (x, labels) = rows(1000);
    let ensemble = labelled().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let p = ensemble.p_values(x.view()).unwrap();
    let total: f64 = ensemble.members().iter().map(Member::weight).sum();
    for (score, p) in ensemble.score(x.view()).unwrap().into_iter().zip(p.rows()) {
        let sum: f64 = p.iter().zip(ensemble.members()).map(|(p, member)| -member.weight() * p.ln()).sum();
        assert!((f64::from(score) - sum / total).abs() < 1e-5, "{score} {}", sum / total);
    }
    // Each member alone, by its own calibration.
    for (i, member) in ensemble.members().iter().enumerate() {
        for (row, score) in member.detector().score(x.view()).unwrap().into_iter().enumerate() {
            assert_eq!(p[[row, i]].to_bits(), member.conformal().p_value(score).to_bits());
        }
    }
    let fitted = ensemble.members()[3].weight();
    assert!([1.0, 2.0, 4.0, 8.0, 16.0, 32.0].contains(&fitted), "{fitted}");
}

#[test]
fn p_values_of_fresh_clean_rows_never_fall_below_the_rate() {
    let (x, labels) = rows(6000);
    let clean: Vec<usize> = (0..6000).filter(|&i| !labels[i]).collect();
    let (train, fresh) = clean.split_at(clean.len() / 2);
    let take = |rows: &[usize]| x.select(qosguard::ndarray::Axis(0), rows);
    let ensemble = quick().fit(take(train).view(), FitContext::default()).unwrap().model;
    let p = ensemble.p_values(take(fresh).view()).unwrap();
    for (member, p) in ensemble.members().iter().zip(p.columns()) {
        for rate in [0.05, 0.1, 0.3] {
            let share = p.iter().filter(|&&p| p <= rate).count() as f64 / p.len() as f64;
            // Fitted on more rows than each fold's, a member is more cautious than promised, trees the most.
            let least = if member.name() == "contrast" { 0.0 } else { 0.5 * rate };
            assert!(share < 1.35 * rate && share >= least, "{}: {share} at {rate}", member.name());
        }
    }
}

#[test]
fn the_same_bits_for_any_thread_count_row_by_row_and_after_a_file() {
    let (x, labels) = rows(700);
    let fit = |threads| {
        let pool = rayon_pool(threads);
        pool.install(|| labelled().fit(x.view(), FitContext::labelled(&labels)).unwrap().model)
    };
    let (one, many) = (AnyDetector::from(fit(1)), AnyDetector::from(fit(4)));
    assert_eq!(one.to_bytes().unwrap(), many.to_bytes().unwrap());
    let scores = bits(&one.score(x.view()).unwrap());
    let again = AnyDetector::from_bytes(&one.to_bytes().unwrap()).unwrap();
    assert_eq!(bits(&again.score(x.view()).unwrap()), scores);
    for (row, &score) in scores.iter().enumerate() {
        assert_eq!(one.score(x.slice(s![row..=row, ..])).unwrap()[0].to_bits(), score);
    }
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn a_member_that_is_off_or_fails_is_reported_and_left_out() {
    let (mut x, labels) = rows(500);
    let ensemble = labelled().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    let without = ensemble.without("mixture").unwrap();
    let p = without.p_values(x.view()).unwrap();
    assert!(p.column(1).iter().all(|p| p.is_nan()) && p.column(0).iter().all(|p| !p.is_nan()));
    assert!(!without.members()[1].is_enabled());
    // Trees take NaN for a missing value, the forest, the mixture and the linear model do not.
    x[[3, 2]] = f32::NAN;
    let p = ensemble.p_values(x.view()).unwrap();
    let known: Vec<bool> = p.row(3).iter().map(|p| !p.is_nan()).collect();
    assert_eq!(known, [false, false, true, true, false]);
    assert!(p.row(2).iter().all(|p| !p.is_nan()));
    assert!(ensemble.score(x.view()).unwrap()[3].is_finite());
    x[[4, 1]] = f32::INFINITY;
    let error = ensemble.score(x.view()).unwrap_err();
    assert_eq!(error.to_string(), "row 4, column `1`: inf is not finite");
    let error = ensemble.without("forests").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let last = ["mixture", "contrast", "boosted", "linear"]
        .iter()
        .try_fold(ensemble, |e, name| e.without(name))
        .unwrap();
    assert_eq!(
        last.without("forest").unwrap_err().to_string(),
        "`members` must be enabled, one at least, got none"
    );
}

#[test]
fn contributions_sum_to_the_score_and_name_the_odd_feature() {
    let (mut x, labels) = rows(800);
    let ensemble = labelled().fit(x.view(), FitContext::labelled(&labels)).unwrap().model;
    x[[0, 2]] += 9.0;
    let explanation = ensemble.explain(x.view()).unwrap();
    explanation.check().unwrap();
    for (exact, score) in explanation.scores.iter().zip(ensemble.score(x.view()).unwrap()) {
        assert!((exact - f64::from(score)).abs() < 1e-4 * exact.max(1.0), "{exact} {score}");
    }
    assert_eq!(explanation.top(0, 1)[0].0, 2);
}

#[test]
fn every_fusion_scores_by_its_formula() {
    let (x, labels) = rows(900);
    let fit = |fusion| {
        EnsembleConfig { fusion, ..labelled() }.fit(x.view(), FitContext::labelled(&labels)).unwrap().model
    };
    let any = fit(Fusion::Bonferroni);
    let total: f64 = any.members().iter().map(Member::weight).sum();
    let p = any.p_values(x.view()).unwrap();
    for (score, p) in any.score(x.view()).unwrap().into_iter().zip(p.rows()) {
        let words = p.iter().zip(any.members()).map(|(p, member)| (member.weight() / total / p).ln());
        assert!((f64::from(score) - words.fold(0.0, f64::max)).abs() < 1e-5);
    }
    assert_eq!(any.explain(x.view()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let mean = fit(Fusion::Probability);
    let scores = mean.score(x.view()).unwrap();
    let member_scores: Vec<Vec<f32>> =
        mean.members().iter().map(|member| member.detector().score(x.view()).unwrap()).collect();
    for (row, &score) in scores.iter().enumerate() {
        let parts = mean.members().iter().zip(&member_scores);
        let sum: f64 = parts.map(|(m, s)| m.weight() * m.probability().unwrap().probability(s[row])).sum();
        let total: f64 = mean.members().iter().map(Member::weight).sum();
        assert!((f64::from(score) - sum / total).abs() < 1e-6);
    }
    mean.explain(x.view()).unwrap().check().unwrap();
    let again = AnyDetector::from_bytes(&AnyDetector::from(mean).to_bytes().unwrap()).unwrap();
    assert_eq!(bits(&again.score(x.view()).unwrap()), bits(&scores));
    let unlabelled = EnsembleConfig { fusion: Fusion::Probability, ..quick() }
        .fit(x.view(), FitContext::default())
        .unwrap_err();
    assert_eq!(unlabelled.kind(), ErrorKind::InsufficientData);
}

#[test]
fn settings_that_make_no_ensemble_are_rejected_by_name() {
    let (x, labels) = rows(300);
    let with = |members: Vec<MemberConfig>| EnsembleConfig { members, folds: 3, ..Default::default() };
    let learning = |name: &str| MemberConfig { name: name.into(), weight: None, detector: forest(1).into() };
    for (config, message) in [
        (with(vec![]), "`members` must be 1 to 16, got 0"),
        (with(vec![MemberConfig::new("a", 1.0, forest(0)); 17]), "`members` must be 1 to 16, got 17"),
        (
            with(vec![MemberConfig::new("a", 1.0, forest(0)); 2]),
            "`members[1].name` must be of one member alone, got a",
        ),
        (
            with(vec![MemberConfig::new("a", 0.0, forest(0))]),
            "`members[0].weight` must be above 0 and finite, got 0",
        ),
        (
            with(vec![MemberConfig::new("a", 1.0, quick())]),
            "`members[0].detector` must be no ensemble, got an ensemble",
        ),
        (with(vec![learning("a"), learning("b")]), "`members` must be one at most without a weight, got 2"),
        (EnsembleConfig { folds: 1, ..quick() }, "`folds` must be in 2..=20, got 1"),
    ] {
        assert_eq!(config.fit(x.view(), FitContext::labelled(&labels)).unwrap_err().to_string(), message);
    }
    let unlabelled = labelled().fit(x.view(), FitContext::default()).unwrap_err();
    assert_eq!(unlabelled.to_string(), "labels: needs at least 300, got 0");
    let short = labelled().fit(x.view(), FitContext::labelled(&labels[..9])).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::ShapeMismatch);
    let one_class = labelled().fit(x.view(), FitContext::labelled(&vec![false; 300])).unwrap_err();
    assert_eq!(one_class.kind(), ErrorKind::InsufficientData);
}

#[test]
fn settings_are_one_flat_object_a_member() {
    let text = r#"{"kind": "ensemble", "folds": 4, "members": [
        {"name": "forest", "weight": 0.5, "kind": "isolation_forest", "trees": 30},
        {"name": "boosted", "kind": "boosted_trees", "leaves": 15}]}"#;
    let config: AnyDetectorConfig = serde_json::from_str(text).unwrap();
    let AnyDetectorConfig::Ensemble(ensemble) = &config else { panic!("{config:?}") };
    assert_eq!(
        ensemble.members[0],
        MemberConfig::new("forest", 0.5, IsolationForestConfig { trees: 30, ..Default::default() })
    );
    assert_eq!(ensemble.members[1].weight, None);
    let again: AnyDetectorConfig = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    let error = serde_json::from_str::<AnyDetectorConfig>(&text.replace("leaves", "leafs")).unwrap_err();
    assert!(error.to_string().contains("leafs"), "{error}");
}

#[test]
fn half_space_trees_say_that_they_cannot_be_shared_out() {
    let (x, _) = rows(600);
    let trees = HalfSpaceTreesConfig::default().fit(x.view(), FitContext::default()).unwrap().model;
    assert_eq!(trees.explain(x.view()).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// A guard that is fitted quickly, with labels.
fn guard(flows: &Table) -> Guard {
    Guard::builder().detector(labelled()).fit(flows).unwrap()
}

fn flows(rows: u64, seed: u64) -> Table {
    simulate::table(&FlowSimulatorConfig { rows, attack_share: 0.2, seed, ..Default::default() }).unwrap()
}

#[test]
fn a_labelled_guard_gives_probability_class_members_and_reasons() {
    let (train, fresh) = (flows(3000, 1), flows(1500, 2));
    let guard = guard(&train);
    let training = guard.training();
    assert!(training.fitted_attacks > 0 && training.fitted == training.calibrated);
    let assessment = guard.assess(&fresh).unwrap();
    let names: Vec<&str> = assessment.members().iter().map(String::as_str).collect();
    assert_eq!(names, ["forest", "mixture", "contrast", "boosted", "linear"]);
    let labels = fresh.labels().unwrap().unwrap();
    let mean = |attack: bool| {
        let p: Vec<f64> = (0..labels.len())
            .filter(|&i| labels[i] == attack)
            .map(|i| assessment.probabilities()[i])
            .collect();
        p.iter().sum::<f64>() / p.len() as f64
    };
    assert!(mean(true) > 0.6 && mean(false) < 0.2, "{} {}", mean(true), mean(false));
    let truth = fresh.families().unwrap().unwrap();
    let mut correct = (0_u32, 0_u32);
    for decision in assessment.decisions() {
        let verdict = decision.verdict;
        assert_eq!(verdict.evidence.len(), 5);
        assert_eq!(verdict.family.is_some(), verdict.is_anomaly);
        if let Some(family) = verdict.family {
            assert!(guard.families().contains(&family));
            assert!(verdict.family_probability.unwrap() > 0.0);
            let truth = &truth[decision.row as usize];
            if !truth.is_empty() {
                correct.0 += u32::from(*truth == family);
                correct.1 += 1;
            }
        }
    }
    assert!(correct.1 > 50 && f64::from(correct.0) > 0.7 * f64::from(correct.1), "{correct:?}");

    let explained = guard.explain(&fresh).unwrap();
    explained.explanation().check().unwrap();
    let worst = assessment.top(1)[0].row as usize;
    let reasons = explained.reasons(worst, 3).0;
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.contribution > 0.0));
    assert!(explained.reasons(usize::MAX, 3).0.is_empty());

    let again = Guard::from_bytes(&guard.to_bytes()).unwrap();
    let other = again.assess(&fresh).unwrap();
    assert_eq!(bits(other.scores()), bits(assessment.scores()));
    assert_eq!(other.probabilities(), assessment.probabilities());
    assert_eq!(again.explain(&fresh).unwrap().reasons(worst, 3), explained.reasons(worst, 3));
}

#[test]
fn auto_chooses_by_the_labels_of_the_table() {
    let table = flows(900, 3);
    let labels = table.labels().unwrap().unwrap();
    let clean: Vec<usize> = (0..labels.len()).filter(|&row| !labels[row]).collect();
    let names = |builder: GuardBuilder, table: &Table| {
        let guard = builder.fit(table).unwrap();
        let AnyDetector::Ensemble(ensemble) = guard.detector() else { panic!("{:?}", guard.detector()) };
        ensemble.members().iter().map(|member| member.name().to_owned()).collect::<Vec<_>>()
    };
    let (auto, alone) = (|| Guard::builder().auto(), || Guard::builder().auto().no_context());
    let few_attacks = table.take(&clean).unwrap();
    assert_eq!(names(auto(), &table), ["forest", "boosted"]);
    assert_eq!(names(auto(), &few_attacks), ["gain", "deep_gain", "density"]);
    assert_eq!(names(alone(), &table), ["forest", "mixture", "contrast", "boosted"]);
    assert_eq!(names(alone(), &few_attacks), ["forest", "mixture", "contrast"]);
    let mut schema = (**table.schema()).clone();
    for (name, role) in [("label", Role::Ignore), ("attack", Role::Ignore), ("family", Role::Ignore)] {
        if schema.index_of(name).is_some() {
            schema = schema.with_role(name, role).unwrap();
        }
    }
    let unlabelled = Table::new(schema.into(), table.batches().to_vec(), table.report().clone()).unwrap();
    assert!(unlabelled.labels().unwrap().is_none());
    assert_eq!(names(auto(), &unlabelled), ["gain", "deep_gain", "density"]);
    assert_eq!(names(alone(), &unlabelled), ["gain", "deep_gain", "density"]);
}

#[test]
fn an_ensemble_beats_its_forest_where_features_go_together() {
    // Attacks have ordinary values that do not go together: a forest of single cuts hardly sees them.
    let x = |attack: bool| {
        Array2::from_shape_fn((1500, 4), |(i, j)| {
            if attack { noise(i, j) * 4.0 } else { noise(i, 9) * 4.0 + noise(i, j) * 0.2 }
        })
    };
    let (clean, attacks) = (x(false), x(true));
    let area = |detector: &dyn Detector| {
        let scores: Vec<f32> = detector
            .score(clean.slice(s![1000.., ..]))
            .unwrap()
            .into_iter()
            .chain(detector.score(attacks.view()).unwrap())
            .collect();
        let labels: Vec<bool> = (0..scores.len()).map(|i| i >= 500).collect();
        evaluate(&scores, &labels, None, 0.0, None, &EvaluateOptions::default())
            .map(|r: Report| r.auc.value)
            .unwrap()
    };
    let train = clean.slice(s![..1000, ..]);
    let (ensemble, forest): (Ensemble, _) = (
        quick().fit(train, FitContext::default()).unwrap().model,
        forest(0).fit(train, FitContext::default()).unwrap().model,
    );
    let (ensemble, forest) = (area(&ensemble), area(&forest));
    assert!(ensemble > 0.97 && ensemble > forest + 0.02, "{ensemble} {forest}");
}

#[test]
fn a_file_of_an_ensemble_is_checked() {
    let (x, _) = rows(300);
    let bytes =
        AnyDetector::from(quick().fit(x.view(), FitContext::default()).unwrap().model).to_bytes().unwrap();
    for cut in [0, 7, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(AnyDetector::from_bytes(&bytes[..cut]).unwrap_err().kind(), ErrorKind::CorruptArtifact);
    }
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    assert_eq!(AnyDetector::from_bytes(&damaged).unwrap_err().kind(), ErrorKind::CorruptArtifact);
    // A guard is not a detector, and a detector is not a guard.
    assert_eq!(Guard::from_bytes(&bytes).unwrap_err().kind(), ErrorKind::CorruptArtifact);
}
