//! The first records of a source whose schema nobody has written: its columns, as texts.

use std::collections::BTreeMap;

use crate::arrow::array::{Array, ArrayRef, RecordBatch};
use crate::error::Result;
use crate::telemetry::cell::spelling::decode;
use crate::telemetry::columnar::text_array::Texts;
use crate::telemetry::columnar::values::{self, Meaning, Written};
use crate::telemetry::text::lines::Lines;
use crate::telemetry::text::records::Records;

/// Records that are looked at.
pub(crate) const ROWS: usize = 2_000;

pub(super) type Object = BTreeMap<String, serde_json::Value>;

/// One column of a sample.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) sort: Sort,
    /// Whether some records lack it, not even null.
    pub(crate) partial: bool,
    /// What each record has there.
    pub(crate) cells: Vec<Option<String>>,
}

/// What a source says of a column's type.
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
        Self { name: name.to_owned(), sort, partial: false, cells: Vec::new() }
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

/// The objects of JSON lines: that on the first line, and those behind it, which stay unread.
///
/// `names` are the keys of the first object; a key of a later one is added behind them.
pub(crate) fn of_json(lines: &mut Lines, first: &[u8], names: &[String]) -> Result<Vec<Sample>> {
    lines.sample()?;
    let rest = lines.rest();
    // The last line may be cut.
    let whole = if lines.at_end() { rest.len() } else { memchr::memrchr(b'\n', rest).unwrap_or(0) };
    let texts = std::iter::once(first).chain(rest[..whole].split(|&b| b == b'\n')).take(ROWS);
    Ok(of_objects(texts.filter_map(|text| serde_json::from_slice(text).ok()), names))
}

/// The first of some JSON objects; `names` are the keys of the first one.
pub(super) fn of_objects(objects: impl Iterator<Item = Object>, names: &[String]) -> Vec<Sample> {
    let mut columns: Vec<Sample> = names.iter().map(|name| Sample::new(name, Sort::Number)).collect();
    for (rows, mut object) in objects.take(ROWS).enumerate() {
        for column in &mut columns {
            let value = object.remove(&column.name);
            column.push_json(value);
        }
        for (key, value) in object {
            let mut column = Sample::new(&key, Sort::Number);
            column.partial = true;
            column.cells.resize(rows, None);
            column.push_json(Some(value));
            columns.push(column);
        }
    }
    columns
}

impl Sample {
    fn push_json(&mut self, value: Option<serde_json::Value>) {
        use serde_json::Value;
        self.partial |= value.is_none();
        self.cells.push(match value {
            None | Some(Value::Null) => None,
            Some(Value::Bool(truth)) => Some(u8::from(truth).to_string()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) => {
                if self.sort == Sort::Number {
                    self.sort = Sort::Text;
                }
                Some(text).filter(|text| !text.trim().is_empty())
            }
            Some(Value::Array(_) | Value::Object(_)) => {
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
