//! A table of one source, taken to the schema of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use crate::arrow::compute::filter_record_batch;
use crate::arrow::datatypes::Float64Type;

use super::options::ReadOptions;
use super::report::ReadReport;
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::cell::spelling::{Spelling, protocol_name, protocol_number};
use crate::telemetry::schema::mapping::{Cells, Plan, Way};
use crate::telemetry::schema::{Column, Role, Schema};
use crate::telemetry::table::Table;

impl Table {
    /// Takes the table to another schema; [`SchemaFit`](crate::telemetry::SchemaFit) describes how.
    ///
    /// A column that needs no change is shared, not copied. The readers' rules hold for the others: numbers of
    /// `undefined` become null, and a row with a value outside the schema's range is left out and counted in the
    /// report, with its number in this table, from 1, as the line. Columns other than features that nothing
    /// fills are left out of the new table's schema. A schema without a label or an attack class gets the column of this
    /// table. Text labels keep the words for clean traffic of this table.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] naming the features that nothing fills; [`Error::TooManyRejected`] for more
    /// than 5 % of rows out of range: [`Table::map_to_with`] takes another share.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Schema, Table};
    ///
    /// let kdd = Schema::builder("probe").feature("src_bytes").build()?;
    /// let table = Table::from_json(&kdd, r#"[{"src_bytes": 40}]"#)?;
    /// assert!(table.map_to(&Schema::preset("flow")?).is_err());
    ///
    /// let micros = Schema::from_toml(
    ///     r#"
    ///     name = "micros"
    ///     columns = [{ name = "us", role = "feature", kind = "number", field = "duration", scale = 1e-6 }]
    ///     "#,
    /// )?;
    /// let table = Table::from_json(&micros, r#"[{"us": 2500000}]"#)?;
    /// let seconds = table.map_to(&Schema::preset("canonical_flow")?.common_with(&micros))?;
    /// assert_eq!(seconds.schema().columns()[0].name, "duration");
    /// assert_eq!(seconds.batches()[0].column(0).to_data().buffers()[0].typed_data::<f64>(), [2.5]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn map_to(&self, schema: &Schema) -> Result<Self> {
        self.map_to_with(schema, &ReadOptions::default())
    }

    /// Takes the table to another schema, as [`Table::map_to`] does, with the
    /// [`max_rejected_share`](ReadOptions::max_rejected_share) of settings.
    ///
    /// # Errors
    ///
    /// As [`Table::map_to`]; [`Error::InvalidArgument`] for settings outside their domain.
    pub fn map_to_with(&self, schema: &Schema, options: &ReadOptions) -> Result<Self> {
        options.check()?;
        let plan = Plan::new(self.schema(), schema);
        if !plan.fit.is_complete() || plan.ways.is_empty() {
            let used = |name: &str| plan.fit.mapped.iter().any(|(_, from)| from == name);
            let unknown =
                self.schema().columns().iter().filter(|c| c.role == Role::Feature && !used(&c.name));
            return Err(Error::SchemaMismatch {
                place: self.report().place.clone(),
                schema: schema.name().to_owned(),
                missing: plan.fit.missing.clone(),
                unknown: unknown.map(|c| c.name.clone()).collect(),
            });
        }
        let arrow = Arc::new(plan.schema.to_arrow());
        let (mut batches, mut rows) = (Vec::new(), 0);
        let mut left_out = ReadReport::new(&self.report().place);
        for batch in self.batches() {
            let mut faults = BTreeMap::new();
            let mut arrays = Vec::with_capacity(plan.ways.len());
            for (column, way) in plan.schema.columns().iter().zip(&plan.ways) {
                let array = blank_undefined(filled(batch, way, self.schema()), column);
                find_faults(&array, column, &mut faults);
                arrays.push(array);
            }
            let batch = RecordBatch::try_new(Arc::clone(&arrow), arrays);
            let mut batch = batch.map_err(|e| left_out.arrow_error(&e))?;
            let given = batch.num_rows();
            if !faults.is_empty() {
                let kept: BooleanArray = (0..given).map(|row| Some(!faults.contains_key(&row))).collect();
                batch = filter_record_batch(&batch, &kept).map_err(|e| left_out.arrow_error(&e))?;
            }
            for (row, Fault { column, value, reason }) in faults {
                left_out.reject(rows + row as u64 + 1, column, value.to_string().as_bytes(), reason);
            }
            rows += given as u64;
            batches.push(batch);
        }
        let allowed = options.max_rejected_share;
        if left_out.rejected as f64 > allowed * rows as f64 {
            return Err(Error::TooManyRejected {
                place: left_out.place,
                rejected: left_out.rejected,
                rows,
                allowed,
                first: left_out.rejections.first().map(ToString::to_string).unwrap_or_default(),
            });
        }
        Self::new(Arc::new(plan.schema), batches, self.report().without(left_out))
    }
}

