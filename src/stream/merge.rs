//! Several readers as one, in the order of event times.

use std::sync::Arc;

use crate::arrow::array::RecordBatch;
use crate::arrow::compute::interleave_record_batch;
use crate::error::{Error, Result};
use crate::features::Columns;
use crate::telemetry::{BatchReader, Column, ReadOptions, ReadReport, Role, Schema, Table};

/// Records of one batch at most.
const BLOCK: usize = 8_192;
/// Records after one that show whether its time is ahead of its reader.
const AHEAD: usize = 8;

/// Reads several readers, such as logs of several sensors, as one reader whose records are in the order of their times.
///
/// Records of readers of other schemas are converted to the given schema by what their columns mean. Where the records of each
/// reader are in order, so are all. A record that is later than all of the 8 after it, such as one of a wrong clock, comes with
/// them, so that it does not hold its reader back. Of equal times, the record of the first reader comes first.
///
/// With several readers, an error ends only the reader that it is of; [`failures`](Self::failures) has it. The error of the only
/// reader, and a cancellation, are errors of this reader.
///
/// # Examples
///
/// ```
/// use qosguard::arrow::array::{AsArray, RecordBatch};
/// use qosguard::arrow::datatypes::Float64Type;
/// use qosguard::stream::MergedReader;
/// use qosguard::telemetry::{BatchReader, ReadOptions, Schema, open_input};
///
/// let schema = Schema::from_toml(
///     r#"
///     name = "log"
///     columns = [
///       { name = "time", role = "time", kind = "number" },
///       { name = "host", role = "entity", kind = "text" },
///     ]
///     "#,
/// )?;
/// let options = ReadOptions { schema: Some(schema.clone()), ..ReadOptions::default() };
/// let reader = |text: &'static str| open_input(text.as_bytes(), "log.csv", &options);
/// let readers = vec![reader("time,host\n1,a\n4,a\n")?, reader("time,host\n2,b\n3,b\n")?];
/// let merged = MergedReader::new(readers, &schema, &options)?.read()?;
/// let times = |batch: &RecordBatch| batch.column(0).as_primitive::<Float64Type>().values().to_vec();
/// assert_eq!(merged.batches().iter().flat_map(times).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), qosguard::Error>(())
/// ```
pub struct MergedReader {
    schema: Arc<Schema>,
    time: Column,
    options: ReadOptions,
    parts: Vec<Part>,
    report: ReadReport,
    failures: Vec<(usize, Error)>,
}

impl std::fmt::Debug for MergedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergedReader").field("report", &self.report).finish_non_exhaustive()
    }
}

/// One reader.
struct Part {
    reader: Box<dyn BatchReader>,
    head: Option<Head>,
    /// Records that do not fit the schema.
    unfit: u64,
    is_done: bool,
}

/// The batch of a reader that is merged.
struct Head {
    batch: RecordBatch,
    /// The times that the rows are merged by.
    times: Vec<f64>,
    at: usize,
}

impl Head {
    fn time(&self) -> f64 {
        self.times.get(self.at).copied().unwrap_or(f64::INFINITY)
    }
}

impl MergedReader {
    /// Merges readers into records of a schema.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a schema without a time and for settings outside their domain;
    /// [`Error::SchemaMismatch`] for a reader whose columns cannot fill the schema.
    pub fn new(readers: Vec<Box<dyn BatchReader>>, schema: &Schema, options: &ReadOptions) -> Result<Self> {
        let time = schema.index_of_role(Role::Time).map(|at| schema.columns()[at].clone());
        let time = time.ok_or_else(|| {
            Error::invalid("schema", "one with a time column", format!("schema `{}`", schema.name()))
        })?;
        for reader in &readers {
            let fit = schema.fits(reader.schema());
            if **reader.schema() != *schema && !fit.is_complete() {
                let place = reader.report().place.clone();
                let (schema, missing) = (schema.name().to_owned(), fit.missing);
                return Err(Error::SchemaMismatch { place, schema, missing, unknown: Vec::new() });
            }
        }
        let part = |reader| Part { reader, head: None, unfit: 0, is_done: false };
        let mut merged = Self {
            schema: Arc::new(schema.clone()),
            time,
            options: options.clone(),
            parts: readers.into_iter().map(part).collect(),
            report: ReadReport::default(),
            failures: Vec::new(),
        };
        merged.add_up();
        Ok(merged)
    }

    /// The readers that failed, by their place in the list of readers, and their errors.
    pub fn failures(&self) -> &[(usize, Error)] {
        &self.failures
    }

