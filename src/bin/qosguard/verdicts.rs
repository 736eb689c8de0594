//! Records with their verdicts beside them, as one table.

use std::sync::Arc;

use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::qos::Decision;
use qosguard::telemetry::{Column, Kind, Role, Schema};
use qosguard::{Assessment, Error, Guard, Result};

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

/// Of a guard that gives one, the probability of an attack.
const PROBABILITY: &str = "probability";
/// Of a guard that tells them apart, the attack class of an anomaly.
const FAMILY: &str = "family";

/// The schema of the records with their verdicts.
pub(crate) fn schema(of_records: &Schema, guard: &Guard) -> Result<Schema> {
    let probability = guard.probability().map(|_| (PROBABILITY, Kind::Number));
    let family = (!guard.families().is_empty()).then_some((FAMILY, Kind::Text));
    let verdict = COLUMNS.into_iter().chain(probability).chain(family);
    let verdict = verdict.map(|(name, kind)| Column::new(name, Role::Ignore, kind));
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
    let probability: ArrayRef =
        Arc::new(assessment.decisions().map(|d| d.verdict.probability).collect::<Float64Array>());
    let family: ArrayRef =
        Arc::new(assessment.decisions().map(|d| d.verdict.family).collect::<StringArray>());
    let asked = [(PROBABILITY, probability), (FAMILY, family)];
    let asked = asked.into_iter().filter(|(name, _)| schema.index_of(name) >= Some(records.num_columns()));
    let asked = asked.map(|(_, column)| column);
    let columns = records.columns().iter().cloned().chain(verdicts).chain(asked).collect();
    RecordBatch::try_new(Arc::new(schema.to_arrow()), columns).map_err(|error| Error::InvalidArgument {
        name: "verdicts".into(),
        expected: "an Arrow batch".into(),
        got: error.to_string(),
    })
}
