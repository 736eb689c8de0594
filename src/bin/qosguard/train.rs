//! `qosguard train`: records in, a guard out.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use qosguard::detect::AnyDetectorConfig;
use qosguard::qos::Policy;
use qosguard::{Error, Guard, Monitor, Result};
use serde_json::{Value, json};

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

/// Settings from a file, or the defaults of a kind with the seed.
fn detector(text: &str, seed: u64) -> Result<AnyDetectorConfig> {
    let refused = |expected: &str, got: String| Error::InvalidArgument {
        name: "--detector".into(),
        expected: expected.into(),
        got,
    };
    let path = Path::new(text);
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        let json = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        return serde_json::from_str(&json)
            .map_err(|e| refused("a file with the settings of a detector", format!("{text}: {e}")));
    }
    if ["ensemble", "mixture_of_experts"].contains(&text) {
        return Err(refused("`auto`, or a JSON file that lists the detectors to combine", text.into()));
    }
    let seeded = json!({ "kind": text, "seed": seed });
    let plain = json!({ "kind": text });
    let parse = |settings: Value| serde_json::from_value::<AnyDetectorConfig>(settings);
    // Logistic regression draws nothing at random.
    parse(seeded)
        .or_else(|_| parse(plain))
        .map_err(|e| refused("auto, a kind of detector or a .json file", e.to_string()))
}
