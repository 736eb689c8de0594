//! `qosguard inspect`: what a guard holds.

use std::process::ExitCode;

use qosguard::Guard;
use qosguard::detect::{AnyDetector, Member};
use qosguard::features::Featurizer;
use qosguard::telemetry::Role;
use serde_json::json;

use crate::arguments::Inspect;
use crate::exit::Outcome;
use crate::output;

pub(crate) fn run(command: &Inspect) -> Outcome {
    let guard = Guard::load(&command.model)?;
    let text = if command.json { format!("{:#}\n", as_json(&guard)) } else { in_words(&guard) };
    output::print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(guard: &Guard) -> serde_json::Value {
    json!({
        "digest": guard.digest(),
        "model_digest": guard.model_digest(),
        "schema": **guard.schema(),
        "features": guard.featurizer().names(),
        "dropped": guard.featurizer().dropped(),
        "detector": guard.detector().kind(),
        "members": members(guard).iter().map(|m| json!({ "name": m.name(), "kind": m.detector().kind(), "weight": m.weight() })).collect::<Vec<_>>(),
        "families": guard.families(),
        "threshold": guard.threshold(),
        "training": guard.training(),
        "policy": guard.policy().config(),
        "notices": output::notices(guard),
    })
}

/// The members of an ensemble; none of another detector.
fn members(guard: &Guard) -> &[Member] {
    match guard.detector() {
        AnyDetector::Ensemble(ensemble) => ensemble.members(),
        _ => &[],
    }
}

fn in_words(guard: &Guard) -> String {
    let (schema, threshold, training) = (guard.schema(), guard.threshold(), guard.training());
    let columns = schema.columns().iter().filter(|c| c.role == Role::Feature).count();
    let mut lines = vec![
        format!("digest     {}", guard.digest()),
        format!(
            "schema     {}: {} columns, {columns} of them features",
            schema.name(),
            schema.columns().len()
        ),
        format!("features   {}", guard.featurizer().names().join(", ")),
    ];
    for dropped in guard.featurizer().dropped() {
        lines.push(format!("dropped    {}: {:?}", dropped.column, dropped.reason));
    }
    lines.push(format!("detector   {}", guard.detector().kind()));
    for member in members(guard) {
        lines.push(format!(
            "member     {}: {}, weight {}",
            member.name(),
            member.detector().kind(),
            member.weight()
        ));
    }
    if !guard.families().is_empty() {
        lines.push(format!("families   {}", guard.families().join(", ")));
    }
    lines.push(format!(
        "training   {} rows: {} fitted, {} calibrated, {} held out, {} attacks; seed {}",
        training.rows,
        training.fitted,
        training.calibrated,
        training.held_out,
        training.attacks,
        training.seed
    ));
    lines.push(format!("data       {}", training.data_hash));
    lines.push(format!("threshold  score above {}", threshold.score));
    if let Some(asked) = threshold.asked {
        lines.push(format!("asked      a false-positive rate of {asked}"));
    }
    if let Some(realised) = threshold.realised {
        let interval = realised.false_positive_interval;
        lines.push(format!(
            "realised   {:.4} [{:.4}, {:.4}] on {} clean rows held out",
            realised.false_positive_rate, interval.low, interval.high, realised.clean_rows
        ));
    }
    let policy = guard.policy().config();
    let mode = if guard.policy().dry_run() { "dry run" } else { "in force" };
    lines.push(format!(
        "policy     {mode}, {} rules, {} prefixes allowed",
        policy.rules.len(),
        policy.allow.len()
    ));
    lines.extend(output::notices(guard));
    lines.join("\n") + "\n"
}
