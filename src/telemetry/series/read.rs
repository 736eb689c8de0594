//! Reads a series from a file without a schema.

use std::path::Path;

use super::Series;
use super::build::build;
use super::config::SeriesConfig;
use crate::error::{Error, Result};
use crate::telemetry::cell::clock::Clock;
use crate::telemetry::files::{format, read};
use crate::telemetry::text::{csv, json};
use crate::telemetry::{Column, Kind, ReadOptions, Role, Schema, TimeUnit};

/// Reads a series from a file: JSON lines for `.jsonl`, `.ndjson` and `.json`, CSV for all other names.
///
/// The settings name the columns. Default of the time: the first column, or none if [`SeriesConfig::start`] is set.
/// Default of the values: all other columns, which must hold numbers. Entity and label have no default. A record with
/// an unreadable time, or a value that is not a number, is rejected and counted with its line.
///
/// # Errors
///
/// The errors of [`Series::from_table`] and of the reader; [`Error::BadRecord`] for a CSV file without a header;
/// [`Error::SchemaMismatch`] for a missing column.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{SeriesConfig, read_series};
///
/// let path = std::env::temp_dir().join(format!("qosguard-series-{}.csv", std::process::id()));
/// std::fs::write(&path, "time,bits\n2024-01-01 00:00,7\n2024-01-01 00:05,8\n2024-01-01 00:10,8\n2024-01-01 00:20,9\n")?;
/// let series = read_series(&path, &SeriesConfig::default())?;
/// let bits = series.values("", "bits").expect("the only entity");
/// assert_eq!((bits[2], bits[3].is_nan(), bits[4]), (8.0, true, 9.0));
/// assert_eq!(series.report().missing_steps(), 1);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_series(path: impl AsRef<Path>, config: &SeriesConfig) -> Result<Series> {
    read_series_with(path, config, &ReadOptions::default())
}

/// Reads a series from a file with settings of the reader, such as another delimiter or a schema.
///
/// # Errors
///
/// As [`read_series`].
pub fn read_series_with(
    path: impl AsRef<Path>,
    config: &SeriesConfig,
    options: &ReadOptions,
) -> Result<Series> {
    let path = path.as_ref();
    config.check()?;
    let schema = match &options.schema {
        Some(schema) => schema.clone(),
        None if format::is_json(path) => schema(path, &json::keys(path, options)?, config)?,
        None => {
            let names = csv::header(path, options)?;
            reject_data(path, &names, config)?;
            schema(path, &names, config)?
        }
    };
    let options = ReadOptions { schema: Some(schema), ..options.clone() };
    build(&read::read_with(path, &options)?, config, options.max_rejected_share)
}

/// The schema of a file with these columns.
fn schema(path: &Path, names: &[String], config: &SeriesConfig) -> Result<Schema> {
    let time = match config.start {
        Some(_) => None,
        None => config.time.as_ref().or(names.first()),
    };
    let asked = [time, config.entity.as_ref(), config.label.as_ref()];
    let missing: Vec<String> = asked
        .into_iter()
        .flatten()
        .chain(&config.values)
        .filter(|name| !names.contains(name))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let (place, schema) = (path.display().to_string(), "series".to_owned());
        return Err(Error::SchemaMismatch { place, schema, missing, unknown: Vec::new() });
    }
    let column = |name: &String| {
        if Some(name) == time {
            let mut column = Column::new(name, Role::Time, Kind::Text);
            // With a unit, the reader rejects cells that are not times.
            column.unit = Some(config.time_unit.unwrap_or(TimeUnit::Seconds));
            column.format.clone_from(&config.time_format);
            column
        } else if Some(name) == config.entity.as_ref() {
            Column::new(name, Role::Entity, Kind::Text)
        } else if Some(name) == config.label.as_ref() {
            let mut column = Column::new(name, Role::Label, Kind::Number);
            (column.minimum, column.maximum) = (Some(0.0), Some(1.0));
            column
        } else if config.values.is_empty() || config.values.contains(name) {
            Column::new(name, Role::Feature, Kind::Number)
        } else {
            Column::new(name, Role::Ignore, Kind::Text)
        }
    };
    Schema::new("series", names.iter().map(column).collect(), Vec::new())
}

/// Rejects a first line that is a record, because it would be lost as a header.
fn reject_data(path: &Path, names: &[String], config: &SeriesConfig) -> Result<()> {
    let clock = Clock::new(Some(TimeUnit::Seconds), config.time_format.clone());
    let data = |name: &String| clock.read(name.as_bytes()).is_ok();
    let headerless = match config.start {
        Some(_) => names.iter().all(data),
        None => names.first().is_some_and(data),
    };
    if !headerless {
        return Ok(());
    }
    Err(Error::BadRecord {
        place: path.display().to_string(),
        line: 1,
        column: String::new(),
        value: names.first().map(|name| name.chars().take(64).collect()).unwrap_or_default(),
        expected: "the name of a column; a file without a header needs a schema".into(),
    })
}
