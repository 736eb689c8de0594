//! Traffic series: public data, irregular input, daylight-saving changes, and properties.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod daylight;
mod odd;
mod properties;
mod public;
#[path = "../public_data/mod.rs"]
mod public_data;
mod settings;

use qosguard::Result;
use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions, Schema, Series, SeriesConfig, Table};

/// A long table of texts `at`, entities `who` and numbers `x`.
fn long(rows: &[(String, &str, String)]) -> Table {
    let schema = r#"
        name = "long"
        columns = [
          { name = "at", role = "time", kind = "text" },
          { name = "who", role = "entity", kind = "text" },
          { name = "x", role = "feature", kind = "number" },
        ]
    "#;
    let lines = rows.iter().map(|(at, who, x)| format!("{at},{who},{x}\n"));
    csv(&format!("at,who,x\n{}", lines.collect::<String>()), schema)
}

fn csv(text: &str, schema: &str) -> Table {
    let schema = Some(Schema::from_toml(schema).unwrap());
    let options = ReadOptions { schema, max_rejected_share: 1.0, ..ReadOptions::default() };
    CsvReader::new(std::io::Cursor::new(text.to_owned()), "test.csv", &options).unwrap().read().unwrap()
}

/// Rows of the entity `a`.
fn of(rows: &[(&str, &str)]) -> Table {
    long(&rows.iter().map(|(at, x)| ((*at).to_owned(), "a", (*x).to_owned())).collect::<Vec<_>>())
}

/// The values of `a`; `None` for missing ones.
fn values(series: &Series) -> Vec<Option<f64>> {
    series.values("a", "x").unwrap().iter().map(|&x| (!x.is_nan()).then_some(x)).collect()
}

fn try_of(rows: &[(&str, &str)], config: &SeriesConfig) -> Result<Series> {
    Series::from_table(&of(rows), config)
}
