//! `qosguard assess`: records in, decisions out, batch by batch.

use std::process::ExitCode;
use std::sync::Arc;

use qosguard::Guard;
use qosguard::qos::Policy;
use qosguard::telemetry::{ReadReport, Table};

use crate::arguments::Assess;
use crate::exit::{ANOMALIES, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;
use crate::{input, output};

pub(crate) fn run(command: &Assess) -> Outcome {
    let mut guard = Guard::load(&command.model)?;
    if let Some(path) = &command.policy {
        guard = guard.with_policy(Policy::load(path)?)?;
    }
    let mut reader = input::open(&command.input)?;
    let mut output: Option<Output> = None;
    let (mut records, mut anomalies) = (0, 0);
    let progress = Progress::new("assessed", None);
    while let Some(batch) = reader.next().transpose()? {
        let place = ReadReport::new(&reader.report().place);
        let mut table = Table::new(Arc::clone(reader.schema()), vec![batch], place)?;
        if command.map {
            table = table.map_to(guard.schema())?;
        }
        let assessment = guard.assess(&table)?;
        let mut lines = String::new();
        for mut decision in assessment.decisions() {
            decision.row += records;
            anomalies += u64::from(decision.verdict.is_anomaly);
            if command.all || decision.verdict.is_anomaly {
                lines += &if command.json {
                    format!("{}\n", serde_json::json!(decision))
                } else {
                    format!("row {:>8}  {decision}\n", decision.row)
                };
            }
        }
        output::print(lines.as_bytes())?;
        if let Some(path) = &command.output {
            let rows = assessment.to_arrow()?;
            if output.is_none() {
                output = Some(Output::create(path, &rows.schema())?);
            }
            output.as_mut().map_or(Ok::<_, Failure>(()), |output| Ok(output.write(&rows)?))?;
        }
        records += assessment.len() as u64;
        progress.add(assessment.len());
    }
    drop(progress);
    output.map_or(Ok(()), Output::finish)?;
    eprintln!("{records} records, {} rejected, {anomalies} anomalies", reader.report().rejected);
    Ok(if command.exit_code && anomalies > 0 { ExitCode::from(ANOMALIES) } else { ExitCode::SUCCESS })
}
