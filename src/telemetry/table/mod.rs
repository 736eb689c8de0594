//! Raw telemetry in memory: Arrow batches with a [`Schema`].

pub(crate) mod batches;
pub(crate) mod column_builder;
pub(crate) mod map_to;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod time_of_day;

use std::sync::Arc;

use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use crate::arrow::compute::interleave_record_batch;

use crate::error::{Error, Result};
use crate::telemetry::schema::{Kind, Role, Schema};
use report::ReadReport;

/// Rows of a batch that [`Table::take`] makes.
const BATCH_ROWS: usize = 65_536;

/// Raw telemetry: Arrow [`RecordBatch`]es with the columns of a [`Schema`], in its order.
///
/// Number and time columns are `Float64`, text columns are `Utf8`, both nullable.
#[derive(Clone, Debug)]
pub struct Table {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
    report: ReadReport,
}

impl Table {
    /// Wraps batches that already have the schema's column names and types.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] when a batch has other names, order or types.
    pub fn new(schema: Arc<Schema>, batches: Vec<RecordBatch>, report: ReadReport) -> Result<Self> {
        let expected = schema.to_arrow();
        for batch in &batches {
            let got = batch.schema();
            let same = got.fields().len() == expected.fields().len()
                && got
                    .fields()
                    .iter()
                    .zip(expected.fields())
                    .all(|(g, e)| g.name() == e.name() && g.data_type() == e.data_type());
            if !same {
                let has = |fields: &crate::arrow::datatypes::Fields, f: &crate::arrow::datatypes::Field| {
                    fields.iter().any(|x| x.name() == f.name() && x.data_type() == f.data_type())
                };
                let names = |from: &crate::arrow::datatypes::Schema,
                             not_in: &crate::arrow::datatypes::Schema| {
                    from.fields()
                        .iter()
                        .filter(|f| !has(not_in.fields(), f))
                        .map(|f| f.name().clone())
                        .collect()
                };
                return Err(Error::SchemaMismatch {
                    place: report.place.clone(),
                    schema: schema.name().to_owned(),
                    missing: names(&expected, &got),
                    unknown: names(&got, &expected),
                });
            }
        }
        Ok(Self { schema, batches, report })
    }

    /// The roles and names of the columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The rows, in order, in batches of any size.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// What was read and what was rejected on the way in.
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    /// The same rows with another report.
    pub(crate) fn with_report(self, report: ReadReport) -> Self {
        Self { report, ..self }
    }

