//! Records with their verdicts beside them, as one table.

use std::sync::Arc;

use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::qos::Decision;
use qosguard::telemetry::{Column, Kind, Role, Schema};
use qosguard::{Assessment, Error, Guard, Result};

/// What is said of a record, by the name of its column.
type Said = (&'static str, Kind, fn(&Assessment) -> ArrayRef);

/// The columns that stand behind those of the record.
const COLUMNS: [Said; 7] = [
    ("decision_id", Kind::Text, |a| text(a, |d| Some(format!("{:016x}", d.id)))),
    ("score", Kind::Number, |a| number(a, |d| Some(f64::from(d.verdict.score)))),
    ("p_value", Kind::Number, |a| number(a, |d| Some(d.verdict.p_value))),
    ("is_anomaly", Kind::Number, |a| number(a, |d| Some(f64::from(u8::from(d.verdict.is_anomaly))))),
    ("severity", Kind::Text, |a| text(a, |d| Some(d.verdict.severity.to_string()))),
    ("action", Kind::Text, |a| text(a, |d| Some(d.action.to_string()))),
    ("rule", Kind::Text, |a| text(a, |d| Some(d.rule))),
];

/// Of a guard that gives one, the probability of an attack.
const PROBABILITY: Said = ("probability", Kind::Number, |a| number(a, |d| d.verdict.probability));
/// Of a guard that tells them apart, the attack class of an anomaly.
const FAMILY: Said = ("family", Kind::Text, |a| text(a, |d| d.verdict.family));

fn number(assessment: &Assessment, of: fn(Decision) -> Option<f64>) -> ArrayRef {
    Arc::new(assessment.decisions().map(of).collect::<Float64Array>())
}

fn text(assessment: &Assessment, of: fn(Decision) -> Option<String>) -> ArrayRef {
    Arc::new(assessment.decisions().map(of).collect::<StringArray>())
}

/// What a guard says of each record.
fn said(guard: &Guard) -> impl Iterator<Item = Said> {
    let probability = guard.probability().map(|_| PROBABILITY);
    let family = (!guard.families().is_empty()).then_some(FAMILY);
    COLUMNS.into_iter().chain(probability).chain(family)
}

/// The schema of the records with their verdicts; where a record has a column of the same name already, the
/// verdict's is called `verdict_…`.
pub(crate) fn schema(of_records: &Schema, guard: &Guard) -> Result<Schema> {
    let verdict = said(guard).map(|(name, kind, _)| {
        let taken = of_records.index_of(name).is_some();
        Column::new(if taken { format!("verdict_{name}") } else { name.into() }, Role::Ignore, kind)
    });
    Schema::new("verdicts", of_records.columns().iter().cloned().chain(verdict).collect(), Vec::new())
}

/// One batch of records with the verdicts on them, with the columns of [`schema`].
pub(crate) fn beside(
    schema: &Schema,
    guard: &Guard,
    records: &RecordBatch,
    assessment: &Assessment,
) -> Result<RecordBatch> {
    let verdicts = said(guard).map(|(_, _, column)| column(assessment));
    let columns = records.columns().iter().cloned().chain(verdicts).collect();
    RecordBatch::try_new(Arc::new(schema.to_arrow()), columns)
        .map_err(|error| Error::invalid("verdicts", "an Arrow batch", error))
}
