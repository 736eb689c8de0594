//! `qosguard policy`: check, compare and test policies.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use qosguard::qos::{CaseResult, Policy as QosPolicy, PolicyCases, PolicyComparison};
use serde_json::json;

use crate::exit::{INVALID_POLICY, Outcome, UNLIKE};
use crate::message::print_message;
use crate::{interrupt, output};

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a policy and print all mistakes with line and column
    Check {
        /// QoS policy, a TOML, YAML or JSON file
        policy: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare two policies: settings, and what both decide about decisions of the past
    ///
    /// Exits with 1 when the policies differ.
    Diff {
        /// The old policy
        old: PathBuf,
        /// The new policy
        new: PathBuf,
        /// Files of `assess --json`, `assess -o` and `watch`; `-` is standard input with JSON lines
        #[arg(long, value_name = "FILE", num_args = 1..)]
        decisions: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Test a policy with cases: flows and the expected action
    ///
    /// Exits with 1 when a case fails.
    Test {
        /// QoS policy, a TOML, YAML or JSON file
        policy: PathBuf,
        /// Cases, a TOML file
        cases: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of policies, for editors
    Schema,
}

pub(crate) fn run(arguments: &Policy) -> Outcome {
    interrupt::cancel()?;
    match &arguments.command {
        Command::Check { policy, json } => check(policy, *json),
        Command::Diff { old, new, decisions, json } => diff(old, new, decisions, *json),
        Command::Test { policy, cases, json } => test(policy, cases, *json),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&QosPolicy::json_schema()).unwrap_or_default();
            output::print(format!("{schema}\n").as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(path: &PathBuf, json: bool) -> Outcome {
    let mistakes = QosPolicy::check(path)?;
    let place = path.display();
    let mut text = String::new();
    if json {
        let _ = writeln!(text, "{}", json!({ "file": place.to_string(), "mistakes": mistakes }));
    } else if mistakes.is_empty() {
        let policy = QosPolicy::load(path)?;
        let config = policy.config();
        let mode = if policy.dry_run() { "dry run" } else { "in force" };
        let _ = writeln!(
            text,
            "{place}: valid: {mode}, {} rules, {} scopes, {} tenants, {} prefixes without action, digest {}",
            config.rules.len(),
            config.scopes.len(),
            config.tenants.len(),
            config.allow.len() + config.never_act.len() + config.never_alert.len(),
            policy.digest().get(..16).unwrap_or_default()
        );
    } else {
        for mistake in &mistakes {
            let _ = writeln!(text, "{place}:{}{mistake}", if mistake.line.is_some() { "" } else { " " });
        }
    }
    output::print(text.as_bytes())?;
    if mistakes.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let plural = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    print_message(format_args!("qosguard: {} {plural} in {place}", mistakes.len()));
    Ok(ExitCode::from(INVALID_POLICY))
}

fn diff(old: &PathBuf, new: &PathBuf, decisions: &[PathBuf], json: bool) -> Outcome {
    let (old, new) = (QosPolicy::load(old)?, QosPolicy::load(new)?);
    let mut comparison = PolicyComparison::new(&old, &new);
    for path in decisions {
        comparison.load(path)?;
    }
    let difference = comparison.finish();
    let text = if json { format!("{}\n", json!(difference)) } else { difference.to_string() };
    output::print(text.as_bytes())?;
    let is_equal = difference.settings.is_empty() && difference.actions.is_empty();
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(UNLIKE) })
}

fn test(policy: &PathBuf, cases: &PathBuf, json: bool) -> Outcome {
    let policy = QosPolicy::load(policy)?;
    let results = PolicyCases::load(cases)?.run(&policy);
    let failed = results.iter().filter(|result| !result.failures.is_empty()).count();
    let text = if json {
        format!("{}\n", json!({ "passed": results.len() - failed, "failed": failed, "cases": results }))
    } else {
        let line = |result: &CaseResult| format!("{result}\n");
        let lines: String = results.iter().map(line).collect();
        format!("{lines}{} cases: {} passed, {failed} failed\n", results.len(), results.len() - failed)
    };
    output::print(text.as_bytes())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(UNLIKE) })
}
