//! `qosguard evaluate`: a guard measured on labelled records.

use std::process::ExitCode;

use qosguard::evaluate::{EvaluateOptions, evaluate};
use qosguard::{Error, Guard};

use crate::arguments::Evaluate;
use crate::exit::Outcome;
use crate::{input, output};

pub(crate) fn run(command: &Evaluate) -> Outcome {
    let guard = Guard::load(&command.model)?;
    let table = input::read(&command.input, Some(guard.schema()))?.labelled()?;
    let place = &table.report().place;
    let labels = table.labels()?.ok_or_else(|| Error::InsufficientData {
        what: format!("{place}: label columns"),
        needed: 1,
        got: 0,
    })?;
    let assessment = guard.assess(&table)?;
    let threshold = guard.threshold();
    let options = EvaluateOptions { protocol: place.clone(), ..Default::default() };
    let report = evaluate(
        assessment.scores(),
        &labels,
        table.families()?.as_deref(),
        threshold.score,
        threshold.asked,
        &options,
    )?;
    let text = if command.json { serde_json::json!(report).to_string() } else { report.to_string() };
    output::print(format!("{text}\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
