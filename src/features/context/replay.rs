//! A whole table through contexts, in event time.

use std::sync::Arc;

use super::{Context, ContextConfig};
use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::progress::{self, Progress, Unit};
use crate::telemetry::{Column, Role, Schema, Table};

/// Rows that go through a context together.
const ROWS: usize = 8_192;

/// Contexts before their first record, and the columns that they append.
type Started = (Vec<Box<dyn Context>>, Vec<Column>);

/// Starts contexts for records of a schema, and returns the columns that they append.
pub(crate) fn extended(schema: &Schema, contexts: &[ContextConfig]) -> Result<Started> {
    let mut started = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    for config in contexts {
        let context = config.start(schema)?;
        if let Some(twice) =
            context.columns().iter().find(|c| columns.iter().any(|known| known.name == c.name))
        {
            return Err(Error::invalid("contexts", "one of a kind", &twice.name));
        }
        columns.extend_from_slice(context.columns());
        started.push(context);
    }
    Ok((started, columns))
}

/// The rows of a table in the order of their times, with the columns that contexts append when they see the records in the
/// order of their times, from an empty state. `schema` is the schema that the contexts are for; the table needs the columns
/// that they read.
pub(crate) fn replay(table: &Table, schema: &Schema, contexts: &[ContextConfig]) -> Result<Table> {
    let (mut contexts, columns) = extended(schema, contexts)?;
    if contexts.is_empty() {
        return Ok(table.clone());
    }
    let order = order(table, schema);
    let sorted = match &order {
        Some(order) => &table.take(order)?,
        None => table,
    };
    let mut batches = Vec::new();
    let mut done = 0;
    for batch in sorted.batches() {
        for start in (0..batch.num_rows()).step_by(ROWS) {
            let mut rows = batch.slice(start, ROWS.min(batch.num_rows() - start));
            for context in &mut contexts {
                rows = context.push(&rows)?;
            }
            done += rows.num_rows();
            batches.push(rows);
            progress::report(&Progress::new("context", Unit::Rows, done, table.n_rows()))?;
        }
    }
    let with: Vec<Column> = table.schema().columns().iter().chain(&columns).cloned().collect();
    let extended = Table::new(Arc::new(table.schema().with_columns(with)?), batches, table.report().clone())?;
    let Some(order) = order else { return Ok(extended) };
    let mut places = vec![0; order.len()];
    for (place, row) in order.into_iter().enumerate() {
        places[row] = place;
    }
    Ok(extended.take(&places)?.with_report(table.report().clone()))
}

/// The rows by time, rows of equal times in their own order and rows without a time last; `None` where they are in order.
fn order(table: &Table, schema: &Schema) -> Option<Vec<usize>> {
    let column = &schema.columns()[schema.index_of_role(Role::Time)?];
    let read = column.time_reader();
    let mut times = Vec::with_capacity(table.n_rows());
    for batch in table.batches() {
        times.extend(of_batch(batch, &column.name, &read));
    }
    let key = |row: usize| if times[row].is_nan() { f64::INFINITY } else { times[row] };
    if (1..times.len()).all(|row| key(row - 1) <= key(row)) {
        return None;
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    Some(order)
}

/// The times of a batch, NaN for none.
fn of_batch(batch: &RecordBatch, name: &str, read: &impl Fn(&str) -> Option<f64>) -> Vec<f64> {
    let Some(array) = batch.column_by_name(name).map(Array::as_any) else {
        return vec![f64::NAN; batch.num_rows()];
    };
    if let Some(numbers) = array.downcast_ref::<Float64Array>() {
        return numbers.iter().map(|time| time.unwrap_or(f64::NAN)).collect();
    }
    let texts = array.downcast_ref::<StringArray>();
    texts.into_iter().flatten().map(|text| text.and_then(read).unwrap_or(f64::NAN)).collect()
}
