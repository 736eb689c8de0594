//! One honest protocol on public data, as a table and as JSON.
//!
//! ```sh
//! cargo run --release --example evaluate -- nsl-kdd    PATH/nsl-kdd        # the official split
//! cargo run --release --example evaluate -- unsw-nb15  PATH/UNSW.csv       # distinct rows, 70/30
//! cargo run --release --example evaluate -- cicids2017 PATH/five_days.csv  # Monday to Wednesday, then the rest
//! cargo run --release --example evaluate -- leave-one-family-out PATH/any.csv
//! cargo run --release --example evaluate -- unsw-nb15-clean PATH/UNSW.csv      # without the training attacks
//! cargo run --release --example evaluate -- cicids2017-no-port PATH/five_days.csv
//! ```
//!
//! cargo run --release --example evaluate -- simulated 100000                  # rows to train, and as many of another seed to test
//! cargo run --release --example evaluate -- in-time PATH/any.csv              # the last 30 % in time are the test
//!
//! Further arguments: `auto` takes the ensemble that fits the table instead of the isolation forest on clean rows, and
//! `context` adds the host context; both together are the default of `GuardBuilder::auto` for these records. Everything is fitted and calibrated on training rows; test rows are scored once. Seeds 0 to 4 give the
//! spread.
#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use std::path::Path;
use std::process::ExitCode;

use qosguard::evaluate::{Distinct, EvaluateOptions, LeakAudit, Report, Split, evaluate};
use qosguard::features::HostContextConfig;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{self, Role, Table};
use qosguard::{Error, Guard, IsolationForestConfig, Result};

