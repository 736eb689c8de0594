//! `qosguard flows`: telemetry of any kind to flow records.

use std::process::ExitCode;
use std::sync::Arc;

use qosguard::telemetry::{ReadReport, Table};

use crate::arguments::Flows;
use crate::exit::Outcome;
use crate::input;
use crate::output::Output;
use crate::progress::Progress;

pub(crate) fn run(command: &Flows) -> Outcome {
    let to = command.to.as_deref().map(input::schema).transpose()?;
    let mut reader = input::open(&command.input)?;
    let mut output: Option<Output> = None;
    let mut records = 0;
    let progress = Progress::new("flows", None);
    while let Some(mut batch) = reader.next().transpose()? {
        if let Some(to) = &to {
            let place = ReadReport::new(&reader.report().place);
            let table = Table::new(Arc::clone(reader.schema()), vec![batch], place)?.map_to(to)?;
            let Some(mapped) = table.batches().first() else { continue };
            batch = mapped.clone();
        }
        let out = match &mut output {
            Some(out) => out,
            None => output.insert(Output::create(&command.output, &batch.schema())?),
        };
        out.write(&batch)?;
        records += batch.num_rows();
        progress.add(batch.num_rows());
    }
    drop(progress);
    // A source without a record gives a file without a row.
    let output = match output {
        Some(output) => output,
        None => Output::create(&command.output, &to.as_ref().unwrap_or(reader.schema()).to_arrow())?,
    };
    output.finish()?;
    let report = reader.report();
    eprintln!("{records} flows, {} records rejected", report.rejected);
    Ok(ExitCode::SUCCESS)
}
