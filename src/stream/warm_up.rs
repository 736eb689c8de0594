//! The first records of a stream without a guard, and the guard that is fitted on them.

use std::sync::Arc;

use super::config::StreamConfig;
use crate::arrow::array::RecordBatch;
use crate::error::Result;
use crate::features::ContextConfig;
use crate::guard::{Guard, GuardBuilder};
use crate::qos::Policy;
use crate::telemetry::{ReadReport, Schema, Table};

/// Collects records until there are enough to fit a guard on.
#[derive(Debug)]
pub(super) struct WarmUp {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
    rows: usize,
    needed: usize,
}

impl WarmUp {
    pub(super) fn new(schema: &Arc<Schema>, needed: usize) -> Self {
        Self { schema: Arc::clone(schema), batches: Vec::new(), rows: 0, needed }
    }

    /// Records that are missing.
    pub(super) const fn missing(&self) -> usize {
        self.needed.saturating_sub(self.rows)
    }

    /// The collected records.
    pub(super) fn table(&self) -> Result<Table> {
        Table::new(Arc::clone(&self.schema), self.batches.clone(), ReadReport::new("stream"))
    }

    /// Adds batches of records.
    pub(super) fn put(&mut self, batches: Vec<RecordBatch>) {
        self.rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        self.batches.extend(batches);
    }

    /// Adds rows of a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch, rows: &[usize]) -> Result<()> {
        let table = Table::new(Arc::clone(&self.schema), vec![batch.clone()], ReadReport::new("stream"))?;
        self.put(table.take(rows)?.batches().to_vec());
        Ok(())
    }

    /// Fits a guard on the records, which are taken to be clean.
    pub(super) fn fit(
        &self,
        config: &StreamConfig,
        contexts: &[ContextConfig],
        policy: &Policy,
    ) -> Result<Guard> {
        let builder = contexts.iter().cloned().fold(Guard::builder(), GuardBuilder::context);
        builder.false_positive_rate(config.false_positive_rate).policy(policy.clone()).fit(&self.table()?)
    }
}
