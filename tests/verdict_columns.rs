//! `docs/VERDICT_COLUMNS.md` lists the columns of decisions; this test writes it and compares it with the code.
//!
//! `QOSGUARD_BLESS=1 cargo test --test verdict_columns` writes the file.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fmt::Write;
use std::{env, fs};

use qosguard::arrow::array::{Array, AsArray};
use qosguard::arrow::datatypes::{DataType, Float32Type, Float64Type, UInt32Type, UInt64Type};
use qosguard::qos::{Action, Decision, DecisionColumn, Inspection, Policy, ServiceClass};
use qosguard::simulate::{FlowSimulatorConfig, table};
use qosguard::{Guard, Verdict};
use serde_json::{Value, json};

const HEAD: &str = "\
# Columns of a decision

Written by `tests/verdict_columns.rs`; do not edit.

A guard makes one decision for each record. It has the same columns under the same names everywhere:

| where | form |
|---|---|
| Rust | `Assessment::decision` returns a `Decision`, `Assessment::to_arrow` a record batch |
| Python | attributes of `assessment.decisions[row]`; columns of `assessment.to_pandas()` and `pyarrow.table(assessment)` |
| Node | `assessment.decision(row)`, with the names in camel case (`pValue`) |
| `qosguard assess --json` | keys of each object, before the time, the addresses and the reasons |
| `qosguard assess -o FILE` | columns after the columns of the record; one whose name the record has already is called `verdict_…`. CSV holds `evidence` as JSON |

A value that a record does not have is null.

| column | Arrow type | null | meaning |
|---|---|---|---|
";

const TAIL: &str = "
`evidence` is a list of structs:

| field | Arrow type | null | meaning |
|---|---|---|---|
| `kind` | Utf8 | | `member` of an ensemble or `expert` of a mixture |
| `name` | Utf8 | | name of the part |
| `p_value` | Float64 | yes | fraction of clean traffic to which the part gives a score at least this high, in (0, 1]; null for an expert, and for a member that is switched off or cannot score the record |
| `weight` | Float64 | yes | weight of the part in this record, in [0, 1]; the weights of the experts of a record sum to 1. Null for a member, whose weight is the same for all records |
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for column in DecisionColumn::ALL {
        let kind = match column.data_type() {
            DataType::List(_) => "List\\<Struct\\>".to_owned(),
            kind => format!("{kind:?}"),
        };
        let null = if column.is_nullable() { "yes" } else { "" };
        writeln!(text, "| `{}` | {kind} | {null} | {} |", column.name(), column.meaning()).unwrap();
    }
    text + TAIL
}

#[test]
fn the_document_lists_the_columns_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/VERDICT_COLUMNS.md");
    let text = document();
    if env::var_os("QOSGUARD_BLESS").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(written == text, "docs/VERDICT_COLUMNS.md differs from the code; `make golden` writes it");
}

/// A cell of an Arrow column as JSON.
fn cell(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::UInt32 => json!(array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => json!(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => json!(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(&*items, item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            Value::Object(columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn arrow_and_json_hold_the_same_names_and_values() {
    let flows = table(&FlowSimulatorConfig { rows: 1_200, attack_share: 0.2, ..Default::default() }).unwrap();
    let guard = Guard::builder().auto().fit(&flows).unwrap();
    let assessment = guard.assess(&flows).unwrap();
    let batch = assessment.to_arrow().unwrap();
    let schema = batch.schema();
    assert_eq!(schema, DecisionColumn::schema());
    for (row, decision) in assessment.decisions().enumerate() {
        let json = json!(decision);
        let fields = schema.fields().iter().zip(batch.columns());
        let arrow: serde_json::Map<_, _> =
            fields.map(|(field, column)| (field.name().clone(), cell(column, row))).collect();
        assert_eq!(json, Value::Object(arrow));
    }
    let all = |name: &str| batch.column_by_name(name).unwrap().clone();
    for name in ["probability", "family", "family_probability", "ttl_s"] {
        let nulls = all(name).null_count();
        assert!(nulls < 1_200, "{name} holds values");
    }
}

#[test]
fn every_action_is_read_back_from_its_columns() {
    let verdict = Verdict { score: 0.25, p_value: 0.5, threshold: 1.5, ..Verdict::default() };
    let policy = Policy::default();
    for action in [
        Action::Allow,
        Action::Prioritize { service_class: ServiceClass::Telephony, ttl_s: 1 },
        Action::Deprioritize { ttl_s: 2 },
        Action::RateLimit { bytes_per_second: 3, burst: 4, ttl_s: 5 },
        Action::Inspect { inspection: Inspection::Queue, ttl_s: 6 },
        Action::Drop { ttl_s: 7 },
        Action::Isolate { ttl_s: 8 },
    ] {
        let decision = Decision {
            id: 1,
            row: 2,
            community_id: Some("1:X0snYXpgwiv9TZtqg64sgzUn6Dk=".into()),
            verdict: verdict.clone(),
            action,
            rule: "clean".into(),
            policy: 3,
            dry_run: policy.dry_run(),
        };
        let json = json!(decision);
        assert_eq!(json["action"], action.as_str());
        let held = ["ttl_s", "bytes_per_second", "burst", "service_class", "inspection"];
        let in_file = json!(action);
        for name in held {
            // A written policy has the names that files of guards had before.
            let written = match name {
                "service_class" => "class",
                "inspection" => "how",
                name => name,
            };
            assert_eq!(json[name], in_file[written], "{action}");
        }
        assert_eq!(serde_json::from_value::<Decision>(json).unwrap(), decision);
    }
    // The names of earlier releases.
    for (old, action) in [
        (
            json!({ "action": "prioritize", "class": "telephony", "ttl_s": 1 }),
            Action::Prioritize { service_class: ServiceClass::Telephony, ttl_s: 1 },
        ),
        (
            json!({ "action": "inspect", "how": "queue", "ttl_s": 6 }),
            Action::Inspect { inspection: Inspection::Queue, ttl_s: 6 },
        ),
    ] {
        assert_eq!(serde_json::from_value::<Action>(old).unwrap(), action);
    }
}
