//! The cells of one column on their way into Arrow.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;

use super::number::{self, Cell};
use super::schema::{Column, Field, Kind};
use super::text::Spelling;

/// Why a cell was refused, in words that follow "is not".
pub(super) type Refusal = String;

/// A growing Arrow column that can be cut back to the start of a row.
#[derive(Debug)]
pub(super) struct Growing {
    cells: Cells,
    /// Rows whose cell is null, ascending.
    nulls: Vec<u32>,
}

#[derive(Debug)]
enum Cells {
    Number { values: Vec<f64>, limits: Limits },
    Text { ends: Vec<i32>, bytes: Vec<u8>, spelling: Spelling },
}

/// What a number column accepts.
#[derive(Clone, Copy, Debug)]
struct Limits {
    minimum: f64,
    maximum: f64,
    /// The number that stands for null; NaN where there is none.
    undefined: f64,
    port: bool,
}

impl Growing {
    /// An empty column with room for `rows` cells.
    pub(super) fn new(column: &Column, rows: usize) -> Self {
        let cells = match column.kind {
            Kind::Number => Cells::Number {
                values: Vec::with_capacity(rows),
                limits: Limits {
                    minimum: column.minimum.unwrap_or(f64::NEG_INFINITY),
                    maximum: column.maximum.unwrap_or(f64::INFINITY),
                    undefined: column.undefined.unwrap_or(f64::NAN),
                    port: matches!(column.field, Some(Field::SrcPort | Field::DstPort)),
                },
            },
            Kind::Text => Cells::Text {
                ends: Vec::with_capacity(rows),
                bytes: Vec::new(),
                spelling: Spelling::of(column),
            },
        };
        Self { cells, nulls: Vec::new() }
    }

    /// Cells in the column.
    pub(super) fn len(&self) -> usize {
        match &self.cells {
            Cells::Number { values, .. } => values.len(),
            Cells::Text { ends, .. } => ends.len(),
        }
    }

    /// Whether the last cell is null.
    pub(super) fn ends_in_null(&self) -> bool {
        self.nulls.last().is_some_and(|&row| row as usize + 1 == self.len())
    }

    /// Bytes of text in the column.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.cells {
            Cells::Number { .. } => 0,
            Cells::Text { bytes, .. } => bytes.len(),
        }
    }

    /// Appends a null.
    pub(super) fn push_null(&mut self) {
        self.nulls.push(self.len() as u32);
        match &mut self.cells {
            Cells::Number { values, .. } => values.push(0.0),
            Cells::Text { ends, bytes, .. } => ends.push(bytes.len() as i32),
        }
    }

    /// Appends the cell that starts at `start` of an unquoted line that ends at `end`; gives the cell's end.
    #[inline(always)]
    pub(super) fn push_at(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        delimiter: u8,
    ) -> Result<usize, Refusal> {
        if let Cells::Number { values, limits } = &mut self.cells
            && let Some((value, stop)) = number::prefix(bytes, start)
            && (stop == end || bytes.get(stop) == Some(&delimiter))
            && limits.minimum <= value
            && value <= limits.maximum
            && value != limits.undefined
        {
            values.push(value);
            return Ok(stop);
        }
        let line = bytes.get(start..end).unwrap_or_default();
        let cell = memchr::memchr(delimiter, line).map_or(line, |stop| &line[..stop]);
        self.push_cell(cell)?;
        Ok(start + cell.len())
    }

    /// Appends any cell, as the source spells it.
    pub(super) fn push_cell(&mut self, cell: &[u8]) -> Result<(), Refusal> {
        match &mut self.cells {
            Cells::Number { limits, .. } => match number::parse(cell, limits.port) {
                Cell::Value(value) => self.push_number(value),
                Cell::Missing => {
                    self.push_null();
                    Ok(())
                }
                Cell::TooLarge => Err("within the range of a 64-bit float".into()),
                Cell::Bad => Err("a number".into()),
            },
            Cells::Text { ends, bytes, spelling } => {
                let text = spelling.read(cell);
                if text.is_empty() {
                    self.push_null();
                } else {
                    bytes.extend_from_slice(text.as_bytes());
                    ends.push(bytes.len() as i32);
                }
                Ok(())
            }
        }
    }

    /// Appends a number; a text column gets its decimal form.
    pub(super) fn push_number(&mut self, value: f64) -> Result<(), Refusal> {
        let Cells::Number { values, limits } = &mut self.cells else {
            return self.push_cell(value.to_string().as_bytes());
        };
        if value == limits.undefined {
            self.push_null();
        } else if value.is_finite() && value < limits.minimum {
            return Err(format!("at least {}", limits.minimum));
        } else if value.is_finite() && value > limits.maximum {
            return Err(format!("at most {}", limits.maximum));
        } else {
            values.push(value);
        }
        Ok(())
    }

    /// Cuts the column back to `rows` cells.
    pub(super) fn truncate(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Number { values, .. } => values.truncate(rows),
            Cells::Text { ends, bytes, .. } => {
                ends.truncate(rows);
                bytes.truncate(ends.last().map_or(0, |&end| end as usize));
            }
        }
        while self.nulls.last().is_some_and(|&row| row as usize >= rows) {
            self.nulls.pop();
        }
    }

    /// The column as an Arrow array, leaving it empty with room for `rows` cells.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let nulls = self.take_nulls();
        match &mut self.cells {
            Cells::Number { values, .. } => {
                let values = std::mem::replace(values, Vec::with_capacity(rows));
                Ok(Arc::new(Float64Array::try_new(values.into(), nulls)?))
            }
            Cells::Text { ends, bytes, .. } => {
                let offsets: Vec<i32> = std::iter::once(0).chain(ends.drain(..)).collect();
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let bytes = Buffer::from_vec(std::mem::take(bytes));
                Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
            }
        }
    }

    fn take_nulls(&mut self) -> Option<NullBuffer> {
        if self.nulls.is_empty() {
            return None;
        }
        let mut valid = vec![true; self.len()];
        for row in self.nulls.drain(..) {
            valid[row as usize] = false;
        }
        Some(valid.into())
    }
}
