//! `qosguard simulate`: labelled traffic with ground truth.

use std::io;
use std::process::ExitCode;

use qosguard::Error;
use qosguard::simulate::{FlowSimulatorConfig, flows};

use crate::arguments::Simulate;
use crate::exit::Outcome;
use crate::output;
use crate::progress::Progress;

pub(crate) fn run(command: &Simulate) -> Outcome {
    let simulator = flows(&FlowSimulatorConfig {
        rows: command.rows,
        attack_share: command.attack_share,
        seed: command.seed,
        ..Default::default()
    })?;
    let mut output = output::create(&command.output, simulator.table_schema())?;
    let progress = Progress::new("simulated", Some(command.rows));
    for batch in simulator {
        let batch = batch.map_err(|e| Error::Io { path: "simulator".into(), source: io::Error::other(e) })?;
        output.write(&batch)?;
        progress.add(batch.num_rows());
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}
