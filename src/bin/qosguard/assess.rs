//! `qosguard assess`: records in, decisions out, batch by batch.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use qosguard::qos::{Decision, Policy};
use qosguard::telemetry::{ReadReport, Table, TableWriter};
use qosguard::{Assessment, Guard, Result};
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
    let schema = verdicts::schema(&seen, &guard)?;
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
            output::print(lines(command, &guard, &table, &assessment, records)?.as_bytes())?;
        }
        if let (Some(out), Some(batch)) = (&mut out, table.batches().first()) {
            out.write(&verdicts::beside(&schema, &guard, batch, &assessment)?)?;
        }
        anomalies += assessment.decisions().filter(|decision| decision.verdict.is_anomaly).count();
        records += assessment.len() as u64;
        progress.add(assessment.len());
    }
    drop(progress);
    input::something(reader.report())?;
    out.map_or(Ok(()), TableWriter::finish)?;
    eprintln!("{records} records, {anomalies} anomalies, {}", input::summary(reader.report(), unfit));
    Ok(if command.exit_code && anomalies > 0 { ExitCode::from(ANOMALIES) } else { ExitCode::SUCCESS })
}

/// The decisions that shall be printed, one a line; `before` records came earlier.
fn lines(
    command: &Assess,
    guard: &Guard,
    table: &Table,
    assessment: &Assessment,
    before: u64,
) -> Result<String> {
    let decisions: Vec<Decision> =
        assessment.decisions().filter(|decision| command.all || decision.verdict.is_anomaly).collect();
    let explained = if command.reasons > 0 && !decisions.is_empty() {
        let rows: Vec<usize> = decisions.iter().map(|decision| decision.row as usize).collect();
        Some(guard.explain(&table.take(&rows)?)?)
    } else {
        None
    };
    let mut lines = String::new();
    for (i, mut decision) in decisions.into_iter().enumerate() {
        decision.row += before;
        let reasons = explained.as_ref().map(|explained| explained.reasons(i, command.reasons));
        if command.json {
            let mut line = json!(decision);
            if let Some(reasons) = reasons {
                line["reasons"] = json!(reasons);
            }
            let _ = writeln!(lines, "{line}");
        } else {
            let _ = writeln!(lines, "row {:>8}  {decision}", decision.row);
            for reason in reasons.into_iter().flat_map(|reasons| reasons.0) {
                let _ = writeln!(lines, "              {reason}");
            }
        }
    }
    Ok(lines)
}