    /// The report of each reader.
    pub fn reports(&self) -> impl Iterator<Item = &ReadReport> {
        self.parts.iter().map(|part| part.reader.report())
    }

    /// Adds up the reports.
    fn add_up(&mut self) {
        let place = match &self.parts[..] {
            [] => "no reader".to_owned(),
            [one] => one.reader.report().place.clone(),
            [first, ..] => {
                format!("{} and {} more", first.reader.report().place, self.parts.len() - 1)
            }
        };
        self.report = self.reports().fold(ReadReport::new(&place), |sum, report| sum.with(report));
        self.report.rejected += self.parts.iter().map(|part| part.unfit).sum::<u64>();
    }

    /// Reads a batch of each reader that has none.
    fn fill(&mut self) -> Result<()> {
        let is_only = self.parts.len() == 1;
        let mut is_changed = false;
        for (at, part) in self.parts.iter_mut().enumerate() {
            while part.head.is_none() && !part.is_done {
                is_changed = true;
                let batch = part.reader.next().transpose();
                let head = batch.and_then(|batch| {
                    batch
                        .map(|batch| part.convert(batch, &self.schema, &self.time, &self.options))
                        .transpose()
                });
                match head {
                    Ok(Some(head)) => part.head = (head.batch.num_rows() > 0).then_some(head),
                    Ok(None) => part.is_done = true,
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(error) => {
                        part.is_done = true;
                        if is_only {
                            return Err(error);
                        }
                        self.failures.push((at, error));
                    }
                }
            }
        }
        if is_changed {
            self.add_up();
        }
        Ok(())
    }

    /// The next records of all readers, until one of them needs its next batch.
    fn block(&mut self) -> Result<Option<RecordBatch>> {
        self.fill()?;
        let mut rows = Vec::new();
        let mut heads: Vec<&mut Head> = self.parts.iter_mut().filter_map(|part| part.head.as_mut()).collect();
        if let [one] = &mut heads[..] {
            let (at, count) = (one.at, BLOCK.min(one.batch.num_rows() - one.at));
            one.at += count;
            let block = one.batch.slice(at, count);
            self.drop_ended();
            return Ok(Some(block));
        }
        while rows.len() < BLOCK {
            let first = heads.iter().enumerate().min_by(|a, b| a.1.time().total_cmp(&b.1.time()));
            let Some(from) = first.map(|(from, _)| from) else { return Ok(None) };
            let head = &mut *heads[from];
            rows.push((from, head.at));
            head.at += 1;
            if head.at == head.batch.num_rows() {
                break;
            }
        }
        let batches: Vec<&RecordBatch> = heads.iter().map(|head| &head.batch).collect();
        let block = interleave_record_batch(&batches, &rows)
            .map_err(|error| Error::invalid("readers", "batches of one schema", error))?;
        self.drop_ended();
        Ok(Some(block))
    }

    fn drop_ended(&mut self) {
        for part in &mut self.parts {
            if part.head.as_ref().is_some_and(|head| head.at == head.batch.num_rows()) {
                part.head = None;
            }
        }
    }
}

impl Part {
    /// A batch as records of the schema, with the times to merge by.
    fn convert(
        &mut self,
        batch: RecordBatch,
        schema: &Arc<Schema>,
        time: &Column,
        options: &ReadOptions,
    ) -> Result<Head> {
        let mut batch = batch;
        if *self.reader.schema() != *schema {
            let place = ReadReport::new(&self.reader.report().place);
            let table = Table::new(Arc::clone(self.reader.schema()), vec![batch], place)?;
            let mapped = table.map_to_with(schema, options)?;
            self.unfit += mapped.report().rejected;
            let [one] = mapped.batches() else {
                return Err(Error::invalid("readers", "batches of one schema", self.reader.schema().name()));
            };
            batch = one.clone();
        }
        let known = Columns(&batch).times(time)?;
        // A record without a time comes at once.
        let given: Vec<f64> =
            (0..batch.num_rows()).map(|row| known.get(row).unwrap_or(f64::NEG_INFINITY)).collect();
        drop(known);
        let times = (0..given.len()).map(|row| merge_time(&given[row..])).collect();
        Ok(Head { batch, times, at: 0 })
    }
}

/// The time that places the first of some records: its own, or the highest of the ones after it if all of them are earlier.
fn merge_time(times: &[f64]) -> f64 {
    let after = times.iter().skip(1).take(AHEAD).copied().max_by(f64::total_cmp);
    let own = times.first().copied().unwrap_or(f64::INFINITY);
    after.map_or(own, |after| own.min(after))
}

impl BatchReader for MergedReader {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Iterator for MergedReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.block().transpose()
    }
}
