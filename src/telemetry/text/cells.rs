//! The cells of Arrow columns, as CSV and JSON text.

use std::io::{self, Write};

use crate::arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, ListArray, StringArray, StructArray,
    UInt32Array, UInt64Array,
};
use crate::arrow::datatypes::Field;

/// A column that can be written as text.
pub(crate) enum Cells<'a> {
    Number(&'a Float64Array),
    Text(&'a StringArray),
    Flag(&'a BooleanArray),
    Single(&'a Float32Array),
    Whole32(&'a UInt32Array),
    Whole64(&'a UInt64Array),
    /// Each list with its values, as far as those can be written.
    List(&'a ListArray, Box<Cells<'a>>),
    /// The fields by name.
    Fields(&'a StructArray, Vec<(&'a str, Cells<'a>)>),
}

impl<'a> Cells<'a> {
    /// The cells of an array, or why they cannot be written.
    pub(super) fn of(array: &'a ArrayRef, field: &'a Field, format: &str) -> io::Result<Self> {
        let any = array.as_any();
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Number(cells));
        }
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Text(cells));
        }
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Flag(cells));
        }
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Single(cells));
        }
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Whole32(cells));
        }
        if let Some(cells) = any.downcast_ref() {
            return Ok(Self::Whole64(cells));
        }
        if let Some(lists) = any.downcast_ref::<ListArray>() {
            return Ok(Self::List(lists, Box::new(Self::of(lists.values(), field, format)?)));
        }
        if let Some(structs) = any.downcast_ref::<StructArray>() {
            let columns = structs.fields().iter().zip(structs.columns());
            let columns =
                columns.map(|(inner, cells)| Ok((inner.name().as_str(), Self::of(cells, field, format)?)));
            return Ok(Self::Fields(structs, columns.collect::<io::Result<_>>()?));
        }
        let what = format!("column `{}`: cannot write {} as {format}", field.name(), field.data_type());
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Number(cells) => cells.is_null(row),
            Self::Text(cells) => cells.is_null(row),
            Self::Flag(cells) => cells.is_null(row),
            Self::Single(cells) => cells.is_null(row),
            Self::Whole32(cells) => cells.is_null(row),
            Self::Whole64(cells) => cells.is_null(row),
            Self::List(cells, _) => cells.is_null(row),
            Self::Fields(cells, _) => cells.is_null(row),
        }
    }

    /// Writes one cell as CSV: nothing for null, and lists as JSON.
    pub(super) fn push_csv(&self, line: &mut Vec<u8>, row: usize) -> io::Result<()> {
        if self.is_null(row) {
            return Ok(());
        }
        match self {
            Self::Number(cells) => push_number(line, cells.value(row)),
            Self::Text(cells) => {
                push_text(line, cells.value(row));
                Ok(())
            }
            Self::List(..) | Self::Fields(..) => {
                let mut json = Vec::new();
                self.push_json(&mut json, row)?;
                push_text(line, &String::from_utf8_lossy(&json));
                Ok(())
            }
            Self::Single(cells) => push_number(line, cells.value(row).into()),
            Self::Flag(_) | Self::Whole32(_) | Self::Whole64(_) => self.push_json(line, row),
        }
    }

    /// Writes one cell as JSON.
    pub(super) fn push_json(&self, line: &mut Vec<u8>, row: usize) -> io::Result<()> {
        if self.is_null(row) {
            return line.write_all(b"null");
        }
        match self {
            Self::Number(cells) => push_json_number(line, cells.value(row)),
            Self::Single(cells) => push_json_number(line, cells.value(row).into()),
            Self::Text(cells) => Ok(serde_json::to_writer(line, cells.value(row))?),
            Self::Flag(cells) => write!(line, "{}", cells.value(row)),
            Self::Whole32(cells) => write!(line, "{}", cells.value(row)),
            Self::Whole64(cells) => write!(line, "{}", cells.value(row)),
            Self::List(lists, values) => {
                let offsets = lists.value_offsets();
                line.push(b'[');
                for at in offsets[row]..offsets[row + 1] {
                    if at > offsets[row] {
                        line.push(b',');
                    }
                    values.push_json(line, at as usize)?;
                }
                line.push(b']');
                Ok(())
            }
            Self::Fields(_, columns) => {
                for (i, (name, cells)) in columns.iter().enumerate() {
                    line.push(if i == 0 { b'{' } else { b',' });
                    serde_json::to_writer(&mut *line, name)?;
                    line.push(b':');
                    cells.push_json(line, row)?;
                }
                line.push(b'}');
                Ok(())
            }
        }
    }
}

/// The fewest digits that read back to the same bits.
fn push_number(line: &mut Vec<u8>, value: f64) -> io::Result<()> {
    // Whole numbers print faster as integers, with the same digits.
    let whole = value as i64;
    if (whole as f64).to_bits() == value.to_bits() {
        write!(line, "{whole}")
    } else {
        write!(line, "{value}")
    }
}

/// A number in JSON, which has no NaN and no infinities: they are strings.
fn push_json_number(line: &mut Vec<u8>, value: f64) -> io::Result<()> {
    if value.is_nan() {
        line.write_all(b"\"NaN\"")
    } else if value.is_infinite() {
        line.write_all(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" })
    } else {
        push_number(line, value)
    }
}

/// Text in CSV, in quotes where it has to be.
pub(super) fn push_text(line: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        line.push(b'"');
        line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}
