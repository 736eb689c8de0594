//! `qosguard train`: records in, a guard out.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use qosguard::detect::AnyDetectorConfig;
use qosguard::features::ContextConfig;
use qosguard::qos::Policy;
use qosguard::{Error, Guard, Monitor, Result, settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::arguments::Train;
use crate::exit::Outcome;
use crate::message::print_message;
use crate::progress::Steps;
use crate::{input, interrupt, output};

pub(crate) fn run(command: &Train) -> Outcome {
    output::spare(&command.output, command.input.paths.iter().chain(&command.policy))?;
    let mut builder = Guard::builder().false_positive_rate(command.false_positive_rate).seed(command.seed);
    builder = match command.detector.as_str() {
        "auto" => builder.auto(),
        text => builder.detector(detector(text, command.seed)?),
    };
    if command.context == ["none"] {
        builder = builder.no_context();
    }
    for kind in command.context.iter().filter(|_| command.context != ["none"]) {
        builder = builder.context(context(kind)?);
    }
    if let Some(path) = &command.policy {
        builder = builder.policy(Policy::load(path)?);
    }
    let table = input::read(&command.input, None)?;
    interrupt::cancel()?;
    let mut steps = Steps::default();
    let monitor = Monitor::new(move |progress| {
        steps.show(progress);
        ControlFlow::Continue(())
    });
    let guard = builder.monitor(monitor).fit(&table)?;
    guard.save(&command.output)?;

    let (training, threshold, report) = (guard.training(), guard.threshold(), table.report());
    let text = if command.json {
        format!(
            "{}\n",
            json!({
                "model": command.output.display().to_string(), "digest": guard.digest(), "training": training,
                "threshold": threshold, "report": report, "notices": output::notices(guard.notices()),
            })
        )
    } else {
        format!(
            "read       {} rows of schema `{}`, {} rejected\nfitted     {} rows, calibrated on {}\n{}saved      {}\n",
            table.n_rows(),
            table.schema().name(),
            report.rejected,
            training.fitted,
            training.calibrated,
            crate::inspect::rates(threshold),
            command.output.display(),
        )
    };
    output::print(text.as_bytes())?;
    for notice in output::notices(guard.notices()) {
        print_message(notice);
    }
    Ok(ExitCode::SUCCESS)
}

/// Settings of a context from a file, or the defaults of a kind.
fn context(text: &str) -> Result<ContextConfig> {
    if let Some(settings) = settings_file("--context", text)? {
        return Ok(settings);
    }
    settings::from_value(json!({ "kind": text })).map_err(|_| {
        Error::invalid(
            "--context",
            "`host`, `device_windows`, `damped_statistics`, `none` alone, or a .json file with the settings of a context",
            text,
        )
    })
}

/// The settings in a file, if the text of an option names a .json file.
pub(crate) fn settings_file<T: DeserializeOwned + Serialize>(option: &str, text: &str) -> Result<Option<T>> {
    let path = Path::new(text);
    if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        return Ok(None);
    }
    let json = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    let value = serde_json::from_str(&json)
        .map_err(|error| Error::invalid(option, "a JSON file with settings", format!("{text}: {error}")))?;
    settings::from_value(value).map(Some).map_err(|error| error.with_path(|path| format!("{text}: {path}")))
}

/// Settings from a file, or the defaults of a kind with the seed.
fn detector(text: &str, seed: u64) -> Result<AnyDetectorConfig> {
    let invalid = |expected: &str| Error::invalid("--detector", expected, text);
    if let Some(settings) = settings_file("--detector", text)? {
        return Ok(settings);
    }
    if ["ensemble", "mixture_of_experts"].contains(&text) {
        return Err(invalid("`auto`, or a JSON file that lists the detectors to combine"));
    }
    let seeded = json!({ "kind": text, "seed": seed });
    let plain = json!({ "kind": text });
    // Logistic regression draws nothing at random.
    settings::from_value(seeded)
        .or_else(|_| settings::from_value(plain))
        .map_err(|_| invalid("auto, a kind of detector or a .json file"))
}
