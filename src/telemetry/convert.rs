//! Arrow tables of other types, brought to a schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};

use super::detect;
use super::options::ReadOptions;
use super::rows::{Fault, Rows};
use super::schema::{Kind, Schema};
use super::table::Table;
use crate::error::{Error, Result};

impl Table {
    /// Brings Arrow batches to a schema: columns in any order, of any numeric, boolean, text or dictionary type.
    ///
    /// Numbers become `Float64`; a timestamp in a number or time column becomes seconds since the epoch. Text in a
    /// number column is read as a CSV cell is, and text of labels and protocols is spelt as by the readers.
    /// The ranges of the schema hold as in the readers: a row outside is rejected and counted, with its number
    /// from 1 as the line; more than 5 % of them is an error. Features must all be there, other columns may
    /// be absent; the table's schema then lacks them.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] for foreign columns, and batches that differ in them; [`Error::BadRecord`]
    /// for a column of a type that holds neither numbers nor text; [`Error::TooManyRejected`];
    /// [`Error::InsufficientData`] when there is no row.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use qosguard::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    /// use qosguard::telemetry::{Schema, Table};
    ///
    /// let schema = Schema::builder("s").feature("packets").category("proto").build()?;
    /// let proto: ArrayRef = Arc::new(StringArray::from(vec!["tcp", "udp"]));
    /// let packets: ArrayRef = Arc::new(Int32Array::from(vec![3, 5]));
    /// let batch = RecordBatch::try_from_iter([("proto", proto), ("packets", packets)])?;
    /// let table = Table::from_arrow(&schema, &[batch])?;
    /// assert_eq!(table.batches()[0].column(0).data_type().to_string(), "Float64");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_arrow(schema: &Schema, batches: &[RecordBatch]) -> Result<Self> {
        const PLACE: &str = "arrow";
        let options = ReadOptions::default();
        let names_of = |batch: &RecordBatch| -> Vec<String> {
            batch.schema().fields().iter().map(|f| f.name().clone()).collect()
        };
        let Some(first) = batches.first() else {
            return Err(Error::InsufficientData { what: format!("{PLACE}: records"), needed: 1, got: 0 });
        };
        let names = names_of(first);
        let mut rows = Rows::new(
            detect::by_keys(PLACE, &names, Some(schema))?,
            PLACE,
            options.batch_rows,
            options.max_rejected_share,
        );
        let mut done = Vec::new();
        let mut number = 0;
        for batch in batches {
            if names_of(batch) != names {
                // The columns of the first batch fit, so those of this one must be named against them.
                let columns = rows.schema().columns().iter().map(|c| c.name.clone());
                let (mut missing, mut unknown): (Vec<_>, _) = (columns.collect(), names_of(batch));
                let (here, wanted) = (unknown.clone(), missing.clone());
                missing.retain(|name| !here.contains(name));
                unknown.retain(|name| !wanted.contains(name));
                let (place, schema) = (format!("{PLACE}, from row {}", number + 1), schema.name().to_owned());
                return Err(Error::SchemaMismatch { place, schema, missing, unknown });
            }
            let columns = columns(&rows, batch)?;
            for row in 0..batch.num_rows() {
                number += 1;
                let outcome = push_row(&mut rows, &columns, row);
                rows.end_row(number, outcome)?;
                if rows.is_full() {
                    done.extend(rows.finish_batch()?);
                }
            }
        }
        rows.check_end()?;
        done.extend(rows.finish_batch()?);
        Self::new(Arc::clone(rows.schema()), done, rows.report().clone())
    }
}

/// The columns of a batch as numbers or text.
fn columns(rows: &Rows, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let of_kind = |(i, array): (usize, &ArrayRef)| {
        simplify(array, rows.kind(i)).ok_or_else(|| Error::BadRecord {
            place: rows.report().place.clone(),
            line: 0,
            column: rows.name(i).to_owned(),
            value: array.data_type().to_string(),
            expected: "a type of numbers or text".into(),
        })
    };
    batch.columns().iter().enumerate().map(of_kind).collect()
}

/// An array as `Float64` or `Utf8`; text stays text for a number column too.
fn simplify(array: &ArrayRef, kind: Option<Kind>) -> Option<ArrayRef> {
    use DataType::{
        Boolean, Date32, Date64, Dictionary, Float64, LargeUtf8, Null, Timestamp, Utf8, Utf8View,
    };
    let of = match array.data_type() {
        Dictionary(_, values) => values.as_ref(),
        plain => plain,
    };
    let text = matches!(of, Utf8 | LargeUtf8 | Utf8View);
    let moment = matches!(of, Timestamp(_, _) | Date32 | Date64);
    if !(text || moment || of.is_numeric() || matches!(of, Boolean | Null)) {
        return None;
    }
    if moment && kind == Some(Kind::Number) {
        let micros = cast(array, &Timestamp(TimeUnit::Microsecond, None)).ok()?;
        let micros = cast(&micros, &DataType::Int64).ok()?;
        let seconds = micros.as_primitive::<Int64Type>().unary::<_, Float64Type>(|t| t as f64 / 1e6);
        return Some(Arc::new(seconds));
    }
    // A moment in a time column goes as ISO 8601, which is no number of its unit.
    let time = kind == Some(Kind::Time) && !moment;
    let number = (kind == Some(Kind::Number) || time) && !text;
    cast(array, if number { &Float64 } else { &Utf8 }).ok()
}

fn push_row(rows: &mut Rows, columns: &[ArrayRef], row: usize) -> Result<(), Fault> {
    for (i, (column, array)) in rows.columns().iter_mut().zip(columns).enumerate() {
        if array.is_null(row) {
            column.push_null();
        } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            let value = numbers.value(row);
            column.push_number(value).map_err(|expected| Fault {
                column: Some(i),
                value: value.to_string().into(),
                expected,
            })?;
        } else if let Some(texts) = array.as_string_opt::<i32>() {
            let value = texts.value(row);
            if value.contains('\0') {
                let (value, expected) = (b"\\0".to_vec(), "text without NUL bytes".into());
                return Err(Fault { column: Some(i), value, expected });
            }
            column.push_cell(value.as_bytes()).map_err(|expected| Fault {
                column: Some(i),
                value: value.into(),
                expected,
            })?;
        }
    }
    Ok(())
}
