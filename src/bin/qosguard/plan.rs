//! `qosguard plan`: decisions and incidents in, configuration of network devices out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use qosguard::qos::{PlanConfig, Policy, Proposals, RenderConfig, Rendered, Renderer};
use qosguard::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::arguments::Plan;
use crate::exit::Outcome;
use crate::message::print_message;
use crate::{interrupt, output, train};

/// The file of `--settings`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    plan: PlanConfig,
    render: RenderConfig,
}

pub(crate) fn run(command: &Plan) -> Outcome {
    if let Some(output) = &command.output {
        output::spare(output, command.paths.iter().chain(&command.policy).chain(&command.settings))?;
    }
    interrupt::cancel()?;
    let policy = command.policy.as_deref().map(Policy::load).transpose()?.unwrap_or_default();
    let Settings { plan: limits, render } = settings_of(command)?;
    let mut proposals = Proposals::new();
    for path in &command.paths {
        proposals.load(path)?;
    }
    let now = match command.now {
        Some(now) => now,
        None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64()),
    };
    let proposals = proposals.finish();
    let plan = qosguard::qos::Plan::new(&proposals, now, &policy, &limits)?;
    let rendered = match command.render {
        Some(kind) if command.rollback => plan.rollback(kind.into(), &render)?,
        Some(kind) => plan.render(kind.into(), &render)?,
        None => text(&plan, command.json),
    };
    match &command.output {
        Some(path) => write(path, &rendered.documents)?,
        None => {
            for document in &rendered.documents {
                output::print(document.as_bytes())?;
            }
        }
    }
    for line in summary(&plan, &rendered, proposals.len(), command.render.map(Renderer::from)) {
        print_message(line);
    }
    Ok(ExitCode::SUCCESS)
}

fn settings_of(command: &Plan) -> Result<Settings> {
    let Some(path) = command.settings.as_deref() else { return Ok(Settings::default()) };
    let path = path.to_string_lossy();
    train::settings_file("--settings", &path)?.ok_or_else(|| {
        Error::invalid("--settings", "a .json file with the objects `plan` and `render`", path)
    })
}

/// The plan without a renderer: a line for each entry, or JSON.
fn text(plan: &qosguard::qos::Plan, json: bool) -> Rendered {
    let mut rendered = Rendered::default();
    rendered.entries = plan.entries().len() as u64;
    let document = if json {
        format!("{}\n", serde_json::to_string(plan).unwrap_or_default())
    } else {
        plan.to_string()
    };
    rendered.documents.push(document);
    rendered
}

/// What is in the plan, and what is left out for which reason.
fn summary(
    plan: &qosguard::qos::Plan,
    rendered: &Rendered,
    decisions: usize,
    kind: Option<Renderer>,
) -> Vec<String> {
    let dry_runs = plan.entries().iter().filter(|entry| entry.dry_run).count();
    let mut lines = vec![format!(
        "{decisions} decisions, {} planned entries for {} hosts ({dry_runs} of dry runs)",
        plan.entries().len(),
        plan.hosts()
    )];
    if let Some(kind) = kind {
        lines.push(format!("{} entries for {}", rendered.entries, kind.as_str()));
    }
    lines.extend(plan.skip_counts().into_iter().map(|(reason, count)| format!("  {count} {reason}")));
    let unrendered = rendered.skip_counts().into_iter();
    lines.extend(unrendered.map(|(reason, count)| format!("  {count} entries not rendered: {reason}")));
    lines.extend(
        plan.next_expiry_s().map(|rest| format!("plan again in {rest} s, when the first decision expires")),
    );
    lines.push("nothing is changed: this is a plan".to_owned());
    lines
}

/// Writes one file, or one for each part with its number before the extension.
fn write(path: &Path, documents: &[String]) -> Result<()> {
    let store =
        |path: PathBuf, text: &str| std::fs::write(&path, text).map_err(|source| Error::Io { path, source });
    if let [] | [_] = documents {
        return store(path.to_path_buf(), documents.first().map_or("", String::as_str));
    }
    for (document, number) in documents.iter().zip(1..) {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(format!("-{number:04}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        store(path.with_file_name(name), document)?;
    }
    Ok(())
}
