//! `qosguard simulate`: labelled traffic with ground truth.

use std::process::ExitCode;

use qosguard::arrow::datatypes::Fields;
use qosguard::simulate::{self, FlowSimulatorConfig, flows};

use crate::arguments::Simulate;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::{interrupt, output};

pub(crate) fn run(command: &Simulate) -> Outcome {
    interrupt::cancel()?;
    let simulator = flows(&FlowSimulatorConfig {
        rows: command.rows,
        attack_share: command.attack_share,
        seed: command.seed,
        ..Default::default()
    })?;
    let mut output = output::create(&command.output, simulator.table_schema(), &Fields::empty())?;
    let progress = Progress::new("simulated", Some(command.rows));
    for batch in simulator {
        let batch = batch.map_err(simulate::not_a_batch)?;
        output.write(&batch)?;
        progress.add(batch.num_rows());
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}
