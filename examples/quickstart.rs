//! The main job once: flows in, calibrated verdicts and actions out, quality stated on rows held out.
//!
//! `cargo run --release --example quickstart` simulates its flows; with a path it reads that file.
#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use qosguard::evaluate::{Distinct, EvaluateOptions, Split, evaluate};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{self, Table};
use qosguard::{Guard, Result};

const GUARD: &str = "quickstart.qosguard";

fn main() -> Result<()> {
    let flows = match std::env::args().nth(1) {
        Some(path) => telemetry::read_csv(&path)?,
        None => simulate::table(&FlowSimulatorConfig { rows: 20_000, ..Default::default() })?,
    };
    println!(
        "read      {} rows of schema `{}`, {} rejected",
        flows.n_rows(),
        flows.schema().name(),
        flows.report().rejected
    );

    // Duplicates go before the split, or the same row would teach and test.
    let flows = flows.take(&Distinct::of(&flows)?.rows)?;
    println!("distinct  {} rows", flows.n_rows());
    let (train, test) = match flows.labels()? {
        Some(labels) => Split::stratified(&labels, 0.3, 0)?.tables(&flows)?,
        None => (flows.clone(), flows),
    };

    let guard = Guard::builder().false_positive_rate(0.01).fit(&train)?;
    let assessment = guard.assess(&test)?;
    print_quality(&guard, &test, assessment.scores())?;

    println!("\nthe ten most anomalous flows");
    for decision in assessment.top(10) {
        println!("  row {:>6}  {decision}", decision.row);
    }

    guard.save(GUARD)?;
    let again = Guard::load(GUARD)?.assess(&test)?;
    let equal = assessment.scores().iter().zip(again.scores()).all(|(a, b)| a.to_bits() == b.to_bits());
    println!("\nsaved and loaded {GUARD}: {} scores, equal bit for bit: {equal}", again.len());
    Ok(())
}

fn print_quality(guard: &Guard, test: &Table, scores: &[f32]) -> Result<()> {
    let Some(labels) = test.labels()? else {
        println!("\nno labels in this file: nothing to measure quality against");
        return Ok(());
    };
    let families = test.families()?;
    let threshold = guard.threshold();
    let options = EvaluateOptions { protocol: "test part, 30 %".into(), ..Default::default() };
    let report = evaluate(scores, &labels, families.as_deref(), threshold.score, threshold.asked, &options)?;
    println!("\n{report}");
    if let (Some(asked), Some(realised)) = (threshold.asked, threshold.realised) {
        let interval = realised.false_positive_interval;
        println!(
            "training part: asked a false-positive rate of {asked}, realised {:.4} [{:.4}, {:.4}] on {} clean rows held out",
            realised.false_positive_rate, interval.low, interval.high, realised.clean_rows
        );
    }
    Ok(())
}