    /// Rows in all batches.
    pub fn n_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// A new table with the given rows, in the given order.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when an index is not below [`Table::n_rows`].
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        let n = self.n_rows();
        if let Some(&bad) = rows.iter().find(|&&r| r >= n) {
            return Err(Error::ShapeMismatch {
                what: "row index below the number of rows",
                expected: n,
                got: bad,
            });
        }
        let starts: Vec<usize> = self
            .batches
            .iter()
            .scan(0, |next, batch| {
                let start = *next;
                *next += batch.num_rows();
                Some(start)
            })
            .collect();
        let places: Vec<(usize, usize)> = rows
            .iter()
            .map(|&row| {
                let batch = starts.partition_point(|&start| start <= row) - 1;
                (batch, row - starts[batch])
            })
            .collect();
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let taken = places.chunks(BATCH_ROWS).map(|places| interleave_record_batch(&batches, places));
        Ok(Self {
            schema: Arc::clone(&self.schema),
            batches: taken.collect::<Result<_, _>>().map_err(|e| self.report.arrow_error(&e))?,
            report: ReadReport::new(&self.report.place),
        })
    }

    /// Ground truth, `true` for attacks: one per row, or `None` without a label column.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for a row whose label is empty or NaN, and for one with a label such
    /// as `Unknown`: [`Table::labelled`] leaves those out.
    pub fn labels(&self) -> Result<Option<Vec<bool>>> {
        let Some(truth) = self.truth()? else { return Ok(None) };
        let labels: Option<Vec<bool>> = truth.iter().copied().collect();
        if labels.is_none() {
            let row = truth.iter().position(Option::is_none).unwrap_or(0);
            return Err(self.no_label(row, "a label that is clean or an attack; leave such rows out"));
        }
        Ok(labels)
    }

    /// The rows whose label is clean or an attack: all but the rows with a label such as `Unknown`.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for a row whose label is empty or NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions, Schema};
    ///
    /// let schema = Schema::builder("s").feature("x").text_label("state", &["ok"]).build()?;
    /// let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    /// let table = CsvReader::new("x,state\n1,ok\n2,Unknown\n3,bad\n".as_bytes(), "inline", &options)?.read()?;
    /// assert_eq!(table.report().unlabelled, 1);
    /// assert!(table.labels().is_err());
    /// assert_eq!(table.labelled()?.labels()?, Some(vec![false, true]));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn labelled(&self) -> Result<Self> {
        let truth = self.truth()?.unwrap_or_default();
        if truth.iter().all(Option::is_some) {
            return Ok(self.clone());
        }
        let rows: Vec<usize> = (0..truth.len()).filter(|&row| truth[row].is_some()).collect();
        let report = ReadReport { lines: Vec::new(), ..self.report.clone() };
        Ok(Self { report, ..self.take(&rows)? })
    }

    /// Ground truth, `None` for a row with a label such as `Unknown`; `None` without a label column.
    pub(crate) fn truth(&self) -> Result<Option<Vec<Option<bool>>>> {
        let Some(index) = self.schema.index_of_role(Role::Label) else { return Ok(None) };
        let column = &self.schema.columns()[index];
        let mut labels = Vec::with_capacity(self.n_rows());
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                let label = match column.kind {
                    Kind::Number | Kind::Time => {
                        number(batch, index, row).filter(|v| !v.is_nan()).map(|v| Some(v != 0.0))
                    }
                    Kind::Text => text(batch, index, row).map(|v| self.schema.truth(v)),
                };
                labels.push(label.ok_or_else(|| self.no_label(labels.len(), "a label"))?);
            }
        }
        Ok(Some(labels))
    }

    /// The error of a row whose label is none.
    fn no_label(&self, row: usize, expected: &str) -> Error {
        let column = self.schema.index_of_role(Role::Label).and_then(|i| self.schema.columns().get(i));
        Error::BadRecord {
            place: self.report.place.clone(),
            line: self.report.line_of(row as u64),
            column: column.map_or_else(String::new, |c| c.name.clone()),
            value: String::new(),
            expected: expected.to_owned(),
        }
    }

    /// Attack class per row, trimmed, empty for clean rows; `None` without a family or text label column, and for a label
    /// in codes such as 1 and -1.
    ///
    /// # Errors
    ///
    /// As [`Table::labels`].
    pub fn families(&self) -> Result<Option<Vec<String>>> {
        let labels = self.labels()?;
        let index = self.schema.index_of_role(Role::Family).or_else(|| {
            let classes =
                |&i: &usize| self.schema.columns()[i].kind == Kind::Text && !self.schema.has_codes();
            self.schema.index_of_role(Role::Label).filter(classes)
        });
        let (Some(index), Some(labels)) = (index, labels) else { return Ok(None) };
        let names =
            self.batches.iter().flat_map(|b| (0..b.num_rows()).map(move |r| text(b, index, r).unwrap_or("")));
        Ok(Some(
            names
                .zip(&labels)
                .map(|(n, &attack)| if attack { n.trim().to_owned() } else { String::new() })
                .collect(),
        ))
    }
}

/// A number cell, `None` when null.
fn number(batch: &RecordBatch, column: usize, row: usize) -> Option<f64> {
    let array = batch.column(column).as_any().downcast_ref::<Float64Array>()?;
    array.is_valid(row).then(|| array.value(row))
}

/// A text cell, `None` when null.
fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let array = batch.column(column).as_any().downcast_ref::<StringArray>()?;
    array.is_valid(row).then(|| array.value(row))
}
