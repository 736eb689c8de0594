//! Cells of a batch as contexts read them: times, numbers and texts, in the units of their fields.

use std::any::Any;

use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::telemetry::{Column, Kind};

/// The columns of a batch by name, as far as they are of the kind that a schema gives them.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl<'a> Columns<'a> {
    /// Returns an error for a batch that lacks columns.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the columns that are missing or of another type.
    pub(super) fn check<'c>(self, schema: &str, read: impl Iterator<Item = &'c Column>) -> Result<()> {
        let mut missing: Vec<String> =
            read.filter(|column| self.of_kind(column).is_none()).map(|column| column.name.clone()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        missing.dedup();
        Err(Error::SchemaMismatch {
            place: "record batch".into(),
            schema: schema.to_owned(),
            missing,
            unknown: Vec::new(),
        })
    }

    fn of_kind(self, column: &Column) -> Option<&'a dyn Any> {
        let array = self.0.column_by_name(&column.name)?.as_any();
        let fits =
            if column.kind == Kind::Text { array.is::<StringArray>() } else { array.is::<Float64Array>() };
        fits.then_some(array)
    }

    /// The cells of a text column.
    pub(super) fn texts(self, column: Option<&Column>) -> Option<&'a StringArray> {
        self.of_kind(column?)?.downcast_ref()
    }

    /// The cells of a column of numbers.
    pub(crate) fn numbers(self, column: Option<&Column>) -> Option<Numbers<'a>> {
        let column = column?;
        Some(Numbers { cells: self.of_kind(column)?.downcast_ref()?, factor: column.factor() })
    }

    /// The times of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a column of neither text nor numbers.
    pub(crate) fn times(self, column: &Column) -> Result<Times<'a>> {
        if let Some(texts) = self.texts(Some(column)) {
            let read = column.time_reader();
            return Ok(Times::Read(texts.iter().map(|cell| cell.and_then(&read)).collect()));
        }
        let numbers = self.numbers(Some(column));
        numbers
            .map(Times::Numbers)
            .ok_or_else(|| Error::invalid("context", "used with a time column", &column.name))
    }
}

/// Numbers of one column, in the unit of its field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<'a> {
    cells: &'a Float64Array,
    factor: f64,
}

impl Numbers<'_> {
    /// A finite number.
    pub(crate) fn get(self, row: usize) -> Option<f64> {
        let value = self.cells.values()[row] * self.factor;
        (self.cells.is_valid(row) && value.is_finite()).then_some(value)
    }
}

/// The times of a batch.
#[derive(Debug)]
pub(crate) enum Times<'a> {
    Numbers(Numbers<'a>),
    /// Of text.
    Read(Vec<Option<f64>>),
}

impl Times<'_> {
    /// The time of a row, in seconds since the epoch.
    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => numbers.get(row),
            Self::Read(times) => times[row],
        }
    }
}