const SEEDS: u64 = 5;
const ASKED: f64 = 0.01;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (protocol, path, options) = match arguments.as_slice() {
        [protocol, path, options @ ..] if options.iter().all(|word| word == "auto" || word == "context") => {
            let has = |option: &str| options.iter().any(|word| word == option);
            (protocol, path, Options { auto: has("auto"), context: has("context") })
        }
        _ => {
            eprintln!(
                "usage: evaluate nsl-kdd|unsw-nb15|unsw-nb15-clean|cicids2017|cicids2017-no-port|leave-one-family-out|in-time PATH [auto] [context]\n       evaluate simulated ROWS [auto] [context]"
            );
            return ExitCode::from(2);
        }
    };
    match run(protocol, Path::new(path), options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is evaluated.
#[derive(Clone, Copy)]
struct Options {
    auto: bool,
    context: bool,
}

fn run(protocol: &str, path: &Path, options: Options) -> Result<()> {
    let parts = parts(protocol, path)?;
    for (name, train, test) in &parts {
        println!("== {name}: {} rows to train, {} to test", train.n_rows(), test.n_rows());
        let audit = LeakAudit::of(train, test, 0.85)?;
        println!("\n{audit}");
        let reports =
            (0..SEEDS).map(|seed| assess(name, train, test, seed, options)).collect::<Result<Vec<_>>>()?;
        println!("\n{}", reports[0]);
        let spread = Report::spread(&reports)?;
        println!("\n{spread}");
        let json =
            serde_json::json!({ "protocol": name, "reports": reports, "spread": spread, "audit": audit });
        println!("\n{json}");
    }
    Ok(())
}

/// The named (train, test) pairs of a protocol.
fn parts(protocol: &str, path: &Path) -> Result<Vec<(String, Table, Table)>> {
    match protocol {
        "nsl-kdd" => {
            let file = |name| telemetry::read_csv(path.join(name));
            Ok(vec![("NSL-KDD official".into(), file("KDDTrain+.txt")?, file("KDDTest+.txt")?)])
        }
        "unsw-nb15" => {
            let table = distinct(path)?;
            let (train, test) = Split::stratified(&labels(&table)?, 0.3, 0)?.tables(&table)?;
            Ok(vec![("UNSW-NB15 distinct 70/30".into(), train, test)])
        }
        "cicids2017" => {
            let table = telemetry::read_csv(path)?;
            let (train, test) = Split::by_time(&table, "2017-07-06")?.tables(&table)?;
            Ok(vec![("CICIDS2017 Mon-Wed / Thu-Fri".into(), train, test)])
        }
        "unsw-nb15-clean" => {
            let table = distinct(path)?;
            let (train, test) = Split::stratified(&labels(&table)?, 0.3, 0)?.tables(&table)?;
            let attack = labels(&train)?;
            let clean: Vec<usize> = (0..attack.len()).filter(|&row| !attack[row]).collect();
            Ok(vec![("UNSW-NB15 distinct 70/30, clean rows alone".into(), train.take(&clean)?, test)])
        }
        "cicids2017-no-port" => {
            let table = telemetry::read_csv(path)?;
            let schema = table.schema().with_role("Dst Port", Role::Ignore)?;
            let table = Table::new(schema.into(), table.batches().to_vec(), table.report().clone())?;
            let (train, test) = Split::by_time(&table, "2017-07-06")?.tables(&table)?;
            Ok(vec![("CICIDS2017 Mon-Wed / Thu-Fri without the port".into(), train, test)])
        }
        "leave-one-family-out" => {
            let table = distinct(path)?;
            let families = table.families()?.unwrap_or_default();
            let splits = Split::leave_one_family_out(&labels(&table)?, &families, 0.3, 0)?;
            let named = splits.into_iter().map(|(family, split)| {
                let (train, test) = split.tables(&table)?;
                Ok((format!("without {family}"), train, test))
            });
            named.collect()
        }
        "simulated" => {
            let rows = path.to_string_lossy().parse().unwrap_or(100_000);
            let table = |seed| simulate::table(&FlowSimulatorConfig { rows, seed, ..Default::default() });
            Ok(vec![("simulated, another seed".into(), table(0)?, table(1)?)])
        }
        "in-time" => in_time(&telemetry::read_csv(path)?),
        other => {
            Err(Error::invalid("protocol", "nsl-kdd, unsw-nb15, cicids2017 or leave-one-family-out", other))
        }
    }
}

/// The first 70 % of the rows, and the other rows. The table is sorted by time.
fn in_time(table: &Table) -> Result<Vec<(String, Table, Table)>> {
    let n = table.n_rows();
    let rows: Vec<usize> = (0..n).collect();
    let (train, test) = rows.split_at(n * 7 / 10);
    Ok(vec![(format!("{} in time, 70/30", table.schema().name()), table.take(train)?, table.take(test)?)])
}

fn distinct(path: &Path) -> Result<Table> {
    let table = telemetry::read_csv(path)?;
    let distinct = Distinct::of(&table)?;
    println!("{} rows, {} distinct by their features", table.n_rows(), distinct.rows.len());
    table.take(&distinct.rows)
}

fn labels(table: &Table) -> Result<Vec<bool>> {
    table.labels()?.ok_or_else(|| Error::InsufficientData { what: "label columns".into(), needed: 1, got: 0 })
}

/// One seed: fit on the clean training rows, score the test rows once.
fn assess(name: &str, train: &Table, test: &Table, seed: u64, options: Options) -> Result<Report> {
    let builder = Guard::builder().false_positive_rate(ASKED).seed(seed);
    let builder =
        if options.context { builder.context(HostContextConfig::default()) } else { builder.no_context() };
    let builder = if options.auto {
        builder.auto()
    } else {
        builder.detector(IsolationForestConfig { seed, ..Default::default() })
    };
    let guard = builder.fit(train)?;
    let assessment = guard.assess(test)?;
    let threshold = guard.threshold();
    let options = EvaluateOptions { protocol: name.to_owned(), seed, ..Default::default() };
    evaluate(
        assessment.scores(),
        &labels(test)?,
        test.families()?.as_deref(),
        threshold.score,
        threshold.asked,
        &options,
    )
}
