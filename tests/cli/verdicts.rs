//! The columns of decisions in every output of `assess`.

use std::fs::File;
use std::path::Path;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use qosguard::arrow::array::RecordBatch;
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::ipc::reader::FileReader;
use qosguard::qos::DecisionColumn;
use qosguard::{Guard, telemetry};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::ok;

/// Two members, so that decisions have evidence.
const ENSEMBLE: &str = r#"{ "kind": "ensemble", "members": [
    { "name": "forest", "weight": 1, "kind": "isolation_forest", "trees": 20 },
    { "name": "boosted", "weight": 2, "kind": "boosted_trees", "trees": 10 } ] }"#;

/// The columns of a file after the first `skipped`.
fn columns(batch: &RecordBatch, skipped: usize) -> RecordBatch {
    batch.project(&(skipped..batch.num_columns()).collect::<Vec<_>>()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A value with every number as a floating-point number: JSON lines hold `1` for 1.0.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

fn written(at: &Path, name: &str) -> String {
    ok(at, &["assess", "edge.qosguard", "flows.csv", "-o", name], b"");
    std::fs::read_to_string(at.join(name)).unwrap_or_default()
}

#[test]
fn arrow_json_and_every_file_have_the_same_columns_and_values() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(at.join("ensemble.json"), ENSEMBLE).unwrap();
    ok(at, &["simulate", "--rows", "1500", "--attack-share", "0.2", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "--detector", "ensemble.json", "-o", "edge.qosguard"], b"");
    let guard = Guard::load(at.join("edge.qosguard")).unwrap();
    let flows = telemetry::read(at.join("flows.csv")).unwrap();
    let assessment = guard.assess(&flows).unwrap();
    let expected = assessment.to_arrow().unwrap();
    let names: Vec<&str> = DecisionColumn::ALL.iter().map(DecisionColumn::name).collect();
    // These records have a family of their own.
    let in_files: Vec<String> = names
        .iter()
        .map(|name| if *name == "family" { "verdict_family".into() } else { (*name).to_owned() })
        .collect();
    let decisions: Vec<Value> = assessment.decisions().map(|decision| json!(decision)).collect();
    assert!(decisions.iter().any(|d| d["evidence"][1]["p_value"].is_f64() && d["ttl_s"].is_u64()));
    assert!(decisions.iter().any(|d| d["family"].is_string() && d["probability"].is_f64()));

    // JSON on standard output.
    let printed = lines(&ok(at, &["assess", "edge.qosguard", "flows.csv", "--json", "--all"], b""));
    assert_eq!(printed.len(), decisions.len());
    for (printed, decision) in printed.iter().zip(&decisions) {
        assert!(names.iter().all(|name| printed[*name] == decision[*name]), "{printed}\n{decision}");
    }

    // JSON lines and CSV.
    for (record, decision) in lines(&written(at, "out.jsonl")).iter().zip(&decisions) {
        for (name, in_file) in names.iter().zip(&in_files) {
            assert_eq!(plain(&record[in_file]), plain(&decision[*name]), "{name}");
        }
    }
    let csv = written(at, "out.csv");
    assert!(csv.lines().next().unwrap().ends_with(&in_files.join(",")), "{csv:.400}");
    assert_eq!(csv.lines().count(), 1501);
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains(r#""[{""kind"":""member"",""name"":""forest"",""p_value"":"#), "{row}");

    // Arrow and Parquet hold the types of `Assessment::to_arrow`.
    written(at, "out.arrow");
    let reader = FileReader::try_new(File::open(at.join("out.arrow")).unwrap(), None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let arrow = columns(&concat_batches(&schema, &batches).unwrap(), flows.schema().columns().len());
    written(at, "out.parquet");
    let file = File::open(at.join("out.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let parquet = columns(&concat_batches(&schema, &batches).unwrap(), flows.schema().columns().len());
    for batch in [arrow, parquet] {
        assert_eq!(batch.columns(), expected.columns());
        let found: Vec<&str> =
            batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(found, in_files);
    }
}

#[test]
fn rows_go_on_over_the_batches_of_a_long_input() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "--rows", "20000", "-o", "flows.csv"], b"");
    ok(at, &["train", "flows.csv", "--detector", "isolation_forest", "-o", "edge.qosguard"], b"");
    let rows = lines(&written(at, "out.jsonl"));
    assert!(rows.iter().enumerate().all(|(i, row)| row["row"] == i));
    let printed = lines(&ok(at, &["assess", "edge.qosguard", "flows.csv", "--json"], b""));
    assert!(
        printed
            .iter()
            .all(|decision| rows[decision["row"].as_u64().unwrap() as usize]["id"] == decision["id"])
    );
}
