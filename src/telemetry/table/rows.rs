//! Rows on their way into Arrow batches: accepted whole, or rejected whole and counted.

use std::ops::Range;
use std::sync::Arc;

use crate::arrow::array::{ArrayRef, RecordBatch};
use crate::arrow::datatypes::SchemaRef;

use super::column_builder::ColumnBuilder;
use super::report::{ReadReport, shown};
use super::time_of_day;
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::schema::layout::Layout;
use crate::telemetry::schema::{Column, Kind, Role, Schema};
use crate::telemetry::text::lines::{Line, Lines};

/// Text of one batch above which it is closed early, so that 32-bit offsets never overflow.
pub(crate) const TEXT_BYTES: usize = 64 << 20;

/// Cells of one batch: wider rows make shorter batches, so that a batch of numbers takes 64 MiB at most.
const BATCH_CELLS: usize = 8 << 20;

/// Rows of a batch of so many columns.
pub(crate) fn rows_of_width(columns: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).max(1)
}

/// Rows after which too many rejections end the reading before the end of the input.
pub(crate) const ENOUGH: u64 = 65_536;

/// Why a record is rejected.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Position of the column in the file; `None` when the whole record is meant.
    pub(crate) column: Option<usize>,
    /// The offending value.
    pub(crate) value: Vec<u8>,
    /// Why it is rejected.
    pub(crate) reason: Reason,
}

/// What a line turned out to be.
#[derive(Debug)]
pub(crate) enum Record {
    /// A row whose cells were appended, or why it is none.
    Row(Result<(), Fault>),
    /// A record of another kind, named.
    Other(String),
    /// Nothing.
    Blank,
    /// No record, but a part of the format.
    Directive,
}

impl Fault {
    /// A line over the cap.
    pub(crate) fn too_long(max_line_bytes: usize) -> Self {
        Self::record("", Reason::LineTooLong { maximum: max_line_bytes })
    }

    /// A fault of the whole record.
    pub(crate) fn record(value: impl Into<Vec<u8>>, reason: Reason) -> Self {
        Self { column: None, value: value.into(), reason }
    }

    /// A fault of the cell in the file's `i`-th column.
    pub(crate) fn cell(i: usize, value: impl Into<Vec<u8>>, reason: Reason) -> Self {
        Self { column: Some(i), value: value.into(), reason }
    }

    /// The error of a record after which nothing can be read.
    pub(crate) fn into_error(self, place: &str, line: u64) -> Error {
        Error::BadRecord {
            place: place.to_owned(),
            line,
            column: String::new(),
            value: shown(&self.value),
            expected: self.reason.expected(),
        }
    }
}

/// Builds batches from rows whose cells come in file order.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Columns in file order.
    columns: Vec<ColumnBuilder>,
    /// Position in the schema of each column in file order.
    order: Vec<usize>,
    /// The text columns.
    texts: Vec<usize>,
    schema: Arc<Schema>,
    arrow: SchemaRef,
    report: ReadReport,
    /// Complete rows since the last batch.
    complete: usize,
    full_at: usize,
    max_rejected_share: f64,
    /// Whether a column's name may be the path of a value in an object.
    paths: bool,
    /// Positions in the schema of each date and of its time of day.
    dates: Vec<(usize, usize)>,
}

impl Rows {
    /// No rows yet; a batch is full at `batch_rows`.
    pub(crate) fn new(layout: Layout, place: &str, batch_rows: usize, max_rejected_share: f64) -> Self {
        let Layout { schema, order, inferred, .. } = layout;
        let dates = schema.dates();
        let paths = schema.columns().iter().any(|column| column.name.contains('.'));
        let full_at = batch_rows.min(rows_of_width(order.len()));
        let columns: Vec<&Column> = order.iter().filter_map(|&i| schema.columns().get(i)).collect();
        Self {
            columns: columns.iter().map(|c| ColumnBuilder::new(c)).collect(),
            texts: (0..columns.len()).filter(|&i| columns[i].kind == Kind::Text).collect(),
            order,
            arrow: Arc::new(schema.to_arrow()),
            schema: Arc::new(schema),
            report: ReadReport { inferred, ..ReadReport::new(place) },
            complete: 0,
            full_at,
            max_rejected_share,
            paths,
            dates,
        }
    }

