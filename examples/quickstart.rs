//! The main job once: flows in, calibrated verdicts and actions out, quality measured on rows held out.
//!
//! `cargo run --release --example quickstart` simulates labelled flows; with a path it reads that file.
#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use qosguard::evaluate::{Distinct, Split};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::{Guard, Result, telemetry};

const GUARD: &str = "quickstart.qosguard";

fn main() -> Result<()> {
    let flows = match std::env::args().nth(1) {
        Some(path) => telemetry::read(&path)?,
        None => simulate::table(&FlowSimulatorConfig { rows: 10_000, ..Default::default() })?,
    };
    // Repeated rows go before the split: the same row must not fit and test.
    let flows = flows.take(&Distinct::of(&flows)?.rows)?;
    let (train, test) = match flows.labels()? {
        Some(labels) => Split::stratified(&labels, 0.3, 0)?.tables(&flows)?,
        None => (flows.clone(), flows),
    };
    println!("fitting a guard on {} records of schema `{}`", train.n_rows(), train.schema().name());
    let guard = Guard::builder().auto().false_positive_rate(0.01).fit(&train)?;

    let assessment = guard.assess(&test)?;
    println!("assessed {} other records:\n", test.n_rows());
    println!("{}", guard.findings(&test, &assessment, 10)?);

    guard.save(GUARD)?;
    let again = Guard::load(GUARD)?.assess(&test)?;
    let equal = assessment.scores().iter().zip(again.scores()).all(|(a, b)| a.to_bits() == b.to_bits());
    println!("saved and loaded {GUARD}: {} scores, equal bit for bit: {equal}", again.len());
    Ok(())
}
