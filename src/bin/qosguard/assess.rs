//! `qosguard assess`: records in, decisions out, batch by batch.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use qosguard::qos::{Decision, Policy};
use qosguard::telemetry::{ReadReport, Table, TableWriter};
use qosguard::{Assessment, Guard};
use serde_json::json;

use crate::arguments::Assess;
use crate::exit::{ANOMALIES, Outcome};
use crate::progress::Progress;
use crate::{input, output, verdicts};

pub(crate) fn run(command: &Assess) -> Outcome {
    if let Some(output) = &command.output {
        let read = command.input.paths.iter().chain([&command.model]).chain(&command.policy);
        output::spare(output, read)?;
    }
    let mut guard = Guard::load(&command.model)?;
    if let Some(path) = &command.policy {
        guard = guard.with_policy(Policy::load(path)?)?;
    }
    let mut reader = input::open(&command.input)?;
    let inputs = command.map.then(|| guard.inputs());
    let seen =
        inputs.as_ref().map_or_else(|| (**reader.schema()).clone(), |i| i.common_with(reader.schema()));
    let schema = verdicts::schema(&seen)?;
    let mut out = command.output.as_deref().map(|path| output::create(path, &schema)).transpose()?;
    // What reads the rows there must not meet other lines among them.
    let rows_to_stdout = command.output.as_deref() == Some(Path::new("-"));
    let (mut records, mut anomalies, mut unfit) = (0, 0, 0);
    let progress = Progress::new("assessed", None);
    while let Some(batch) = reader.next().transpose()? {
        let place = ReadReport::new(&reader.report().place);
        let mut table = Table::new(Arc::clone(reader.schema()), vec![batch], place)?;
        if let Some(inputs) = &inputs {
            table = table.map_to(inputs)?;
            unfit += table.report().rejected;
        }
        let assessment = guard.assess(&table)?;
        if !rows_to_stdout {
            output::print(lines(command, &assessment, records).as_bytes())?;
        }
        if let (Some(out), Some(batch)) = (&mut out, table.batches().first()) {
            out.write(&verdicts::beside(&schema, batch, &assessment)?)?;
        }
        anomalies += assessment.decisions().filter(|decision| decision.verdict.is_anomaly).count();
        records += assessment.len() as u64;
        progress.add(assessment.len());
    }
    drop(progress);
    out.map_or(Ok(()), TableWriter::finish)?;
    eprintln!("{records} records, {anomalies} anomalies, {}", input::summary(reader.report(), unfit));
    Ok(if command.exit_code && anomalies > 0 { ExitCode::from(ANOMALIES) } else { ExitCode::SUCCESS })
}

/// The decisions that shall be printed, one a line; `before` records came earlier.
fn lines(command: &Assess, assessment: &Assessment, before: u64) -> String {
    let asked = assessment.decisions().filter(|decision| command.all || decision.verdict.is_anomaly);
    let line = |mut decision: Decision| {
        decision.row += before;
        if command.json {
            format!("{}\n", json!(decision))
        } else {
            format!("row {:>8}  {decision}\n", decision.row)
        }
    };
    asked.map(line).collect()
}
