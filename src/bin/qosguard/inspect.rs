//! `qosguard inspect`: what a guard contains.

use std::fmt::Write;
use std::process::ExitCode;

use qosguard::Guard;
use qosguard::calibrate::{Interval, Threshold};
use qosguard::detect::{AnyDetector, Member};
use qosguard::features::Featurizer;
use qosguard::telemetry::Role;
use serde_json::json;

use crate::arguments::Inspect;
use crate::exit::Outcome;
use crate::message::few;
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
        "notices": output::notices(guard.notices()),
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
    let (schema, training) = (guard.schema(), guard.training());
    let columns = schema.columns().iter().filter(|c| c.role == Role::Feature).count();
    let mut lines = vec![
        format!("digest     {}", guard.digest()),
        format!(
            "schema     {}: {} columns, {columns} of them features",
            schema.name(),
            schema.columns().len()
        ),
        format!("features   {}", few(guard.featurizer().names())),
    ];
    let dropped: Vec<String> = guard
        .featurizer()
        .dropped()
        .iter()
        .map(|dropped| format!("{} ({:?})", dropped.column, dropped.reason).to_lowercase())
        .collect();
    if !dropped.is_empty() {
        lines.push(format!("dropped    {}", few(&dropped)));
    }
    let kind = guard.detector().kind();
    let members: Vec<String> = members(guard)
        .iter()
        .map(|m| format!("{} ({}, weight {:.3})", m.name(), m.detector().kind(), m.weight()))
        .collect();
    lines.push(match members.as_slice() {
        [] => format!("detector   {kind}"),
        members => format!("detector   {kind} of {}", few(members)),
    });
    if !guard.families().is_empty() {
        lines.push(format!("families   {}", few(guard.families())));
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
    let policy = guard.policy().config();
    let mode = if guard.policy().dry_run() { "dry run" } else { "in force" };
    let rates = rates(guard.threshold());
    let policy =
        format!("policy     {mode}, {} rules, {} prefixes allowed", policy.rules.len(), policy.allow.len());
    let mut text = format!("{}\n{rates}{policy}\n", lines.join("\n"));
    for notice in output::notices(guard.notices()) {
        let _ = writeln!(text, "{notice}");
    }
    text
}

/// The threshold in lines: the score, the false-positive rate that was asked for and the one it realised.
pub(crate) fn rates(threshold: &Threshold) -> String {
    let mut lines = format!("threshold  score above {:.4}\n", threshold.score);
    if let Some(asked) = threshold.asked {
        let _ = writeln!(lines, "asked      a false-positive rate of {} %", percent(asked));
    }
    if let Some(realised) = threshold.realised {
        let Interval { low, high, .. } = realised.false_positive_interval;
        let _ = writeln!(
            lines,
            "realised   {} % [{}, {}] on {} clean rows held out",
            percent(realised.false_positive_rate),
            percent(low),
            percent(high),
            realised.clean_rows
        );
    }
    lines
}

/// A share in percent, to two decimals.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