    /// Appends lines until a batch is due, the input idles or ends, which sets `done`.
    ///
    /// `append` gets the buffer of the lines, and the place of the line in it.
    pub(crate) fn next_batch(
        &mut self,
        lines: &mut Lines,
        done: &mut bool,
        mut append: impl FnMut(&mut Self, &[u8], Range<usize>) -> Result<Record>,
    ) -> Result<Option<RecordBatch>> {
        while !self.is_full() {
            let Some(line) = lines.next()? else {
                *done = true;
                self.check_end()?;
                break;
            };
            let record = match line {
                Line::Idle if self.complete > 0 => break,
                Line::Idle => continue,
                Line::Text(line) => append(self, lines.bytes(), line)?,
                Line::TooLong => Record::Row(Err(Fault::too_long(lines.max_line_bytes()))),
            };
            match record {
                Record::Row(outcome) => self.end_row(lines.number(), outcome)?,
                Record::Other(kind) => self.skip(&kind),
                Record::Blank => self.report.blank += 1,
                Record::Directive => {}
            }
        }
        self.finish_batch()
    }

    /// Makes room for a whole batch.
    pub(crate) fn reserve(&mut self) {
        for column in &mut self.columns {
            column.reserve(self.full_at);
        }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(crate) fn report(&self) -> &ReadReport {
        &self.report
    }

    /// Columns in file order.
    pub(crate) fn columns(&mut self) -> &mut [ColumnBuilder] {
        &mut self.columns
    }

    /// How many columns the file has.
    pub(crate) fn n_columns(&self) -> usize {
        self.order.len()
    }

    /// The file's `i`-th column.
    fn column(&self, i: usize) -> Option<&Column> {
        self.schema.columns().get(*self.order.get(i)?)
    }

    /// Whether a column's name may be the path of a value in an object.
    pub(crate) fn has_paths(&self) -> bool {
        self.paths
    }

    /// Name of the file's `i`-th column.
    pub(crate) fn name(&self, i: usize) -> &str {
        self.column(i).map_or("", |c| c.name.as_str())
    }

    /// Role of the file's `i`-th column.
    pub(crate) fn role(&self, i: usize) -> Option<Role> {
        self.column(i).map(|c| c.role)
    }

    /// Complete rows since the last batch.
    pub(crate) fn len(&self) -> usize {
        self.complete
    }

    /// Whether the next batch is due.
    pub(crate) fn is_full(&self) -> bool {
        let text = |&i: &usize| self.columns.get(i).is_some_and(|c| c.text_bytes() >= TEXT_BYTES);
        self.complete >= self.full_at || self.texts.iter().any(text)
    }

    /// Appends the cells of a whole record.
    pub(crate) fn push_cells<'a>(
        &mut self,
        cells: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<(), Fault> {
        if cells.len() != self.columns.len() {
            return Err(self.ragged(cells.len()));
        }
        for (i, (column, cell)) in self.columns.iter_mut().zip(cells).enumerate() {
            column.push_cell(cell).map_err(|reason| Fault::cell(i, cell, reason))?;
        }
        Ok(())
    }

    /// The fault of a record with another number of cells than columns.
    #[cold]
    pub(crate) fn ragged(&self, cells: usize) -> Fault {
        Fault::record(format!("{cells} cells"), Reason::WrongCellCount { expected: self.columns.len() })
    }

    /// Ends the row at a line of text, which is not a record if it holds only delimiters.
    pub(crate) fn end_line(&mut self, line: u64, outcome: Result<(), Fault>) -> Result<()> {
        if outcome.is_ok() && self.columns.iter().all(ColumnBuilder::ends_in_null) {
            self.cut();
            self.report.blank += 1;
            return Ok(());
        }
        self.end_row(line, outcome)
    }

    /// Ends the row at `line`: keeps what was appended, or cuts it off and counts why.
    pub(crate) fn end_row(&mut self, line: u64, outcome: Result<(), Fault>) -> Result<()> {
        match outcome {
            Ok(()) => {
                self.complete += 1;
                self.report.accept(line);
            }
            Err(fault) => {
                self.cut();
                let column = fault.column.map_or("", |i| self.name(i)).to_owned();
                self.report.reject(line, &column, &fault.value, fault.reason);
            }
        }
        if (self.report.accepted + self.report.rejected).is_multiple_of(ENOUGH) {
            self.check_share()
        } else {
            Ok(())
        }
    }

    /// Counts a line without a single value.
    pub(crate) fn blank(&mut self) {
        self.report.blank += 1;
    }

    /// Ends a row of a JSON object that may lack keys: what it lacks is null, and a feature that it lacks is counted.
    ///
    /// A record with none of the features is at fault.
    pub(crate) fn fill_absent(&mut self) -> Result<(), Fault> {
        let mut absent = Vec::new();
        let mut features = 0;
        for i in 0..self.columns.len() {
            let feature = self.role(i) == Some(Role::Feature);
            features += usize::from(feature);
            let Some(column) = self.columns.get_mut(i) else { continue };
            if column.len() > self.complete {
                continue;
            }
            column.push_null();
            if feature {
                absent.push(i);
            }
        }
        let names = absent.iter().map(|&i| self.name(i).to_owned());
        if !absent.is_empty() && absent.len() == features {
            return Err(Fault::record("", Reason::NoMeasurement { columns: names.collect() }));
        }
        let names: Vec<String> = names.collect();
        for name in names {
            *self.report.absent.entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// Rejects the current row if it has no value in any of the columns of which a record has one.
    pub(crate) fn check_required(&self, required: &[usize]) -> Result<(), Fault> {
        let null = |&i: &usize| self.columns.get(i).is_some_and(ColumnBuilder::ends_in_null);
        if required.is_empty() || !required.iter().all(null) {
            return Ok(());
        }
        let columns = required.iter().map(|&i| self.name(i).to_owned()).collect();
        Err(Fault::record("", Reason::NoMeasurement { columns }))
    }

    /// Counts a record of another kind, and cuts off what was appended of it.
    fn skip(&mut self, kind: &str) {
        self.cut();
        self.report.skip(kind);
    }

    /// Ends a row that may lack columns: they are null.
    pub(crate) fn fill_up(&mut self) {
        for column in &mut self.columns {
            if column.len() == self.complete {
                column.push_null();
            }
        }
    }

    fn cut(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.complete);
        }
    }

    /// The rows since the last batch, if any.
    pub(crate) fn finish_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.complete == 0 {
            return Ok(None);
        }
        // After a full batch there will likely be another.
        let room = if self.is_full() { self.full_at } else { 0 };
        let mut arrays = vec![None; self.columns.len()];
        for (column, &position) in self.columns.iter_mut().zip(&self.order) {
            let array = column.finish(room).map_err(|e| self.report.arrow_error(&e))?;
            if let Some(slot) = arrays.get_mut(position) {
                *slot = Some(array);
            }
        }
        self.complete = 0;
        let mut arrays: Vec<ArrayRef> = arrays.into_iter().flatten().collect();
        time_of_day::add(&mut arrays, &self.dates);
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), arrays);
        let batch = batch.map_err(|e| self.report.arrow_error(&e))?;
        self.report.count_unlabelled(&self.schema, &batch);
        Ok(Some(batch))
    }

    /// At the end of the input: there must have been a record, and not too many rejections.
    pub(crate) fn check_end(&self) -> Result<()> {
        self.report.check_end(self.max_rejected_share)
    }

    fn check_share(&self) -> Result<()> {
        self.report.check_share(self.max_rejected_share)
    }
}
