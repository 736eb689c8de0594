//! `qosguard assess`: records in, decisions out.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use qosguard::arrow::array::RecordBatch;
use qosguard::arrow::compute::concat_batches;
use qosguard::guard::FindingsCollector;
use qosguard::qos::Policy;
use qosguard::telemetry::{BatchReader, ReadReport, Table, TableWriter};
use qosguard::{Assessment, Error, Guard, Result};
use serde_json::json;

use crate::arguments::Assess;
use crate::exit::{ANOMALIES, Failure, Outcome};
use crate::message::print_message;
use crate::progress::Progress;
use crate::{input, output, verdicts};

/// Findings that are printed without `--all`.
const WORST: usize = 10;

pub(crate) fn run(command: &Assess) -> Outcome {
    if let Some(output) = &command.output {
        let read = command.input.paths.iter().chain([&command.model]).chain(&command.policy);
        output::spare(output, read)?;
    }
    let mut guard = Guard::load(&command.model)?;
    if let Some(path) = &command.policy {
        guard = guard.with_policy(Policy::load(path)?)?;
    }
    let mut reader = input::open(&command.input, Some(guard.schema()))?;
    let inputs = command.map.then(|| guard.inputs());
    let seen =
        inputs.as_ref().map_or_else(|| (**reader.schema()).clone(), |i| i.common_with(reader.schema()));
    let columns = verdicts::columns(&seen);
    let mut out = command.output.as_deref().map(|path| output::create(path, &seen, &columns)).transpose()?;
    // A program that reads rows or JSON from standard output must not find other lines among them.
    let rows_to_stdout = command.output.as_deref() == Some(Path::new("-"));
    // A socket has no end that an operator waits for: its findings are printed as they come.
    let live = input::is_socket(&command.input);
    let reasons = command.reasons.unwrap_or(1);
    let (mut findings, mut unfit) = (FindingsCollector::new(), 0);
    let progress = Progress::new("assessed", None);
    let has_contexts = !guard.context_columns().is_empty();
    let mut stream = (has_contexts && live).then(|| guard.bind(&seen)).transpose()?;
    while let Some(mut table) = next_table(&mut reader, has_contexts && !live)? {
        if let Some(inputs) = &inputs {
            table = table.map_to_with(inputs, &input::mapping(&command.input))?;
            unfit += table.report().rejected;
        }
        let with = match (&mut stream, table.batches().first()) {
            (Some(stream), Some(batch)) => {
                let batch = stream.append_contexts(batch)?;
                Table::new(Arc::clone(stream.schema()), vec![batch], table.report().clone())?
            }
            _ => guard.append_contexts(&table)?,
        };
        let assessment = guard.assess(&with)?;
        if command.json && !rows_to_stdout {
            let lines = json_lines(command, &guard, &with, &assessment, findings.records())?;
            output::print(lines.as_bytes())?;
        }
        if live && !command.json && command.output.is_none() {
            let mut batch = FindingsCollector::new();
            batch.add(&guard, &with, &assessment)?;
            for finding in batch.finish(&guard, usize::MAX, reasons)?.worst {
                output::print(format!("{finding}\n").as_bytes())?;
            }
        }
        if let (Some(out), Some(batch)) = (&mut out, table.batches().first()) {
            out.write(&verdicts::append(batch, &columns, &assessment, findings.records())?)?;
        }
        findings.add(&guard, &with, &assessment)?;
        progress.add(assessment.len());
    }
    drop(progress);
    out.map_or(Ok(()), TableWriter::finish)?;
    let (records, anomalies) = (findings.records(), findings.anomalies());
    let mut notices = guard.notices();
    // What holds for these records and not only for the schema of the guard.
    let of_records = findings.notices().iter().filter(|notice| !notices.contains(notice));
    notices.extend(of_records.cloned().collect::<Vec<_>>());
    if command.json || rows_to_stdout {
        print_message(format_args!(
            "{records} records, {anomalies} anomalies, {}",
            input::summary(reader.report(), unfit)
        ));
    } else {
        let shown = match (&command.output, command.all) {
            (Some(_), _) => 0,
            _ if live => 0,
            (None, true) => usize::MAX,
            (None, false) => WORST,
        };
        findings.set_rejected(reader.report().rejected + unfit);
        let findings = findings.finish(&guard, shown, reasons)?;
        output::print(findings.to_string().as_bytes())?;
        if shown < findings.groups && command.output.is_none() && !live {
            output::print(b"(--all prints every finding, -o FILE writes every record)\n")?;
        }
        input::print_left_out(reader.report());
    }
    for notice in output::notices(notices) {
        print_message(notice);
    }
    let read = input::outcome(records, reader.report(), unfit)?;
    Ok(if command.exit_code && anomalies > 0 { ExitCode::from(ANOMALIES) } else { read })
}

/// The next batch of the input, or all of it: a guard with contexts takes the records in the order of their times.
fn next_table(reader: &mut Box<dyn BatchReader>, all: bool) -> Result<Option<Table>, Failure> {
    let mut batches: Vec<RecordBatch> = input::next(reader)?.into_iter().collect();
    while let Some(batch) = if all && !batches.is_empty() { input::next(reader)? } else { None } {
        batches.push(batch);
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let batch = match batches.len() {
        1 => first.clone(),
        _ => concat_batches(&first.schema(), &batches)
            .map_err(|error| Error::invalid("records", "batches of one schema", error))?,
    };
    let report = ReadReport::new(&reader.report().place);
    Ok(Some(Table::new(Arc::clone(reader.schema()), vec![batch], report)?))
}

/// The decisions that are printed as JSON, one a line; `before` records came earlier.
fn json_lines(
    command: &Assess,
    guard: &Guard,
    table: &Table,
    assessment: &Assessment,
    before: u64,
) -> Result<String> {
    let mut lines = String::new();
    let rows: Vec<usize> =
        (0..assessment.len()).filter(|&row| command.all || assessment.is_anomaly(row)).collect();
    // Reasons of clean records only where they are asked for.
    let reasons = command.reasons.unwrap_or(usize::from(!command.all));
    for mut finding in guard.describe(table, assessment, &rows, reasons)? {
        finding.decision.row += before;
        let _ = writeln!(lines, "{}", json!(finding));
    }
    Ok(lines)
}
