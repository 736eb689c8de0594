//! Records with their verdicts beside them, as one table.

use std::sync::Arc;

use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::qos::Decision;
use qosguard::telemetry::{Column, Kind, Role, Schema};
use qosguard::{Assessment, Error, Result};

/// The columns that stand behind those of the record.
const COLUMNS: [(&str, Kind); 7] = [
    ("decision_id", Kind::Text),
    ("score", Kind::Number),
    ("p_value", Kind::Number),
    ("is_anomaly", Kind::Number),
    ("severity", Kind::Text),
    ("action", Kind::Text),
    ("rule", Kind::Text),
];

/// The schema of the records with their verdicts.
pub(crate) fn schema(of_records: &Schema) -> Result<Schema> {
    let verdict = COLUMNS.map(|(name, kind)| Column::new(name, Role::Ignore, kind));
    let columns = of_records.columns().iter().cloned().chain(verdict).collect();
    Schema::new("verdicts", columns, Vec::new())
}

/// One batch of records with the verdicts on them.
pub(crate) fn beside(schema: &Schema, records: &RecordBatch, assessment: &Assessment) -> Result<RecordBatch> {
    let number = |of: fn(&Decision) -> f64| -> ArrayRef {
        Arc::new(assessment.decisions().map(|d| of(&d)).collect::<Float64Array>())
    };
    let text = |of: fn(&Decision) -> String| -> ArrayRef {
        Arc::new(assessment.decisions().map(|d| Some(of(&d))).collect::<StringArray>())
    };
    let verdicts: [ArrayRef; 7] = [
        text(|d| format!("{:016x}", d.id)),
        number(|d| f64::from(d.verdict.score)),
        number(|d| d.verdict.p_value),
        number(|d| f64::from(u8::from(d.verdict.is_anomaly))),
        text(|d| d.verdict.severity.to_string()),
        text(|d| d.action.to_string()),
        text(|d| d.rule.clone()),
    ];
    let columns = records.columns().iter().cloned().chain(verdicts).collect();
    RecordBatch::try_new(Arc::new(schema.to_arrow()), columns).map_err(|error| Error::InvalidArgument {
        name: "verdicts".into(),
        expected: "an Arrow batch".into(),
        got: error.to_string(),
    })
}
