//! The first records of a source without a schema: its columns, as text.

use std::collections::HashMap;

use crate::arrow::array::{Array, ArrayRef, RecordBatch};
use crate::error::Result;
use crate::telemetry::cell::spelling::decode;
use crate::telemetry::columnar::text_array::Texts;
use crate::telemetry::columnar::values::{self, Meaning, Written};
use crate::telemetry::text::json_flat::{Flat, IsColumn, Leaf};
use crate::telemetry::text::lines::Lines;
use crate::telemetry::text::records::Records;

/// Records that are looked at.
pub(crate) const ROWS: usize = 2_000;

/// One column of a sample.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) sort: Sort,
    /// Whether some JSON records lack its key.
    pub(crate) partial: bool,
    /// JSON records that have its key.
    pub(crate) keys: usize,
    /// What each record has there.
    pub(crate) cells: Vec<Option<String>>,
}

/// The type of a column in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Nothing: the cells are text.
    Text,
    /// Numbers, booleans, lengths of time.
    Number,
    /// Points in time.
    Instant,
    /// Nothing that a table holds, such as a list.
    Nested,
}

impl Sample {
    fn new(name: &str, sort: Sort) -> Self {
        Self { name: name.to_owned(), sort, partial: false, keys: 0, cells: Vec::new() }
    }
}

/// The records behind the header of a CSV file, which stay unread.
pub(crate) fn of_csv(lines: &mut Lines, records: &mut Records, names: &[String]) -> Result<Vec<Sample>> {
    let mut columns: Vec<Sample> = names.iter().map(|name| Sample::new(name, Sort::Text)).collect();
    lines.sample()?;
    let (mut rest, at_end) = (lines.rest(), lines.at_end());
    for _ in 0..ROWS {
        if rest.is_empty() {
            break;
        }
        let Some(length) = records.parse(rest, at_end).ok().flatten() else { break };
        rest = rest.get(length..).unwrap_or_default();
        if records.cells().len() != names.len() {
            continue;
        }
        for (column, cell) in columns.iter_mut().zip(records.cells()) {
            let text = decode(cell.trim_ascii());
            column.cells.push((!text.is_empty()).then(|| text.into_owned()));
        }
    }
    Ok(columns)
}

/// The first objects of JSON lines: the one on the first line, and those after it, which stay unread.
pub(crate) fn json_records(lines: &mut Lines, first: &[u8], is_column: IsColumn<'_>) -> Result<Vec<Flat>> {
    lines.sample()?;
    let rest = lines.rest();
    // The last line may be cut.
    let whole = if lines.at_end() { rest.len() } else { memchr::memrchr(b'\n', rest).unwrap_or(0) };
    let texts = std::iter::once(first).chain(rest[..whole].split(|&b| b == b'\n')).take(ROWS);
    Ok(texts.filter_map(|text| Flat::of(text, is_column).ok()).collect())
}

/// The columns of JSON objects, in the order in which their keys first come.
pub(crate) fn of_json(flats: Vec<Flat>) -> Vec<Sample> {
    let mut columns: Vec<Sample> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let records = flats.len();
    for (row, flat) in flats.into_iter().enumerate() {
        for (path, leaf) in flat.0 {
            let place = *places.entry(path).or_insert_with_key(|path| {
                columns.push(Sample::new(path, Sort::Number));
                columns.len() - 1
            });
            if let Some(column) = columns.get_mut(place) {
                column.push_json(row, leaf);
            }
        }
    }
    for column in &mut columns {
        column.cells.resize(records, None);
        column.partial = column.keys < records;
    }
    columns
}

impl Sample {
    /// Adds the value of a record; records before it that lack the key have none.
    fn push_json(&mut self, row: usize, leaf: Leaf) {
        if self.cells.len() > row {
            // A key that occurs twice; the reader rejects the record.
            return;
        }
        self.cells.resize(row, None);
        self.keys += 1;
        self.cells.push(match leaf {
            Leaf::Null => None,
            Leaf::Number(number) => Some(number),
            Leaf::Text(text) => {
                if self.sort == Sort::Number {
                    self.sort = Sort::Text;
                }
                Some(text).filter(|text| !text.trim().is_empty())
            }
            Leaf::Nested => {
                self.sort = Sort::Nested;
                None
            }
        });
    }
}

/// The first rows of a batch.
pub(crate) fn of_batch(batch: &RecordBatch, names: &[String]) -> Vec<Sample> {
    let batch = batch.slice(0, batch.num_rows().min(ROWS));
    batch.columns().iter().zip(names).map(|(array, name)| of_array(array, name)).collect()
}

fn of_array(array: &ArrayRef, name: &str) -> Sample {
    let mut sample = Sample::new(name, Sort::Text);
    if let Some(texts) = Texts::of(array) {
        let cells = (0..texts.len()).map(|row| texts.get(row).map(str::trim).filter(|text| !text.is_empty()));
        sample.cells = cells.map(|text| text.map(str::to_owned)).collect();
        return sample;
    }
    let plain = values::unpacked(array);
    let written = plain.as_ref().and_then(|array| Some((array, Written::of(array)?)));
    let Some((array, written)) = written else {
        sample.sort = Sort::Nested;
        return sample;
    };
    sample.sort = match Meaning::of(array.data_type()) {
        Some(Meaning::Instants) => Sort::Instant,
        _ => Sort::Number,
    };
    sample.cells = (0..array.len())
        .map(|row| {
            let mut text = String::new();
            let value = array.is_valid(row).then(|| written.push(row, &mut text)).flatten();
            value.map(|()| text).filter(|text| !text.is_empty())
        })
        .collect();
    sample
}
