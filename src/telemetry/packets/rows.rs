//! The rows of flow records, collected into Arrow batches.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Builder, RecordBatch, StringBuilder};
use crate::arrow::datatypes::SchemaRef;

use super::end_reason::EndReason;
use super::profile::{FlowColumn, Profile};
use super::statistics::Flow;
use super::views::Cell;
use crate::error::{Error, Result};
use crate::telemetry::Schema;

/// One record of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) flow: &'a Flow,
    /// Number of the record, from 0.
    pub(super) id: u64,
    pub(super) reason: EndReason,
}

#[derive(Debug)]
enum Cells {
    Number(Float64Builder),
    Text(StringBuilder),
}

/// The incomplete batch, and the full ones.
#[derive(Debug)]
pub(super) struct Rows {
    schema: Arc<Schema>,
    arrow: SchemaRef,
    columns: &'static [FlowColumn],
    cells: Vec<Cells>,
    per_batch: usize,
    pending: usize,
    full: VecDeque<Vec<ArrayRef>>,
}

impl Rows {
    pub(super) fn new(profile: Profile, per_batch: usize) -> Result<Self> {
        let schema = profile.schema()?;
        let columns = profile.columns();
        let cells = columns.iter().map(|column| match column.cell {
            Cell::Number(_) => Cells::Number(Float64Builder::new()),
            Cell::Text(_) => Cells::Text(StringBuilder::new()),
        });
        Ok(Self {
            arrow: Arc::new(schema.to_arrow()),
            schema,
            columns,
            cells: cells.collect(),
            per_batch,
            pending: 0,
            full: VecDeque::new(),
        })
    }

    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Rows of the incomplete batch.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn has_batch(&self) -> bool {
        !self.full.is_empty()
    }

    pub(super) fn push(&mut self, record: &Record<'_>) {
        for (column, cells) in self.columns.iter().zip(&mut self.cells) {
            match (&column.cell, cells) {
                (Cell::Number(cell), Cells::Number(builder)) => {
                    let value = cell(record);
                    builder.append_option(if value.is_nan() { None } else { Some(value) });
                }
                (Cell::Text(cell), Cells::Text(builder)) => match cell(record, builder) {
                    Some(()) => builder.append_value(""),
                    None => builder.append_null(),
                },
                // The builders were made from the columns.
                _ => {}
            }
        }
        self.pending += 1;
        if self.pending == self.per_batch {
            self.cut();
        }
    }

    /// Makes a batch of the rows so far.
    pub(super) fn cut(&mut self) {
        if self.pending > 0 {
            let arrays = self.cells.iter_mut().map(|cells| match cells {
                Cells::Number(builder) => Arc::new(builder.finish()) as ArrayRef,
                Cells::Text(builder) => Arc::new(builder.finish()) as ArrayRef,
            });
            self.full.push_back(arrays.collect());
            self.pending = 0;
        }
    }

    /// Takes the oldest batch.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>> {
        let Some(arrays) = self.full.pop_front() else { return Ok(None) };
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), arrays);
        batch.map(Some).map_err(|e| Error::invalid("columns", "the columns of the profile", e))
    }
}