/// Why a row is left out.
struct Fault<'a> {
    column: &'a str,
    value: f64,
    reason: Reason,
}

/// The cells of a column of the new table.
fn filled(batch: &RecordBatch, way: &Way, source: &Schema) -> ArrayRef {
    match way {
        Way::Derived(formula, scale) => {
            Arc::new(formula.cells(batch).unary::<_, Float64Type>(|v| scale.of(v)))
        }
        Way::Column(at, cells) => {
            let array = batch.column(*at);
            match *cells {
                Cells::Same => Arc::clone(array),
                Cells::Scaled(scale) => Arc::new(numbers(array).unary::<_, Float64Type>(|v| scale.of(v))),
                Cells::Spelt(spelling) => spelt(array, spelling),
                Cells::Named => {
                    let name = |cell: Option<f64>| cell.filter(|v| v.is_finite()).map(named);
                    Arc::new(numbers(array).iter().map(name).collect::<StringArray>())
                }
                Cells::Numbered => {
                    let number = |cell: Option<&str>| protocol_number(cell?).map(f64::from);
                    Arc::new(texts(array).iter().map(number).collect::<Float64Array>())
                }
                Cells::Judged => {
                    let judge = |label: &str| if source.is_clean(label) { 0.0 } else { 1.0 };
                    Arc::new(texts(array).iter().map(|cell| cell.map(judge)).collect::<Float64Array>())
                }
            }
        }
    }
}

/// The same cells, with the schema's number for "undefined" as null.
fn blank_undefined(array: ArrayRef, column: &Column) -> ArrayRef {
    let Some((undefined, cells)) = column.undefined.zip(array.as_primitive_opt::<Float64Type>()) else {
        return array;
    };
    let means_nothing = |value: f64| value.to_bits() == undefined.to_bits();
    if !cells.values().iter().any(|&value| means_nothing(value)) {
        return array;
    }
    Arc::new(cells.iter().map(|cell| cell.filter(|&value| !means_nothing(value))).collect::<Float64Array>())
}

/// Adds the rows whose finite number is out of the column's range, unless an earlier column did.
fn find_faults<'a>(array: &ArrayRef, column: &'a Column, faults: &mut BTreeMap<usize, Fault<'a>>) {
    let Some(cells) = array.as_primitive_opt::<Float64Type>() else { return };
    if column.minimum.or(column.maximum).is_none() {
        return;
    }
    for (row, cell) in cells.iter().enumerate() {
        let Some(value) = cell.filter(|value| value.is_finite()) else { continue };
        let reason = match (column.minimum, column.maximum) {
            (Some(minimum), _) if value < minimum => Reason::BelowMinimum { minimum },
            (_, Some(maximum)) if value > maximum => Reason::AboveMaximum { maximum },
            _ => continue,
        };
        faults.entry(row).or_insert(Fault { column: &column.name, value, reason });
    }
}

/// The cells of a number column.
fn numbers(array: &ArrayRef) -> Float64Array {
    array.as_primitive_opt().cloned().unwrap_or_else(|| Float64Array::new_null(array.len()))
}

/// The cells of a text column.
fn texts(array: &ArrayRef) -> StringArray {
    array.as_string_opt().cloned().unwrap_or_else(|| StringArray::new_null(array.len()))
}

/// The same text, spelt by a rule of the readers.
fn spelt(array: &ArrayRef, spelling: Spelling) -> ArrayRef {
    let spell = |cell: &str| {
        let text = String::from_utf8_lossy(&spelling.read(cell.as_bytes())).into_owned();
        Some(text).filter(|text| !text.is_empty())
    };
    Arc::new(texts(array).iter().map(|cell| cell.and_then(spell)).collect::<StringArray>())
}

/// A protocol number's name, or its digits where it has none.
fn named(number: f64) -> String {
    let name = (0..=u8::MAX).find(|&n| f64::from(n) == number).and_then(protocol_name);
    name.map_or_else(|| number.to_string(), ToOwned::to_owned)
}
