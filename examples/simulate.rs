//! Makes flow records with known attacks, as CSV.
//!
//! ```text
//! cargo run --release --example simulate -- --rows 10000 --attack-share 0.05 --seed 7 > flows.csv
//! cargo run --release --example simulate -- --rows 10000 --output flows.csv
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use qosguard::simulate::{FlowSimulatorConfig, flows};
use qosguard::telemetry::CsvWriter;

const USAGE: &str = "options: --rows N --attack-share X --hosts N --seed N --output PATH";

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = FlowSimulatorConfig::default();
    let mut out: Box<dyn Write> = Box::new(io::stdout().lock());
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or(USAGE)?;
        match name.as_str() {
            "--rows" => config.rows = value.parse()?,
            "--attack-share" => config.attack_share = value.parse()?,
            "--hosts" => config.hosts = value.parse()?,
            "--seed" => config.seed = value.parse()?,
            "--output" => out = Box::new(File::create(value)?),
            _ => return Err(USAGE.into()),
        }
    }
    let mut csv = CsvWriter::new(BufWriter::new(out));
    for batch in flows(&config)? {
        csv.write(&batch?)?;
    }
    csv.finish()?;
    Ok(())
}
