//! `qosguard flows`: telemetry of any kind to flow records.

use std::process::ExitCode;
use std::sync::Arc;

use qosguard::telemetry::{ReadReport, Table};

use crate::arguments::Flows;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::{input, output};

pub(crate) fn run(command: &Flows) -> Outcome {
    let to = command.to.as_deref().map(input::schema).transpose()?;
    let mut reader = input::open(&command.input)?;
    let mut out = output::create(&command.output, to.as_ref().unwrap_or(reader.schema()))?;
    let mut records = 0;
    let progress = Progress::new("flows", None);
    while let Some(batch) = reader.next().transpose()? {
        progress.add(batch.num_rows());
        let place = ReadReport::new(&reader.report().place);
        let mut table = Table::new(Arc::clone(reader.schema()), vec![batch], place)?;
        if let Some(to) = &to {
            table = table.map_to(to)?;
        }
        for batch in table.batches() {
            out.write(batch)?;
            records += batch.num_rows();
        }
    }
    drop(progress);
    out.finish()?;
    let report = reader.report();
    eprintln!("{records} flows of {} records, {} rejected", report.accepted, report.rejected);
    Ok(ExitCode::SUCCESS)
}
