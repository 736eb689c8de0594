//! `qosguard train`: records in, a guard out.

use std::process::ExitCode;

use qosguard::qos::Policy;
use qosguard::{Guard, IsolationForestConfig};
use serde_json::json;

use crate::arguments::Train;
use crate::exit::Outcome;
use crate::{input, output};

pub(crate) fn run(command: &Train) -> Outcome {
    output::spare(&command.output, command.input.paths.iter().chain(&command.policy))?;
    let mut builder = Guard::builder()
        .detector(IsolationForestConfig {
            trees: command.trees,
            max_samples: command.max_samples,
            seed: command.seed,
            ..Default::default()
        })
        .false_positive_rate(command.false_positive_rate)
        .seed(command.seed);
    if let Some(path) = &command.policy {
        builder = builder.policy(Policy::load(path)?);
    }
    let table = input::read(&command.input)?;
    let guard = builder.fit(&table)?;
    guard.save(&command.output)?;

    let (training, threshold, report) = (guard.training(), guard.threshold(), table.report());
    let text = if command.json {
        format!(
            "{}\n",
            json!({
                "model": command.output.display().to_string(), "digest": guard.digest(), "training": training,
                "threshold": threshold, "report": report,
            })
        )
    } else {
        let realised = threshold.realised.map_or(String::new(), |realised| {
            let interval = realised.false_positive_interval;
            format!(
                ", realised {:.4} [{:.4}, {:.4}] on {} clean rows held out",
                realised.false_positive_rate, interval.low, interval.high, realised.clean_rows
            )
        });
        format!(
            "read       {} rows of schema `{}`, {} rejected\nfitted     {} rows, calibrated on {}\nasked      {}{realised}\nsaved      {}\n",
            table.n_rows(),
            table.schema().name(),
            report.rejected,
            training.fitted,
            training.calibrated,
            command.false_positive_rate,
            command.output.display(),
        )
    };
    output::print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
