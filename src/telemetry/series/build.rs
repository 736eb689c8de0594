//! Builds a series from a table.

use std::sync::Arc;

use super::config::SeriesConfig;
use super::grid::{self, Grid};
use super::report::{ColumnReport, Daylight, SeriesReport};
use super::source::Source;
use super::stamps::{self, Dated};
use super::{Axis, EntitySeries, Series};
use crate::error::{Error, Result};
use crate::telemetry::cell::clock::Stamp;
use crate::telemetry::{Column, Kind, ReadReport, Reason, Role, Schema, Table};

/// Builds a series. At most the share `max_rejected_share` of the rows may be rejected.
pub(super) fn build(table: &Table, config: &SeriesConfig, max_rejected_share: f64) -> Result<Series> {
    config.check()?;
    let mut report = empty_report(table, config);
    let source = Source::of(table, config, &mut report)?;
    let (schema, columns) = schema(&source, config)?;
    let parts = order(&source, config, &mut report)?;
    check_rows(&report.rows, max_rejected_share)?;
    let grid = Grid::of(&parts, config.interval)?;
    report.interval_s = grid.map(|grid| grid.step);
    report.columns = source
        .values
        .iter()
        .map(|column| ColumnReport { name: column.name.clone(), scale: column.scale, empty: 0 })
        .collect();
    let width = source.values.len() + 1 + usize::from(source.label.is_some());
    let mut cells_left = config.max_cells;
    let mut entities = Vec::with_capacity(parts.len());
    for (name, rows) in &parts {
        let steps = grid::place(rows, name, grid, config, cells_left / width, &mut report)?;
        cells_left -= steps.times.len() * width;
        let present = steps.present();
        let mut values = Vec::with_capacity(source.values.len());
        for (column, recorded) in source.values.iter().zip(&mut report.columns) {
            let filled = steps.fill(rows, &column.cells, |cells| grid::merge(cells, config.duplicates));
            let empty = filled.iter().zip(&present).filter(|(value, present)| **present && value.is_nan());
            recorded.empty += empty.count() as u64;
            values.push(filled);
        }
        let labels = source
            .label
            .as_ref()
            .map(|(_, cells)| steps.fill(rows, cells, |cells| grid::merge_labels(cells, config.duplicates)));
        let axis = Arc::new(Axis { times: steps.times, present, labels });
        if config.wide {
            entities.extend(source.values.iter().zip(values).map(|(column, values)| EntitySeries {
                name: column.name.clone(),
                axis: Arc::clone(&axis),
                values: vec![values],
            }));
        } else {
            entities.push(EntitySeries { name: (*name).to_owned(), axis, values });
        }
    }
    entities.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Series { schema: Arc::new(schema), columns, entities, report })
}

fn empty_report(table: &Table, config: &SeriesConfig) -> SeriesReport {
    SeriesReport {
        read: table.report().clone(),
        rows: ReadReport::new(&table.report().place),
        interval_s: None,
        steps: 0,
        gaps: Vec::new(),
        out_of_order: 0,
        duplicates: 0,
        crowded: 0,
        policy: config.duplicates,
        off_grid: 0,
        off_grid_max_s: 0.0,
        daylight: Daylight::default(),
        unit: config.unit.clone(),
        columns: Vec::new(),
    }
}

/// The rows of each entity in the order of their times. Rows with equal times keep the order of the table.
fn order<'s>(
    source: &'s Source,
    config: &SeriesConfig,
    report: &mut SeriesReport,
) -> Result<Vec<(&'s str, Vec<Dated>)>> {
    let zone = config.zone()?;
    let mut parts = Vec::with_capacity(source.parts.len());
    for (name, rows) in &source.parts {
        let stamp = |row: usize| source.stamps.get(row).copied().unwrap_or(Stamp::Instant(0.0));
        let mut kept: Vec<Dated> = Vec::with_capacity(rows.len());
        for (time, row) in stamps::resolve(rows, stamp, &zone, &mut report.daylight) {
            if let Some(time) = time {
                report.out_of_order += u64::from(kept.last().is_some_and(|&(before, _)| time < before));
                kept.push((time, row));
            } else {
                report.rows.accepted -= 1;
                report.rows.reject(row as u64 + 1, "time", b"", Reason::year_out_of_range());
            }
        }
        kept.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        if !kept.is_empty() {
            parts.push((name.as_str(), kept));
        }
    }
    Ok(parts)
}

/// The schema of [`Series::table`], and the names of its value columns.
fn schema(source: &Source, config: &SeriesConfig) -> Result<(Schema, Vec<String>)> {
    let mut schema = Schema::builder("series").column(Column::new("time", Role::Time, Kind::Time));
    if source.named || config.wide {
        schema = schema.entity("entity");
    }
    let names: Vec<String> = if config.wide {
        vec!["value".into()]
    } else {
        source.values.iter().map(|column| column.name.clone()).collect()
    };
    for name in &names {
        schema = schema.feature(name);
    }
    if let Some((name, _)) = &source.label {
        schema = schema.label(name);
    }
    Ok((schema.build()?, names))
}

/// Checks that there is a row, and that not too many are rejected.
fn check_rows(rows: &ReadReport, max_rejected_share: f64) -> Result<()> {
    let all = rows.accepted + rows.rejected;
    if rows.rejected as f64 > max_rejected_share * all as f64 {
        return Err(Error::TooManyRejected {
            place: rows.place.clone(),
            rejected: rows.rejected,
            rows: all,
            allowed: max_rejected_share,
            first: rows.rejections.first().map(ToString::to_string).unwrap_or_default(),
        });
    }
    if rows.accepted == 0 {
        return Err(Error::InsufficientData { what: format!("{}: rows", rows.place), needed: 1, got: 0 });
    }
    Ok(())
}
