//! The cells of one column on their way into Arrow.

use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Array, StringArray};
use crate::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use crate::arrow::error::ArrowError;

use crate::telemetry::cell::clock::Clock;
use crate::telemetry::cell::number::{self, Cell};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::cell::spelling::Spelling;
use crate::telemetry::schema::{Column, Kind, Role};

/// A growing Arrow column that can be cut back to the start of a row.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    cells: Cells,
    /// Rows whose cell is null, ascending.
    nulls: Vec<u32>,
    /// Whether nothing uses the column.
    ignored: bool,
}

#[derive(Debug)]
enum Cells {
    Number {
        values: Vec<f64>,
        limits: Limits,
    },
    /// `offsets` starts with 0 and holds the end of every cell in `bytes`.
    Text {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
        spelling: Spelling,
        /// What every cell must be readable by.
        clock: Option<Clock>,
    },
    /// Seconds since the epoch.
    Time {
        values: Vec<f64>,
        limits: Limits,
        clock: Clock,
    },
}

/// What a number column accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    minimum: f64,
    maximum: f64,
    /// Bits of the number that means null.
    undefined: Option<u64>,
    port: bool,
}

impl Limits {
    /// The limits of a column.
    pub(crate) fn of(column: &Column) -> Self {
        Self {
            minimum: column.minimum.unwrap_or(f64::NEG_INFINITY),
            maximum: column.maximum.unwrap_or(f64::INFINITY),
            undefined: column.undefined.map(f64::to_bits),
            port: column.is_port(),
        }
    }

    /// Whether there is nothing to check.
    pub(crate) fn is_none(self) -> bool {
        let range = (f64::NEG_INFINITY, f64::INFINITY);
        (self.minimum, self.maximum) == range && self.undefined.is_none() && !self.port
    }

    /// Whether a number is surely legal and stays as it is; [`Limits::check`] decides of the others.
    #[inline]
    pub(crate) fn holds(self, value: f64) -> bool {
        self.minimum <= value
            && value <= self.maximum
            && self.undefined != Some(value.to_bits())
            && (!self.port || value as i64 as f64 == value)
    }

    /// The number, or `None` if it means null.
    pub(crate) fn check(self, value: f64) -> Result<Option<f64>, Reason> {
        if self.undefined == Some(value.to_bits()) {
            Ok(None)
        } else if value.is_finite() && value < self.minimum {
            Err(Reason::BelowMinimum { minimum: self.minimum })
        } else if value.is_finite() && value > self.maximum {
            Err(Reason::AboveMaximum { maximum: self.maximum })
        } else if value.is_finite() && self.port && value.trunc() != value {
            Err(Reason::NotWhole)
        } else {
            Ok(Some(value))
        }
    }
}

impl ColumnBuilder {
    /// An empty column.
    pub(crate) fn new(column: &Column) -> Self {
        let limits = Limits::of(column);
        let clock = || Clock::of(column);
        let cells = match column.kind {
            Kind::Number => Cells::Number { values: Vec::new(), limits },
            Kind::Text => Cells::Text {
                offsets: first_offset(0),
                bytes: Vec::new(),
                spelling: Spelling::of(column),
                clock: column.is_clocked().then(clock),
            },
            Kind::Time => Cells::Time { values: Vec::new(), limits, clock: clock() },
        };
        Self { cells, nulls: Vec::new(), ignored: column.role == Role::Ignore }
    }

