//! The columns of a table for a series.

use std::collections::BTreeMap;

use crate::arrow::array::{Array, AsArray, RecordBatch};
use crate::arrow::datatypes::Float64Type;

use super::config::{Interval, SeriesConfig};
use super::report::SeriesReport;
use crate::error::{Error, Result};
use crate::telemetry::cell::clock::{Clock, Stamp, gives_date};
use crate::telemetry::{Column, Kind, Reason, Role, Table};

/// A value column with one cell per row of the table; NaN for a cell without a number.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) scale: f64,
    pub(super) cells: Vec<f64>,
}

/// The columns of a series, by row of the table.
#[derive(Debug)]
pub(super) struct Source {
    /// Times; the times of rejected rows are meaningless.
    pub(super) stamps: Vec<Stamp>,
    /// The rows of each entity in the order of the table, without rejected rows.
    pub(super) parts: BTreeMap<String, Vec<usize>>,
    /// Whether the entities have names.
    pub(super) named: bool,
    pub(super) values: Vec<Values>,
    /// Name and cells of the ground truth.
    pub(super) label: Option<(String, Vec<f64>)>,
}

impl Source {
    /// Takes the columns from a table. Rows without a time or an entity are rejected and counted.
    pub(super) fn of(table: &Table, config: &SeriesConfig, report: &mut SeriesReport) -> Result<Self> {
        let schema = table.schema();
        let columns = schema.columns();
        let find = |setting: &str, name: &str| {
            let expected = format!("a column of schema `{}`", schema.name());
            schema.index_of(name).ok_or_else(|| Error::invalid(setting, expected, name))
        };
        let entity = match &config.entity {
            Some(name) => Some(find("entity", name)?),
            None if config.wide => None,
            None => schema.index_of_role(Role::Entity),
        };
        let picked: Vec<usize> = if config.values.is_empty() {
            let number = |c: &Column| c.role == Role::Feature && c.kind == Kind::Number;
            (0..columns.len()).filter(|&i| columns.get(i).is_some_and(number)).collect()
        } else {
            config.values.iter().map(|name| find("values", name)).collect::<Result<_>>()?
        };
        let mut values = Vec::with_capacity(picked.len());
        for column in picked.iter().filter_map(|&i| columns.get(i).map(|column| (i, column))) {
            values.push(numbers(table, column, config.scale)?);
        }
        if values.is_empty() {
            return Err(Error::invalid("values", "at least one column of numbers", "none"));
        }
        let label = schema.index_of_role(Role::Label).and_then(|i| columns.get(i)).map(|c| c.name.clone());
        if let Some(name) = config.label.as_ref().filter(|name| label.as_ref() != Some(*name)) {
            return Err(Error::invalid("label", "the column of role `label`", name));
        }
        let labels = table.truth()?.map(|labels| {
            labels.iter().map(|label| label.map_or(f64::NAN, |l| f64::from(u8::from(l)))).collect()
        });
        let names = names(table, entity);
        let time = match (&config.time, schema.index_of_role(Role::Time), config.start) {
            (Some(name), ..) => Some(find("time", name)?),
            (None, Some(_), Some(start)) => {
                return Err(Error::invalid("start", "absent if there is a time column", start));
            }
            (None, None, None) => {
                return Err(Error::invalid(
                    "time",
                    "the name of a column, or absent with `start` set",
                    "none",
                ));
            }
            (None, time, _) => time,
        };
        let mut source = Self {
            stamps: vec![Stamp::Instant(0.0); table.n_rows()],
            parts: BTreeMap::new(),
            named: entity.is_some(),
            values,
            label: label.zip(labels),
        };
        match time.and_then(|i| columns.get(i).map(|column| (i, column))) {
            Some((index, column)) => {
                let clock = clock(column, config)?;
                for (row, cell) in cells(table, index, column.kind).enumerate() {
                    let read = match &cell {
                        None => Err(Reason::NotATime { format: column.format.clone() }),
                        Some(Cell::Number(seconds)) if column.kind == Kind::Time => {
                            Ok(Stamp::Instant(*seconds))
                        }
                        Some(Cell::Number(value)) => {
                            clock.number(value * column.scale.unwrap_or(1.0)).map(Stamp::Instant)
                        }
                        Some(Cell::Text(text)) => clock.read(text.as_bytes()),
                    };
                    match read {
                        Ok(stamp) => source.add(row, stamp, names(row), report),
                        Err(reason) => {
                            let value = cell.map(|cell| cell.to_string()).unwrap_or_default();
                            report.rows.reject(row as u64 + 1, &column.name, value.as_bytes(), reason);
                        }
                    }
                }
            }
            None => source.count(table.n_rows(), &names, config, report),
        }
        Ok(source)
    }

