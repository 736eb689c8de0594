//! Records and the decisions about them, as one table.

use std::sync::Arc;

use qosguard::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use qosguard::arrow::datatypes::{Field, Fields};
use qosguard::qos::DecisionColumn;
use qosguard::telemetry::Schema;
use qosguard::{Assessment, Error, Result};

/// The columns of decisions after the columns of the records. One whose name the records have already is called `verdict_…`.
pub(crate) fn columns(records: &Schema) -> Fields {
    let column = |column: &DecisionColumn| {
        let name = column.name();
        let name = if records.index_of(name).is_some() { format!("verdict_{name}") } else { name.into() };
        Field::new(name, column.data_type(), column.is_nullable())
    };
    DecisionColumn::ALL.iter().map(column).collect()
}

/// One batch of records, of which `before` came in earlier batches, with the decisions about them.
pub(crate) fn append(
    records: &RecordBatch,
    columns: &Fields,
    assessment: &Assessment,
    before: u64,
) -> Result<RecordBatch> {
    let decisions = assessment.to_arrow()?;
    let cells = decisions.columns().iter().zip(DecisionColumn::ALL).map(|(cells, column)| -> ArrayRef {
        match column.name() {
            "row" => Arc::new(UInt64Array::from_iter_values(before..before + assessment.len() as u64)),
            _ => Arc::clone(cells),
        }
    });
    let fields: Fields = records.schema_ref().fields().iter().chain(columns).cloned().collect();
    let cells = records.columns().iter().cloned().chain(cells).collect();
    RecordBatch::try_new(Arc::new(qosguard::arrow::datatypes::Schema::new(fields)), cells)
        .map_err(|error| Error::invalid("verdicts", "an Arrow batch", error))
}