    /// Makes room for `rows` more cells.
    pub(crate) fn reserve(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } => values.reserve(rows),
            Cells::Text { offsets, .. } => offsets.reserve(rows),
        }
    }

    /// Cells in the column.
    pub(crate) fn len(&self) -> usize {
        match &self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } => values.len(),
            Cells::Text { offsets, .. } => offsets.len() - 1,
        }
    }

    /// Whether nothing uses the column.
    pub(crate) fn is_ignored(&self) -> bool {
        self.ignored
    }

    /// Whether the last cell is null.
    pub(crate) fn ends_in_null(&self) -> bool {
        self.nulls.last().is_some_and(|&row| row as usize + 1 == self.len())
    }

    /// Whether the cells are numbers, or times, which are stored as such.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.cells, Cells::Number { .. } | Cells::Time { .. })
    }

    /// The number in the last cell; `None` where it is null or text.
    pub(crate) fn last_number(&self) -> Option<f64> {
        match &self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } if !self.ends_in_null() => {
                values.last().copied()
            }
            _ => None,
        }
    }

    /// Bytes of text in the column.
    pub(crate) fn text_bytes(&self) -> usize {
        match &self.cells {
            Cells::Number { .. } | Cells::Time { .. } => 0,
            Cells::Text { bytes, .. } => bytes.len(),
        }
    }

    /// Appends a null.
    pub(crate) fn push_null(&mut self) {
        self.nulls.push(self.len() as u32);
        match &mut self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } => values.push(0.0),
            Cells::Text { offsets, .. } => offsets.push(offsets.last().copied().unwrap_or(0)),
        }
    }

    /// Appends the cell `bytes[start..end]`; bytes after it may be loaded, and do not matter.
    #[allow(clippy::inline_always, reason = "a call for each cell costs a third of the reading of CSV")]
    #[inline(always)]
    pub(crate) fn push_at(&mut self, bytes: &[u8], start: usize, end: usize) -> Result<(), Reason> {
        if let Cells::Number { values, limits } = &mut self.cells
            && let Some(value) = number::decimal(bytes, start, end)
            && limits.holds(value)
        {
            values.push(value);
            return Ok(());
        }
        self.push_cell(bytes.get(start..end).unwrap_or_default())
    }

    /// Appends any cell, as the source spells it.
    pub(crate) fn push_cell(&mut self, cell: &[u8]) -> Result<(), Reason> {
        match &mut self.cells {
            Cells::Number { limits, .. } => match number::parse(cell, limits.port) {
                Cell::Value(value) => self.push_number(value),
                Cell::Missing => {
                    self.push_null();
                    Ok(())
                }
                Cell::TooLarge => Err(Reason::NumberTooLarge),
                Cell::Bad => Err(Reason::NotANumber),
            },
            Cells::Text { offsets, bytes, spelling, clock } => {
                let text = spelling.read(cell);
                let text = text.as_ref();
                if text.is_empty() {
                    self.push_null();
                    return Ok(());
                }
                if let Some(clock) = clock {
                    clock.read(text)?;
                }
                let end = i32::try_from(bytes.len() + text.len());
                offsets.push(end.map_err(|_| Reason::TooMuchText)?);
                bytes.extend_from_slice(text);
                Ok(())
            }
            Cells::Time { limits, clock, .. } => {
                let cell = cell.trim_ascii();
                match number::parse(cell, false) {
                    Cell::Missing => self.push_null(),
                    Cell::Value(value) if limits.undefined == Some(value.to_bits()) => self.push_null(),
                    Cell::Value(value) if clock.is_plain() => {
                        let seconds = clock.number(value)?;
                        return self.push_seconds(seconds);
                    }
                    _ => {
                        let seconds = clock.read(cell)?.utc()?;
                        return self.push_seconds(seconds);
                    }
                }
                Ok(())
            }
        }
    }

    /// Appends a number; a text column gets its decimal form.
    pub(crate) fn push_number(&mut self, value: f64) -> Result<(), Reason> {
        let (values, limits) = match &mut self.cells {
            Cells::Number { values, limits } => (values, limits),
            Cells::Time { limits, clock, .. }
                if clock.is_plain() && limits.undefined != Some(value.to_bits()) =>
            {
                let seconds = clock.number(value)?;
                return self.push_seconds(seconds);
            }
            // NaN is a missing value, not a category.
            Cells::Text { clock: None, .. } if value.is_nan() => {
                self.push_null();
                return Ok(());
            }
            _ => return self.push_cell(value.to_string().as_bytes()),
        };
        match limits.check(value)? {
            Some(value) => values.push(value),
            None => self.push_null(),
        }
        Ok(())
    }

    /// Appends a time in seconds since the epoch.
    fn push_seconds(&mut self, seconds: f64) -> Result<(), Reason> {
        if let Cells::Time { values, limits, .. } = &mut self.cells {
            // The number that means null is in the source's unit, not in seconds.
            Limits { undefined: None, ..*limits }.check(seconds)?;
            values.push(seconds);
        }
        Ok(())
    }

    /// Cuts the column back to `rows` cells.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } => values.truncate(rows),
            Cells::Text { offsets, bytes, .. } => {
                offsets.truncate(rows + 1);
                bytes.truncate(offsets.last().map_or(0, |&end| end as usize));
            }
        }
        while self.nulls.last().is_some_and(|&row| row as usize >= rows) {
            self.nulls.pop();
        }
    }

    /// The column as an Arrow array, leaving it empty with room for `rows` cells.
    pub(crate) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let nulls = self.take_nulls();
        match &mut self.cells {
            Cells::Number { values, .. } | Cells::Time { values, .. } => {
                let values = std::mem::replace(values, Vec::with_capacity(rows));
                Ok(Arc::new(Float64Array::try_new(values.into(), nulls)?))
            }
            Cells::Text { offsets, bytes, .. } => {
                let offsets = std::mem::replace(offsets, first_offset(rows));
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

/// The offset before the first cell, with room for the offsets of `rows` more.
fn first_offset(rows: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    offsets
}