    /// Adds a row to its entity.
    fn add(&mut self, row: usize, stamp: Stamp, name: Option<String>, report: &mut SeriesReport) {
        let Some(name) = name else {
            return report.rows.reject(row as u64 + 1, "", b"", Reason::NoEntity);
        };
        report.rows.accepted += 1;
        if let Some(slot) = self.stamps.get_mut(row) {
            *slot = stamp;
        }
        self.parts.entry(name).or_default().push(row);
    }

    /// Adds the rows of a source without times. They are one interval apart.
    fn count(
        &mut self,
        n_rows: usize,
        names: &impl Fn(usize) -> Option<String>,
        config: &SeriesConfig,
        report: &mut SeriesReport,
    ) {
        let (Some(start), Interval::Seconds(step)) = (config.start, config.interval) else { return };
        for row in 0..n_rows {
            let name = names(row);
            let before = name.as_ref().and_then(|name| self.parts.get(name)).map_or(0, Vec::len);
            self.add(row, Stamp::Instant(start + before as f64 * step), name, report);
        }
    }
}

/// The reader of the times of a column.
fn clock(column: &Column, config: &SeriesConfig) -> Result<Clock> {
    let format = config.time_format.as_ref();
    if let Some(format) = format.filter(|format| !gives_date(format, None)) {
        return Err(Error::invalid("time_format", "a strptime format of a date", format));
    }
    if column.kind != Kind::Text && format.is_some() {
        return Err(Error::invalid("time_format", "absent if the time column is not text", &column.name));
    }
    // The original texts, and with them the UTC offsets of the times, are lost.
    if column.kind == Kind::Time && config.time_zone != "UTC" {
        return Err(Error::invalid("time_zone", "`UTC` for a time column of kind `time`", &config.time_zone));
    }
    if column.kind == Kind::Time && config.time_unit.is_some() {
        return Err(Error::invalid("time_unit", "absent for a time column of kind `time`", &column.name));
    }
    Ok(Clock::with_year(
        config.time_unit.or(column.unit),
        format.or(column.format.as_ref()).cloned(),
        column.year,
    ))
}

/// The numbers of a value column.
fn numbers(table: &Table, (index, column): (usize, &Column), scale: f64) -> Result<Values> {
    if column.kind != Kind::Number || matches!(column.role, Role::Label | Role::Family | Role::Time) {
        let got = format!("`{}`, {:?} of role {:?}", column.name, column.kind, column.role);
        return Err(Error::invalid("values", "columns of numbers that are neither label nor time", got));
    }
    let scale = scale * column.scale.unwrap_or(1.0);
    let scaled = |cell: Option<f64>| cell.map_or(f64::NAN, |value| value * scale);
    let cells = table
        .batches()
        .iter()
        .flat_map(|batch| batch.column(index).as_primitive::<Float64Type>())
        .map(scaled)
        .collect();
    Ok(Values { name: column.name.clone(), scale, cells })
}

/// A cell that is not null.
enum Cell<'a> {
    Number(f64),
    Text(&'a str),
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The cells of a column.
fn cells(table: &Table, index: usize, kind: Kind) -> impl Iterator<Item = Option<Cell<'_>>> {
    table
        .batches()
        .iter()
        .flat_map(move |batch| (0..batch.num_rows()).map(move |row| cell(batch, index, kind, row)))
}

fn cell(batch: &RecordBatch, index: usize, kind: Kind, row: usize) -> Option<Cell<'_>> {
    let array = batch.column(index);
    array.is_valid(row).then(|| match kind {
        Kind::Text => Cell::Text(array.as_string::<i32>().value(row)),
        Kind::Number | Kind::Time => Cell::Number(array.as_primitive::<Float64Type>().value(row)),
    })
}

/// The name of each row's entity: empty without an entity column, `None` for an empty cell.
fn names(table: &Table, entity: Option<usize>) -> impl Fn(usize) -> Option<String> {
    let kind = entity.and_then(|i| table.schema().columns().get(i)).map_or(Kind::Text, |c| c.kind);
    let names: Option<Vec<Option<String>>> =
        entity.map(|index| cells(table, index, kind).map(|cell| cell.map(|cell| cell.to_string())).collect());
    move |row| match &names {
        None => Some(String::new()),
        Some(names) => names.get(row).cloned().flatten(),
    }
}
