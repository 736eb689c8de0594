//! The main job once: a guard is fitted on the traffic of yesterday, and finds the incidents of today.
//!
//! `cargo run --release --example quickstart` simulates labelled flows; with a path it reads that file, whose first 70 % are
//! yesterday.
#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use qosguard::evaluate::{EventOptions, TrueEvent, event_metrics};
use qosguard::simulate::{self, TrafficSimulatorConfig};
use qosguard::stream::{IncidentEvent, IncidentTable, Stream, StreamConfig};
use qosguard::telemetry::{self, Role};
use qosguard::{Guard, Result};

const GUARD: &str = "quickstart.qosguard";

fn main() -> Result<()> {
    let (yesterday, today, attacks) = if let Some(path) = std::env::args().nth(1) {
        let records = telemetry::read(&path)?;
        let rows: Vec<usize> = (0..records.n_rows()).collect();
        let (first, rest) = rows.split_at(rows.len() * 7 / 10);
        (records.take(first)?, records.take(rest)?, Vec::new())
    } else {
        let (yesterday, today) = (simulated(1)?, simulated(2)?);
        (yesterday.table, today.table, today.events)
    };
    println!("fitting a guard on {} records of schema `{}`", yesterday.n_rows(), yesterday.schema().name());
    let guard = Guard::builder().auto().false_positive_rate(0.01).fit(&yesterday)?;

    println!("watching {} other records\n", today.n_rows());
    if today.schema().index_of_role(Role::Time).is_some() {
        let mut stream = Stream::with_guard(guard.clone(), today.schema(), &StreamConfig::default())?;
        let mut events = stream.push_table(&today)?.events;
        events.extend(stream.finish());
        println!("{}\n", IncidentTable::of(&events));
        print_quality(&attacks, &events)?;
    } else {
        // Records without times have verdicts, and no incidents.
        println!("{}", guard.findings(&today, &guard.assess(&today)?, 10)?);
    }

    guard.save(GUARD)?;
    let (scores, again) = (guard.assess(&today)?, Guard::load(GUARD)?.assess(&today)?);
    let equal = scores.scores().iter().zip(again.scores()).all(|(a, b)| a.to_bits() == b.to_bits());
    println!("saved and loaded {GUARD}: {} scores, equal bit for bit: {equal}", again.len());
    Ok(())
}

fn simulated(seed: u64) -> Result<simulate::Traffic> {
    simulate::traffic(&TrafficSimulatorConfig { duration_s: 1_200.0, seed, ..Default::default() })
}

/// Prints how many of the simulated attacks were found, and how soon.
fn print_quality(attacks: &[simulate::AttackEvent], events: &[IncidentEvent]) -> Result<()> {
    let (Some(first), Some(last)) = (attacks.first(), attacks.last()) else { return Ok(()) };
    let truth: Vec<TrueEvent> = attacks.iter().map(TrueEvent::from).collect();
    let start = first.start - 120.0;
    let metrics =
        event_metrics(&truth, events, start, last.end.max(start + 1_200.0), &EventOptions::default())?;
    if let Some(all) = &metrics.all {
        let delay = all.delay_s.map_or(f64::NAN, |delay| delay.median);
        println!(
            "found {} of {} attacks, the median {delay:.1} s after their first record; {} false incidents",
            all.detected, all.events, metrics.false_detections
        );
    }
    Ok(())
}
